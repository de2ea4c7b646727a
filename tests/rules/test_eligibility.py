"""What an accepted refund takes of which capture and line, and how it divides; by example."""

from dataclasses import replace

import pytest

from models.values.identifiers import refund_id_of
from models.values.orders import Portion
from models.values.refusals import Refusal, RefusalCode
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
    together,
    units,
)
from worker.rules.eligibility import decide

TWO = book([line("a", 3, 300), line("b", 1, 50)], [line("a", 2, 200)])


def test_an_acceptance_names_the_refund_and_the_provider_of_each_capture() -> None:
    verdict = accepted(replace(full("key-7"), currency="EUR"), TWO)
    assert verdict.refund_id == refund_id_of("m", "key-7")
    assert verdict.amount_minor == 550
    assert [share.provider for share in verdict.shares] == ["sandbox", "sandbox"]


def test_a_share_names_the_lines_by_their_row_and_their_id_in_the_order_of_the_capture() -> None:
    (share,) = accepted(units(("b", 1), ("a", 1, "c1")), TWO).shares
    assert [(one.line_pk, one.line_id) for one in share.lines] == [(1, "a"), (2, "b")]


def test_the_newest_capture_gives_first() -> None:
    for ask in (units(("a", 3)), amounts(("a", 300))):
        verdict = accepted(ask, TWO)
        assert [(share.capture_pk, share.amount_minor) for share in verdict.shares] == [
            (2, 200),
            (1, 100),
        ]


def test_a_named_capture_gives_alone() -> None:
    for ask in (units(("a", 2, "c1")), amounts(("a", 200, "c1"))):
        (share,) = accepted(ask, TWO).shares
        assert (share.capture_pk, share.amount_minor) == (1, 200)


def test_all_of_a_named_capture_goes_back_and_the_others_stay() -> None:
    assert named(accepted(full(capture_id="c1"), TWO)) == {"a": 300, "b": 50}
    assert named(accepted(full(capture_id="c2"), TWO)) == {"a": 200}


def test_captures_of_which_no_money_is_left_are_not_touched_by_all() -> None:
    """The gift of a capture that is emptied stays; the other capture goes back."""
    of = book([line("a", 1, 100), line("gift", 1, 0)], [line("x", 1, 50)])
    of = taken(of, units(("a", 1)))
    assert named(accepted(full(), of)) == {"x": 50}


def test_a_line_named_twice_adds_up_as_if_named_once() -> None:
    of = book([line("a", 7, 100, 19, 3)], [line("a", 3, 50, 9, 1)])
    once = accepted(units(("a", 5)), of)
    assert accepted(units(("a", 2), ("a", 3)), of) == once
    assert accepted(units(("a", 1), ("a", 1), ("a", 1), ("a", 2)), of) == once
    once = accepted(amounts(("a", 77)), of)
    assert accepted(amounts(("a", 20), ("a", 57)), of) == once


def test_units_and_an_amount_of_a_line_draw_on_each_other_in_their_order() -> None:
    """Of 90 in 3 units: a unit is 30, and 20 of it leave 40; or 20 first leave 70 to 3 units."""
    of = book([line("a", 3, 90)])
    unit_first = together(units(("a", 1)), amounts(("a", 20)), units(("a", 1)))
    assert portions(accepted(unit_first, of).shares) == {1: Portion(2, 70, 0, 0)}
    amount_first = together(amounts(("a", 20)), units(("a", 1)))
    (share,) = accepted(amount_first, of).shares
    assert share.lines[0].portion == Portion(1, 43, 0, 0)
    assert share.lines[0].basis == Portion(0, 20, 0, 0)


def test_a_price_and_its_discount_go_back_together() -> None:
    of = book([line("a", 3, 100, 19), line("off", 3, -10, -2)])
    given = []
    for key in "123":
        verdict = accepted(units(("a", 1), ("off", 1), key=key), of)
        given.append(verdict.amount_minor)
        of = of.with_taken(verdict.shares)
    assert given == [30, 30, 30]


