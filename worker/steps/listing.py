"""Lists for operators: refunds that wait or are overdue, and credit records."""

from typing import Any

from worker.database import transact
from worker.store import crediting, waiting


def held_refunds(merchant_id: str | None, at_most: int) -> list[dict[str, Any]]:
    """Refunds that wait for approval, goods or a dispute; the longest first."""
    return transact(lambda connection: waiting.held_refunds(connection, merchant_id, at_most))


def overdue_refunds(merchant_id: str | None, at_most: int) -> list[dict[str, Any]]:
    """Refunds that should have been repaid by now; the longest first."""
    return transact(lambda connection: waiting.overdue_refunds(connection, merchant_id, at_most))


def credit_records(merchant_id: str, order_id: str | None, at_most: int) -> list[dict[str, Any]]:
    """A merchant's credit records, the newest first, with their tax by rate."""
    return transact(
        lambda connection: crediting.credits_of(connection, merchant_id, order_id, at_most)
    )
