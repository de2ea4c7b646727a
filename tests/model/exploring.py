"""Explore all that a small model can do, breadth first: every state, every order of steps.

Nothing is random and nothing is left out, so what holds here holds for each run of the model. The
first state found that breaks a law is among the nearest ones: its trace is as short as can be.
"""

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
Steps = Callable[[State], Iterable[tuple[str, State]]]
Laws = Mapping[str, Callable[[State], bool]]

STATES_MAX = 2_000_000
"""A model that is larger has a figure in it that grows without end."""


@dataclass(frozen=True, slots=True)
class Explored(Generic[State]):
    """What was found. `ways` leads from each state to others, by steps that can be relied on."""

    states: list[State]
    parents: list[int]
    labels: list[str]
    ways: list[tuple[int, ...]]
    broken: str | None = None
    steps: int = 0

    def trace(self, number: int = -1) -> str:
        """How a state is reached from the first one; without a number the last one found."""
        number = number % len(self.states)
        told = [f"   {self.states[number]}"]
        while number:
            told.append(self.labels[number])
            number = self.parents[number]
        lines = [f"{place:3} {label}" for place, label in enumerate(reversed(told[1:]), 1)]
        return "\n".join([self.broken or "reached by", *lines, told[0]])


def explore(
    start: State, steps: Steps[State], laws: Laws[State], *, aside: Collection[str] = ()
) -> Explored[State]:
    """Follow all steps from the start until nothing is new, or a law is broken.

    Steps whose label is in `aside` are followed too, but nobody may rely on them.

    Raises:
        OverflowError: the model has no end.
    """
    found: dict[State, int] = {start: 0}
    explored = Explored([start], [0], [""], [])
    states, parents, labels = explored.states, explored.parents, explored.labels
    queue, counted = deque([start]), 0
    while queue:
        state = queue.popleft()
        here, ways = len(explored.ways), []
        for label, after in steps(state):
            counted += 1
            place = found.get(after)
            if place is None:
                place = found[after] = len(states)
                states.append(after)
                parents.append(here)
                labels.append(label)
                for law, holds in laws.items():
                    if not holds(after):
                        return Explored(states, parents, labels, explored.ways, law, counted)
                queue.append(after)
            if place != here and label not in aside:
                ways.append(place)
        explored.ways.append(tuple(ways))
        if len(states) > STATES_MAX:
            raise OverflowError(f"more than {STATES_MAX} states")
    return Explored(states, parents, labels, explored.ways, None, counted)


def ends(explored: Explored[State]) -> list[int]:
    """The states that no step leads out of."""
    return [number for number, ways in enumerate(explored.ways) if not ways]


def cannot_reach(explored: Explored[State], goal: Callable[[State], bool]) -> int | None:
    """A state from which no path leads to the goal, if there is one."""
    back: list[list[int]] = [[] for _ in explored.states]
    for number, ways in enumerate(explored.ways):
        for place in ways:
            back[place].append(number)
    near = [number for number, state in enumerate(explored.states) if goal(state)]
    reached = set(near)
    while near:
        new = [number for number in back[near.pop()] if number not in reached]
        reached.update(new)
        near.extend(new)
    return next((n for n in range(len(explored.states)) if n not in reached), None)


def on_a_circle(explored: Explored[State]) -> int | None:
    """A state that steps can lead back to, if there is one: without any, every path ends."""
    ways_in = [0] * len(explored.states)
    for ways in explored.ways:
        for place in ways:
            ways_in[place] += 1
    free = [number for number, count in enumerate(ways_in) if not count]
    while free:
        for place in explored.ways[free.pop()]:
            ways_in[place] -= 1
            if not ways_in[place]:
                free.append(place)
    # What is left is on a circle, or behind one: going back leads into it, and then round.
    back = {
        place: number
        for number, ways in enumerate(explored.ways)
        if ways_in[number]
        for place in ways
    }
    number = next((place for place, count in enumerate(ways_in) if count), None)
    passed: set[int] = set()
    while number is not None and number not in passed:
        passed.add(number)
        number = back[number]
    return number
