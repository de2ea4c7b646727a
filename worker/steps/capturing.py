"""Record captures: the ceiling of refunds, the sale in the payout, and its ledger entry."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection

from models.messages.captures import CaptureRecordV1
from models.messages.names import CAPTURES_RECORD
from models.messages.parsing import fingerprint
from models.values.refusals import Refusal, RefusalCode
from models.values.states import TENDERS
from worker.database import transact
from worker.errors import RaceLostError
from worker.providers import registry
from worker.rules import postings
from worker.steps.answers import Answer, accepted, refused, refused_row
from worker.store import captures, inbox, ledger, orders, payouts


def record_captures(messages: Sequence[CaptureRecordV1]) -> list[Answer]:
    """Record captures, one answer each.

    Recording the same capture twice is one capture; the same id with other content is refused.

    Raises:
        DatabaseUnavailableError: nothing was recorded.
    """
    prints = [fingerprint(message) for message in messages]
    return transact(lambda connection: _record(connection, messages, prints))


def _record(
    connection: Connection, messages: Sequence[CaptureRecordV1], prints: Sequence[bytes]
) -> list[Answer]:
    # A capture that is refused for its provider must not make its order known.
    first: dict[orders.OrderKey, tuple[str, str, str, str]] = {}
    for m in messages:
        if registry.is_known(m.provider):
            row = m.merchant_id, m.order_id, m.market, m.currency
            first.setdefault((m.merchant_id, m.order_id), row)
    orders.insert_orders(connection, first.values())
    rows = orders.lock_orders(connection, {(m.merchant_id, m.order_id) for m in messages})
    known = captures.find_fingerprints(
        connection, sorted({(m.merchant_id, m.capture_id) for m in messages})
    )
    answers: list[Answer] = []
    fresh: list[tuple[CaptureRecordV1, bytes]] = []
    refusals: list[tuple[CaptureRecordV1, bytes, Refusal]] = []
    for message, print_ in zip(messages, prints, strict=True):
        key = message.merchant_id, message.capture_id
        if known.get(key) == print_:
            answers.append(accepted(message.capture_id, replayed=True))
            continue
        refusal = _refusal(
            message, rows.get((message.merchant_id, message.order_id)), known=key in known
        )
        if refusal is not None:
            refusals.append((message, print_, refusal))
            answers.append(refused(message.capture_id, refusal))
            continue
        known[key] = print_
        fresh.append((message, print_))
        answers.append(accepted(message.capture_id))
    _store(connection, fresh, rows)
    inbox.insert_refused(
        connection,
        [
            refused_row(CAPTURES_RECORD, message, message.capture_id, print_, refusal)
            for message, print_, refusal in refusals
        ],
    )
    return answers


def _refusal(
    message: CaptureRecordV1, order: orders.OrderRow | None, *, known: bool
) -> Refusal | None:
    if known:
        return Refusal(
            RefusalCode.CAPTURE_CONFLICT,
            f"capture {message.capture_id!r} was recorded with other content",
            "capture_id",
        )
    if order is None or not registry.is_known(message.provider):
        return Refusal(
            RefusalCode.PROVIDER_UNKNOWN,
            f"no provider {message.provider!r}; known: {', '.join(registry.known_names())}",
            "provider",
        )
    if message.currency != order.currency:
        return Refusal(
            RefusalCode.CURRENCY_MISMATCH,
            f"order {order.order_id!r} is in {order.currency}, not {message.currency}",
            "currency",
        )
    if message.market != order.market:
        return Refusal(
            RefusalCode.MARKET_MISMATCH,
            f"order {order.order_id!r} is of market {order.market}, not {message.market}",
            "market",
        )
    return None


def _store(
    connection: Connection,
    fresh: Sequence[tuple[CaptureRecordV1, bytes]],
    rows: dict[orders.OrderKey, orders.OrderRow],
) -> None:
    open_payouts = payouts.lock_open_payouts(
        connection, {(m.merchant_id, m.currency) for m, _ in fresh}
    )
    pks = captures.insert_captures(
        connection,
        [
            (
                rows[m.merchant_id, m.order_id].pk,
                m.merchant_id,
                m.capture_id,
                m.captured_at,
                m.provider,
                json.dumps(m.provider_references),
                m.captured_minor,
                m.paid_minor,
                m.order_amount_minor,
                m.is_accompanied,
                open_payouts[m.merchant_id, m.currency],
                print_,
            )
            for m, print_ in fresh
        ],
    )
    if len(pks) != len(fresh):
        # The capture id is in use under another order, stored since we looked.
        raise RaceLostError("a capture was stored by another transaction")
    captures.insert_lines(
        connection,
        [
            (
                pks[m.merchant_id, m.capture_id],
                rows[m.merchant_id, m.order_id].pk,
                line.line_id,
                str(line.type),
                line.reference,
                line.name,
                line.unit_price,
                line.tax_rate,
                line.quantity,
                line.total_amount_minor,
                line.total_tax_minor,
                line.total_discount_minor,
            )
            for m, _ in fresh
            for line in m.lines
        ],
    )
    ledger.post(
        connection,
        [
            postings.sale(
                pks[m.merchant_id, m.capture_id],
                m.merchant_id,
                m.currency,
                m.captured_minor,
                m.paid_minor,
                {kind: m.tendered_minor(kind) for kind in TENDERS},
            )
            for m, _ in fresh
        ],
    )