def test_debt_is_reduced_before_money_goes_back() -> None:
    of = book([line("a", 4, 100)], paid=40)
    splits = []
    for key in "1234":
        (share,) = accepted(units(("a", 1), key=key), of).shares
        splits.append((share.amount_minor, share.cash_minor))
        of = of.with_taken([share])
    assert splits == [(25, 0), (25, 0), (25, 15), (25, 25)]


def test_each_capture_reduces_its_own_debt_only() -> None:
    of = book([line("a", 1, 100)], [line("b", 1, 100)])
    of = replace(of, captures=[replace(of.captures[0], paid_minor=0), of.captures[1]])
    assert [(share.capture_pk, share.cash_minor) for share in accepted(full(), of).shares] == [
        (2, 0),
        (1, 100),
    ]


def test_a_fee_is_kept_of_the_debt_as_well() -> None:
    """70 of 100 are unpaid: the fee of 10 stays owed, and 30 is no more than was paid."""
    of = book([line("a", 1, 100)], paid=30)
    (share,) = accepted(keeping(10, full()), of).shares
    assert (share.amount_minor, share.cash_minor) == (90, 20)


def test_a_free_line_goes_back_along_with_what_was_paid() -> None:
    of = book([line("gift", 1, 0), line("a", 1, 80)])
    verdict = accepted(units(("gift", 1), ("a", 1)), of)
    assert verdict.amount_minor == 80
    assert set(portions(verdict.shares)) == {1, 2}


def test_a_free_line_of_another_capture_goes_back_along_with_what_was_paid() -> None:
    """Delivered and captured apart: the gift with the first parcel, the item with the second."""
    of = book([line("gift", 1, 0), line("b", 1, 20)], [line("a", 1, 80)])
    assert accepted(units(("gift", 1), ("a", 1)), of).amount_minor == 80


def test_asking_by_lines_for_all_that_is_left_of_an_order_is_accepted() -> None:
    of = book([line("gift", 1, 0), line("b", 1, 20)], [line("a", 1, 80)])
    of = taken(of, units(("b", 1)))
    assert accepted(full(), of).amount_minor == 80
    assert accepted(units(("gift", 1), ("a", 1)), of).amount_minor == 80


def test_units_that_were_given_back_for_nothing_are_not_given_back_again() -> None:
    """The price and its discount go back for zero, beside a line of another capture."""
    of = book([line("a", 1, 100), line("b", 1, 50), line("off", 1, -50)], [line("x", 1, 10)])
    of = taken(of, units(("b", 1), ("off", 1), ("x", 1)))
    again = decide(units(("b", 1), key="again"), of, CALM)
    assert isinstance(again, Refusal)
    assert (again.code, again.field) == (RefusalCode.EXCEEDS_CAPTURED, "lines[0].quantity")


def test_units_given_back_one_by_one_beside_another_capture_come_to_the_line() -> None:
    """1 cent over 3 units: the first is worth nothing, and still the first."""
    of = book([line("penny", 3, 1), line("rest", 1, 9)], [line("x", 3, 30)])
    total = 0
    for key in "123":
        verdict = accepted(units(("penny", 1), ("x", 1), key=key), of)
        total += verdict.amount_minor
        of = of.with_taken(verdict.shares)
    assert total == 31


def test_units_whose_money_went_back_as_an_amount_still_have_their_turn() -> None:
    """They come to nothing, and units of an older capture are given only after them."""
    of = taken(book([line("a", 1, 30)], [line("a", 1, 30), line("b", 1, 9)]), amounts(("a", 30)))
    verdict = accepted(units(("a", 2)), of)
    assert portions(verdict.shares) == {1: Portion(1, 30, 0, 0), 2: Portion(1, 0, 0, 0)}
    assert named(accepted(units(("a", 1, "c1")), of)) == {"a": 30}


