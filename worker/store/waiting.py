"""Refunds that wait, and refunds that are overdue: read only."""

from typing import Any

from sqlalchemy import Connection, text

from worker.arrays import execute

_COLUMNS = """
    SELECT f.id AS refund_id, f.merchant_id, o.order_id, f.currency, f.amount_minor, f.state,
           f.accepted_at, f.due_at, f.requested_by,
           coalesce((SELECT json_agg(h.kind ORDER BY h.id) FROM holds h
                     WHERE h.refund_id = f.id AND h.released_at IS NULL), '[]') AS holds
    FROM refunds f JOIN orders o ON o.id = f.order_pk
    WHERE (CAST(:merchant AS text) IS NULL OR f.merchant_id = :merchant)
"""
_HELD = text(_COLUMNS + "AND f.state = 'held' ORDER BY f.accepted_at, f.id LIMIT :at_most")
_OVERDUE = text(
    _COLUMNS
    + "AND f.state IN ('held', 'accepted') AND f.due_at < now()"
    + " ORDER BY f.due_at, f.id LIMIT :at_most"
)


def held_refunds(
    connection: Connection, merchant_id: str | None, at_most: int
) -> list[dict[str, Any]]:
    """Refunds that wait for approval, goods or a dispute; the longest first."""
    bound = {"merchant": merchant_id, "at_most": at_most}
    return [dict(row) for row in execute(connection, _HELD, bound).mappings()]


def overdue_refunds(
    connection: Connection, merchant_id: str | None, at_most: int
) -> list[dict[str, Any]]:
    """Refunds that should have been repaid by now; the longest first."""
    bound = {"merchant": merchant_id, "at_most": at_most}
    return [dict(row) for row in execute(connection, _OVERDUE, bound).mappings()]
