"""Units and amounts of one line in any order: they share what is left, and end at zero together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.orders import CapturedLine, Portion
from tests.rules.checking import tax_off
from tests.rules.drawing import COMPONENTS, line
from tests.rules.generating import few_cents, lines
from tests.rules.reckoning import Way
from worker.rules.apportioning import take_amount, take_units

Step = tuple[str, int, int]
STEPS = st.tuples(
    st.sampled_from(["units", "amount", "release"]),
    st.sampled_from([0, 1, 2]) | st.integers(0, 10**7),
    st.integers(0, 10**6),
)


def by_amount(captured: CapturedLine, amount: int) -> CapturedLine:
    """The line after a refund of an amount of it."""
    return captured.with_taken(take_amount(captured, amount), by_amount=True)


def by_units(captured: CapturedLine, units: int) -> CapturedLine:
    """The line after a refund of units of it."""
    return captured.with_taken(take_units(captured, units))


def rest_one_by_one(captured: CapturedLine) -> list[int]:
    """What each unit that is left is worth, one after the other."""
    found = []
    while captured.left.quantity:
        found.append(take_units(captured, 1).amount_minor)
        captured = by_units(captured, 1)
    assert captured.left == Portion()
    return found


@pytest.mark.parametrize(
    ("quantity", "whole", "steps", "rest"),
    [
        (4, 100, [("amount", 10)], [23, 22, 23, 22]),
        (3, 100, [("amount", 1)], [33, 33, 33]),
        (3, 100, [("amount", 2)], [33, 32, 33]),
        (4, 100, [("units", 1), ("amount", 10)], [22, 21, 22]),
        (4, 100, [("amount", 10), ("units", 1)], [22, 23, 22]),
        (4, 100, [("amount", 10), ("amount", 10)], [20, 20, 20, 20]),
        (4, 100, [("amount", 20), ("units", 2), ("amount", 20)], [10, 10]),
        (4, 100, [("amount", 97)], [1, 1, 0, 1]),
        (3, 100, [("amount", 100)], [0, 0, 0]),
        (4, -100, [("amount", -10)], [-23, -22, -23, -22]),
        (4, -100, [("units", 1), ("amount", -10)], [-22, -21, -22]),
    ],
)
def test_after_an_amount_the_units_left_share_what_is_left(
    quantity: int, whole: int, steps: list[tuple[str, int]], rest: list[int]
) -> None:
    captured = line("l", quantity, whole)
    for kind, much in steps:
        captured = (by_amount if kind == "amount" else by_units)(captured, much)
    assert rest_one_by_one(captured) == rest


def test_an_amount_takes_its_part_of_tax_and_discount_and_no_units() -> None:
    captured = line("l", 4, 1_000, 160, 30, rate=1_900)
    assert take_amount(captured, 250) == Portion(0, 250, 40, 8)
    assert take_amount(captured, 1_000) == Portion(0, 1_000, 160, 30)
    captured = by_amount(captured, 250)
    assert captured.basis == captured.taken == Portion(0, 250, 40, 8)
    assert take_units(captured, 2) == Portion(2, 375, 60, 11)
    assert by_units(captured, 2).basis == Portion(0, 250, 40, 8)


def test_a_negative_line_is_refunded_by_negative_amounts() -> None:
    captured = line("l", 1, -300, -48, rate=1_900)
    assert take_amount(captured, -100) == Portion(0, -100, -16, 0)
    assert take_amount(by_amount(captured, -100), -200) == Portion(0, -200, -32, 0)


@pytest.mark.parametrize(
    ("whole", "amount"),
    [(100, 0), (100, 91), (100, -1), (-100, 0), (-100, -91), (-100, 1), (100, 10**12)],
)
def test_an_amount_that_is_not_there_is_an_error(whole: int, amount: int) -> None:
    captured = by_amount(line("l", 2, whole), whole // 10)
    left = captured.left.amount_minor
    with pytest.raises(ValueError, match=f"^{amount} of {left} left$"):
        take_amount(captured, amount)
    assert take_amount(captured, left).amount_minor == left


@pytest.mark.parametrize("amount", [-1, 0, 1])
def test_nothing_is_an_error_where_no_money_is_left(amount: int) -> None:
    with pytest.raises(ValueError, match="of 0 left"):
        take_amount(by_amount(line("l", 2, 100), 100), amount)


@given(lines(), st.lists(STEPS, max_size=12))
def test_units_and_amounts_in_any_order_are_what_a_model_of_its_own_says_and_end_at_zero(
    captured: CapturedLine, steps: list[Step]
) -> None:
    way, near = Way(captured), tax_off(captured, captured.captured) < 1
    for kind, much, _ in steps:
        left = captured.left
        if kind == "amount" and left.amount_minor:
            sign = -1 if left.amount_minor < 0 else 1
            amount = sign * (1 + much % abs(left.amount_minor))
            portion = take_amount(captured, amount)
            captured = captured.with_taken(portion, by_amount=True)
            way.by_amount(amount)
        elif left.quantity:
            units = 1 + much % left.quantity
            portion = take_units(captured, units)
            captured = captured.with_taken(portion)
            way.by_units(units)
        else:
            continue
        assert (captured.taken, captured.basis) == (way.at, way.base)
        assert abs(portion.tax_minor) <= abs(portion.amount_minor)
        assert tax_off(captured, portion) < 1 or not near
    if captured.left.quantity:
        captured = by_units(captured, captured.left.quantity)
    elif captured.left.amount_minor:
        captured = by_amount(captured, captured.left.amount_minor)
    assert captured.left == Portion()


@given(lines() | few_cents(), st.lists(STEPS, max_size=40))
def test_with_releases_in_any_order_nothing_is_overdrawn_or_taken_back_and_all_ends_at_zero(
    captured: CapturedLine, steps: list[Step]
) -> None:
    """A release gives back any refund that is live; the basis stays."""
    live: list[Portion] = []
    for kind, much, which in steps:
        left = captured.left
        if kind == "release" and live:
            portion = live.pop(which % len(live))
            captured = replace(captured, taken=captured.taken.minus(portion))
        elif kind == "amount" and left.amount_minor:
            sign = -1 if left.amount_minor < 0 else 1
            live.append(take_amount(captured, sign * (1 + much % abs(left.amount_minor))))
            captured = captured.with_taken(live[-1], by_amount=True)
        elif left.quantity:
            live.append(take_units(captured, 1 + much % left.quantity))
            captured = captured.with_taken(live[-1])
        for name in COMPONENTS:
            whole, taken = getattr(captured.captured, name), getattr(captured.taken, name)
            assert taken == sum(getattr(one, name) for one in live)
            assert all(getattr(one, name) * whole >= 0 for one in live), "never takes back"
            assert taken * whole >= 0, "never of the other sign"
            assert abs(taken) <= abs(whole), "never above"
    if captured.left.quantity:
        assert take_units(captured, captured.left.quantity) == captured.left
    elif captured.left.amount_minor:
        assert take_amount(captured, captured.left.amount_minor) == captured.left


@given(st.integers(1, 60), st.integers(0, 5_000), st.integers(0, 10**6), st.data())
def test_units_times_price_less_discount_is_the_amount_of_every_part_if_it_is_of_the_line(
    quantity: int, price: int, discount: int, data: st.DataObject
) -> None:
    """Klarna checks it on each line of a refund."""
    discount %= quantity * price + 1
    captured = line("l", quantity, quantity * price - discount, discount=discount)
    while captured.left.quantity:
        units = data.draw(st.integers(1, captured.left.quantity))
        portion = take_units(captured, units)
        captured = captured.with_taken(portion)
        if captured.left.quantity and not captured.left.amount_minor:
            # Its last cent took all discount before its last unit: see below.
            break
        assert portion.amount_minor == units * price - portion.discount_minor


def test_units_that_reach_the_last_cent_before_the_last_unit_leave_the_others_their_discount() -> (
    None
):
    """Three for a cent: 3 x 10.00 - 29.99. Two units have the cent, and 19.99 of the discount.

    The third unit has 10.00 of it, as its price says. The whole discount goes with the last cent of
    an *amount* refund; of units the last one takes the rest.
    """
    captured = line("l", 3, 1, discount=2_999)
    assert take_units(captured, 2) == Portion(2, 1, 0, 1_999)


@pytest.mark.parametrize(
    ("amount", "units", "rest"),
    [(100, 5, [110, 110, 110, 110, 110]), (600, 6, [190, 190, 190, 190])],
)
def test_units_share_evenly_what_a_released_amount_has_given_back(
    amount: int, units: int, rest: list[int]
) -> None:
    """Ten units of 1.00: an amount goes back, then some units; then the amount is declined.

    Where a line's `taken` is not what its basis foretells, something was released: then the units
    that are left share what is left now.
    """
    captured = line("l", 10, 1_000)
    first = take_amount(captured, amount)
    captured = by_units(captured.with_taken(first, by_amount=True), units)
    released = replace(captured, taken=captured.taken.minus(first))
    assert rest_one_by_one(released) == rest
