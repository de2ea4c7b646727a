"""Customers' payments of what was still owed of a capture."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from worker.arrays import execute


@dataclass(frozen=True, slots=True)
class PaidCapture:
    """A capture as far as payments of it are concerned."""

    pk: int
    order_pk: int
    captured_minor: int
    paid_minor: int


_FIND = text("""
    SELECT id, order_pk, captured_minor, paid_minor FROM captures
    WHERE merchant_id = :merchant AND capture_id = :capture
""")


def find_capture(connection: Connection, merchant_id: str, capture_id: str) -> PaidCapture | None:
    """A merchant's capture."""
    bound = {"merchant": merchant_id, "capture": capture_id}
    row = execute(connection, _FIND, bound).one_or_none()
    return None if row is None else PaidCapture(*row)


_PAY = text("UPDATE captures SET paid_minor = paid_minor + :amount WHERE id = :capture")


def add_paid(connection: Connection, capture_pk: int, amount_minor: int) -> None:
    """Count a payment. The order is locked by the caller.

    Raises:
        IntegrityError: more is paid than was captured.
    """
    execute(connection, _PAY, {"capture": capture_pk, "amount": amount_minor})


_INSERT = text("""
    INSERT INTO payments (capture_pk, merchant_id, idempotency_key, amount_minor, overpaid_minor,
                          paid_at)
    VALUES (:capture, :merchant, :key, :amount, :overpaid, :paid_at) RETURNING id
""")


def insert_payment(
    connection: Connection,
    capture_pk: int,
    merchant_id: str,
    key: str,
    amount_minor: int,
    overpaid_minor: int,
    paid_at: datetime | None,
) -> int:
    """Store a payment, with what of it goes back since it was not owed; gives its pk."""
    return int(
        execute(
            connection,
            _INSERT,
            {
                "capture": capture_pk,
                "merchant": merchant_id,
                "key": key,
                "amount": amount_minor,
                "overpaid": overpaid_minor,
                "paid_at": paid_at,
            },
        ).scalar_one()
    )
