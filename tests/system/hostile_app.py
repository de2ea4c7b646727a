"""A Celery app whose batch task dies, fails or sleeps on demand, and notes what it handled."""

import os
import signal
import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue

from worker.queue.batching import BatchTask
from worker.queue.envelopes import Envelope

NOTES = Path(os.environ["HOSTILE_NOTES"])

app = Celery("hostile", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_queues=[Queue("hostile", Exchange("hostile"), routing_key="hostile")],  # type: ignore[no-untyped-call]  # kombu's
    task_default_queue="hostile",
    task_ignore_result=True,
    worker_prefetch_multiplier=50,
    worker_enable_remote_control=False,
    broker_transport_options={"visibility_timeout": 300},
)


class Hostile(BatchTask):
    """Does to its process what the message says."""

    name = "hostile"
    batch_size = 10

    def lane(self, body: Any) -> Hashable:
        return str(body["lane"]) if "lane" in body else None

    def run(self, envelopes: list[Envelope]) -> Sequence[str]:
        for one in envelopes:
            if one.poison:
                note(f"poison {one.body['id']}")
            elif one.body.get("kill"):
                note(f"killed {one.body['id']}")
                os.kill(os.getpid(), signal.SIGKILL)
            elif one.body.get("fail_until") and time.time() < one.body["fail_until"]:
                note(f"failed {one.body['id']}")
                raise RuntimeError("not yet")
        note(f"batch {len(envelopes)}")
        time.sleep(max(one.body.get("sleep", 0) for one in envelopes))
        for one in envelopes:
            if not one.poison:
                note(f"handled {one.body['id']}")
        return ["done"] * len(envelopes)


def note(line: str) -> None:
    """One atomic write: several processes share the file."""
    with NOTES.open("a") as file:
        file.write(line + "\n")


app.register_task(Hostile())
