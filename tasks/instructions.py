"""Instructions: approve, deny, cancel, goods received, payments, disputes."""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

from worker.app import app
from worker.queue.batching import BatchTask
from worker.queue.envelopes import Envelope
from worker.settings import settings
from worker.steps.instructions import KINDS, follow, message_of
from worker.steps.unpacking import handle_envelopes

SUBJECTS = ("refund_id", "capture_id", "dispute_id", "order_id")


class Instruct(BatchTask):
    """Follows the instructions of one task in batches."""

    batch_size = settings().batch_size
    batch_wait_seconds = settings().batch_wait_seconds

    def __init__(self, name: str) -> None:
        self.name = name

    def lane(self, body: Any) -> Hashable:
        """Instructions about the same thing are followed in order."""
        return (body["merchant_id"], *(body.get(name) for name in SUBJECTS))

    def run(self, envelopes: list[Envelope]) -> Sequence[str]:
        """One step."""
        step = partial(follow, self.name)
        return handle_envelopes(self.name, message_of(self.name), step, envelopes)


TASKS = [app.register_task(Instruct(name)) for name in KINDS]
