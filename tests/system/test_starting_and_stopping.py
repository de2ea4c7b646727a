"""A worker starts only where it can keep its promise, and stops without cutting a call in two."""

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.building import capture, full, record
from tests.steps.test_handling import rows
from tests.system.running import Worker, wait_for, worker
from tests.system.test_worker import body_of, publisher, url
from worker.queue.publishing import Publisher

__all__ = ["publisher", "url"]

pytestmark = pytest.mark.system


def test_a_worker_does_not_start_on_a_broker_that_evicts(
    database: str, broker: redis.Redis, tmp_path: Path
) -> None:
    broker.config_set("maxmemory-policy", "allkeys-lru")
    try:
        one = Worker(tmp_path / "worker.log")
        assert one.process.wait(60) != 0
    finally:
        broker.config_set("maxmemory-policy", "noeviction")
    assert "the broker's maxmemory-policy is allkeys-lru" in one.log.read_text()


def test_a_worker_warns_about_a_broker_without_append_only_file(
    database: str, broker: redis.Redis, tmp_path: Path
) -> None:
    before = broker.config_get("appendonly")["appendonly"]
    broker.config_set("appendonly", "no")
    try:
        with worker(tmp_path) as one:
            assert "broker.not_durable" in one.log.read_text()
    finally:
        broker.config_set("appendonly", str(before))


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_worker_that_is_told_to_stop_ends_its_providers_calls(
    database: str,
    broker: redis.Redis,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pool: str,
) -> None:
    """The calls outlast their batch's patience: they go on in lanes of their own."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"calls": ["settle"], "slow_seconds": 3}]))
    monkeypatch.setenv("REFUNDS_SANDBOX_SCRIPT", str(script))
    monkeypatch.setenv("REFUNDS_PATIENCE_SECONDS", "0.2")
    record(*(capture(f"o-{n}") for n in range(5)))
    options: list[Any] = ["--pool", pool, "--concurrency", "1"]
    with worker(tmp_path, *options) as one:
        publisher.send("refunds.request", [body_of(full(f"k-{n}", f"o-{n}")) for n in range(5)])
        wait_for(lambda: rows("SELECT count(*) FROM attempts") == [(5,)], 30, one.log)
        assert one.stop() == 0
    assert rows("SELECT state, count(*) FROM repayments GROUP BY 1") == [("settled", 5)]
    assert rows("SELECT count(*) FROM attempts WHERE outcome IS NULL") == [(0,)]
