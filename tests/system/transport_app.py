"""A Celery app on the transport that the settings name, whose tasks note in a file that they ran.

The file, not Redis: Redis is what these tests kill, flush and fill.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue

from worker.queue.batching import BatchTask
from worker.queue.envelopes import Envelope
from worker.queue.transport import choose
from worker.settings import settings

NOTES = Path(os.environ["NOTES"])
QUEUES = ("single", "batch", "other")

choose(settings().transport)
app = Celery("transport", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],  # type: ignore[no-untyped-call]  # kombu's
    task_default_queue="single",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=int(os.environ.get("PREFETCH", "20")),
    worker_enable_remote_control="REMOTE_CONTROL" in os.environ,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    broker_transport_options={
        "owner_ttl": float(os.environ.get("OWNER_TTL", "60")),
        "visibility_timeout": 300,
        "unacked_restore_interval": 0.25,
        "health_check_interval": 1,
        "socket_timeout": 1,
        "socket_connect_timeout": 1,
        "priority_steps": [0],
    },
)


def note(line: str) -> None:
    """One atomic write: several processes share the file."""
    with NOTES.open("a") as file:
        file.write(line + "\n")


def work(body: dict[str, Any]) -> None:
    """Take as long as the message says, and note its id."""
    note(f"begun {body['id']}")
    time.sleep(body.get("sleep", 0))
    note(f"done {body['id']}")


@app.task(name="single")  # type: ignore[untyped-decorator]  # Celery ships no types
def single(body: dict[str, Any]) -> None:
    """One message, as Celery handles it."""
    work(body)


class Batch(BatchTask):
    """Many messages at once, as this project handles them."""

    name = "batch"
    batch_size = 10

    def run(self, envelopes: list[Envelope]) -> Sequence[str]:
        for one in envelopes:
            work(one.body)
        return ["done"] * len(envelopes)


app.register_task(Batch())
