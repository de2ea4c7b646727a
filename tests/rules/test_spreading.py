"""A bare amount over captures and lines: in proportion to what is left, exact to the cent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.identifiers import refund_id_of
from models.values.orders import OrderBook, Portion
from models.values.refusals import Refusal
from models.values.states import LineType
from tests.rules.drawing import (
    CALM,
    accepted,
    alone,
    amounts,
    bare,
    book,
    full,
    keeping,
    line,
    named,
    portions,
    taken,
    units,
)
from tests.rules.generating import books
from worker.rules.eligibility import decide

TWO = book([line("a", 2, 200, 20), line("b", 1, 100, 10)], [line("c", 1, 100)])


@pytest.mark.parametrize(
    ("amount", "capture_id", "parts"),
    [
        (40, None, {1: 20, 2: 10, 3: 10}),
        (4, None, {1: 2, 2: 1, 3: 1}),
        # Of 3.75 and 1.25 the older capture has the larger remainder; then of 2.67 and 1.33.
        (5, None, {1: 3, 2: 1, 3: 1}),
        # A tie between captures goes to the newest: of 1.5 and 0.5.
        (2, None, {1: 1, 3: 1}),
        (1, None, {1: 1}),
        (3, "c1", {1: 2, 2: 1}),
        (1, "c1", {1: 1}),
        (100, "c2", {3: 100}),
        (400, None, {1: 200, 2: 100, 3: 100}),
    ],
)
def test_in_proportion_to_what_is_left(
    amount: int, capture_id: str | None, parts: dict[int, int]
) -> None:
    verdict = accepted(bare(amount, capture_id), TWO)
    assert verdict.amount_minor == amount
    assert {pk: one.amount_minor for pk, one in portions(verdict.shares).items()} == parts


def test_units_stay_where_they_are_and_share_what_is_left() -> None:
    verdict = accepted(bare(200), TWO)
    assert portions(verdict.shares) == {
        1: Portion(0, 100, 10, 0),
        2: Portion(0, 50, 5, 0),
        3: Portion(0, 50, 0, 0),
    }
    later = TWO.with_taken(verdict.shares)
    assert portions(accepted(units(("a", 1)), later).shares) == {1: Portion(1, 50, 5, 0)}


def test_it_follows_what_is_left_and_not_what_was_captured() -> None:
    of = taken(TWO, units(("a", 2)), amounts(("c", 50)))
    assert named(accepted(bare(30), of)) == {"b": 20, "c": 10}


def test_discounts_and_tenders_are_spread_with_their_sign() -> None:
    of = book(
        [line("a", 1, 200), line("off", 1, -60), line("card", 1, -40, kind=LineType.GIFT_CARD)]
    )
    (share,) = accepted(bare(50), of).shares
    assert named(accepted(bare(50), of)) == {"a": 100, "off": -30, "card": -20}
    assert (share.amount_minor, share.gift_card_minor) == (50, 20)
    assert named(accepted(bare(1), of)) == {"a": 2, "off": -1}


def test_goods_without_their_discount_before_leave_more_discount_to_the_rest() -> None:
    of = book([line("a", 1, 100), line("b", 1, 100), line("off", 1, -60)])
    of = taken(of, alone(units(("a", 1))))
    assert named(accepted(bare(20), of)) == {"b": 50, "off": -30}


def test_kept_fees_come_last() -> None:
    of = taken(book([line("a", 1, 100)]), keeping(10, amounts(("a", 60), key="first")))
    fee = f"return_fee:{refund_id_of('m', 'first')}"
    assert named(accepted(bare(40), of)) == {"a": 40}
    assert named(accepted(bare(41), of)) == {"a": 40, fee: 1}
    assert named(accepted(bare(50), of)) == {"a": 40, fee: 10}
    of = taken(of, bare(44))
    assert named(accepted(bare(6), of)) == {fee: 6}


def test_a_bare_amount_of_which_a_fee_is_kept_takes_no_kept_fee() -> None:
    of = taken(book([line("a", 1, 100)]), keeping(10, amounts(("a", 60), key="first")))
    assert named(accepted(keeping(1, bare(40)), of)) == {"a": 40}
    refused = decide(keeping(1, bare(41)), of, CALM)
    assert isinstance(refused, Refusal)
    assert refused.message == "41 asked, 40 left"


def test_kept_fees_of_several_captures_are_taken_in_proportion_too() -> None:
    of = book([line("a", 1, 100)], [line("a", 1, 300)])
    of = taken(of, keeping(40, full("first")))
    assert sorted(named(accepted(bare(20), of)).values()) == [20], "both have one name"
    shares = accepted(bare(20), of).shares
    assert [(share.capture_pk, share.amount_minor) for share in shares] == [(2, 15), (1, 5)]


def test_the_tax_of_a_kept_fee_is_given_back_with_it() -> None:
    """119 kept at 19 %: 19 tax, of which half the fee has its half."""
    of = taken(book([line("a", 1, 1_000)]), keeping(119, full("first")))
    assert list(portions(accepted(bare(60), of).shares).values()) == [Portion(0, 60, 10, 0)]
    assert list(portions(accepted(bare(119), of).shares).values()) == [Portion(0, 119, 19, 0)]
    assert list(portions(accepted(full(), of).shares).values()) == [Portion(1, 119, 19, 0)]


@given(books(), st.data())
def test_any_amount_that_is_left_is_met_exactly_and_all_of_it_empties_the_order(
    of: OrderBook, data: st.DataObject
) -> None:
    left = sum(one.captured_minor for one in of.captures)
    for key in "12":
        amount = data.draw(st.integers(1, left))
        verdict = accepted(bare(amount, key=key), of)
        assert verdict.amount_minor == amount
        assert all(one.quantity == 0 for one in portions(verdict.shares).values())
        of, left = of.with_taken(verdict.shares), left - amount
        if not left:
            break
    else:
        of = of.with_taken(accepted(bare(left, key="3"), of).shares)
    for of_capture in of.lines.values():
        for one in of_capture.values():
            assert one.left == Portion(one.captured.quantity, 0, 0, 0)
