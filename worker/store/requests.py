"""Refund requests with their decisions. The stored answer is the answer for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.refunds import refund_requests
from worker.arrays import execute
from worker.store.setwise import insert_rows

RequestKey = tuple[str, str]
"""merchant_id, idempotency_key"""

COLUMNS = (
    "merchant_id",
    "idempotency_key",
    "order_id",
    "fingerprint",
    "body",
    "decision",
    "refund_id",
    "refusal_code",
    "refusal_message",
    "refusal_field",
)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was decided on a request, or answered to an instruction."""

    fingerprint: bytes
    decision: str
    refund_id: UUID | None = None
    refusal_code: str | None = None
    refusal_message: str | None = None
    refusal_field: str | None = None


_FIND = text("""
    SELECT r.merchant_id, r.idempotency_key, r.fingerprint, r.decision, r.refund_id,
           r.refusal_code, r.refusal_message, r.refusal_field
    FROM refund_requests r
    JOIN unnest(CAST(:merchants AS text[]), CAST(:keys AS text[])) AS k(merchant_id, key)
      ON r.merchant_id = k.merchant_id AND r.idempotency_key = k.key
""")


def find_answers(
    connection: Connection, keys: Sequence[RequestKey]
) -> dict[RequestKey, StoredAnswer]:
    """The stored answers to requests of these keys."""
    rows = execute(
        connection, _FIND, {"merchants": [k[0] for k in keys], "keys": [k[1] for k in keys]}
    )
    return {(row[0], row[1]): StoredAnswer(bytes(row[2]), *row[3:]) for row in rows}


def insert_requests(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    """Store decided requests; gives how many were stored (another may have been first)."""
    return len(
        insert_rows(
            connection,
            refund_requests,
            COLUMNS,
            rows,
            tail="ON CONFLICT (merchant_id, idempotency_key) DO NOTHING RETURNING id",
        )
    )
