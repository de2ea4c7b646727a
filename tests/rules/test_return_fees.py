"""Return fees: how much may be kept, how it divides, its tax, and how it comes back later."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.orders import KeptFee, OrderBook, Portion, RefundAsk
from models.values.policies import FeePolicy, Policy
from models.values.refusals import Refusal, RefusalCode
from models.values.states import LineType
from tests.rules.drawing import (
    CALM,
    accepted,
    amounts,
    bare,
    book,
    full,
    keeping,
    line,
    named,
    portions,
    released,
    settled,
    taken,
    under,
    units,
    worth,
)
from tests.rules.reckoning import shared_out
from worker.rules.apportioning import tax_in
from worker.rules.eligibility import decide

SHIRT = book([line("shirt", 1, 10_000, 1_597, rate=1_900)])


def code_of(ask: RefundAsk, of: OrderBook, fees: FeePolicy) -> RefusalCode | None:
    """How a request is refused under a policy of return fees, if it is."""
    verdict = decide(ask, of, under(Policy(return_fee=fees)))
    return verdict.code if isinstance(verdict, Refusal) else None


def test_a_fee_is_kept_of_the_money_and_the_line_goes_back_whole() -> None:
    """Klarna, "Return fee": a shirt of 100.00, 5.00 kept, 95.00 refunded."""
    verdict = accepted(keeping(500, units(("shirt", 1))), SHIRT)
    (share,) = verdict.shares
    assert (verdict.amount_minor, verdict.fee_minor) == (9_500, 500)
    assert (share.amount_minor, share.cash_minor) == (9_500, 9_500)
    assert share.fee == KeptFee(500, 80, 1_900)
    assert portions(verdict.shares) == {1: Portion(1, 10_000, 1_597, 0)}


def test_without_a_fee_nothing_is_kept_and_nothing_needs_to_be_allowed() -> None:
    (share,) = accepted(full(), SHIRT, under(Policy(return_fee=None))).shares
    assert (share.amount_minor, share.fee) == (10_000, None)
    (share,) = accepted(full(), book([line("a")], provider="other")).shares
    assert share.fee is None


@pytest.mark.parametrize(
    ("fee", "fees", "code"),
    [
        (1, FeePolicy(), None),
        (9_999, FeePolicy(), None),
        (10_000, FeePolicy(), RefusalCode.RETURN_FEE_EXCEEDS_REFUND),
        (10_001, FeePolicy(), RefusalCode.RETURN_FEE_EXCEEDS_REFUND),
        (499, FeePolicy(cap_minor=500), None),
        (500, FeePolicy(cap_minor=500), None),
        (501, FeePolicy(cap_minor=500), RefusalCode.RETURN_FEE_ABOVE_CAP),
        (1, FeePolicy(cap_minor=0), RefusalCode.RETURN_FEE_ABOVE_CAP),
        (1, FeePolicy(cap_basis_points=0), RefusalCode.RETURN_FEE_ABOVE_CAP),
        (500, FeePolicy(cap_basis_points=500), None),
        (501, FeePolicy(cap_basis_points=500), RefusalCode.RETURN_FEE_ABOVE_CAP),
        (9_999, FeePolicy(cap_basis_points=10_000), None),
        (500, FeePolicy(cap_minor=500, cap_basis_points=600), None),
        (501, FeePolicy(cap_minor=500, cap_basis_points=600), RefusalCode.RETURN_FEE_ABOVE_CAP),
        (400, FeePolicy(cap_minor=500, cap_basis_points=400), None),
        (401, FeePolicy(cap_minor=500, cap_basis_points=400), RefusalCode.RETURN_FEE_ABOVE_CAP),
    ],
)
def test_a_fee_is_less_than_the_refund_and_within_the_lower_cap(
    fee: int, fees: FeePolicy, code: RefusalCode | None
) -> None:
    assert code_of(keeping(fee, full()), SHIRT, fees) is code


def test_a_cap_that_is_a_part_is_of_the_amount_before_the_fee_rounded_down() -> None:
    """A tenth of 1009 is 100.9: 100 are kept, 101 are not; and goods are counted less discounts."""
    tenth = FeePolicy(cap_basis_points=1_000)
    of = book([line("a", 1, 2_000), line("off", 1, -991)])
    assert code_of(keeping(100, full()), of, tenth) is None
    assert code_of(keeping(101, full()), of, tenth) is RefusalCode.RETURN_FEE_ABOVE_CAP


@pytest.mark.parametrize("ask", [full(), units(("a", 1)), amounts(("a", 50)), bare(50)])
@pytest.mark.parametrize(
    ("provider", "order_amount", "takes"),
    [
        ("sandbox", None, "ulab"),
        ("sandbox", 101, "ulab"),
        ("klarna", None, "ula"),
        ("klarna", 100, "ula"),
        ("klarna", 101, ""),
        ("other", None, ""),
    ],
)
def test_a_provider_takes_fees_of_some_requests(
    ask: RefundAsk, provider: str, order_amount: int | None, takes: str
) -> None:
    """One that names lines is of units or of amounts; then all of it, and a bare amount."""
    of = worth(book([line("a", 1, 100)], provider=provider), order_amount)
    kind = {"full": "a", "amount": "b"}.get(ask.kind) or ("u" if ask.lines[0].quantity else "l")
    code = code_of(keeping(1, ask), of, FeePolicy())
    assert code is (None if kind in takes else RefusalCode.RETURN_FEE_NOT_POSSIBLE)


def test_only_providers_that_repay_something_are_asked_whether_they_take_fees() -> None:
    of = book([line("a", 1, 100)], [line("b", 1, 100)])
    of = replace(of, captures=[replace(of.captures[0], provider="other"), of.captures[1]])
    assert accepted(keeping(1, units(("a", 1))), of).fee_minor == 1
    assert code_of(keeping(1, units(("b", 1))), of, FeePolicy()) is not None
    assert code_of(keeping(1, full()), of, FeePolicy()) is not None


def test_a_fee_divides_in_proportion_to_what_each_capture_gives() -> None:
    of = book([line("a", 1, 100)], [line("b", 1, 200)], [line("c", 1, 300)])
    shares = accepted(keeping(100, full()), of).shares
    assert [(share.amount_minor, share.fee) for share in shares] == [
        (250, KeptFee(50, 8, 1_900)),
        (167, KeptFee(33, 5, 1_900)),
        (83, KeptFee(17, 3, 1_900)),
    ]
    shares = accepted(keeping(1, full()), of).shares
    assert [share.fee and share.fee.amount_minor for share in shares] == [1, None, None]


def test_a_capture_that_gives_nothing_keeps_nothing() -> None:
    of = book([line("a", 1, 100)], [line("gift", 1, 0), line("x", 1, 5)])
    first, second = accepted(keeping(60, units(("gift", 1), ("a", 1))), of).shares
    assert (first.amount_minor, first.fee) == (0, None)
    assert (second.amount_minor, second.fee) == (40, KeptFee(60, 10, 1_900))


@pytest.mark.parametrize(
    ("fee", "rate", "tax"),
    [
        (119, 1_900, 19),
        (500, 1_900, 80),
        (1, 10_000, 1),
        (3, 10_000, 2),
        (500, 0, 0),
        (5, 2_500, 1),
    ],
)
def test_the_tax_of_a_fee_is_contained_in_it_rounded_half_up(fee: int, rate: int, tax: int) -> None:
    around = under(Policy(return_fee=FeePolicy(tax_rate_basis_points=rate)))
    (share,) = accepted(keeping(fee, full()), SHIRT, around).shares
    assert share.fee == KeptFee(fee, tax, rate)


@given(st.integers(0, 10**12), st.integers(0, 100_000))
def test_the_tax_in_an_amount_is_within_half_a_cent(amount: int, rate: int) -> None:
    exact = Fraction(amount * rate, 10_000 + rate)
    assert -Fraction(1, 2) < tax_in(amount, rate) - exact <= Fraction(1, 2)


def test_a_kept_fee_is_refunded_later_up_to_itself_and_by_any_way() -> None:
    """Klarna, "Remove return fees": another refund of the amount that was kept."""
    of = taken(SHIRT, keeping(500, full("first")))
    (fee,) = [one for one in of.lines[1].values() if one.type is LineType.RETURN_FEE]
    assert fee.captured == Portion(1, 500, 80, 0)
    assert of.capture(1).left_minor == 500
    for ask in (full(), bare(500), units((fee.line_id, 1)), amounts((fee.line_id, 500))):
        verdict = accepted(ask, of)
        assert (verdict.amount_minor, named(verdict)) == (500, {fee.line_id: 500})
    half = taken(of, amounts((fee.line_id, 200)))
    assert named(accepted(full(), half)) == {fee.line_id: 300}
    for ask in (bare(301), amounts((fee.line_id, 301))):
        again = decide(ask, half, CALM)
        assert isinstance(again, Refusal)
        assert again.code is RefusalCode.EXCEEDS_CAPTURED


def test_all_with_a_fee_leaves_earlier_fees_where_they_are_and_without_one_takes_them() -> None:
    of = taken(book([line("a", 2, 200)]), keeping(30, units(("a", 1), key="first")))
    (fee,) = [one.line_id for one in of.lines[1].values() if one.type is LineType.RETURN_FEE]
    assert named(accepted(keeping(10, full()), of)) == {"a": 100}
    assert named(accepted(full(), of)) == {"a": 100, fee: 30}


def test_before_its_refund_has_settled_a_fee_is_neither_given_back_nor_drawn_on() -> None:
    of = SHIRT.with_taken(accepted(keeping(500, full("first")), SHIRT).shares)
    assert of.capture(1).left_minor == 500
    for ask in (full(), bare(1)):
        verdict = decide(ask, of, CALM)
        assert isinstance(verdict, Refusal)
        assert verdict.code is RefusalCode.NOTHING_LEFT_TO_REFUND


def test_a_declined_refund_gives_back_what_it_kept_as_well() -> None:
    verdict = accepted(keeping(500, full("first")), SHIRT)
    of = released(SHIRT.with_taken(verdict.shares), verdict.shares[0])
    assert (of.captures, of.lines) == (SHIRT.captures, SHIRT.lines)


@given(
    st.lists(st.integers(1, 10**6) | st.integers(1, 9), min_size=1, max_size=5),
    st.integers(0, 20_000),
    st.data(),
)
def test_whatever_is_kept_and_given_back_later_comes_to_what_was_captured(
    goods: list[int], rate: int, data: st.DataObject
) -> None:
    of = book(*([line("a", 1, amount)] for amount in [*goods, 1]))
    fee = data.draw(st.integers(1, sum(goods)))
    around = under(Policy(return_fee=FeePolicy(tax_rate_basis_points=rate)))
    verdict = accepted(keeping(fee, full()), of, around)
    assert verdict.amount_minor == sum(goods) + 1 - fee > 0
    kept = [share.fee.amount_minor if share.fee else 0 for share in verdict.shares]
    assert kept == shared_out(fee, [1, *goods[::-1]])
    assert verdict.fee_minor == sum(kept) == fee
    later = taken(of, keeping(fee, full()))
    back = accepted(full(), later)
    assert back.amount_minor == fee
    assert all(one.left_minor == 0 for one in later.with_taken(back.shares).captures)


def test_all_that_is_left_goes_back_also_when_a_fee_was_given_back_before_its_refund_failed() -> (
    None
):
    """A shirt of 100.00 less 5.00; the 5.00 are given back; then the 95.00 are reversed.

    No fee was kept after all, so that the fee's line shrinks to what of it was given back (the
    store's `unsettle`). Of the capture 95.00 are left, of the shirt 100.00: what goes back is the
    capture's money, spread over the lines.
    """
    first = accepted(keeping(500, full("first")), SHIRT)
    of = settled(SHIRT.with_taken(first.shares), first.refund_id, first.shares)
    of = released(taken(of, full("the fee")), first.shares[0])
    (fee,) = [one for one in of.lines[1].values() if one.type is LineType.RETURN_FEE]
    of = replace(of, lines={1: {**of.lines[1], fee.line_id: replace(fee, captured=fee.taken)}})
    assert accepted(full(), of).amount_minor == of.capture(1).left_minor == 9_500
    too_much = decide(bare(9_501), of, CALM)
    assert isinstance(too_much, Refusal)
    assert (too_much.code, too_much.field) == (RefusalCode.EXCEEDS_CAPTURED, "amount_minor")
    nothing = decide(full("again"), taken(of, full("all")), CALM)
    assert isinstance(nothing, Refusal)
    assert nothing.code is RefusalCode.NOTHING_LEFT_TO_REFUND
