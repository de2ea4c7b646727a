"""A line divides over its units exactly: worked examples, a reference, and every order of steps."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.orders import CapturedLine, Portion
from tests.rules.drawing import COMPONENTS, line
from tests.rules.generating import few_cents, lines
from tests.rules.reckoning import tax_within
from worker.rules.apportioning import part, part_down, take_rest, take_units


def reference(total: int, units: int, quantity: int) -> int:
    """Half away from zero, by exact fractions and with nothing of the rule's own formula."""
    exact = Fraction(total * units, quantity)
    below = exact.numerator // exact.denominator
    if exact - below == Fraction(1, 2):
        return below + 1 if total > 0 else below
    return below if exact - below < Fraction(1, 2) else below + 1


def reference_down(total: int, units: int, quantity: int) -> int:
    """As above, but a half is rounded down; of what is not negative."""
    return ceil(Fraction(total * units, quantity) - Fraction(1, 2))


def one_by_one(captured: CapturedLine) -> list[Portion]:
    taken = []
    for _ in range(captured.captured.quantity):
        taken.append(take_units(captured, 1))
        captured = replace(captured, taken=captured.taken.plus(taken[-1]))
    assert captured.left == Portion()
    return taken


@given(st.integers(-(10**12), 10**12) | st.integers(-50, 50), st.integers(1, 10**9), st.data())
def test_a_part_is_the_exact_share_rounded_half_away_from_zero(
    total: int, quantity: int, data: st.DataObject
) -> None:
    units = data.draw(st.integers(0, quantity))
    assert part(total, units, quantity) == reference(total, units, quantity)


@pytest.mark.parametrize("quantity", range(1, 9))
def test_every_small_part_is_the_exact_share(quantity: int) -> None:
    for total in range(-20, 21):
        parts = [part(total, units, quantity) for units in range(quantity + 1)]
        assert parts == [reference(total, units, quantity) for units in range(quantity + 1)]
        assert parts[0] == 0
        assert parts[-1] == total
        assert parts == sorted(parts, reverse=total < 0)


@given(st.integers(0, 10**12) | st.integers(0, 50), st.integers(1, 10**9), st.data())
def test_a_discounts_part_is_the_exact_share_with_a_half_rounded_down(
    total: int, quantity: int, data: st.DataObject
) -> None:
    units = data.draw(st.integers(0, quantity))
    assert part_down(total, units, quantity) == reference_down(total, units, quantity)


@pytest.mark.parametrize("quantity", range(1, 9))
def test_every_small_part_of_a_discount_is_the_exact_share(quantity: int) -> None:
    for total in range(21):
        parts = [part_down(total, units, quantity) for units in range(quantity + 1)]
        assert parts == [reference_down(total, units, quantity) for units in range(quantity + 1)]
        assert (parts[0], parts[-1]) == (0, total)


@pytest.mark.parametrize(("units", "quantity"), [(-1, 3), (4, 3), (0, 0), (1, 0), (0, -1), (1, -3)])
def test_a_part_of_what_is_not_there_is_an_error(units: int, quantity: int) -> None:
    for total in (100, 0, -100):
        with pytest.raises(ValueError, match=f"^{units} units of {quantity}$"):
            part(total, units, quantity)


@pytest.mark.parametrize(
    ("amount", "quantity", "parts"),
    [
        (100, 3, [33, 34, 33]),
        (-100, 3, [-33, -34, -33]),
        (1, 3, [0, 1, 0]),
        (2, 3, [1, 0, 1]),
        (1, 2, [1, 0]),
        (-1, 2, [-1, 0]),
        (0, 4, [0, 0, 0, 0]),
        (10, 4, [3, 2, 3, 2]),
        (1000, 7, [143, 143, 143, 142, 143, 143, 143]),
        (5, 5, [1, 1, 1, 1, 1]),
    ],
)
def test_units_given_back_one_by_one_come_to_these_cents(
    amount: int, quantity: int, parts: list[int]
) -> None:
    assert [one.amount_minor for one in one_by_one(line("l", quantity, amount))] == parts


def test_ten_units_with_a_coupon_never_give_back_more_tax_than_was_taken() -> None:
    """WooCommerce #64668: 10 x 23.90 less 25 % is 179.25 with tax 29.87, refunded one by one."""
    taken = one_by_one(line("l", 10, 17_925, 2_987, 5_975))
    for first in range(11):
        assert sum(one.amount_minor for one in taken[:first]) <= 17_925
        assert sum(one.tax_minor for one in taken[:first]) <= 2_987
    assert {one.amount_minor for one in taken} == {1_792, 1_793}
    assert {one.tax_minor for one in taken} == {298, 299}
    assert sum(one.amount_minor for one in taken) == 17_925
    assert sum(one.tax_minor for one in taken) == 2_987
    assert sum(one.discount_minor for one in taken) == 5_975


def test_yen_divide_in_whole_yen() -> None:
    assert [one.amount_minor for one in one_by_one(line("l", 3, 1_000, 91))] == [333, 334, 333]
    assert [one.tax_minor for one in one_by_one(line("l", 3, 1_000, 91))] == [30, 31, 30]


