"""`captures.record`: funds were taken for (part of) an order."""

from collections.abc import Hashable, Sequence
from typing import Any

from models.messages.captures import CaptureRecordV1
from models.messages.names import CAPTURES_RECORD
from worker.app import app
from worker.queue.batching import BatchTask
from worker.queue.envelopes import Envelope
from worker.settings import settings
from worker.steps.capturing import record_captures
from worker.steps.unpacking import handle_envelopes


class RecordCaptures(BatchTask):
    """Records captures in batches."""

    name = CAPTURES_RECORD
    batch_size = settings().batch_size
    batch_wait_seconds = settings().batch_wait_seconds

    def lane(self, body: Any) -> Hashable:
        """Captures of one order are recorded in order."""
        return body["merchant_id"], body["order_id"]

    def run(self, envelopes: list[Envelope]) -> Sequence[str]:
        """One step."""
        return handle_envelopes(self.name, CaptureRecordV1, record_captures, envelopes)


record = app.register_task(RecordCaptures())
