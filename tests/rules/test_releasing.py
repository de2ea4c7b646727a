"""Whether a refund may be approved, denied, cancelled, or go on: every state, every repayment."""

from itertools import product
from uuid import UUID

import pytest

from models.values.refusals import Refusal, RefusalCode
from models.values.states import HoldKind, RefundState, RepaymentState
from worker.rules.releasing import RefundStanding, may_cancel, may_deny, may_release

C = RefusalCode
CANCELLABLE = (RefundState.HELD, RefundState.ACCEPTED)
UNSENT = (RepaymentState.HELD, RepaymentState.DUE)


def standing(
    state: RefundState = RefundState.HELD,
    *holds: HoldKind,
    by: str | None = "ann",
    repayments: tuple[RepaymentState, ...] = (RepaymentState.HELD,),
) -> RefundStanding:
    """A refund that ann asked for."""
    return RefundStanding(UUID(int=1), state, by, holds, repayments)


def told(refusal: Refusal | None) -> tuple[RefusalCode, str] | None:
    """The code and the field of a refusal."""
    return None if refusal is None else (refusal.code, refusal.field)


@pytest.mark.parametrize("kind", HoldKind)
@pytest.mark.parametrize("holds", [(), *((one,) for one in HoldKind), tuple(HoldKind)])
def test_only_what_a_refund_waits_for_is_released(
    kind: HoldKind, holds: tuple[HoldKind, ...]
) -> None:
    refusal = may_release(standing(RefundState.HELD, *holds), kind, "bob")
    assert told(refusal) == (None if kind in holds else (C.NOT_HELD, "refund_id"))


@pytest.mark.parametrize(
    ("kind", "asked_by", "by", "same"),
    [
        (HoldKind.APPROVAL, "ann", "ann", True),
        (HoldKind.APPROVAL, "ann", "bob", False),
        (HoldKind.APPROVAL, "ann", "Ann", False),
        (HoldKind.APPROVAL, None, "ann", False),
        (HoldKind.GOODS, "ann", "ann", False),
        (HoldKind.DISPUTE, "ann", "ann", False),
    ],
)
def test_whoever_asked_for_a_refund_may_do_all_but_approve_it(
    kind: HoldKind, asked_by: str | None, by: str, *, same: bool
) -> None:
    refusal = may_release(standing(RefundState.HELD, kind, by=asked_by), kind, by)
    assert told(refusal) == ((C.SAME_PERSON, "by") if same else None)


def test_what_does_not_wait_for_approval_is_told_so_before_who_asks() -> None:
    refusal = may_release(standing(RefundState.HELD, HoldKind.GOODS), HoldKind.APPROVAL, "ann")
    assert told(refusal) == (C.NOT_HELD, "refund_id")


@pytest.mark.parametrize(
    ("state", "repayments"),
    [
        *((state, one) for state in RefundState for one in [(), *((r,) for r in RepaymentState)]),
        *product(RefundState, product(RepaymentState, repeat=2)),
    ],
)
def test_a_refund_is_cancelled_only_before_its_provider_is_called(
    state: RefundState, repayments: tuple[RepaymentState, ...]
) -> None:
    """One repayment that may have been sent keeps the whole refund from being cancelled."""
    may = state in CANCELLABLE and all(one in UNSENT for one in repayments)
    refund = standing(state, HoldKind.APPROVAL, repayments=repayments)
    expected = None if may else (C.TOO_LATE_TO_CANCEL, "refund_id")
    assert told(may_cancel(refund)) == expected
    assert told(may_deny(refund)) == expected


@pytest.mark.parametrize("holds", [(), (HoldKind.GOODS,), (HoldKind.GOODS, HoldKind.DISPUTE)])
def test_only_what_awaits_approval_is_denied(holds: tuple[HoldKind, ...]) -> None:
    assert told(may_deny(standing(RefundState.HELD, *holds))) == (C.NOT_HELD, "refund_id")
    assert may_deny(standing(RefundState.HELD, *holds, HoldKind.APPROVAL)) is None
    assert may_cancel(standing(RefundState.HELD, *holds)) is None


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            may_release(standing(RefundState.HELD, HoldKind.APPROVAL), HoldKind.APPROVAL, "ann"),
            "'ann' asked for the refund: another must approve it",
        ),
        (
            may_release(standing(RefundState.REPAID), HoldKind.GOODS, "bob"),
            "the refund is repaid and waits for nothing, not for goods",
        ),
        (
            may_deny(standing(RefundState.HELD, HoldKind.GOODS, HoldKind.DISPUTE)),
            "the refund is held and waits for dispute, goods, not for approval",
        ),
        (may_cancel(standing(RefundState.DEDUCTED)), "the refund is deducted"),
        (
            may_cancel(standing(RefundState.ACCEPTED, repayments=(RepaymentState.UNKNOWN,))),
            "the provider has been called",
        ),
    ],
)
def test_a_refusal_says_why(refusal: Refusal | None, words: str) -> None:
    assert refusal is not None
    assert refusal.message == words
