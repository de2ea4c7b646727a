"""Wait until nothing goes on any more."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import redis

from chaos.servers import Valkey
from worker.errors import RefundWorkerError

LOOK_SECONDS = 1.0
SAY_SECONDS = 10.0
PATIENCE_SECONDS = 240.0
"""Nothing that goes on by itself takes so long between two changes."""

_OPEN = """
    SELECT (SELECT count(*) FROM repayments
            WHERE state IN ('held', 'due', 'unknown', 'pending', 'parked'))::int,
           (SELECT count(*) FROM refunds WHERE state IN ('held', 'accepted', 'repaid'))::int,
           (SELECT count(*) FROM outbox)::int,
           (SELECT count(*) FROM parked_messages WHERE closed_at IS NULL
            AND code IN ('poison_message', 'internal_error'))::int
"""


@dataclass(frozen=True, slots=True)
class Open:
    """What is still under way."""

    repayments: int
    refunds: int
    events: int
    messages: int
    queued: int

    @property
    def is_nothing(self) -> bool:
        """Whether all is done."""
        return not (self.repayments or self.refunds or self.events or self.messages or self.queued)


def look(database_url: str, valkey: Valkey) -> Open:
    """What is under way now."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute(_OPEN).fetchone()
    assert row is not None
    repayments, refunds, events, messages = row
    return Open(repayments, refunds, events, messages, sum(valkey.queues().values()))


def wait_until_quiet(
    database_url: str,
    valkey: Valkey,
    work: Callable[[], None],
    say: Callable[[str], None],
    longest_seconds: float,
) -> Open:
    """Wait, working on what is parked meanwhile, until nothing is open or nothing changes."""
    started = changed_at = time.monotonic()
    said_at, last = 0.0, None
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            work()
            found = look(database_url, valkey)
        except (psycopg.Error, redis.RedisError, RefundWorkerError) as error:
            say(f"waiting: {type(error).__name__}")
            continue
        now = time.monotonic()
        if found != last:
            if now - said_at > SAY_SECONDS:
                said_at = now
                say(
                    f"open: {found.repayments} repayments, {found.refunds} refunds, "
                    f"{found.events} events, {found.queued} messages"
                )
            last, changed_at = found, now
        if found.is_nothing:
            return found
        if now - changed_at > PATIENCE_SECONDS or now - started > longest_seconds:
            say(f"it does not become quiet: {found}")
            return found
