"""The tax of a part of a line follows its amount, within a cent of the rate's share."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.orders import CapturedLine, Portion
from tests.rules.drawing import line
from tests.rules.generating import RATES, lines
from tests.rules.reckoning import tax_share, tax_within
from worker.rules.apportioning import take_amount, take_units, tax_upto


@st.composite
def taxed(draw: st.DrawFn) -> CapturedLine:
    """A line of which the captured tax is less than one minor unit from the rate's share."""
    amount = draw(st.integers(1, 60) | st.integers(1, 10**7))
    sign = draw(st.sampled_from([1, 1, -1]))
    rate = draw(st.sampled_from(RATES) | st.integers(0, 100_000))
    share = tax_share(amount, rate)
    tax = draw(st.sampled_from([floor(share), ceil(share)]))
    return line("l", draw(st.integers(1, 40)), sign * amount, sign * tax, rate=rate)


def off(of: CapturedLine, amount: int, tax: int) -> Fraction:
    """How far a tax is above the rate's share in an amount, without their sign."""
    sign = -1 if of.captured.amount_minor < 0 else 1
    return sign * tax - tax_share(sign * amount, of.tax_rate_basis_points)


@pytest.mark.parametrize(
    ("amount", "tax", "rate", "upto"),
    [
        # By the rate: of 19 % in 119 every 6.26 cents have one of tax.
        (119, 19, 1_900, {0: 0, 3: 0, 4: 1, 9: 1, 10: 2, 118: 19, 119: 19}),
        # A fifth of it is tax; where it is half of it, halves are rounded up.
        (100, 20, 2_500, {1: 0, 2: 0, 3: 1, 7: 1, 8: 2, 50: 10, 99: 20}),
        (6, 3, 10_000, {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3}),
        # The captured tax is half a cent above the share (2.5), then half a cent below it.
        (5, 3, 10_000, {1: 1, 2: 1, 3: 2, 4: 2, 5: 3}),
        (5, 2, 10_000, {1: 0, 2: 1, 3: 1, 4: 2, 5: 2}),
        # Most of a cent above and below: 0.1 and 0.9 of a cent are the share.
        (1, 1, 1_000, {0: 0, 1: 1}),
        (2, 1, 1_000, {0: 0, 1: 0, 2: 1}),
        (1, 0, 100_000, {0: 0, 1: 0}),
        (12, 10, 100_000, {1: 0, 2: 1, 10: 9, 11: 10, 12: 10}),
        # A whole cent off: all but the last part are rounded to its side.
        (11, 9, 100_000, {1: 0, 2: 1, 10: 9, 11: 9}),
        (100, 21, 2_500, {1: 1, 3: 1, 50: 10, 99: 20, 100: 21}),
        # More than that, or of no rate: the captured tax's own share.
        (100, 22, 2_500, {1: 0, 3: 1, 50: 11, 100: 22}),
        (100, 20, 0, {2: 0, 3: 1, 50: 10, 100: 20}),
        (100, 0, 1_900, {1: 0, 50: 0, 99: 0, 100: 0}),
        (0, 0, 1_900, {0: 0}),
    ],
)
def test_the_tax_in_the_first_cents_of_a_line(
    amount: int, tax: int, rate: int, upto: dict[int, int]
) -> None:
    captured = line("l", 1, amount, tax, rate=rate)
    assert {cents: tax_upto(captured, cents) for cents in upto} == upto
    mirrored = line("l", 1, -amount, -tax, rate=rate)
    assert {cents: -tax_upto(mirrored, -cents) for cents in upto} == upto


@given(taxed(), st.data())
def test_every_part_of_a_line_is_less_than_a_cent_from_its_share_if_the_line_is(
    captured: CapturedLine, data: st.DataObject
) -> None:
    whole = captured.captured.amount_minor
    sign = -1 if whole < 0 else 1
    cuts = data.draw(st.lists(st.integers(0, abs(whole)), max_size=12))
    trail = [sign * cut for cut in sorted({0, *cuts, abs(whole)})]
    taxes = [tax_upto(captured, amount) for amount in trail]
    assert (taxes[0], taxes[-1]) == (0, captured.captured.tax_minor)
    for (first, before), (last, after) in pairwise(zip(trail, taxes, strict=True)):
        assert abs(off(captured, last - first, after - before)) < 1
        assert 0 <= sign * (after - before) <= sign * (last - first), "contained in the amount"


@given(st.integers(1, 40), st.integers(0, 40), st.sampled_from(RATES))
def test_every_part_of_every_small_line_is_contained_and_near_its_share(
    amount: int, tax: int, rate: int
) -> None:
    captured = line("l", 1, amount, min(tax, amount), rate=rate)
    taxes = [tax_upto(captured, cents) for cents in range(amount + 1)]
    assert taxes == [tax_within(captured, cents) for cents in range(amount + 1)]
    assert {after - before for before, after in pairwise(taxes)} <= {0, 1}
    # Exactly one off is what Klarna still takes; then no part is off by more.
    most = abs(off(captured, amount, captured.captured.tax_minor))
    if most < 1 or (most == 1 and rate):
        for first in range(amount + 1):
            for last in range(first, amount + 1):
                found = abs(off(captured, last - first, taxes[last] - taxes[first]))
                assert found < 1 or (found == most == 1)


@given(lines(), st.data())
def test_the_tax_is_what_a_model_of_its_own_says(
    captured: CapturedLine, data: st.DataObject
) -> None:
    """Also where the captured tax does not follow the rate."""
    whole = captured.captured.amount_minor
    amount = data.draw(st.integers(min(0, whole), max(0, whole)))
    assert tax_upto(captured, amount) == tax_within(captured, amount)


def test_tax_follows_the_amount_also_where_units_are_refunded() -> None:
    """WooCommerce #64668: 179.25 with 20 % has 29.87 of tax; each unit has 17.92 or 17.93."""
    captured = line("l", 10, 17_925, 2_987, 5_975, rate=2_000)
    for _ in range(10):
        portion = take_units(captured, 1)
        assert abs(off(captured, portion.amount_minor, portion.tax_minor)) < 1
        captured = captured.with_taken(portion)
    assert captured.left == Portion()


def test_the_last_cent_takes_all_tax_and_all_discount_and_leaves_the_units() -> None:
    captured = line("l", 2, 100, 16, 7, rate=1_900)
    captured = captured.with_taken(take_amount(captured, 99), by_amount=True)
    assert captured.taken == Portion(0, 99, 16, 7)
    assert take_amount(captured, 1) == Portion(0, 1, 0, 0)
    odd = replace(captured, taken=Portion(1, 99, 12, 3))
    assert take_amount(odd, 1) == Portion(0, 1, 4, 4)


def test_after_a_release_tax_is_still_contained_in_its_amount() -> None:
    """A refund of a cent must not tell 13 cents of tax: no credit record can say so.

    A line is refunded cent by cent, and of these refunds those that had a cent of tax are
    declined. The next cent makes up for all of their tax at once. `_portion` could take no more
    tax than the portion's amount: what is left of both still ends at zero together, since the tax
    left is never more than the amount left.
    """
    captured = line("l", 1, 100, 16, rate=1_900)
    portions = []
    for _ in range(99):
        portions.append(take_amount(captured, 1))
        captured = captured.with_taken(portions[-1], by_amount=True)
    for portion in portions:
        if portion.tax_minor:
            captured = replace(captured, taken=captured.taken.minus(portion))
    next_cent = take_amount(captured, 1)
    assert next_cent.tax_minor <= next_cent.amount_minor
