"""What a batch of decided requests comes to, row by row, and storing it in a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from models.messages.refunds import RefundRequestV1
from models.values.identifiers import provider_key_of, repayment_id_of
from models.values.orders import Acceptance, CaptureShare, OrderBook
from models.values.repayments import Action, Claim, RepaymentOrder
from models.values.states import (
    CHARGEBACK_REASON,
    RefundKind,
    RefundState,
    RepaymentKind,
    RepaymentState,
    Topic,
)
from worker.errors import RaceLostError
from worker.settings import settings
from worker.steps.answers import Answer, accepted, stored_answer
from worker.steps.attempting import busy_providers
from worker.steps.deciding import HoldRow
from worker.steps.facts import facts_of
from worker.steps.gating import Turnstile
from worker.store import captures, holds, inbox, outbox, refunds, repayments, requests

BUSY_WAIT = timedelta(seconds=1)
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
    hold_rows: list[tuple[Any, ...]] = field(default_factory=list)
    new_repayments: list[repayments.NewRepayment] = field(default_factory=list)
    shares: list[CaptureShare] = field(default_factory=list)
    events: list[outbox.Event] = field(default_factory=list)


def add_request(batch: Batch, message: RefundRequestV1, print_: bytes, answer: Answer) -> None:
    """Add a decided request, with the answer that is its answer for ever."""
    stored = stored_answer(answer, print_)
    batch.answers.append(answer)
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


def add_acceptance(
    batch: Batch,
    message: RefundRequestV1,
    print_: bytes,
    book: OrderBook,
    acceptance: Acceptance,
    waits: Sequence[HoldRow] = (),
    kind: RepaymentKind = RepaymentKind.REFUND,
) -> None:
    """Add an accepted request to what is to be stored, and claim its repayments unless held."""
    refund_id = acceptance.refund_id
    add_request(batch, message, print_, accepted(message.idempotency_key, refund_id))
    reason = CHARGEBACK_REASON if kind is RepaymentKind.CHARGEBACK else message.reason
    batch.refund_rows.append(
        (
            refund_id,
            book.pk,
            message.merchant_id,
            book.currency,
            str(message.kind),
            str(RefundState.HELD if waits else RefundState.ACCEPTED),
            acceptance.amount_minor,
            acceptance.fee_minor,
            str(reason) if reason else None,
            message.reason_text,
            message.reference,
            message.requested_by,
            message.requested_at,
            acceptance.due_at,
        )
    )
    batch.hold_rows.extend((refund_id, str(one), dispute_pk) for one, dispute_pk in waits)
    unallocated = message.kind is RefundKind.AMOUNT
    for share in acceptance.shares:
        _add_share(batch, book, refund_id, share, kind, held=bool(waits), unallocated=unallocated)
    batch.events.extend(_accepted_events(message, book, acceptance))


def _accepted_events(
    message: RefundRequestV1, book: OrderBook, acceptance: Acceptance
) -> list[outbox.Event]:
    refund_id = acceptance.refund_id
    named = {
        "refund_id": str(refund_id),
        "idempotency_key": message.idempotency_key,
        "order_id": message.order_id,
    }
    taken = {
        **named,
        "amount_minor": acceptance.amount_minor,
        "return_fee_minor": acceptance.fee_minor,
        "gift_card_minor": sum(share.gift_card_minor for share in acceptance.shares),
        "store_credit_minor": sum(share.store_credit_minor for share in acceptance.shares),
        "currency": book.currency,
        "due_at": acceptance.due_at.isoformat() if acceptance.due_at else None,
    }
    events = [outbox.Event(Topic.ACCEPTED, message.merchant_id, refund_id, taken)]
    if acceptance.holds:
        held = {**named, "holds": [str(one) for one in acceptance.holds]}
        events.append(outbox.Event(Topic.HELD, message.merchant_id, refund_id, held))
    return events


def _add_share(
    batch: Batch,
    book: OrderBook,
    refund_id: UUID,
    share: CaptureShare,
    kind: RepaymentKind,
    *,
    held: bool,
    unallocated: bool,
) -> None:
    repayment_id = repayment_id_of(refund_id, share.capture_pk)
    capture = book.capture(share.capture_pk)
    facts = facts_of(share.provider)
    called = facts.amount_to_send(share.amount_minor, share.cash_minor)
    action = Action.SEND if called and kind is RepaymentKind.REFUND else Action.NONE
    key = provider_key_of(repayment_id, FIRST_GENERATION)
    batch.shares.append(share)
    state = RepaymentState.HELD if held else RepaymentState.UNKNOWN
    lease = None if held else timedelta(seconds=settings().lease_seconds)
    batch.new_repayments.append(
        repayments.NewRepayment(repayment_id, refund_id, share, key, action, kind, state, lease)
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
    if held:
        return
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
                reference=str(refund_id),
                merchant_id=book.merchant_id,
                order_id=book.order_id,
                capture_id=capture.capture_id,
                currency=book.currency,
                amount_minor=called,
                provider_references=capture.provider_references,
                unallocated=unallocated and facts.amounts_unallocated,
            ),
            kind,
        )
    )


def store_batch(connection: Connection, batch: Batch) -> None:
    """Store what a batch came to. The orders are locked by the caller.

    Raises:
        RaceLostError: run the transaction again.
    """
    # A key may be used at the same moment with another order, where no lock keeps us apart. A
    # refund's id follows from its key, so the second of two finds the first one's row.
    if refunds.insert_refunds(connection, batch.refund_rows) != len(batch.refund_rows):
        raise RaceLostError("a refund was stored by another transaction")
    if requests.insert_requests(connection, batch.request_rows) != len(batch.request_rows):
        raise RaceLostError("a request was stored by another transaction")
    captures.reserve(connection, batch.shares)
    _put_off(connection, batch)
    repayments.insert_repayments(connection, batch.new_repayments)
    refunds.insert_refund_lines(connection, batch.line_rows)
    holds.insert_holds(connection, batch.hold_rows)
    inbox.insert_refused(connection, batch.conflicts)
    outbox.insert_events(connection, batch.events)


def _put_off(connection: Connection, batch: Batch) -> None:
    """What its provider does not take now is stored as due, for the sweep, and not claimed."""
    sent = [claim for claim in batch.claims if claim.action is Action.SEND]
    busy = busy_providers()
    turnstile = Turnstile(
        connection,
        ((one.provider, one.order.merchant_id) for one in sent if one.provider not in busy),
    )
    waits: dict[UUID, timedelta] = {}
    for claim in sent:
        if claim.provider in busy:
            waits[claim.repayment_id] = BUSY_WAIT
            continue
        retry_at = turnstile.retry_at((claim.provider, claim.order.merchant_id))
        if retry_at is not None:
            waits[claim.repayment_id] = max(retry_at - turnstile.now, timedelta(0))
    if waits:
        batch.claims = [one for one in batch.claims if one.repayment_id not in waits]
        batch.new_repayments = [
            replace(one, state=RepaymentState.DUE, wait=waits[one.repayment_id])
            if one.repayment_id in waits
            else one
            for one in batch.new_repayments
        ]
