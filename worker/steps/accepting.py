"""Accept refund requests: decide on each, reserve its money, and claim its repayments.

One transaction for a batch. Requests of one order are decided in the order of the batch, each on
what the ones before it left.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from models.messages.names import REFUNDS_REQUEST
from models.messages.parsing import fingerprint
from models.messages.refunds import RefundRequestV1
from models.values.orders import Acceptance
from models.values.refusals import Refusal
from models.values.states import Topic
from worker.database import transact
from worker.steps.answers import answer_again, refused, refused_row
from worker.steps.deciding import gather
from worker.steps.drafting import Batch, add_acceptance, add_request, store_batch
from worker.store import orders, outbox, requests

# A request's time is not its content: a producer may build the message anew for a retry.
NOT_CONTENT = frozenset({"requested_at"})


def accept_requests(messages: Sequence[RefundRequestV1]) -> Batch:
    """Decide on requests; gives one answer each and the repayments claimed for the caller.

    Raises:
        DatabaseUnavailableError: nothing was decided.
    """
    prints = [fingerprint(message, without=NOT_CONTENT) for message in messages]
    return transact(lambda connection: _accept(connection, messages, prints))


def _accept(
    connection: Connection, messages: Sequence[RefundRequestV1], prints: Sequence[bytes]
) -> Batch:
    rows = orders.lock_orders(connection, {(m.merchant_id, m.order_id) for m in messages})
    keys = [(m.merchant_id, m.idempotency_key) for m in messages]
    # Read after the lock: a rival's decision on the same order and key is visible now.
    batch = Batch(decided=requests.find_answers(connection, sorted(set(keys))))
    fresh = [m for m, key in zip(messages, keys, strict=True) if key not in batch.decided]
    deciding = gather(connection, rows, fresh)
    for message, key, print_ in zip(messages, keys, prints, strict=True):
        stored = batch.decided.get(key)
        if stored is not None:
            _answer_again(batch, message, print_, stored)
            continue
        verdict, book = deciding.decide(message.to_ask())
        if isinstance(verdict, Acceptance) and book is not None:
            waits = deciding.hold_rows(verdict)
            add_acceptance(batch, message, print_, book, verdict, waits)
        elif isinstance(verdict, Refusal):
            _add_refusal(batch, message, print_, verdict)
    store_batch(connection, batch)
    return batch


def _answer_again(
    batch: Batch, message: RefundRequestV1, print_: bytes, stored: requests.StoredAnswer
) -> None:
    key = message.idempotency_key
    answer = answer_again(key, print_, stored, "request")
    batch.answers.append(answer)
    if answer.refusal is not None and not answer.replayed:
        row = refused_row(REFUNDS_REQUEST, message, key, print_, answer.refusal)
        batch.conflicts.append(row)


def _add_refusal(batch: Batch, message: RefundRequestV1, print_: bytes, refusal: Refusal) -> None:
    add_request(batch, message, print_, refused(message.idempotency_key, refusal))
    batch.events.append(
        outbox.Event(
            Topic.REFUSED,
            message.merchant_id,
            None,
            {
                "idempotency_key": message.idempotency_key,
                "order_id": message.order_id,
                "code": str(refusal.code),
                "message": refusal.message,
                "field": refusal.field,
            },
        )
    )
