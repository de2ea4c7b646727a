"""Largest remainder: exact sums, no part further than a cent from its share, ties to the first."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.reckoning import shared_out
from worker.rules.allocating import largest_remainder


@st.composite
def weighed(draw: st.DrawFn) -> tuple[int, list[int]]:
    """An amount, and weights that add up to at least it; some of them negative."""
    size = st.integers(-30, 30) | st.integers(-(10**6), 10**12)
    weights = draw(st.lists(size, max_size=9))
    total = sum(weights)
    if total < 0:
        weights = [-one for one in weights]
    amount = draw(st.integers(0, abs(total)) | st.sampled_from([0, abs(total)]))
    return amount, weights


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (0, [], []),
        (0, [5, -5], [0, 0]),
        (0, [3, 4], [0, 0]),
        (7, [3, 4], [3, 4]),
        (1, [1, 1, 1], [1, 0, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (1, [1, 2], [0, 1]),
        (100, [333, 333, 334], [33, 33, 34]),
        (5, [3, 3, 3], [2, 2, 1]),
        (10, [100, 1, 1], [10, 0, 0]),
        (1, [100, -30], [1, 0]),
        (35, [100, -30], [50, -15]),
        (2, [5, -1, 0], [3, -1, 0]),
        (3, [5, -1, 0], [4, -1, 0]),
        (1, [0, 0, 9], [0, 0, 1]),
    ],
)
def test_parts_by_example(amount: int, weights: list[int], parts: list[int]) -> None:
    assert largest_remainder(amount, weights) == parts


@pytest.mark.parametrize(
    ("amount", "weights"),
    [(1, []), (-1, []), (-1, [5]), (6, [5]), (6, [3, 2]), (1, [0]), (-1, [-5]), (1, [3, -3])],
)
def test_what_is_negative_or_more_than_there_is_is_an_error(
    amount: int, weights: list[int]
) -> None:
    with pytest.raises(ValueError, match=f"^{amount} of {sum(weights)}$"):
        largest_remainder(amount, weights)


@given(weighed())
def test_parts_add_up_and_are_a_cent_at_most_from_the_share_and_never_above_the_weight(
    told: tuple[int, list[int]],
) -> None:
    amount, weights = told
    parts = largest_remainder(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert part * weight >= 0
        assert abs(part) <= abs(weight)
        assert abs(part - Fraction(amount * weight, sum(weights) or 1)) < 1
    assert parts == shared_out(amount, weights)


@given(weighed())
def test_all_of_it_gives_everyone_all_and_equals_differ_by_a_cent_with_the_first_ahead(
    told: tuple[int, list[int]],
) -> None:
    amount, weights = told
    total = sum(weights)
    # Of weights that come to nothing together nothing is taken, as of any amount of nothing.
    assert largest_remainder(total, weights) == (weights if total else [0] * len(weights))
    parts = largest_remainder(amount, weights)
    for weight in set(weights):
        same = [part for part, one in zip(parts, weights, strict=True) if one == weight]
        assert same == sorted(same, reverse=True)
        assert same[0] - same[-1] <= 1


@given(weighed(), st.integers(1, 50))
def test_parts_rest_on_proportions_alone(told: tuple[int, list[int]], times: int) -> None:
    amount, weights = told
    scaled = [weight * times for weight in weights]
    assert largest_remainder(amount, scaled) == largest_remainder(amount, weights)