@given(lines(), st.lists(st.integers(1, 400), max_size=30))
def test_any_sequence_of_units_adds_up_to_the_line_and_is_never_above_it(
    captured: CapturedLine, steps: list[int]
) -> None:
    quantity = captured.captured.quantity
    trail = [captured.taken]
    for units in [*steps, quantity]:
        units = min(units, captured.left.quantity)
        if units:
            captured = replace(captured, taken=captured.taken.plus(take_units(captured, units)))
            trail.append(captured.taken)
            whole, so_far = captured.captured, captured.taken.quantity
            amount = reference(whole.amount_minor, so_far, quantity)
            assert captured.taken == Portion(
                so_far,
                amount,
                tax_within(captured, amount),
                reference_down(whole.discount_minor, so_far, quantity),
            )
    assert captured.taken == captured.captured
    for before, later in pairwise(trail):
        for name in COMPONENTS:
            assert abs(getattr(before, name)) <= abs(getattr(later, name))
            assert abs(getattr(later, name)) <= abs(getattr(captured.captured, name))


@given(lines(), st.lists(st.integers(1, 400), max_size=12))
def test_a_discount_mirrors_its_price(captured: CapturedLine, steps: list[int]) -> None:
    whole = captured.captured
    mirrored = replace(
        captured,
        captured=Portion(
            whole.quantity, -whole.amount_minor, -whole.tax_minor, whole.discount_minor
        ),
    )
    for units in steps:
        if units <= captured.left.quantity:
            price, discount = take_units(captured, units), take_units(mirrored, units)
            assert discount.amount_minor == -price.amount_minor
            assert discount.tax_minor == -price.tax_minor
            captured = replace(captured, taken=captured.taken.plus(price))
            mirrored = replace(mirrored, taken=mirrored.taken.plus(discount))


Step = tuple[bool, int, int]


@given(
    captured=lines() | few_cents(),
    steps=st.lists(
        st.tuples(st.booleans(), st.just(0) | st.integers(0, 10**6), st.integers(0, 10**6)),
        max_size=40,
    ),
    in_one=st.booleans(),
)
def test_releases_in_any_order_never_overdraw_and_the_last_unit_empties_the_line(
    captured: CapturedLine, steps: list[Step], *, in_one: bool
) -> None:
    """A refund takes one to all units left; a release gives back any refund that is live."""
    live: list[Portion] = []
    for release, units, which in steps:
        if release and live:
            captured = replace(captured, taken=captured.taken.minus(live.pop(which % len(live))))
        elif captured.left.quantity:
            live.append(take_units(captured, 1 + units % captured.left.quantity))
            captured = replace(captured, taken=captured.taken.plus(live[-1]))
            for name in COMPONENTS:
                whole, portion = getattr(captured.captured, name), getattr(live[-1], name)
                assert portion * whole >= 0, "never takes back"
        whole, taken = captured.captured, captured.taken
        for name in COMPONENTS:
            assert abs(getattr(taken, name)) <= abs(getattr(whole, name)), "never above"
            assert getattr(taken, name) * getattr(whole, name) >= 0, "never negative"
            assert getattr(taken, name) == sum(getattr(one, name) for one in live)
        if captured.left.quantity == 0:
            assert captured.left == Portion(), "the last unit takes the last cent"
    if captured.left.quantity:
        left = captured.left
        if in_one:
            assert take_units(captured, left.quantity) == left
        elif left.quantity <= 100:
            for _ in range(left.quantity):
                captured = replace(captured, taken=captured.taken.plus(take_units(captured, 1)))
            assert captured.left == Portion()


@pytest.mark.parametrize("units", [-1, 0, 3, 10**9])
def test_more_units_than_are_left_are_an_error_and_so_are_none(units: int) -> None:
    started = replace(line("l", 4, 100), taken=Portion(2, 50, 0, 0))
    with pytest.raises(ValueError, match="of 2 left"):
        take_units(started, units)


def test_a_released_cent_is_made_up_for_by_the_next_refund() -> None:
    """1 cent over 3 units: the second unit has it, fails, and whoever comes next takes it."""
    captured = line("l", 3, 1)
    first = take_units(captured, 1)
    captured = replace(captured, taken=captured.taken.plus(first))
    second = take_units(captured, 1)
    assert (first.amount_minor, second.amount_minor) == (0, 1)
    released = replace(captured, taken=captured.taken.plus(second).minus(second))
    assert take_units(released, 1).amount_minor == 1
    assert take_units(released, 2).amount_minor == 1


def test_after_a_release_the_cents_that_ran_ahead_are_not_taken_back() -> None:
    """2 cents over 5 units (0 1 0 1 0): the worthless first and third fail, both cents stand."""
    for sign in (1, -1):
        captured = replace(line("l", 5, 2 * sign), taken=Portion(2, 2 * sign, 0, 0))
        assert part(2 * sign, 3, 5) == sign, "the share of three units is less than what stands"
        assert take_units(captured, 1) == Portion(1, 0, 0, 0)
        assert take_units(captured, 3) == Portion(3, 0, 0, 0)


def test_the_rest_of_a_line_is_what_is_left_of_it() -> None:
    captured = replace(line("l", 3, 100, 20, 5), taken=Portion(1, 33, 7, 2))
    assert take_rest(captured) == Portion(2, 67, 13, 3)
