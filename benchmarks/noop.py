"""The yardstick: a Celery task that does nothing, on a stock worker.

Prefork with two processes, acknowledged late, no result backend; task events as the refund worker
has them. Run as `celery --app benchmarks.noop worker`.
"""

import os
from pathlib import Path

from celery import Celery

from benchmarks.measuring import Gauge
from benchmarks.queueing import Queue
from benchmarks.results import Result
from benchmarks.servers import Servers
from benchmarks.workers import PREFORK_2, running_workers

QUEUE = "celery"
TASK = "benchmark.noop"
PUBLISHED_AT_ONCE = 500
WARM_UP = 500
EVENTS_VARIABLE = "REFUNDS_TASK_EVENTS"

app = Celery("noop", broker=os.environ.get("REDIS_URL"), set_as_current=False)
app.conf.update(
    task_acks_late=True,
    worker_send_task_events=os.environ.get(EVENTS_VARIABLE, "true") == "true",
)


@app.task(name=TASK, ignore_result=True)  # type: ignore[untyped-decorator]  # Celery ships no types
def noop() -> None:
    """Do nothing."""


def measure(servers: Servers, folder: Path, count: int, *, events: bool, label: str) -> Result:
    """The rate of `count` no-op tasks."""
    env = {"REDIS_URL": servers.urls.redis_url, EVENTS_VARIABLE: str(events).lower()}
    with servers.client() as client:
        client.flushall()
        _publish(servers.urls.redis_url, count)
        Queue(client, QUEUE).hold()
        with running_workers("benchmarks.noop", PREFORK_2, folder / "noop.log", env) as workers:
            queue = Queue(client, QUEUE, workers.check)
            queue.wait_ready(len(workers.pids))
            _publish(servers.urls.redis_url, WARM_UP)
            queue.wait_drained()
            servers.settle()
            with Gauge(workers.pids, servers.postgres_pid, servers.valkey_pid) as gauge:
                before, started_at = gauge.cpu(), queue.release()
                seconds = queue.wait_drained() - started_at
                cpu = gauge.cpu().since(before)
    return Result(
        label,
        count,
        seconds,
        peak_memory_mb=gauge.peak_mb,
        others_cores=cpu.others / seconds,
        cpu_micros=cpu.micros_each(count),
    )


def _publish(redis_url: str, count: int) -> None:
    publisher = Celery("publisher", broker=redis_url, set_as_current=False)
    with publisher.connection_for_write() as connection:
        producer = publisher.amqp.Producer(connection)
        with producer.batch(PUBLISHED_AT_ONCE):
            for _ in range(count):
                publisher.send_task(TASK, producer=producer, ignore_result=True)
