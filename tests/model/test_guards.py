"""Each guard of the protocol is there for a reason: without it the explorer finds a way to lose.

A failure here says that a guard is not needed for what it is said to be for, or that the model is
too small to show it.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from models.values.states import RepaymentState
from tests.model.exploring import Explored, ends, explore, on_a_circle
from tests.model.protocol import NOT_RELIED_ON, Protocol
from tests.model.states import (
    State,
    declined_is_not_paid,
    due_is_surely_not_executed,
    paid_at_most_once,
    settled_is_paid_and_booked_once,
)

SMALL: dict[str, Any] = {
    "can_look_up": False,
    "begun_within": 0,
    "call_longest": 1,
    "margin": 2,
    "lifetime": 5,
    "pending_max": 6,
}
"""As small as it can be for a key to die between two attempts."""

PAID, DECLINED = {"paid twice": paid_at_most_once}, {"declined and paid": declined_is_not_paid}
BOOKED = {"booked wrong": settled_is_paid_and_booked_once}
CANCELLED = {"cancelled and paid": due_is_surely_not_executed}


def found(laws: Mapping[str, Any], **figures: Any) -> Explored[State]:
    return explore(State(), Protocol(**{**SMALL, **figures}).steps, laws, aside=NOT_RELIED_ON)


@pytest.mark.parametrize(
    ("without", "laws"),
    [
        ({"fenced": False}, PAID),
        ({"fenced": False}, BOOKED),
        ({"unknown_from_claim": False}, PAID),
        ({"unknown_from_claim": False}, CANCELLED),
        ({"age_checked": False}, PAID),
        ({"age_checked": False}, DECLINED),
        ({"margin": 0}, PAID),
        ({"margin": 0}, DECLINED),
        ({"begun_in_time": False}, PAID),
        ({"begun_in_time": False}, DECLINED),
        ({"key_persisted": False}, PAID),
        ({"key_persisted": False}, DECLINED),
        ({"timeout_is_unknown": False}, PAID),
        ({"timeout_is_unknown": False}, CANCELLED),
        ({"not_found_is_unknown": False, "can_look_up": True}, DECLINED),
    ],
    ids=lambda one: ", ".join(one),
)
def test_without_this_guard_money_is_lost(
    without: Mapping[str, Any], laws: Mapping[str, Any]
) -> None:
    explored = found(laws, **without)
    states = len(explored.states)
    assert explored.broken is not None, f"{without} breaks nothing in {states} states"
    # The story is one of this world: it begins with a claim and ends with what must not be.
    told = explored.trace()
    assert "claims it to send" in told.splitlines()[1], told
    (law,) = laws.values()
    assert not law(explored.states[-1]), told


@pytest.mark.parametrize(("begun_within", "call_longest"), list(product((0, 1), (1, 2))))
def test_the_margin_is_as_long_as_the_time_in_which_a_call_may_be_begun_and_arrive(
    begun_within: int, call_longest: int
) -> None:
    """One tick less, and a request that was rightly sent finds its key forgotten."""
    needed = begun_within + call_longest
    for margin, safe in ((needed, True), (needed - 1, False)):
        explored = found(
            PAID,
            begun_within=begun_within,
            call_longest=call_longest,
            margin=margin,
            attempts_max=1,
            lifetime=margin + 3,
            pending_max=margin + 4,
        )
        assert (explored.broken is None) is safe, f"{margin=}: {explored.trace()}"


def test_without_an_end_of_leases_a_crash_leaves_work_that_nobody_takes_up() -> None:
    explored = found({}, lease_ends=False)
    stuck = [
        explored.trace(number)
        for number in ends(explored)
        if explored.states[number].row.state is RepaymentState.UNKNOWN
    ]
    assert stuck
    assert "crashes" in stuck[0], stuck[0]


def test_without_a_longest_time_what_is_pending_is_asked_after_for_ever() -> None:
    explored = found({}, pending_ends=False)
    circle = on_a_circle(explored)
    assert circle is not None
    assert explored.states[circle].row.state is RepaymentState.PENDING, explored.trace(circle)


def test_with_all_guards_the_small_model_is_safe_too() -> None:
    """So that what is found above is due to the guard alone."""
    explored = found({**PAID, **DECLINED, **BOOKED, **CANCELLED})
    assert explored.broken is None, explored.trace()
    assert on_a_circle(explored) is None
