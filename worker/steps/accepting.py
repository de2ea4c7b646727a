"""Accept refund requests: decide on each, reserve its money, and claim its repayments.

One transaction for a batch. Requests of one order are decided in the order of the batch, each on
what the ones before it left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from models.messages.names import REFUNDS_REQUEST
from models.messages.parsing import fingerprint
from models.messages.refunds import RefundRequestV1
from models.values.identifiers import provider_key_of, repayment_id_of
from models.values.orders import Acceptance, CaptureShare, OrderBook
from models.values.refusals import Refusal, RefusalCode
from models.values.repayments import Action, Claim, RepaymentOrder
from models.values.states import Decision, RefundKind, RefundState, RepaymentState, Topic
from worker.database import transact
from worker.errors import RaceLostError
from worker.rules.eligibility import decide
from worker.settings import settings
from worker.steps.answers import Answer, accepted, refusal_of, refused
from worker.steps.facts import splits_debt_itself
from worker.store import captures, inbox, orders, outbox, refunds, repayments, requests

# A request's time is not its content: a producer may build the message anew for a retry.
NOT_CONTENT = frozenset({"requested_at"})
FIRST_ATTEMPT = 1
FIRST_FENCE = 1
FIRST_GENERATION = 1


@dataclass(slots=True)
class Batch:
    """What a batch of requests came to, and what is to be stored of it."""

    answers: list[Answer] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    decided: dict[requests.RequestKey, requests.StoredAnswer] = field(default_factory=dict)
    conflicts: list[tuple[Any, ...]] = field(default_factory=list)
    request_rows: list[tuple[Any, ...]] = field(default_factory=list)
    refund_rows: list[tuple[Any, ...]] = field(default_factory=list)
    line_rows: list[tuple[Any, ...]] = field(default_factory=list)
    new_repayments: list[repayments.NewRepayment] = field(default_factory=list)
    shares: list[CaptureShare] = field(default_factory=list)
    events: list[outbox.Event] = field(default_factory=list)


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
    books: dict[orders.OrderKey, OrderBook] = _books(connection, rows, fresh)
    for message, key, print_ in zip(messages, keys, prints, strict=True):
        stored = batch.decided.get(key)
        if stored is not None:
            _answer_again(batch, message, print_, stored)
            continue
        order_key = message.merchant_id, message.order_id
        book = books.get(order_key)
        verdict = decide(message.to_ask(), book)
        if isinstance(verdict, Acceptance) and book is not None:
            _add_acceptance(batch, message, print_, book, verdict)
            books[order_key] = book.with_taken(verdict.shares)
        elif isinstance(verdict, Refusal):
            _add_refusal(batch, message, print_, verdict)
    _store(connection, batch)
    return batch


def _books(
    connection: Connection,
    rows: dict[orders.OrderKey, orders.OrderRow],
    fresh: Sequence[RefundRequestV1],
) -> dict[orders.OrderKey, OrderBook]:
    wanted = {(m.merchant_id, m.order_id) for m in fresh}
    return orders.read_books(
        connection,
        [row for key, row in rows.items() if key in wanted],
        whole={(m.merchant_id, m.order_id) for m in fresh if m.kind is not RefundKind.LINES},
        line_ids={line.line_id for m in fresh for line in m.lines},
    )


def _answer_again(
    batch: Batch, message: RefundRequestV1, print_: bytes, stored: requests.StoredAnswer
) -> None:
    key = message.idempotency_key
    if stored.fingerprint != print_:
        refusal = Refusal(
            RefusalCode.IDEMPOTENCY_CONFLICT,
            f"idempotency key {key!r} was used for another request",
            "idempotency_key",
        )
        batch.answers.append(refused(key, refusal))
        batch.conflicts.append(
            (
                REFUNDS_REQUEST,
                message.merchant_id,
                key,
                str(refusal.code),
                refusal.message,
                refusal.field,
                print_,
                message.model_dump_json(),
            )
        )
    elif stored.decision == Decision.ACCEPTED:
        batch.answers.append(accepted(key, stored.refund_id, replayed=True))
    else:
        refusal = refusal_of(stored.refusal_code, stored.refusal_message, stored.refusal_field)
        batch.answers.append(refused(key, refusal, replayed=True))


def _add_request(
    batch: Batch, message: RefundRequestV1, print_: bytes, stored: requests.StoredAnswer
) -> None:
    batch.decided[message.merchant_id, message.idempotency_key] = stored
    batch.request_rows.append(
        (
            message.merchant_id,
            message.idempotency_key,
            message.order_id,
            print_,
            message.model_dump_json(exclude_defaults=True),
            stored.decision,
            stored.refund_id,
            stored.refusal_code,
            stored.refusal_message,
            stored.refusal_field,
        )
    )


def _add_refusal(batch: Batch, message: RefundRequestV1, print_: bytes, refusal: Refusal) -> None:
    batch.answers.append(refused(message.idempotency_key, refusal))
    stored = requests.StoredAnswer(
        print_, str(Decision.REFUSED), None, str(refusal.code), refusal.message, refusal.field
    )
    _add_request(batch, message, print_, stored)
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


def _add_acceptance(
    batch: Batch,
    message: RefundRequestV1,
    print_: bytes,
    book: OrderBook,
    acceptance: Acceptance,
) -> None:
    refund_id = acceptance.refund_id
    batch.answers.append(accepted(message.idempotency_key, refund_id))
    stored = requests.StoredAnswer(print_, str(Decision.ACCEPTED), refund_id, None, None, None)
    _add_request(batch, message, print_, stored)
    batch.refund_rows.append(
        (
            refund_id,
            book.pk,
            message.merchant_id,
            book.currency,
            str(message.kind),
            str(RefundState.ACCEPTED),
            acceptance.amount_minor,
            message.reason,
            message.reference,
            message.requested_at,
        )
    )
    for share in acceptance.shares:
        _add_share(batch, book, acceptance, share)
    batch.events.append(
        outbox.Event(
            Topic.ACCEPTED,
            message.merchant_id,
            refund_id,
            {
                "refund_id": str(refund_id),
                "idempotency_key": message.idempotency_key,
                "order_id": message.order_id,
                "amount_minor": acceptance.amount_minor,
                "currency": book.currency,
            },
        )
    )


def _add_share(batch: Batch, book: OrderBook, acceptance: Acceptance, share: CaptureShare) -> None:
    repayment_id = repayment_id_of(acceptance.refund_id, share.capture_pk)
    capture = book.capture(share.capture_pk)
    whole = splits_debt_itself(share.provider)
    called = share.amount_minor if whole else share.cash_minor
    action = Action.SEND if called else Action.NONE
    key = provider_key_of(repayment_id, FIRST_GENERATION)
    batch.shares.append(share)
    batch.new_repayments.append(
        repayments.NewRepayment(
            repayment_id,
            acceptance.refund_id,
            share.capture_pk,
            share.provider,
            share.amount_minor,
            share.cash_minor,
            key,
            action,
        )
    )
    batch.line_rows.extend(
        (
            repayment_id,
            line.line_pk,
            line.portion.quantity,
            line.portion.amount_minor,
            line.portion.tax_minor,
            line.portion.discount_minor,
        )
        for line in share.lines
    )
    batch.claims.append(
        Claim(
            repayment_id,
            FIRST_FENCE,
            FIRST_ATTEMPT,
            action,
            RepaymentState.DUE,
            share.provider,
            RepaymentOrder(
                key=key,
                reference=str(acceptance.refund_id),
                merchant_id=book.merchant_id,
                order_id=book.order_id,
                capture_id=capture.capture_id,
                currency=book.currency,
                amount_minor=called,
                provider_references=capture.provider_references,
            ),
        )
    )


def _store(connection: Connection, batch: Batch) -> None:
    # A key may be used at the same moment with another order, where no lock keeps us apart. A
    # refund's id follows from its key, so the second of two finds the first one's row.
    if refunds.insert_refunds(connection, batch.refund_rows) != len(batch.refund_rows):
        raise RaceLostError("a refund was stored by another transaction")
    if requests.insert_requests(connection, batch.request_rows) != len(batch.request_rows):
        raise RaceLostError("a request was stored by another transaction")
    captures.reserve(connection, batch.shares)
    repayments.insert_claimed(
        connection, batch.new_repayments, timedelta(seconds=settings().lease_seconds)
    )
    refunds.insert_refund_lines(connection, batch.line_rows)
    inbox.insert_refused(connection, batch.conflicts)
    outbox.insert_events(connection, batch.events)
