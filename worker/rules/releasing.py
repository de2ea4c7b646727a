"""Whether a refund may be approved, denied, cancelled, or go on since the goods are back."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from models.values.refusals import Refusal, RefusalCode
from models.values.states import (
    UNSENT_REPAYMENT_STATES,
    HoldKind,
    RefundState,
    RepaymentState,
)


@dataclass(frozen=True, slots=True)
class RefundStanding:
    """Where a refund stands: what it waits for, and how far each repayment is."""

    refund_id: UUID
    state: RefundState
    requested_by: str | None
    holds: Collection[HoldKind]
    repayments: Collection[RepaymentState]


def may_release(refund: RefundStanding, kind: HoldKind, by: str) -> Refusal | None:
    """The refusal of releasing a hold. Whoever asked for a refund may not approve it."""
    refusal = _not_waiting(refund, kind)
    if refusal is None and kind is HoldKind.APPROVAL and by == refund.requested_by:
        return Refusal(
            RefusalCode.SAME_PERSON, f"{by!r} asked for the refund: another must approve it", "by"
        )
    return refusal


def may_deny(refund: RefundStanding) -> Refusal | None:
    """The refusal of denying a refund: only what awaits approval can be denied."""
    return _not_waiting(refund, HoldKind.APPROVAL) or may_cancel(refund)


def may_cancel(refund: RefundStanding) -> Refusal | None:
    """The refusal of cancelling a refund: only what no provider was called for can be."""
    if refund.state not in (RefundState.HELD, RefundState.ACCEPTED):
        why = f"the refund is {refund.state}"
    elif any(state not in UNSENT_REPAYMENT_STATES for state in refund.repayments):
        why = "the provider has been called"
    else:
        return None
    return Refusal(RefusalCode.TOO_LATE_TO_CANCEL, why, "refund_id")


def _not_waiting(refund: RefundStanding, kind: HoldKind) -> Refusal | None:
    if kind in refund.holds:
        return None
    waits = ", ".join(sorted(refund.holds)) or "nothing"
    return Refusal(
        RefusalCode.NOT_HELD,
        f"the refund is {refund.state} and waits for {waits}, not for {kind}",
        "refund_id",
    )
