"""Whatever calls come to, the breaker lets one probe through at a time and is never stuck."""

from collections.abc import Callable
from functools import cache

from tests.model.breaker import (
    LOST,
    OPENINGS_MAX,
    TICK,
    Breaker,
    Moment,
    is_bounded,
    is_closed,
    one_probe,
)
from tests.model.exploring import Explored, cannot_reach, explore
from worker.rules.gating import FAILURES_MAX, OPEN_CEILING, OPEN_FLOOR
from worker.settings import Settings

LAWS = {"one call probes at a time": one_probe, "it is not open for too long": is_bounded}


@cache
def explored() -> Explored[Moment]:
    """All that can happen; that calls are lost is nothing to rely on."""
    return explore(Moment(), Breaker().steps, LAWS, aside={LOST})


def test_no_law_is_ever_broken(record_property: Callable[[str, object], None]) -> None:
    found = explored()
    record_property("states", len(found.states))
    assert found.broken is None, found.trace()
    assert any(call.probe for moment in found.states for call in moment.calls)
    assert {moment.openings for moment in found.states} == set(range(OPENINGS_MAX + 1))


def test_from_everywhere_it_can_be_closed_again() -> None:
    found = explored()
    stuck = cannot_reach(found, is_closed)
    assert stuck is None, found.trace(stuck or 0)


def test_a_probe_that_is_not_noted_lets_others_through() -> None:
    found = explore(Moment(), Breaker(probe_noted=False).steps, LAWS)
    assert found.broken == "one call probes at a time", len(found.states)
    assert found.trace().count("a call is ill") == FAILURES_MAX


def test_a_probe_must_be_given_as_long_as_a_call_takes() -> None:
    """Else the next one is let through while it is still under way."""
    found = explore(Moment(), Breaker(probe_for=1, call_longest=2).steps, LAWS)
    assert found.broken == "one call probes at a time", len(found.states)


def test_the_figures_of_the_model_have_the_relations_of_the_real_ones() -> None:
    fields, model = Settings.model_fields, Breaker()
    lease, call = fields["lease_seconds"].default, fields["call_timeout_seconds"].default
    assert lease == model.probe_for * TICK.total_seconds()
    # Calls are begun in the first half of a lease: the last of them ends within it.
    assert lease / 2 + call < lease
    assert model.call_longest < model.probe_for
    assert (
        OPEN_FLOOR * 2 ** (OPENINGS_MAX - 1) >= OPEN_CEILING > OPEN_FLOOR * 2 ** (OPENINGS_MAX - 2)
    )
