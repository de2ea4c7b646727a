"""Ask no more of a provider than it takes: breakers and rate limits, shared by all workers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from models.values.gates import Admission, Gate, GateKey
from models.values.repayments import NO_TIME_LEFT, Action, Claim, Outcome
from worker.rules.gating import FAILURES_MAX, admit, after_calls, is_ill
from worker.settings import settings
from worker.steps.facts import facts_of
from worker.store import gates

log = structlog.get_logger()


def admit_calls(
    connection: Connection, wanted: Mapping[GateKey, int]
) -> tuple[dict[GateKey, Admission], datetime]:
    """How many of the wanted calls may be made now; locks the gates until the commit.

    Gives also the database's time at which that was decided.
    """
    limited = [key for key in wanted if facts_of(key[0]).rate_limit is not None]
    found, now = gates.lock_gates(connection, wanted, limited)
    probe_for = timedelta(seconds=settings().lease_seconds)
    admissions = {
        key: admit(found.get(key, Gate()), count, facts_of(key[0]).rate_limit, now, probe_for)
        for key, count in wanted.items()
    }
    changed = {
        key: one.gate for key, one in admissions.items() if one.gate != found.get(key, Gate())
    }
    gates.write_gates(connection, changed)
    return admissions, now


class Turnstile:
    """Lets calls through, key by key, as far as they are admitted."""

    def __init__(self, connection: Connection, keys: Iterable[GateKey]) -> None:
        wanted = Counter(keys)
        self._admissions: dict[GateKey, Admission] = {}
        self.now = datetime.min.replace(tzinfo=UTC)
        if wanted:
            self._admissions, self.now = admit_calls(connection, wanted)
        self._left = {key: one.count for key, one in self._admissions.items()}

    def retry_at(self, key: GateKey) -> datetime | None:
        """None if one more call of this key may be made now, else when it may try again."""
        if self._left[key] > 0:
            self._left[key] -= 1
            return None
        return self._admissions[key].retry_at


def note_outcomes(connection: Connection, pairs: Sequence[tuple[Claim, Outcome]]) -> None:
    """Tell the gates what calls came to. Costs one statement while all is well."""
    told: dict[GateKey, list[Outcome]] = defaultdict(list)
    for claim, outcome in pairs:
        called = claim.action in (Action.SEND, Action.ASK) and outcome.code != NO_TIME_LEFT
        if called:
            told[claim.provider, claim.order.merchant_id].append(outcome)
    if not told:
        return
    ill = [key for key, outcomes in told.items() if any(map(is_ill, outcomes))]
    found, now = gates.lock_gates(connection, told, ill)
    changed = {}
    for key, outcomes in told.items():
        before = found.get(key, Gate())
        gate = after_calls(before, outcomes, now)
        if gate != before or (gate == Gate() and key in found):
            changed[key] = gate
        if (gate.failures >= FAILURES_MAX) != (before.failures >= FAILURES_MAX):
            event = "provider.breaker_opened" if gate.failures else "provider.breaker_closed"
            log.warning(event, provider=key[0], merchant_id=key[1], failures=gate.failures)
    gates.write_gates(connection, changed)
