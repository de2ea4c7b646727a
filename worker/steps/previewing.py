"""Preview refund requests: the same rules, on the same books, without effect.

Requests of one order are previewed one after the other, each on what the ones before it would
leave. What is read is one snapshot of the database, and nothing is locked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from models.messages.parsing import fingerprint
from models.messages.refunds import RefundRequestV1
from models.values.orders import Acceptance, CaptureShare, OrderBook, Portion
from models.values.refusals import Refusal
from worker.database import transact
from worker.steps.accepting import NOT_CONTENT
from worker.steps.answers import Answer, accepted, answer_again, refused, stored_answer
from worker.steps.deciding import Deciding, gather
from worker.store import orders, requests

_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@dataclass(frozen=True, slots=True)
class LinePreview:
    """What would be taken of a captured line, and what would be left of it."""

    capture_id: str
    line_id: str
    type: str
    taken: Portion
    left: Portion


@dataclass(frozen=True, slots=True)
class CapturePreview:
    """What would be taken of a capture (an invoice): repaid, off the debt, kept, to tenders."""

    capture_id: str
    amount_minor: int
    repaid_minor: int
    debt_minor: int
    return_fee_minor: int
    gift_card_minor: int
    store_credit_minor: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of a request. Amounts in minor units of `currency`.

    `left_minor` is what would be left of the order. A request that was decided already has its
    stored answer and nothing else.
    """

    answer: Answer
    currency: str = ""
    amount_minor: int = 0
    left_minor: int = 0
    captures: Sequence[CapturePreview] = ()
    lines: Sequence[LinePreview] = ()
    holds: Sequence[str] = ()
    due_at: datetime | None = None


def preview(messages: Sequence[RefundRequestV1]) -> list[Preview]:
    """What would become of these requests, in their order.

    Raises:
        DatabaseUnavailableError: nothing could be read.
        NotConfiguredError: the policy file cannot be used.
    """
    return transact(lambda connection: _preview(connection, messages))


def _preview(connection: Connection, messages: Sequence[RefundRequestV1]) -> list[Preview]:
    connection.execute(_SNAPSHOT)
    rows = orders.find_orders(connection, {(m.merchant_id, m.order_id) for m in messages})
    keys = sorted({(m.merchant_id, m.idempotency_key) for m in messages})
    stored = requests.find_answers(connection, keys)
    deciding = gather(connection, rows, messages)
    found = []
    for message in messages:
        key = message.merchant_id, message.idempotency_key
        print_ = fingerprint(message, without=NOT_CONTENT)
        if key in stored:
            again = answer_again(message.idempotency_key, print_, stored[key], "request")
            found.append(Preview(again))
        else:
            found.append(_decided(message, deciding))
            stored[key] = stored_answer(found[-1].answer, print_)
    return found


def _decided(message: RefundRequestV1, deciding: Deciding) -> Preview:
    verdict, _ = deciding.decide(message.to_ask())
    left = deciding.books.get((message.merchant_id, message.order_id))
    if isinstance(verdict, Refusal):
        answer = refused(message.idempotency_key, verdict)
        return Preview(answer, left.currency, left_minor=_left(left)) if left else Preview(answer)
    return _accepted(message, verdict, deciding.books[message.merchant_id, message.order_id])


def _accepted(message: RefundRequestV1, verdict: Acceptance, left: OrderBook) -> Preview:
    return Preview(
        accepted(message.idempotency_key, verdict.refund_id),
        left.currency,
        verdict.amount_minor,
        _left(left),
        [_of_capture(share, left) for share in verdict.shares],
        [line for share in verdict.shares for line in _of_lines(share, left)],
        [str(kind) for kind in verdict.holds],
        verdict.due_at,
    )


def _left(book: OrderBook) -> int:
    return sum(capture.left_minor for capture in book.captures)


def _of_capture(share: CaptureShare, left: OrderBook) -> CapturePreview:
    return CapturePreview(
        left.capture(share.capture_pk).capture_id,
        share.amount_minor,
        share.cash_minor,
        share.amount_minor - share.cash_minor,
        share.fee.amount_minor if share.fee else 0,
        share.gift_card_minor,
        share.store_credit_minor,
    )


def _of_lines(share: CaptureShare, left: OrderBook) -> list[LinePreview]:
    capture_id = left.capture(share.capture_pk).capture_id
    lines = left.lines[share.capture_pk]
    return [
        LinePreview(
            capture_id,
            one.line_id,
            str(lines[one.line_id].type),
            one.portion,
            lines[one.line_id].left,
        )
        for one in share.lines
    ]
