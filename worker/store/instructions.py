"""Instructions with their answers. The stored answer is the answer for ever."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from models.tables.instructions import instructions
from worker.arrays import execute
from worker.store.requests import StoredAnswer
from worker.store.setwise import insert_rows

COLUMNS = (
    "task",
    "merchant_id",
    "idempotency_key",
    "fingerprint",
    "body",
    "decision",
    "refusal_code",
    "refusal_message",
    "refusal_field",
)


_FIND = text("""
    SELECT i.merchant_id, i.idempotency_key, i.fingerprint, i.decision, i.refusal_code,
           i.refusal_message, i.refusal_field
    FROM instructions i
    JOIN unnest(CAST(:merchants AS text[]), CAST(:keys AS text[])) AS k(merchant_id, key)
      ON i.merchant_id = k.merchant_id AND i.idempotency_key = k.key
    WHERE i.task = :task
""")


def find_instructions(
    connection: Connection, task: str, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], StoredAnswer]:
    """The stored instructions of a task by (merchant_id, idempotency_key)."""
    rows = execute(
        connection,
        _FIND,
        {"task": task, "merchants": [k[0] for k in keys], "keys": [k[1] for k in keys]},
    )
    return {(row[0], row[1]): StoredAnswer(bytes(row[2]), row[3], None, *row[4:]) for row in rows}


def insert_instructions(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
    """Store instructions; gives how many were stored (another may have been first)."""
    return len(
        insert_rows(
            connection,
            instructions,
            COLUMNS,
            rows,
            tail="ON CONFLICT (task, merchant_id, idempotency_key) DO NOTHING RETURNING id",
        )
    )
