"""Portions add and subtract by component; a book after an acceptance is a new book."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given

from models.values.limits import AMOUNT_MAX_MINOR
from models.values.orders import Acceptance, CaptureShare, KeptFee, LineShare, Portion
from models.values.policies import Circumstances, FeePolicy, Policy
from tests.rules.drawing import book, line
from tests.rules.generating import portions


@given(portions(), portions(), portions())
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


def test_a_line_remembers_what_was_taken_when_it_was_last_refunded_by_an_amount() -> None:
    captured = line("a", 4, 100, 20, 8)
    by_units = captured.with_taken(Portion(1, 25, 5, 2))
    assert (by_units.taken, by_units.basis) == (Portion(1, 25, 5, 2), Portion())
    by_amount = by_units.with_taken(Portion(0, 10, 2, 1), by_amount=True)
    assert by_amount.taken == by_amount.basis == Portion(1, 35, 7, 3)
    again = by_amount.with_taken(Portion(1, 22, 4, 2))
    assert (again.taken, again.basis) == (Portion(2, 57, 11, 5), Portion(1, 35, 7, 3))
    assert again.left == Portion(2, 43, 9, 3)
    assert captured.taken == Portion(), "a line is never changed"


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


def test_taking_shares_moves_a_basis_only_where_they_say_so() -> None:
    first = LineShare(1, "a", Portion(0, 40, 0, 0), Portion(0, 40, 0, 0))
    of = book([line("a", 2, 100)]).with_taken([CaptureShare(1, "sandbox", 40, 40, [first])])
    assert of.lines[1]["a"].basis == Portion(0, 40, 0, 0)
    second = LineShare(1, "a", Portion(1, 30, 0, 0))
    of = of.with_taken([CaptureShare(1, "sandbox", 30, 30, [second])])
    assert (of.lines[1]["a"].taken, of.lines[1]["a"].basis) == (
        Portion(1, 70, 0, 0),
        Portion(0, 40, 0, 0),
    )
    third = LineShare(1, "a", Portion(0, 5, 0, 0), Portion())
    of = of.with_taken([CaptureShare(1, "sandbox", 5, 5, [third])])
    assert of.lines[1]["a"].basis == Portion(), "a basis of nothing is a basis"


def test_a_capture_gives_what_its_lines_come_to_less_the_fee_that_is_kept() -> None:
    of = book([line("a", 1, 100)])
    share = CaptureShare(
        1, "sandbox", 90, 90, [LineShare(1, "a", Portion(1, 100, 0, 0))], KeptFee(10, 2, 1_900)
    )
    later = of.with_taken([share])
    assert later.lines[1]["a"].left == Portion()
    assert later.capture(1).left_minor == 10, "the fee can still be refunded"


def test_every_acceptance_counts_as_one_refund_however_many_captures_it_takes_of() -> None:
    of = book([line("a", 1, 100)], [line("b", 1, 100)])
    shares = [
        CaptureShare(1, "sandbox", 1, 1, [LineShare(1, "a", Portion(0, 1, 0, 0))]),
        CaptureShare(2, "sandbox", 1, 1, [LineShare(2, "b", Portion(0, 1, 0, 0))]),
    ]
    assert of.with_taken(shares).refund_count == 1
    assert of.with_taken(shares[:1]).with_taken(shares[1:]).refund_count == 2
    assert of.with_taken([]).refund_count == 0


@pytest.mark.parametrize(
    ("paid", "taken", "cash", "debt"),
    [
        (100, 0, 0, 0),
        (60, 0, 0, 40),
        (60, 30, 0, 10),
        (60, 50, 10, 0),
        (0, 100, 0, 0),
        (100, 30, 0, -30),
    ],
)
def test_the_debt_left_is_what_is_neither_paid_nor_taken_off(
    paid: int, taken: int, cash: int, debt: int
) -> None:
    """It is less than nothing where a debt was paid that a refund had reduced."""
    of = book([line("a", 100, 100)], paid=paid)
    share = CaptureShare(1, "sandbox", taken, cash, [])
    assert of.with_taken([share]).capture(1).debt_left_minor == debt


def test_the_fee_of_a_refund_is_what_its_captures_keep_together() -> None:
    shares = [
        CaptureShare(3, "p", 9, 9, [], KeptFee(5, 1, 1_900)),
        CaptureShare(2, "p", 9, 9, []),
        CaptureShare(1, "p", 9, 9, [], KeptFee(7, 1, 1_900)),
    ]
    assert Acceptance(UUID(int=1), 27, shares).fee_minor == 12
    assert Acceptance(UUID(int=1), 27, shares[1:2]).fee_minor == 0


def test_who_says_nothing_limits_nothing_and_keeps_no_fee() -> None:
    around = Circumstances(datetime(2026, 1, 1, tzinfo=UTC))
    assert around.policy == Policy(
        return_fee=None,
        window=None,
        refunds_max=None,
        amount_min_minor=0,
        amount_max_minor=AMOUNT_MAX_MINOR,
        approval_above_minor=None,
        returns_await_goods=False,
        due_within=None,
    )
    assert (dict(around.fee_support), around.disputed) == ({}, frozenset())
    assert FeePolicy() == FeePolicy(None, None, 0)