def test_with_the_last_cent_of_a_capture_goes_what_is_left_and_comes_to_nothing() -> None:
    """Goods of 150 less 50: the first took all the money; the second and the discount go along."""
    of = book([line("a", 1, 100, 16), line("b", 1, 50, 8, 4), line("off", 1, -50, -8)])
    verdict = accepted(alone(units(("a", 1))), of)
    assert portions(verdict.shares) == {
        1: Portion(1, 100, 16, 0),
        2: Portion(0, 50, 8, 4),
        3: Portion(0, -50, -8, 0),
    }
    assert verdict.amount_minor == 100
    bases = [one.basis for share in verdict.shares for one in share.lines]
    assert bases == [None, Portion(0, 50, 8, 4), Portion(0, -50, -8, 0)], "taken as amounts"
    later = of.with_taken(verdict.shares)
    assert [one.left for one in later.lines[1].values()] == [
        Portion(),
        Portion(1, 0, 0, 0),
        Portion(1, 0, 0, 0),
    ]
    for ask, code in (
        (units(("b", 1)), RefusalCode.AMOUNT_NOT_POSITIVE),
        (full(), RefusalCode.NOTHING_LEFT_TO_REFUND),
    ):
        again = decide(ask, later, CALM)
        assert isinstance(again, Refusal)
        assert again.code is code


def test_what_is_left_and_comes_to_nothing_goes_with_the_last_cent_of_its_capture_only() -> None:
    """Another capture, and a kept fee, still have money; they stay."""
    of = book(
        [line("x", 1, 10)],
        [line("a", 1, 100), line("b", 1, 50), line("off", 1, -50)],
    )
    assert named(accepted(alone(units(("a", 1))), of)) == {"a": 100, "b": 50, "off": -50}
    assert named(accepted(units(("x", 1)), of)) == {"x": 10}
    kept = taken(of, keeping(5, alone(amounts(("a", 90)))))
    assert named(accepted(alone(amounts(("a", 10))), kept)) == {"a": 10, "b": 50, "off": -50}
    rest = named(accepted(full(), taken(kept, alone(amounts(("a", 10))))))
    assert {line_id: amount for line_id, amount in rest.items() if amount} == {
        "x": 10,
        f"return_fee:{refund_id_of('m', 'k')}": 5,
    }


def test_a_discount_of_free_goods_goes_with_the_last_cent_too() -> None:
    of = book([line("a", 1, 100), line("free", 2, 0, 0, 40)])
    verdict = accepted(units(("a", 1)), of)
    assert portions(verdict.shares)[2] == Portion(0, 0, 0, 40)


def test_a_card_gets_its_part_again_when_a_capture_is_emptied_without_it() -> None:
    of = book([line("a", 1, 100), line("b", 1, 30), line("c", 1, -30, kind=LineType.GIFT_CARD)])
    (share,) = accepted(alone(units(("a", 1))), of).shares
    assert (share.amount_minor, share.gift_card_minor) == (100, 30)


@pytest.mark.parametrize(
    ("kind", "gift_card", "store_credit"),
    [(LineType.GIFT_CARD, 25, 0), (LineType.STORE_CREDIT, 0, 25), (LineType.DISCOUNT, 0, 0)],
)
def test_what_was_paid_by_card_or_credit_goes_back_there(
    kind: LineType, gift_card: int, store_credit: int
) -> None:
    """Goods of 100 of which the provider was paid 75."""
    of = book([line("a", 1, 100), line("paid", 1, -25, kind=kind)])
    for ask in (full(), bare(75), units(("a", 1)), units(("a", 1), ("paid", 1))):
        (share,) = accepted(ask, of).shares
        assert (share.amount_minor, share.cash_minor) == (75, 75)
        assert (share.gift_card_minor, share.store_credit_minor) == (gift_card, store_credit)


def test_cards_and_credits_are_told_apart_and_by_capture() -> None:
    card, credit = LineType.GIFT_CARD, LineType.STORE_CREDIT
    of = book(
        [line("a", 1, 100), line("c1", 1, -10, kind=card), line("c2", 1, -20, kind=card)],
        [line("b", 1, 100), line("s", 1, -40, kind=credit), line("bought", 1, 50, kind=card)],
    )
    assert [
        (share.capture_pk, share.amount_minor, share.gift_card_minor, share.store_credit_minor)
        for share in accepted(full(), of).shares
    ] == [(2, 110, 0, 40), (1, 70, 30, 0)]
