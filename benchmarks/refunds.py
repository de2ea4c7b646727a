"""Refunds end to end: published, accepted, repaid by the sandbox, deducted, durably committed.

The workers are real `celery --app worker.app worker` processes on a database of their own. Beat
does not run: the relay of the outbox is not part of what is measured.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psycopg
import redis

from benchmarks.measuring import CpuSeconds, Gauge, percentile
from benchmarks.queueing import Queue
from benchmarks.results import Result
from benchmarks.servers import Servers, configured
from benchmarks.verifying import verify
from benchmarks.workers import CELERY, PREFORK_2, SOLO_2, Workers, running_workers
from benchmarks.workload import Request, keys_of, requests
from models.messages.names import QUEUE_REFUNDS, QUEUES, REFUNDS_REQUEST
from worker.queue.publishing import Publisher

APP = "worker.app"
POOLS = {"one prefork worker, 2 processes": PREFORK_2, "two solo workers": SOLO_2}
SOLO_1 = (("--pool", "solo"),)
WARM_UP = 300
PACE_SECONDS = 0.02
LOAD = 0.5
"""At what part of the measured rate the latency is taken."""

LATENCY_LOAD_MAX = 700
SMALL_BATCH = 5
"""Batches up to this size are slow, and need fewer messages to be measured as well."""

_COMMITTED = """
    SELECT q.idempotency_key, extract(epoch FROM pg_xact_commit_timestamp(d.xmin))::float8
    FROM deductions d JOIN refund_requests q ON q.refund_id = d.refund_id
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """How the refund workers are run."""

    batch_size: int
    consumers: str
    pools: Sequence[Sequence[str]]
    events: bool
    transport: str = "safe"

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"refunds, batch {self.batch_size}, {self.consumers}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the worker reads them."""
        return {
            "REFUNDS_BATCH_SIZE": str(self.batch_size),
            "REFUNDS_TASK_EVENTS": str(self.events).lower(),
            "REFUNDS_TRANSPORT": self.transport,
        }

    @property
    def waiting(self) -> int:
        """By how many commands the ready workers wait: the safe transport has one a queue."""
        return len(self.pools) * (len(QUEUES) if self.transport == "safe" else 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many refunds to time, and for how long to take latencies (0: not at all)."""

    refunds: int
    latency_seconds: float

    def of(self, setting: Setting) -> int:
        """How many refunds are timed of this setting."""
        return self.refunds if setting.batch_size > SMALL_BATCH else self.refunds // 4

    @property
    def refunds_max(self) -> int:
        """How many refunds one setting can come to."""
        return WARM_UP + self.refunds + int(LATENCY_LOAD_MAX * self.latency_seconds)


def measure(
    servers: Servers,
    folder: Path,
    template: str,
    setting: Setting,
    plan: Plan,
    program: Sequence[str] = CELERY,
) -> Result:
    """Rate, latency, memory and CPU time of one setting, on a fresh copy of `template`."""
    database = servers.create_database(template)
    source = requests(plan.refunds_max)
    with servers.client() as client, configured(servers, database) as env:
        client.flushall()
        with Publisher(servers.urls.redis_url) as publisher:
            count = publisher.send(REFUNDS_REQUEST, islice(source, plan.of(setting)))
            Queue(client, QUEUE_REFUNDS).hold()
            with running_workers(
                APP,
                setting.pools,
                folder / "refunds.log",
                {**env, **setting.environment},
                program,
            ) as workers:
                run = _Run(servers, database, publisher, client, workers, setting.waiting)
                done = run.warm_up(islice(source, WARM_UP)) + count
                seconds, cpu, peak_mb = run.drain_held()
                load = min(LOAD * count / seconds, LATENCY_LOAD_MAX)
                latencies = run.take_latencies(source, load, plan.latency_seconds)
                done += len(latencies)
    verify(servers, database, done)
    servers.drop_database(database)
    return Result(
        setting.label,
        count,
        seconds,
        latency_p50_ms=percentile(latencies, 50) if latencies else None,
        latency_p99_ms=percentile(latencies, 99) if latencies else None,
        latency_load_per_second=round(load, 1) if latencies else None,
        peak_memory_mb=peak_mb,
        others_cores=cpu.others / seconds,
        cpu_micros=cpu.micros_each(count),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    servers: Servers
    database: str
    publisher: Publisher
    client: redis.Redis
    workers: Workers
    waiting: int

    @property
    def queue(self) -> Queue:
        return Queue(self.client, QUEUE_REFUNDS, self.workers.check)

    def warm_up(self, bodies: Iterator[Request]) -> int:
        """Let every process open its connections, and the tables fill a little."""
        self.queue.wait_ready(self.waiting)
        count = self.publisher.send(REFUNDS_REQUEST, bodies)
        self.queue.wait_drained()
        self.servers.settle(self.database)
        return count

    def drain_held(self) -> tuple[float, CpuSeconds, float]:
        """Time the held messages; gives seconds, CPU time and peak memory in MB."""
        servers = self.servers
        with Gauge(self.workers.pids, servers.postgres_pid, servers.valkey_pid) as gauge:
            before, started_at = gauge.cpu(), self.queue.release()
            seconds = self.queue.wait_drained() - started_at
            cpu = gauge.cpu().since(before)
        return seconds, cpu, gauge.peak_mb

    def take_latencies(
        self, source: Iterator[Request], per_second: float, seconds: float
    ) -> list[float]:
        """Publish at an even pace; gives milliseconds from publishing to the last commit."""
        sent_at: dict[str, float] = {}
        started_at = time.time()
        while (now := time.time()) - started_at < seconds:
            due = int((now - started_at) * per_second) - len(sent_at)
            if bodies := list(islice(source, due)):
                sent_at.update(dict.fromkeys(keys_of(bodies), time.time()))
                self.publisher.send(REFUNDS_REQUEST, bodies)
            time.sleep(PACE_SECONDS)
        self.queue.wait_drained()
        committed_at = self._commit_times()
        return [(committed_at[key] - at) * 1e3 for key, at in sent_at.items()]

    def _commit_times(self) -> Mapping[str, float]:
        with psycopg.connect(self.servers.database_url(self.database)) as connection:
            return dict(connection.execute(_COMMITTED).fetchall())
