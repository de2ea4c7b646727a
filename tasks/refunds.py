"""`refunds.request`: a merchant asks for a refund."""

from collections.abc import Hashable, Sequence
from typing import Any

from models.messages.names import REFUNDS_REQUEST
from models.messages.refunds import RefundRequestV1
from worker.app import app
from worker.queue.batching import BatchTask
from worker.queue.envelopes import Envelope
from worker.settings import settings
from worker.steps.handling import handle_requests
from worker.steps.unpacking import handle_envelopes


class RequestRefunds(BatchTask):
    """Accepts, repays and deducts refunds in batches."""

    name = REFUNDS_REQUEST
    batch_size = settings().batch_size
    batch_wait_seconds = settings().batch_wait_seconds

    def lane(self, body: Any) -> Hashable:
        """Requests of one order are decided in order."""
        return body["merchant_id"], body["order_id"]

    def run(self, envelopes: list[Envelope]) -> Sequence[str]:
        """One step."""
        return handle_envelopes(self.name, RefundRequestV1, handle_requests, envelopes)


request = app.register_task(RequestRefunds())
