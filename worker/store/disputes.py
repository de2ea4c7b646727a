"""Disputes of payments, and the refunds that they concern."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from worker.arrays import execute


@dataclass(frozen=True, slots=True)
class StoredDispute:
    """A dispute; without a capture it is about the whole order."""

    pk: int
    order_pk: int
    capture_pk: int | None
    state: str
    amount_minor: int


_FIND = text("""
    SELECT id, order_pk, capture_pk, state, amount_minor FROM disputes
    WHERE merchant_id = :merchant AND dispute_id = :dispute
""")


def find_dispute(connection: Connection, merchant_id: str, dispute_id: str) -> StoredDispute | None:
    """A merchant's dispute."""
    bound = {"merchant": merchant_id, "dispute": dispute_id}
    row = execute(connection, _FIND, bound).one_or_none()
    return None if row is None else StoredDispute(*row)


_FIND_CAPTURE = text("""
    SELECT id FROM captures WHERE order_pk = :order AND capture_id = :capture
""")


def find_capture(connection: Connection, order_pk: int, capture_id: str) -> int | None:
    """The pk of an order's capture."""
    return execute(
        connection, _FIND_CAPTURE, {"order": order_pk, "capture": capture_id}
    ).scalar_one_or_none()


_INSERT = text("""
    INSERT INTO disputes (merchant_id, dispute_id, order_pk, capture_pk, state, amount_minor,
                          opened_at)
    VALUES (:merchant, :dispute, :order, :capture, 'open', :amount,
            coalesce(CAST(:opened_at AS timestamptz), now()))
    ON CONFLICT (merchant_id, dispute_id) DO NOTHING
    RETURNING id
""")


def insert_dispute(
    connection: Connection,
    merchant_id: str,
    dispute_id: str,
    order_pk: int,
    capture_pk: int | None,
    amount_minor: int,
    opened_at: datetime | None,
) -> int | None:
    """Open a dispute; None if the merchant has one of this id."""
    return execute(
        connection,
        _INSERT,
        {
            "merchant": merchant_id,
            "dispute": dispute_id,
            "order": order_pk,
            "capture": capture_pk,
            "amount": amount_minor,
            "opened_at": opened_at,
        },
    ).scalar_one_or_none()


_CLOSE = text("""
    UPDATE disputes SET state = :state, refund_id = :refund, paid_twice_minor = :paid_twice,
                        closed_at = coalesce(CAST(:closed_at AS timestamptz), now())
    WHERE id = :dispute AND state = 'open'
""")


def close_dispute(
    connection: Connection,
    pk: int,
    state: str,
    closed_at: datetime | None,
    *,
    refund_id: UUID | None = None,
    paid_twice_minor: int = 0,
) -> None:
    """Close a dispute; a lost one with the refund that it became and what was paid twice."""
    execute(
        connection,
        _CLOSE,
        {
            "dispute": pk,
            "state": state,
            "refund": refund_id,
            "paid_twice": paid_twice_minor,
            "closed_at": closed_at,
        },
    )


@dataclass(frozen=True, slots=True)
class Concerned:
    """A repayment on a disputed capture."""

    repayment_id: UUID
    refund_id: UUID
    state: str
    amount_minor: int


# Locked, so that none is claimed between looking at it and holding it.
_CONCERNED = text("""
    SELECT r.id, r.refund_id, r.state, r.amount_minor FROM repayments r
    JOIN captures c ON c.id = r.capture_pk
    WHERE c.order_pk = :order AND (CAST(:capture AS bigint) IS NULL OR c.id = :capture)
      AND r.kind = 'refund' AND r.state NOT IN ('declined', 'cancelled')
    ORDER BY r.id FOR UPDATE OF r
""")


def lock_concerned(
    connection: Connection, order_pk: int, capture_pk: int | None
) -> Sequence[Concerned]:
    """The repayments on the captures that a dispute is about, locked."""
    rows = execute(connection, _CONCERNED, {"order": order_pk, "capture": capture_pk})
    return [Concerned(*row) for row in rows]
