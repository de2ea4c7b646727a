"""The main job for a batch of requests: accept, repay, deduct."""

from collections.abc import Sequence

from models.messages.refunds import RefundRequestV1
from worker.clock import elapsed_seconds
from worker.steps.accepting import accept_requests
from worker.steps.answers import Answer
from worker.steps.attempting import attempt


def handle_requests(messages: Sequence[RefundRequestV1]) -> list[Answer]:
    """Decide on requests, repay the accepted ones and deduct them; one answer each.

    Between the two transactions no connection is held. A crash there leaves claimed repayments
    of unknown outcome, which the sweep takes up when their leases end. A slow provider's
    repayments go on after this has returned.

    Raises:
        DatabaseUnavailableError: not all was done; the same messages may be handled again.
    """
    claimed_at_seconds = elapsed_seconds()
    batch = accept_requests(messages)
    attempt(batch.claims, claimed_at_seconds)
    return batch.answers
