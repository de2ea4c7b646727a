"""Portions add and subtract by component; a book after an acceptance is a new book."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.orders import CaptureShare, LineShare, Portion
from tests.rules.drawing import book, line

PORTIONS = st.builds(Portion, *[st.integers(-(10**12), 10**12)] * 4)


@settings(deadline=None)
@given(PORTIONS, PORTIONS, PORTIONS)
def test_portions_add_up_in_any_order_and_take_back_what_was_added(
    one: Portion, two: Portion, three: Portion
) -> None:
    assert one.plus(two) == two.plus(one)
    assert one.plus(two).plus(three) == one.plus(two.plus(three))
    assert one.plus(two).minus(two) == one
    assert one.plus(Portion()) == one
    assert one.minus(one) == Portion()


def test_every_component_is_added_to_its_own() -> None:
    assert Portion(1, 20, 300, 4000).plus(Portion(2, 30, 400, 5000)) == Portion(3, 50, 700, 9000)
    assert Portion(3, 50, 700, 9000).minus(Portion(2, 30, 400, 5000)) == Portion(1, 20, 300, 4000)


def test_taking_shares_touches_only_what_they_name() -> None:
    before = book([line("a", 2, 100), line("b", 1, 50)], [line("a", 1, 70)], paid=60)
    share = CaptureShare(1, "sandbox", 50, 10, [LineShare(1, "a", Portion(1, 50, 0, 0))])
    later = before.with_taken([share])
    assert later.lines[1]["a"].taken == Portion(1, 50, 0, 0)
    assert later.lines[1]["b"] == before.lines[1]["b"]
    assert later.lines[2] == before.lines[2]
    assert [(one.pk, one.taken_minor, one.cash_minor) for one in later.captures] == [
        (2, 0, 0),
        (1, 50, 10),
    ]
    assert before.lines[1]["a"].taken == Portion()
    assert before.capture(1).taken_minor == 0
    twice = later.with_taken([share])
    assert twice.capture(1).left_minor == 50
    assert twice.lines[1]["a"].left == Portion()


@pytest.mark.parametrize(
    ("paid", "taken", "cash", "debt"),
    [(100, 0, 0, 0), (60, 0, 0, 40), (60, 30, 0, 10), (60, 50, 10, 0), (0, 100, 0, 0)],
)
def test_the_debt_left_is_what_is_neither_paid_nor_taken_off(
    paid: int, taken: int, cash: int, debt: int
) -> None:
    of = book([line("a", 100, 100)], paid=paid)
    share = CaptureShare(1, "sandbox", taken, cash, [])
    assert of.with_taken([share]).capture(1).debt_left_minor == debt
