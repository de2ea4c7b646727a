"""Holds: what held refunds wait for."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.holds import holds
from worker.arrays import execute
from worker.store.setwise import insert_rows


def insert_holds(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Place holds (refund_id, kind, dispute_pk). One that is placed already stays as it is."""
    insert_rows(
        connection,
        holds,
        ("refund_id", "kind", "dispute_pk"),
        rows,
        tail="ON CONFLICT (refund_id, kind, coalesce(dispute_pk, 0)) WHERE released_at IS NULL"
        " DO NOTHING",
    )


_RELEASE = text("""
    UPDATE holds SET released_at = now(), released_by = :by, note = :note
    WHERE refund_id = ANY(CAST(:refunds AS uuid[])) AND released_at IS NULL
      AND kind = ANY(CAST(:kinds AS text[]))
      AND (CAST(:dispute AS bigint) IS NULL OR dispute_pk = :dispute)
""")


def release_holds(
    connection: Connection,
    refund_ids: Sequence[UUID],
    kinds: Sequence[str],
    *,
    by: str,
    note: str | None = None,
    dispute_pk: int | None = None,
) -> None:
    """Release holds of these kinds. The orders are locked by the caller."""
    bound = {
        "refunds": list(refund_ids),
        "kinds": [str(kind) for kind in kinds],
        "by": by,
        "note": note,
        "dispute": dispute_pk,
    }
    execute(connection, _RELEASE, bound)


_PLACED = text("""
    SELECT kind FROM holds WHERE refund_id = :refund AND released_at IS NULL ORDER BY id
""")


def placed_holds(connection: Connection, refund_id: UUID) -> list[str]:
    """The kinds of holds that a refund still waits for."""
    return [row[0] for row in execute(connection, _PLACED, {"refund": refund_id})]


_OF_DISPUTE = text("""
    SELECT DISTINCT refund_id FROM holds WHERE dispute_pk = :dispute AND released_at IS NULL
    ORDER BY refund_id
""")


def held_by_dispute(connection: Connection, dispute_pk: int) -> list[UUID]:
    """The refunds that wait for a dispute to end."""
    return [row[0] for row in execute(connection, _OF_DISPUTE, {"dispute": dispute_pk})]
