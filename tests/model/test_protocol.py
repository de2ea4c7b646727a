"""Whatever happens in whatever order, a repayment pays once and comes to an end."""

from collections.abc import Callable
from functools import cache

import pytest

from models.values.states import FINAL_REPAYMENT_STATES, RepaymentState
from tests.model.exploring import Explored, ends, explore, on_a_circle
from tests.model.protocol import NOT_RELIED_ON, TICK, Protocol
from tests.model.provider import Movement
from tests.model.states import LAWS, NOBODY, Phase, State
from worker.settings import Settings

S = RepaymentState
PROVIDERS = {"can-look-up": True, "cannot": False}
DONE = (*FINAL_REPAYMENT_STATES, S.PARKED)


@cache
def explored(provider: str) -> Explored[State]:
    """Everything that can happen, once for all tests. What may never come is not relied on."""
    protocol = Protocol(can_look_up=PROVIDERS[provider])
    return explore(State(), protocol.steps, LAWS, aside=NOT_RELIED_ON)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_law_is_ever_broken(
    provider: str, record_property: Callable[[str, object], None]
) -> None:
    found = explored(provider)
    record_property("states", len(found.states))
    record_property("steps", found.steps)
    assert found.broken is None, f"after {len(found.states)} states: {found.trace()}"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_path_comes_to_an_end_and_that_is_final_or_a_persons_work(provider: str) -> None:
    """Also without any news and without any person, however often workers crash or pause."""
    found = explored(provider)
    circle = on_a_circle(found)
    assert circle is None, f"it may go on for ever from here: {found.trace(circle or 0)}"
    stuck = [number for number in ends(found) if found.states[number].row.state not in DONE]
    assert not stuck, f"it is stuck: {found.trace(stuck[0])}"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_at_an_end_nobody_is_at_work_and_nothing_is_on_its_way(provider: str) -> None:
    found = explored(provider)
    for number in ends(found):
        state = found.states[number]
        assert (state.works, state.requests) == ((None, None), ()), found.trace(number)


SEEN: dict[str, Callable[[State], bool]] = {
    "both workers call at the same time": lambda state: all(
        work is not None and work.phase is Phase.CALLING for work in state.works
    ),
    "two requests and nobody who waits for them": lambda state: (
        len(state.requests) > 1 and all(one.owner == NOBODY for one in state.requests)
    ),
    "paid, and forgotten by the provider before we know": lambda state: (
        state.row.state is S.UNKNOWN
        and state.book.movement is Movement.SETTLED
        and not state.book.keys
    ),
    "paid, and parked": lambda state: (
        state.row.state is S.PARKED and state.book.movement is Movement.SETTLED
    ),
    "settled while a worker still calls": lambda state: (
        state.row.state is S.SETTLED and any(state.works)
    ),
    "declined while a request is on its way": lambda state: (
        state.row.state is S.DECLINED and bool(state.requests)
    ),
    "pending here and declined there": lambda state: (
        state.row.state is S.PENDING and state.book.movement is Movement.DECLINED
    ),
    "pending for too long": lambda state: (
        state.row.state is S.PARKED and state.row.parked_from is S.PENDING
    ),
    "parked, and surely not executed": lambda state: (
        state.row.state is S.PARKED and state.row.parked_from is S.DUE
    ),
    "due again": lambda state: state.row.state is S.DUE and state.row.attempts > 1,
    "a worker with an outcome that it may not record": lambda state: any(
        work is not None and work.made is not None and state.row.holder != who
        for who, work in enumerate(state.works)
    ),
    "a worker that has woken up too late to call": lambda state: any(
        work is not None and work.since > Protocol.begun_within for work in state.works
    ),
    "never executed, and in a person's hands": lambda state: (
        state.row.state is S.PARKED and state.book.movement is Movement.NONE
    ),
}


@pytest.mark.parametrize("what", SEEN)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_model_is_no_idyll(provider: str, what: str) -> None:
    """Laws that hold of a model in which nothing goes wrong would say nothing."""
    assert any(map(SEEN[what], explored(provider).states))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_state_of_a_repayment_that_was_accepted_is_explored(provider: str) -> None:
    found = explored(provider)
    stored = {state.row.state for state in found.states}
    assert stored == {S.DUE, S.UNKNOWN, S.PENDING, S.PARKED, S.SETTLED, S.DECLINED}
    assert {state.book.movement for state in found.states} == set(Movement)
    assert len(found.states) > 50_000


def test_the_figures_of_the_model_have_the_relations_of_the_real_ones() -> None:
    fields, model, seconds = Settings.model_fields, Protocol(), TICK.total_seconds()
    lease = fields["lease_seconds"].default
    assert lease == model.lease * seconds
    # As `call_all` and the sweep have it: begun in the first half, a margin of two leases.
    assert lease / 2 == model.begun_within * seconds
    assert 2 * lease == model.margin * seconds
    assert fields["call_timeout_seconds"].default < model.call_longest * seconds
    assert model.begun_within + model.call_longest <= model.margin < model.lifetime
    assert model.lifetime < model.pending_max
