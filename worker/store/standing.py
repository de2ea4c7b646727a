"""Where refunds stand, and what moves them on or ends them before their provider is called."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from worker.arrays import execute

_ORDERS = text("""
    SELECT id, order_pk FROM refunds
    WHERE merchant_id = :merchant AND id = ANY(CAST(:refunds AS uuid[]))
""")


def orders_of_refunds(
    connection: Connection, merchant_id: str, refund_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """The orders (pks) of a merchant's refunds. Unknown ones are left out."""
    rows = execute(connection, _ORDERS, {"merchant": merchant_id, "refunds": list(refund_ids)})
    return {row[0]: row[1] for row in rows}


_REFUND = text("SELECT state, requested_by FROM refunds WHERE id = :refund")
_LOCK_REPAYMENTS = text("""
    SELECT id, state FROM repayments WHERE refund_id = :refund AND kind <> 'overpayment'
    ORDER BY id FOR UPDATE
""")


def read_refund(connection: Connection, refund_id: UUID) -> tuple[str, str | None]:
    """State and requester of a refund. Its order is locked by the caller."""
    row = execute(connection, _REFUND, {"refund": refund_id}).one()
    return row[0], row[1]


def lock_repayments(connection: Connection, refund_id: UUID) -> dict[UUID, str]:
    """The states of a refund's repayments, locked: none is claimed meanwhile."""
    return {row[0]: row[1] for row in execute(connection, _LOCK_REPAYMENTS, {"refund": refund_id})}


_GO_ON = text("""
    UPDATE refunds f SET state = 'accepted'
    WHERE f.id = ANY(CAST(:refunds AS uuid[])) AND f.state = 'held'
      AND NOT EXISTS (SELECT FROM holds h WHERE h.refund_id = f.id AND h.released_at IS NULL)
    RETURNING f.id
""")
_DUE = text("""
    UPDATE repayments SET state = 'due', next_attempt_at = now()
    WHERE refund_id = ANY(CAST(:refunds AS uuid[])) AND state = 'held'
""")


def go_on(connection: Connection, refund_ids: Sequence[UUID]) -> list[UUID]:
    """Let refunds go on that wait for nothing more; gives those that do. The sweep sends them."""
    if not refund_ids:
        return []
    released = [row[0] for row in execute(connection, _GO_ON, {"refunds": list(refund_ids)})]
    if released:
        execute(connection, _DUE, {"refunds": released})
    return released


_HOLD_REPAYMENTS = text("""
    UPDATE repayments SET state = 'held', next_attempt_at = NULL, fence = fence + 1
    WHERE id = ANY(CAST(:repayments AS uuid[])) AND state IN ('due', 'held')
""")
_HOLD_REFUND = text("UPDATE refunds SET state = 'held' WHERE id = :refund AND state = 'accepted'")


def hold(connection: Connection, refund_id: UUID, repayment_ids: Sequence[UUID]) -> None:
    """Hold repayments that are not sent yet. They are locked by the caller."""
    execute(connection, _HOLD_REPAYMENTS, {"repayments": list(repayment_ids)})
    execute(connection, _HOLD_REFUND, {"refund": refund_id})


_CANCEL_REPAYMENTS = text("""
    UPDATE repayments SET state = 'cancelled', next_attempt_at = NULL, finished_at = now(),
                          fence = fence + 1
    WHERE id = ANY(CAST(:repayments AS uuid[])) AND state IN ('held', 'due')
""")
_CANCEL_REFUND = text("""
    UPDATE refunds f SET state = 'cancelled', cancel_code = :code, cancelled_by = :by,
                         finished_at = now()
    WHERE f.id = :refund AND NOT EXISTS (
        SELECT FROM repayments r WHERE r.refund_id = f.id AND r.state <> 'cancelled'
    )
    RETURNING f.id
""")


def cancel(
    connection: Connection, refund_id: UUID, repayment_ids: Sequence[UUID], code: str, by: str
) -> bool:
    """Cancel locked repayments that are not sent; gives whether all the refund is cancelled.

    What they reserved is given back by the caller.
    """
    execute(connection, _CANCEL_REPAYMENTS, {"repayments": list(repayment_ids)})
    row = execute(connection, _CANCEL_REFUND, {"refund": refund_id, "code": code, "by": by})
    return row.one_or_none() is not None
