"""The breaker of one provider as a model: calls that are asked for, answered, or never heard of.

Decided is by the real rules (`admit`, `after_calls`). A tick is the shortest time for which the
breaker opens; a probe is given three, and a call is over in two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from models.values.gates import Gate
from models.values.repayments import Outcome, OutcomeKind
from models.values.retries import ErrorClass
from worker.rules.gating import FAILURES_MAX, OPEN_CEILING, OPEN_FLOOR, admit, after_calls

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TICK = OPEN_FLOOR
OPENINGS_MAX = 6
"""From so many on the breaker opens for the longest time, however many more there are."""
OUTCOMES = {
    "ill": Outcome(OutcomeKind.UNKNOWN, error=ErrorClass.TIMEOUT),
    "answered": Outcome(OutcomeKind.DECLINED),
}
LOST = "a call is never heard of"


class Call(NamedTuple):
    """A call under way: whether it is the probe, and for how long it may still be."""

    probe: bool
    left: int


class Moment(NamedTuple):
    """The gate, with ticks in place of times, and the calls under way."""

    failures: int = 0
    openings: int = 0
    opened: int = 0
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Breaker:
    """The figures, in ticks, and whether a probe is noted when it is let through."""

    probe_for: int = 3
    call_longest: int = 2
    calls_max: int = 3
    probe_noted: bool = True

    def steps(self, moment: Moment) -> Iterator[tuple[str, Moment]]:
        """All that may happen next."""
        calls = moment.calls
        yield (
            "a tick passes",
            moment._replace(
                opened=max(moment.opened - 1, 0),
                calls=tuple(Call(probe, left - 1) for probe, left in calls if left),
            ),
        )
        for wanted in range(1, self.calls_max - len(calls) + 1):
            yield self._ask(moment, wanted)
        for call in set(calls):
            rest = list(calls)
            rest.remove(call)
            yield LOST, moment._replace(calls=tuple(rest))
            for label, outcome in OUTCOMES.items():
                gate = after_calls(_gate(moment), [outcome], NOW)
                closed = gate.failures < FAILURES_MAX
                # Once it is closed, what was a probe is a call like any other.
                left = (Call(one.probe and not closed, one.left) for one in rest)
                yield f"a call is {label}", _moment(gate, tuple(sorted(left)))

    def _ask(self, moment: Moment, wanted: int) -> tuple[str, Moment]:
        found = admit(_gate(moment), wanted, None, NOW, self.probe_for * TICK)
        gate = found.gate if self.probe_noted else _gate(moment)
        made = [Call(moment.failures >= FAILURES_MAX, self.call_longest)] * found.count
        calls = tuple(sorted([*moment.calls, *made]))
        return f"{wanted} calls are wanted, {found.count} let through", _moment(gate, calls)


def _gate(moment: Moment) -> Gate:
    if moment.failures < FAILURES_MAX:
        return Gate(moment.failures)
    return Gate(moment.failures, moment.openings, NOW + moment.opened * TICK)


def _moment(gate: Gate, calls: tuple[Call, ...]) -> Moment:
    opened = 0 if gate.opened_until is None else (gate.opened_until - NOW) // TICK
    failures = min(gate.failures, FAILURES_MAX)
    return Moment(failures, min(gate.openings, OPENINGS_MAX), opened, calls)


def one_probe(moment: Moment) -> bool:
    """While the breaker is open, at most one call probes the provider."""
    return sum(call.probe for call in moment.calls) <= 1


def is_bounded(moment: Moment) -> bool:
    """No breaker is open for longer than the longest time."""
    return moment.opened * TICK <= OPEN_CEILING


def is_closed(moment: Moment) -> bool:
    """Whether all calls are let through."""
    return moment.failures < FAILURES_MAX
