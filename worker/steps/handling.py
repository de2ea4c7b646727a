"""The main job for a batch of requests: accept, repay, deduct."""

from collections.abc import Sequence

from models.messages.refunds import RefundRequestV1
from worker.providers.calling import call_all
from worker.steps.accepting import accept_requests
from worker.steps.answers import Answer
from worker.steps.recording import record_outcomes


def handle_requests(messages: Sequence[RefundRequestV1]) -> list[Answer]:
    """Decide on requests, repay the accepted ones and deduct them; one answer each.

    Between the two transactions no connection is held. A crash there leaves claimed repayments
    of unknown outcome, which the sweep takes up when their leases end.

    Raises:
        DatabaseUnavailableError: not all was done; the same messages may be handled again.
    """
    batch = accept_requests(messages)
    record_outcomes(batch.claims, call_all(batch.claims))
    return batch.answers
