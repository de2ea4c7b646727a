"""Die at every boundary, and at every pair of them; then go on to the end, and count the money."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import redis

from tests.crashes.boundaries import Died, Plan, Watch
from tests.crashes.scenarios import SCENARIOS, Scenario, handle
from tests.steps.books import assert_books_agree
from tests.steps.test_handling import rows
from worker.errors import DatabaseUnavailableError
from worker.steps import attempting
from worker.steps.relaying import STREAM, relay
from worker.steps.sweeping import sweep

ROUNDS_MAX = 12

# What must come out the same, whatever died on the way. Attempts may differ, and ids of rows.
SNAPSHOT = {
    "requests": "SELECT idempotency_key, decision, refusal_code FROM refund_requests ORDER BY 1",
    "refunds": "SELECT id, state, amount_minor, fee_minor, settled_minor FROM refunds ORDER BY 1",
    "repayments": "SELECT id, kind, state, amount_minor, cash_minor FROM repayments ORDER BY 1",
    "movements": "SELECT key, amount_minor, state FROM sandbox.movements ORDER BY 1",
    "captures": "SELECT capture_id, reserved_minor, refunded_minor, cash_minor, paid_minor"
    " FROM captures ORDER BY 1",
    "lines": "SELECT capture_pk, line_id, reserved_amount_minor, refunded_amount_minor,"
    " refunded_tax_minor FROM captured_lines ORDER BY 1, 2",
    "deductions": "SELECT refund_id, kind, amount_minor FROM deductions ORDER BY 1",
    "credits": "SELECT repayment_id, kind, amount_minor, tax_minor FROM credit_records ORDER BY 1",
    "instructions": "SELECT task, decision FROM instructions ORDER BY 1",
    "parked": "SELECT code FROM parked_messages",
}


def do(queue: list[tuple[str, dict[str, Any]]], url: str) -> None:
    """What workers do until all is quiet: messages (again), what is due, and publishing."""
    for task, body in queue:
        handle(task, body)
    for _ in range(ROUNDS_MAX):
        time_passes(url)
        attempted = sweep()
        if not relay() and not attempted:
            return
    raise AssertionError("never quiet")


def snapshot() -> dict[str, Any]:
    return {name: rows(query) for name, query in SNAPSHOT.items()}


def topics(client: redis.Redis) -> set[tuple[bytes, bytes]]:
    entries: Any = client.xrange(STREAM)
    return {(entry[b"topic"], entry[b"refund_id"]) for _, entry in entries}


NAMES = [one.name.replace(" ", "-") for one in SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_the_same_comes_out_wherever_processes_die(
    scenario: Scenario, database: str, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(scenario, database, broker, monkeypatch)
    expected, events, passed = runs.undisturbed()
    assert passed >= 6, "there are boundaries to die at"
    for first in range(passed):
        runs.disturbed([Plan(dies_at=first)], expected, events)
        runs.disturbed([Plan(loses_reply_at=first)], expected, events)
        # Die again while recovering, at each boundary in turn until recovery gets through.
        second = 0
        while runs.disturbed([Plan(dies_at=first), Plan(dies_at=second)], expected, events):
            second += 1


class Runs:
    """Runs of a scenario, each on an empty database."""

    def __init__(
        self, scenario: Scenario, url: str, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._scenario = scenario
        self._url = url
        self._broker = broker
        self._watch = Watch(monkeypatch)

    def undisturbed(self) -> tuple[dict[str, Any], set[tuple[bytes, bytes]], int]:
        """What comes out when nothing dies, the events, and how many boundaries are passed."""
        with self._prepared() as queue:
            do(queue, self._url)
        self._watch.watch_engines()
        with self._prepared() as queue:
            plan = Plan()
            with self._watch.following(plan):
                do(queue, self._url)
            assert_books_agree()
            return snapshot(), topics(self._broker), len(plan.seen)

    def disturbed(
        self, plans: list[Plan], expected: dict[str, Any], events: set[tuple[bytes, bytes]]
    ) -> bool:
        """Follow each plan in a process of its own, then one that lives; gives whether all died."""
        with self._prepared() as queue:
            died = [self._lives_not(plan, queue) for plan in plans]
            with self._watch.following(Plan()):
                do(queue, self._url)
            where = [plan.seen[-1:] for plan in plans]
            assert snapshot() == expected, where
            assert topics(self._broker) >= events, where
            assert_books_agree()
            return all(died)

    def _lives_not(self, plan: Plan, queue: list[tuple[str, dict[str, Any]]]) -> bool:
        try:
            with self._watch.following(plan):
                do(queue, self._url)
        except (Died, DatabaseUnavailableError):
            return True
        except psycopg.OperationalError:
            # A lost reply to the relay's publish is raised as it is: its task fails, beat rings on.
            return True
        finally:
            attempting.drain(30)
        return False

    @contextmanager
    def _prepared(self) -> Iterator[list[tuple[str, dict[str, Any]]]]:
        self._empty()
        self._broker.delete(STREAM)
        self._scenario.prepare()
        relay()
        yield list(self._scenario.queue())

    def _empty(self) -> None:
        """Much faster than a database for each run. Triggers that refuse it are off meanwhile."""
        with psycopg.connect(self._url) as connection:
            connection.execute("SET session_replication_role = replica")
            tables = connection.execute(
                "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
                " WHERE schemaname IN ('public', 'sandbox') AND tablename <> 'alembic_version'"
            ).fetchone()
            assert tables is not None
            connection.execute(f"TRUNCATE {tables[0]} RESTART IDENTITY CASCADE")


def time_passes(url: str) -> None:
    """Waits and leases end. On a connection of its own, which no process's death can touch."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE repayments SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL"
        )
