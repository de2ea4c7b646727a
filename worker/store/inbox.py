"""Parked messages and refused conflicts: nothing that came in is dropped."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from models.tables.inbox import refused_messages
from worker.arrays import execute
from worker.store.setwise import insert_rows

_PARK = text("""
    INSERT INTO parked_messages (task, code, message, faults, body, size_bytes, sha256,
                                 merchant_id, idempotency_key, deadline_at)
    SELECT u.task, u.code, u.message, CAST(u.faults AS jsonb), u.body, u.size_bytes, u.sha256,
           u.merchant_id, u.idempotency_key, now() + make_interval(hours => :deadline_hours)
    FROM unnest(CAST(:task AS text[]), CAST(:code AS text[]), CAST(:message AS text[]),
                CAST(:faults AS text[]), CAST(:body AS text[]), CAST(:size_bytes AS bigint[]),
                CAST(:sha256 AS bytea[]), CAST(:merchant_id AS text[]),
                CAST(:idempotency_key AS text[]))
      AS u(task, code, message, faults, body, size_bytes, sha256, merchant_id, idempotency_key)
    ON CONFLICT (task, code, sha256) DO UPDATE
      SET times = parked_messages.times + 1, last_seen_at = now(), closed_at = NULL,
          resolution = NULL
""")

PARKED_FIELDS = (
    "task",
    "code",
    "message",
    "faults",
    "body",
    "size_bytes",
    "sha256",
    "merchant_id",
    "idempotency_key",
)


def park_messages(
    connection: Connection, rows: Iterable[tuple[Any, ...]], deadline_hours: int
) -> None:
    """Set messages aside for a person. One that is parked already is only counted.

    The rows' values are those of PARKED_FIELDS. No two rows may be of the same task, code and
    digest.
    """
    columns = list(zip(*rows, strict=True))
    if columns:
        values = {name: list(column) for name, column in zip(PARKED_FIELDS, columns, strict=True)}
        execute(connection, _PARK, {**values, "deadline_hours": deadline_hours})


def insert_refused(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Keep messages that were refused and have no row of their own (conflicts and the like)."""
    insert_rows(
        connection,
        refused_messages,
        (
            "task",
            "merchant_id",
            "message_key",
            "code",
            "message",
            "field",
            "fingerprint",
            "body",
        ),
        rows,
        tail="ON CONFLICT (task, merchant_id, message_key, fingerprint) DO NOTHING",
    )
