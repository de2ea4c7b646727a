"""Limits and holds at their boundaries: exactly at them, one below, one above."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from models.values.limits import AMOUNT_MAX_MINOR
from models.values.orders import OrderBook, RefundAsk
from models.values.policies import Circumstances, FeePolicy, Policy
from models.values.refusals import Refusal, RefusalCode
from models.values.states import HoldKind, LineType, Reason
from tests.rules.drawing import (
    NOW,
    START,
    accepted,
    amounts,
    bare,
    book,
    full,
    keeping,
    line,
    taken,
    under,
    units,
)
from worker.rules.eligibility import decide

C = RefusalCode
SECOND = timedelta(seconds=1)
ONE = book([line("a", 4, 100)])
TWO = book([line("a", 1, 100)], [line("b", 1, 30)])


def code_of(ask: RefundAsk, of: OrderBook, around: Circumstances) -> RefusalCode | None:
    """How a request is refused, if it is."""
    verdict = decide(ask, of, around)
    return verdict.code if isinstance(verdict, Refusal) else None


def test_without_a_policy_nothing_is_limited_and_nothing_held() -> None:
    of = replace(ONE, refund_count=10**6)
    verdict = accepted(bare(1), of, Circumstances(NOW + timedelta(days=10**5)))
    assert (verdict.holds, verdict.due_at) == ((), None)


@pytest.mark.parametrize(
    ("ask", "maximum", "code"),
    [
        (bare(49), 50, None),
        (bare(50), 50, None),
        (bare(51), 50, C.AMOUNT_ABOVE_MAXIMUM),
        (full(), 100, None),
        (full(), 99, C.AMOUNT_ABOVE_MAXIMUM),
        (units(("a", 2)), 50, None),
        (units(("a", 2)), 49, C.AMOUNT_ABOVE_MAXIMUM),
        (keeping(1, bare(51)), 50, None),
        (keeping(1, bare(52)), 50, C.AMOUNT_ABOVE_MAXIMUM),
        (bare(1), 0, C.AMOUNT_ABOVE_MAXIMUM),
    ],
)
def test_a_refund_less_its_fee_is_at_most_the_maximum(
    ask: RefundAsk, maximum: int, code: RefusalCode | None
) -> None:
    policy = Policy(return_fee=FeePolicy(), amount_max_minor=maximum)
    assert code_of(ask, ONE, under(policy)) is code


def test_the_maximum_of_a_policy_that_does_not_say_is_what_a_message_can_hold() -> None:
    of = book([line("a", 1, AMOUNT_MAX_MINOR)], [line("b", 1, 1)])
    assert code_of(bare(AMOUNT_MAX_MINOR), of, under(Policy())) is None
    assert code_of(full(), of, under(Policy())) is C.AMOUNT_ABOVE_MAXIMUM


@pytest.mark.parametrize(
    ("ask", "minimum", "code"),
    [
        (bare(49), 50, C.AMOUNT_BELOW_MINIMUM),
        (bare(50), 50, None),
        (bare(51), 50, None),
        (amounts(("a", 99)), 101, C.AMOUNT_BELOW_MINIMUM),
        (amounts(("a", 100)), 101, None),
        (bare(100), 101, None),
        (full(), 101, None),
        (keeping(1, bare(51)), 51, C.AMOUNT_BELOW_MINIMUM),
        (keeping(1, bare(52)), 51, None),
        (keeping(1, bare(100)), 100, C.AMOUNT_BELOW_MINIMUM),
        (keeping(1, full()), 100, None),
    ],
)
def test_a_refund_less_its_fee_is_at_least_the_minimum_unless_it_is_all_that_is_left(
    ask: RefundAsk, minimum: int, code: RefusalCode | None
) -> None:
    policy = Policy(return_fee=FeePolicy(), amount_min_minor=minimum)
    assert code_of(ask, ONE, under(policy)) is code


def test_all_that_is_left_is_of_the_order_or_whatever_full_takes() -> None:
    around = under(Policy(amount_min_minor=50))
    assert code_of(bare(30, "c2"), TWO, around) is C.AMOUNT_BELOW_MINIMUM
    assert code_of(units(("b", 1)), TWO, around) is C.AMOUNT_BELOW_MINIMUM
    assert code_of(full(capture_id="c2"), TWO, around) is None
    later = taken(TWO, full(capture_id="c1"))
    assert code_of(units(("b", 1)), later, around) is None
    assert code_of(bare(30), later, around) is None


def test_what_goes_to_gift_cards_counts_neither_for_the_maximum_nor_for_the_minimum() -> None:
    of = book([line("a", 1, 100), line("x", 1, 9), line("g", 1, -40, kind=LineType.GIFT_CARD)])
    for maximum, code in ((63, None), (62, C.AMOUNT_ABOVE_MAXIMUM)):
        assert code_of(units(("a", 1)), of, under(Policy(amount_max_minor=maximum))) is code
    for minimum, code in ((63, None), (64, C.AMOUNT_BELOW_MINIMUM)):
        assert code_of(units(("a", 1)), of, under(Policy(amount_min_minor=minimum))) is code


@pytest.mark.parametrize(
    ("count", "most", "code"),
    [
        (0, 0, C.TOO_MANY_REFUNDS),
        (0, 1, None),
        (1, 1, C.TOO_MANY_REFUNDS),
        (2, 1, C.TOO_MANY_REFUNDS),
        (4, 5, None),
        (5, 5, C.TOO_MANY_REFUNDS),
        (10**6, None, None),
    ],
)
def test_an_order_has_at_most_so_many_refunds(
    count: int, most: int | None, code: RefusalCode | None
) -> None:
    of = replace(ONE, refund_count=count)
    assert code_of(bare(1), of, under(Policy(refunds_max=most))) is code


def test_every_acceptance_counts_as_a_refund_and_no_refusal_does() -> None:
    around, of, codes = under(Policy(refunds_max=2)), ONE, []
    for ask in (bare(1), bare(10**6), full(), bare(1)):
        verdict = decide(ask, of, around)
        if isinstance(verdict, Refusal):
            codes.append(verdict.code)
        else:
            of = of.with_taken(verdict.shares)
    assert codes == [C.EXCEEDS_CAPTURED, C.NOTHING_LEFT_TO_REFUND]
    assert of.refund_count == 2


CAPTURED_AT = START + timedelta(days=1)


@pytest.mark.parametrize(
    ("requested_at", "window", "closed"),
    [
        (None, NOW - CAPTURED_AT, False),
        (None, NOW - CAPTURED_AT - SECOND, True),
        (None, NOW - CAPTURED_AT + SECOND, False),
        (CAPTURED_AT + timedelta(days=14), timedelta(days=14), False),
        (CAPTURED_AT + timedelta(days=14) + SECOND, timedelta(days=14), True),
        (CAPTURED_AT + timedelta(days=14) - SECOND, timedelta(days=14), False),
        # What is asked for in the future is asked for now.
        (NOW + timedelta(days=365), NOW - CAPTURED_AT, False),
        (NOW + timedelta(days=365), NOW - CAPTURED_AT - SECOND, True),
        # A request that was sent on its way before the capture was known.
        (CAPTURED_AT - SECOND, timedelta(0), False),
        (CAPTURED_AT, timedelta(0), False),
        (CAPTURED_AT + SECOND, timedelta(0), True),
        (None, None, False),
    ],
)
def test_a_capture_is_refunded_within_the_window(
    requested_at: datetime | None, window: timedelta | None, *, closed: bool
) -> None:
    ask = replace(full(), requested_at=requested_at)
    code = code_of(ask, ONE, under(Policy(window=window)))
    assert code is (C.WINDOW_CLOSED if closed else None)


def test_only_captures_that_give_something_must_be_within_the_window() -> None:
    """The first capture is 29 days old, the second 28."""
    around = under(Policy(window=timedelta(days=28)))
    assert code_of(full(capture_id="c2"), TWO, around) is None
    assert code_of(bare(1, "c2"), TWO, around) is None
    assert code_of(full(), TWO, around) is C.WINDOW_CLOSED
    assert code_of(full(capture_id="c1"), TWO, around) is C.WINDOW_CLOSED
    assert code_of(full(), taken(TWO, full(capture_id="c1")), around) is None


@pytest.mark.parametrize(
    ("ask", "above", "held"),
    [
        (bare(50), None, False),
        (bare(49), 50, False),
        (bare(50), 50, False),
        (bare(51), 50, True),
        (keeping(1, bare(51)), 50, False),
        (keeping(1, bare(52)), 50, True),
        (bare(1), 0, True),
    ],
)
def test_a_refund_above_a_limit_waits_for_approval(
    ask: RefundAsk, above: int | None, *, held: bool
) -> None:
    policy = Policy(return_fee=FeePolicy(), approval_above_minor=above)
    assert accepted(ask, ONE, under(policy)).holds == ((HoldKind.APPROVAL,) if held else ())


@pytest.mark.parametrize("reason", [None, *Reason])
@pytest.mark.parametrize("by_policy", [True, False])
@pytest.mark.parametrize("awaits", [None, True, False])
def test_a_return_waits_for_its_goods_if_the_request_or_else_the_policy_says_so(
    reason: Reason | None, *, awaits: bool | None, by_policy: bool
) -> None:
    ask = replace(full(), reason=reason, awaits_goods=awaits)
    holds = accepted(ask, ONE, under(Policy(returns_await_goods=by_policy))).holds
    if awaits is None:
        awaits = by_policy and reason is Reason.RETURN
    assert holds == ((HoldKind.GOODS,) if awaits else ())


def test_a_refund_waits_for_the_disputes_of_the_captures_that_it_takes_of() -> None:
    around = under(Policy(), 1)
    assert accepted(full(), TWO, around).holds == (HoldKind.DISPUTE,)
    assert accepted(full(capture_id="c1"), TWO, around).holds == (HoldKind.DISPUTE,)
    assert accepted(full(capture_id="c2"), TWO, around).holds == ()
    assert accepted(full(), TWO, under(Policy(), 3)).holds == ()
    assert accepted(full(), TWO, under(Policy(), 1, 2)).holds == (HoldKind.DISPUTE,)


def test_a_refund_may_wait_for_several_things() -> None:
    ask = replace(full(), awaits_goods=True)
    verdict = accepted(ask, ONE, under(Policy(approval_above_minor=99), 1))
    assert verdict.holds == (HoldKind.APPROVAL, HoldKind.GOODS, HoldKind.DISPUTE)


@pytest.mark.parametrize(
    ("requested_at", "due_at"),
    [
        (None, NOW + timedelta(days=14)),
        (NOW, NOW + timedelta(days=14)),
        (START, START + timedelta(days=14)),
        (NOW - SECOND, NOW - SECOND + timedelta(days=14)),
        (NOW + SECOND, NOW + timedelta(days=14)),
    ],
)
def test_a_refund_is_due_so_long_after_it_was_asked_for(
    requested_at: datetime | None, due_at: datetime
) -> None:
    """EU directive 2011/83, article 13(1): 14 days."""
    ask = replace(full(), requested_at=requested_at)
    assert accepted(ask, ONE, under(Policy(due_within=timedelta(days=14)))).due_at == due_at
    assert accepted(ask, ONE, under(Policy())).due_at is None
