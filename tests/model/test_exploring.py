"""The explorer finds what there is to find in models that are small enough to see through."""

from collections.abc import Iterator

import pytest

from tests.model import exploring
from tests.model.exploring import cannot_reach, ends, explore, on_a_circle

Counting = tuple[int, tuple[int | None, ...]]
"""A shared number, and what each of two has read of it, before it writes one more."""


def counting(state: Counting) -> Iterator[tuple[str, Counting]]:
    """Two add one each, by reading and then writing: the oldest race there is."""
    number, read = state
    for who in (0, 1):
        held = read[who]
        others = list(read)
        if held is None:
            others[who] = number
            yield f"{who} reads", (number, tuple(others))
        elif held >= 0:
            others[who] = -1
            yield f"{who} writes", (held + 1, tuple(others))


def never_lost(state: Counting) -> bool:
    number, read = state
    return number == 2 or read != (-1, -1)


START: Counting = (0, (None, None))


def test_it_finds_every_state_once_and_every_end() -> None:
    explored = explore(START, counting, {})
    assert len(set(explored.states)) == len(explored.states) == 12
    assert {explored.states[number] for number in ends(explored)} == {
        (2, (-1, -1)),
        (1, (-1, -1)),
    }
    assert explored.broken is None
    assert on_a_circle(explored) is None


def test_it_tells_the_shortest_way_to_a_broken_law() -> None:
    explored = explore(START, counting, {"nothing is lost": never_lost})
    assert explored.broken == "nothing is lost"
    assert explored.trace().splitlines() == [
        "nothing is lost",
        "  1 0 reads",
        "  2 1 reads",
        "  3 0 writes",
        "  4 1 writes",
        "   (1, (-1, -1))",
    ]


def test_the_trace_of_the_first_state_has_no_steps() -> None:
    explored = explore(START, counting, {})
    assert explored.trace(0).splitlines() == ["reached by", "   (0, (None, None))"]


def ring(state: int) -> Iterator[tuple[str, int]]:
    """From 0 to 1, round 1, 2, 3 for ever, and out to 9 by luck."""
    if state < 9:
        yield "on", 1 + state % 3
        yield "stays", state
    if state == 2:
        yield "luck", 9


def test_it_finds_circles_but_not_what_stays_as_it_is() -> None:
    explored = explore(0, ring, {})
    circle = on_a_circle(explored)
    assert circle is not None
    assert explored.states[circle] in (1, 2, 3)
    assert [explored.states[number] for number in ends(explored)] == [9]


def test_what_nobody_may_rely_on_is_followed_and_leads_nowhere() -> None:
    explored = explore(0, ring, {}, aside={"luck"})
    assert 9 in explored.states
    lost = cannot_reach(explored, lambda state: state == 9)
    assert lost is not None
    assert explored.states[lost] != 9
    assert cannot_reach(explore(0, ring, {}), lambda state: state == 9) is None


def test_a_model_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "STATES_MAX", 100)
    with pytest.raises(OverflowError, match="more than 100 states"):
        explore(0, lambda state: [("more", state + 1)], {})
