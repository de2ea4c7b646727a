"""The outbox: events are stored with what they tell of, then published and deleted."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.outbox import outbox
from models.values.states import Topic
from worker.arrays import execute
from worker.store.setwise import insert_rows


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a refund (or a request, when it was refused)."""

    topic: Topic
    merchant_id: str
    refund_id: UUID | None
    payload: Mapping[str, Any]


def insert_events(connection: Connection, events: Iterable[Event]) -> None:
    """Store events in the transaction that makes them true."""
    insert_rows(
        connection,
        outbox,
        ("topic", "merchant_id", "refund_id", "payload"),
        [
            (str(event.topic), event.merchant_id, event.refund_id, json.dumps(event.payload))
            for event in events
        ],
    )


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event to publish. `payload` is JSON text, `at` ISO 8601."""

    id: int
    topic: str
    merchant_id: str
    refund_id: str
    payload: str
    at: str


# One relay at a time, or events of a refund would be published out of order.
_RELAY_LOCK = text("SELECT pg_try_advisory_xact_lock(7236115)")

_UNPUBLISHED = text("""
    SELECT id, topic, merchant_id, coalesce(CAST(refund_id AS text), ''), CAST(payload AS text),
           to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    FROM outbox ORDER BY id LIMIT :at_most
""")

_DELETE = text("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS bigint[]))")


def claim_unpublished(connection: Connection, at_most: int) -> Sequence[StoredEvent]:
    """The oldest events, unless another relay is at work."""
    if not connection.execute(_RELAY_LOCK).scalar_one():
        return []
    return [StoredEvent(*row) for row in execute(connection, _UNPUBLISHED, {"at_most": at_most})]


def delete_published(connection: Connection, ids: Sequence[int]) -> None:
    """Forget events that were published."""
    execute(connection, _DELETE, {"ids": list(ids)})
