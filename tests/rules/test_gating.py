"""The circuit breaker and the rate limit: when calls are let through, and when not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.gates import Admission, Gate, RateLimit
from models.values.repayments import Outcome, OutcomeKind
from models.values.retries import ErrorClass
from worker.rules.gating import (
    FAILURES_MAX,
    OPEN_CEILING,
    OPEN_FLOOR,
    admit,
    after_calls,
    is_ill,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND, MOMENT = timedelta(seconds=1), timedelta(microseconds=1)
PROBE_FOR = timedelta(seconds=90)
ILL = Outcome(OutcomeKind.UNKNOWN, error=ErrorClass.TIMEOUT)
WELL = Outcome(OutcomeKind.SETTLED)
ANSWERS = (
    WELL,
    Outcome(OutcomeKind.PENDING),
    Outcome(OutcomeKind.DECLINED, "card_closed"),
    Outcome(OutcomeKind.UNKNOWN, "not_found"),
    Outcome(OutcomeKind.NOT_SENT, error=ErrorClass.RATE_LIMITED),
    Outcome(OutcomeKind.NOT_SENT, error=ErrorClass.REJECTED),
    Outcome(OutcomeKind.UNKNOWN, error=ErrorClass.IN_PROGRESS),
)
OPENED = Gate(FAILURES_MAX, 1, START)
"""A breaker whose time is over: the next call is a probe."""


def failed(gate: Gate, times: int, now: datetime = START) -> Gate:
    for _ in range(times):
        gate = after_calls(gate, [ILL], now)
    return gate


@pytest.mark.parametrize(("kind", "error"), list(product(OutcomeKind, (None, *ErrorClass))))
def test_ill_is_who_cannot_be_reached_or_fails_and_not_who_says_no(
    kind: OutcomeKind, error: ErrorClass | None
) -> None:
    unclear = kind in (OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT)
    broken = error in (ErrorClass.NETWORK, ErrorClass.TIMEOUT, ErrorClass.PROVIDER_ERROR)
    assert is_ill(Outcome(kind, error=error)) is (unclear and broken)


def test_the_breaker_opens_after_exactly_so_many_failures_in_a_row() -> None:
    assert FAILURES_MAX == 5
    for failures in range(FAILURES_MAX):
        gate = failed(Gate(), failures)
        assert gate == Gate(failures)
        assert admit(gate, 7, None, START, PROBE_FOR).count == 7
    gate = failed(Gate(), FAILURES_MAX)
    assert gate == Gate(FAILURES_MAX, 1, START + OPEN_FLOOR)
    assert admit(gate, 7, None, START, PROBE_FOR).count == 0


@pytest.mark.parametrize("together", range(1, 2 * FAILURES_MAX))
def test_calls_that_fail_together_count_one_by_one(together: int) -> None:
    gate = after_calls(Gate(), [ILL] * together, START)
    assert gate.failures == together
    assert (gate.opened_until is not None) == (together >= FAILURES_MAX)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("failures", range(2 * FAILURES_MAX))
def test_any_answer_starts_the_count_again_and_closes_the_breaker(
    answer: Outcome, failures: int
) -> None:
    gate = failed(Gate(), failures)
    for calls in ([answer], [answer, ILL], [*[ILL] * 20, answer]):
        assert after_calls(gate, calls, START) == Gate()


def test_an_answer_keeps_what_the_rate_limit_knows() -> None:
    known = START + SECOND
    gate = Gate(FAILURES_MAX, 3, START, known)
    assert after_calls(gate, [WELL], START) == Gate(admitted_until=known)
    assert after_calls(gate, [ILL], START).admitted_until == known
    assert failed(Gate(admitted_until=known), 2) == Gate(2, admitted_until=known)


def test_while_open_nothing_is_admitted_and_everyone_is_told_when() -> None:
    gate = failed(Gate(), FAILURES_MAX)
    until = START + OPEN_FLOOR
    for now in (START, START + SECOND, until - MOMENT):
        for wanted in (1, 100):
            assert admit(gate, wanted, None, now, PROBE_FOR) == Admission(0, until, gate)
    assert admit(gate, 1, None, until, PROBE_FOR).count == 1


def test_it_stays_open_for_doubling_times_up_to_the_ceiling() -> None:
    gate, now = failed(Gate(), FAILURES_MAX), START
    waits = []
    for _ in range(20):
        assert gate.opened_until is not None
        waits.append(gate.opened_until - now)
        now = gate.opened_until
        found = admit(gate, 1, None, now, PROBE_FOR)
        assert found.count == 1
        gate = after_calls(found.gate, [ILL], now)
    # Never for less than a probe was given.
    doubled = [max(OPEN_FLOOR * n, PROBE_FOR) for n in (2, 4, 8, 16)]
    assert waits[:7] == [OPEN_FLOOR, *doubled] + [OPEN_CEILING] * 2
    assert set(waits[6:]) == {OPEN_CEILING}
    assert waits[0] == timedelta(seconds=30)
    assert waits[-1] == timedelta(minutes=10)


@pytest.mark.parametrize("openings", [1, 11, 10**6])
def test_no_number_of_openings_is_too_large_to_be_computed(openings: int) -> None:
    gate = after_calls(Gate(FAILURES_MAX, openings, START), [ILL], START)
    assert gate.opened_until is not None
    assert gate.opened_until <= START + OPEN_CEILING


@pytest.mark.parametrize("wanted", [1, 2, 100])
def test_when_its_time_is_over_exactly_one_call_probes_however_many_ask(wanted: int) -> None:
    first = admit(OPENED, wanted, None, START, PROBE_FOR)
    assert (first.count, first.retry_at) == (1, START + PROBE_FOR)
    gate = first.gate
    # Others ask at the same moment and later: none gets through while the probe may be under way.
    for now in (START, START, START + SECOND, START + PROBE_FOR - MOMENT):
        other = admit(gate, wanted, None, now, PROBE_FOR)
        assert other == Admission(0, START + PROBE_FOR, gate)


@pytest.mark.parametrize("answer", ANSWERS)
def test_any_answer_to_the_probe_closes_the_breaker_and_forgets_how_often_it_opened(
    answer: Outcome,
) -> None:
    gate = admit(OPENED, 1, None, START, PROBE_FOR).gate
    closed = after_calls(gate, [answer], START + SECOND)
    assert closed == Gate()
    assert admit(closed, 9, None, START + SECOND, PROBE_FOR).count == 9


def test_a_probe_that_fails_opens_the_breaker_for_twice_as_long() -> None:
    gate = admit(OPENED, 1, None, START, PROBE_FOR).gate
    again = after_calls(gate, [ILL], START + SECOND)
    assert again.opened_until == max(START + SECOND + 2 * OPEN_FLOOR, START + PROBE_FOR)
    later = after_calls(replace(gate, openings=4), [ILL], START + SECOND)
    assert later.opened_until == START + SECOND + 8 * OPEN_FLOOR
    assert again.failures == FAILURES_MAX + 1


def test_a_probe_of_which_nothing_is_heard_opens_it_again_and_then_another_probes() -> None:
    gate, now = OPENED, START
    for lost in range(1, 6):
        found = admit(gate, 3, None, now, PROBE_FOR)
        assert found.count == 1
        assert found.gate.openings == 1 + lost
        assert found.gate.opened_until == now + PROBE_FOR
        gate, now = found.gate, now + PROBE_FOR
    # Lost probes count: when one comes back ill, the breaker stays open for longer.
    wait = after_calls(gate, [ILL], now).opened_until
    assert wait == now + min(OPEN_FLOOR * 2**5, OPEN_CEILING)


def test_late_failures_of_calls_made_before_it_opened_count_as_no_opening() -> None:
    gate = failed(Gate(), FAILURES_MAX)
    later = after_calls(gate, [ILL] * 3, START + SECOND)
    assert later == Gate(FAILURES_MAX + 3, 1, START + SECOND + OPEN_FLOOR)


def test_late_failures_do_not_shorten_the_time_that_a_probe_was_given() -> None:
    """Else a second one is let through while the first may still be under way."""
    probing = admit(OPENED, 1, None, START, PROBE_FOR).gate
    later = after_calls(probing, [ILL], START)
    assert later.opened_until is not None
    assert later.opened_until >= START + PROBE_FOR


def test_a_probe_for_which_the_limit_has_no_room_is_not_taken_for_made() -> None:
    """Nothing was sent: the breaker has not opened once more, and the limit says when to try."""
    limit, room_at = RateLimit(1, 10 * SECOND, 1), START + 10 * SECOND
    gate = Gate(FAILURES_MAX, 1, START, room_at)
    found = admit(gate, 1, limit, START, PROBE_FOR)
    assert (found.count, found.retry_at, found.gate) == (0, room_at, gate)


@st.composite
def limits(draw: st.DrawFn) -> RateLimit:
    """Limits whose rate is a whole number of microseconds a call."""
    calls = draw(st.integers(1, 50))
    each = draw(st.integers(1, 5_000_000))
    return RateLimit(calls, calls * each * MOMENT, draw(st.integers(1, 20)))


GAPS = st.just(timedelta(0)) | st.timedeltas(timedelta(0), SECOND)
ARRIVALS = st.lists(
    st.tuples(GAPS | st.timedeltas(timedelta(0), 200 * SECOND), st.integers(1, 30)),
    min_size=1,
    max_size=40,
)


@given(limits(), ARRIVALS)
def test_over_no_window_more_is_admitted_than_the_burst_and_what_the_rate_allows(
    limit: RateLimit, arrivals: list[tuple[timedelta, int]]
) -> None:
    each = limit.per / limit.calls
    gate, now = Gate(), START
    admitted: list[tuple[datetime, int]] = []
    for later, wanted in arrivals:
        now += later
        found = admit(gate, wanted, limit, now, PROBE_FOR)
        assert 0 <= found.count <= wanted
        admitted.append((now, found.count))
        gate = found.gate
    for first, (begin, _) in enumerate(admitted):
        total = 0
        for end, count in admitted[first:]:
            total += count
            assert total <= limit.burst + (end - begin) // each


@given(limits(), ARRIVALS)
def test_no_call_is_held_back_that_the_limit_would_allow(
    limit: RateLimit, arrivals: list[tuple[timedelta, int]]
) -> None:
    """Refusing all would keep every limit: what is refused would have broken it in some window."""
    each = limit.per / limit.calls
    gate, now = Gate(), START
    admitted: list[tuple[datetime, int]] = []
    for later, wanted in arrivals:
        now += later
        found = admit(gate, wanted, limit, now, PROBE_FOR)
        admitted.append((now, found.count))
        gate = found.gate
        if found.count < wanted:
            full = []
            for first, (begin, _) in enumerate(admitted):
                total = sum(count for _, count in admitted[first:])
                full.append(total + 1 > limit.burst + (now - begin) / each)
            assert any(full)


@given(limits(), ARRIVALS, st.integers(1, 30))
def test_whoever_is_refused_is_told_the_first_moment_at_which_one_more_is_admitted(
    limit: RateLimit, arrivals: list[tuple[timedelta, int]], wanted: int
) -> None:
    gate, now = Gate(), START
    for later, number in arrivals:
        now += later
        gate = admit(gate, number, limit, now, PROBE_FOR).gate
    found = admit(gate, limit.burst + wanted, limit, now, PROBE_FOR)
    assert found.retry_at > now
    assert admit(found.gate, 1, limit, found.retry_at - MOMENT, PROBE_FOR).count == 0
    assert admit(found.gate, wanted, limit, found.retry_at, PROBE_FOR).count == 1


@given(limits(), ARRIVALS)
def test_it_never_starves_and_after_a_pause_the_whole_burst_is_free(
    limit: RateLimit, arrivals: list[tuple[timedelta, int]]
) -> None:
    each = limit.per / limit.calls
    gate, now = Gate(), START
    for later, wanted in arrivals:
        now += later
        gate = admit(gate, wanted, limit, now, PROBE_FOR).gate
    assert admit(gate, 1, limit, now + each, PROBE_FOR).count == 1
    rested = admit(gate, 1000, limit, now + each * limit.burst, PROBE_FOR)
    assert rested.count == limit.burst


def test_a_limit_told_in_numbers() -> None:
    """Ten in a second, three of them at once: one every 100 ms."""
    limit = RateLimit(10, SECOND, 3)
    first = admit(Gate(), 5, limit, START, PROBE_FOR)
    assert (first.count, first.retry_at) == (3, START + 0.1 * SECOND)
    assert first.gate == Gate(admitted_until=START + 0.3 * SECOND)
    second = admit(first.gate, 5, limit, START + 0.25 * SECOND, PROBE_FOR)
    assert (second.count, second.retry_at) == (2, START + 0.3 * SECOND)


def test_a_rate_that_is_no_whole_number_of_microseconds_is_kept_to_a_millionth() -> None:
    limit = RateLimit(7, SECOND, 1)
    gate, now, count = Gate(), START, 0
    while now < START + 1000 * SECOND:
        found = admit(gate, 1, limit, now, PROBE_FOR)
        gate, now, count = found.gate, found.retry_at, count + found.count
    assert 7000 <= count <= 7001


def test_a_limit_that_was_made_smaller_holds_at_once() -> None:
    gate = admit(Gate(), 100, RateLimit(1, SECOND, 100), START, PROBE_FOR).gate
    found = admit(gate, 1, RateLimit(1, SECOND, 1), START, PROBE_FOR)
    assert (found.count, found.retry_at) == (0, START + 100 * SECOND)


@given(limits(), st.integers(1, 100))
def test_the_breaker_goes_before_the_limit_and_refusing_costs_nothing(
    limit: RateLimit, wanted: int
) -> None:
    gate = Gate(FAILURES_MAX, 1, START + SECOND, START)
    found = admit(gate, wanted, limit, START, PROBE_FOR)
    assert (found.count, found.retry_at, found.gate) == (0, START + SECOND, gate)
    probe = admit(gate, wanted, limit, START + SECOND, PROBE_FOR)
    assert probe.count == 1
    assert probe.gate.admitted_until == START + SECOND + limit.per / limit.calls
    assert probe.retry_at >= START + SECOND + PROBE_FOR


def test_whoever_is_refused_beside_a_probe_waits_for_the_later_of_breaker_and_limit() -> None:
    for seconds, later in ((10, 90), (600, 600)):
        limit = RateLimit(1, seconds * SECOND, 1)
        found = admit(OPENED, 2, limit, START, PROBE_FOR)
        assert (found.count, found.retry_at) == (1, START + later * SECOND)


def test_without_a_limit_all_is_admitted_and_nothing_remembered() -> None:
    found = admit(Gate(), 10**6, None, START, PROBE_FOR)
    assert (found.count, found.gate) == (10**6, Gate())
