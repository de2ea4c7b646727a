"""Circuit breaker and rate limit: how many calls a provider is asked for, shared by all workers.

The breaker opens after a row of calls that show the provider ill, for longer each time; then one
call probes it, and any answer closes it. The rate limit is the generic cell rate algorithm (GCRA):
one moment is all that is stored.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from models.values.gates import Admission, Gate, RateLimit
from models.values.repayments import Outcome, OutcomeKind
from models.values.retries import ErrorClass

FAILURES_MAX = 5
OPEN_FLOOR = timedelta(seconds=30)
OPEN_CEILING = timedelta(minutes=10)

ILL = (ErrorClass.NETWORK, ErrorClass.TIMEOUT, ErrorClass.PROVIDER_ERROR)


def is_ill(outcome: Outcome) -> bool:
    """Whether an outcome shows that the provider is ill, and not that it said no."""
    unclear = outcome.kind in (OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT)
    return unclear and outcome.error in ILL


def admit(
    gate: Gate, wanted: int, limit: RateLimit | None, now: datetime, probe_for: timedelta
) -> Admission:
    """How many of the calls that are wanted may be made now.

    `probe_for` is how long a probe may take: meanwhile no other is made.
    """
    count, retry_at, probing = wanted, now, gate.failures >= FAILURES_MAX
    if probing:
        if gate.opened_until is not None and gate.opened_until > now:
            return Admission(0, gate.opened_until, gate)
        count = min(wanted, 1)
    if limit is not None:
        each = limit.per // limit.calls
        start = max(gate.admitted_until or now, now)
        room = (now + each * limit.burst - start) // each
        count = max(min(count, room), 0)
        admitted_until = start + each * count
        # The next cell is free when what was admitted no longer fills the burst.
        retry_at = max(retry_at, admitted_until - each * (limit.burst - 1))
        gate = replace(gate, admitted_until=admitted_until)
    if probing and count:
        # If the probe is never heard of, the breaker counts as opened again.
        retry_at = max(retry_at, now + probe_for)
        gate = replace(gate, opened_until=now + probe_for, openings=gate.openings + 1)
    return Admission(count, retry_at, gate)


def after_calls(gate: Gate, outcomes: Sequence[Outcome], now: datetime) -> Gate:
    """The gate after calls came back: any answer closes the breaker."""
    ill = sum(is_ill(outcome) for outcome in outcomes)
    if ill < len(outcomes):
        return Gate(admitted_until=gate.admitted_until)
    failures = gate.failures + ill
    if failures < FAILURES_MAX:
        return replace(gate, failures=failures)
    openings = max(gate.openings, 1)
    doubled: int = 2 ** min(openings - 1, 10)
    wait = min(OPEN_FLOOR * doubled, OPEN_CEILING)
    # Never less than a probe was given, or a second one would go out beside it.
    opened_until = max(now + wait, gate.opened_until or now)
    return replace(gate, failures=failures, openings=openings, opened_until=opened_until)
