"""Refunds and what they take of captured lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.refunds import refund_lines, refunds
from worker.arrays import execute
from worker.store.setwise import insert_rows

REFUND_COLUMNS = (
    "id",
    "order_pk",
    "merchant_id",
    "currency",
    "kind",
    "state",
    "amount_minor",
    "fee_minor",
    "reason",
    "reason_text",
    "reference",
    "requested_by",
    "requested_at",
    "due_at",
)


def insert_refunds(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
    """Store accepted refunds; gives how many were stored (another may have been first)."""
    return len(
        insert_rows(
            connection,
            refunds,
            REFUND_COLUMNS,
            rows,
            tail="ON CONFLICT (id) DO NOTHING RETURNING id",
        )
    )


def insert_refund_lines(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Store what each repayment takes of which captured line."""
    insert_rows(
        connection,
        refund_lines,
        ("repayment_id", "line_pk", "quantity", "amount_minor", "tax_minor", "discount_minor"),
        rows,
    )


@dataclass(frozen=True, slots=True)
class FinishedRefund:
    """A refund all of whose repayments are final. `settled_minor` is what was repaid of it."""

    refund_id: UUID
    merchant_id: str
    currency: str
    amount_minor: int
    order_id: str
    idempotency_key: str
    settled_minor: int
    fee_minor: int
    gift_card_minor: int
    store_credit_minor: int


_FINISH = text("""
    WITH done AS (
        SELECT refund_id,
               coalesce(sum(amount_minor) FILTER (WHERE state = 'settled'), 0) AS settled,
               coalesce(sum(fee_minor) FILTER (WHERE state = 'settled'), 0) AS fee,
               coalesce(sum(gift_card_minor) FILTER (WHERE state = 'settled'), 0) AS gift_card,
               coalesce(sum(store_credit_minor) FILTER (WHERE state = 'settled'), 0)
                 AS store_credit
        FROM repayments
        WHERE kind <> 'overpayment' AND refund_id IN (
            SELECT refund_id FROM repayments WHERE id = ANY(CAST(:repayments AS uuid[]))
        )
        GROUP BY refund_id
        HAVING bool_and(state IN ('settled', 'declined', 'cancelled', 'reversed'))
    )
    UPDATE refunds f SET
        state = CASE WHEN done.settled > 0 THEN 'deducted' ELSE 'failed' END,
        settled_minor = done.settled,
        finished_at = now()
    FROM done JOIN refund_requests q ON q.refund_id = done.refund_id
    WHERE f.id = done.refund_id AND f.state = 'accepted'
    RETURNING f.id, f.merchant_id, f.currency, f.amount_minor, q.order_id, q.idempotency_key,
              done.settled, done.fee, done.gift_card, done.store_credit
""")


def finish_refunds(
    connection: Connection, repayment_ids: Sequence[UUID]
) -> Sequence[FinishedRefund]:
    """Finish the refunds of these repayments of which no repayment is open any more.

    The caller books the deductions in the same transaction.
    """
    rows = execute(connection, _FINISH, {"repayments": list(repayment_ids)})
    return [
        FinishedRefund(
            refund_id=row[0],
            merchant_id=row[1],
            currency=row[2],
            amount_minor=row[3],
            order_id=row[4],
            idempotency_key=row[5],
            settled_minor=int(row[6]),
            fee_minor=int(row[7]),
            gift_card_minor=int(row[8]),
            store_credit_minor=int(row[9]),
        )
        for row in rows
    ]
