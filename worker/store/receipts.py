"""Receipts: which messages the worker has stored, in whatever way."""

from collections.abc import Sequence

from sqlalchemy import Connection, TextClause, text

from worker.arrays import execute

_STORED = """
    SELECT k.position
    FROM unnest(CAST(:positions AS int[]), CAST(:merchants AS text[]), CAST(:keys AS text[]),
                CAST(:prints AS bytea[])) AS k(position, merchant_id, key, print)
    WHERE EXISTS (SELECT FROM {table} s WHERE s.merchant_id = k.merchant_id
                  AND s.{key} = k.key AND s.fingerprint = k.print)
       OR EXISTS (SELECT FROM refused_messages m WHERE m.task = :task
                  AND m.merchant_id = k.merchant_id AND m.message_key = k.key
                  AND m.fingerprint = k.print)
"""
_CAPTURES = text(_STORED.format(table="captures", key="capture_id"))
_REQUESTS = text(_STORED.format(table="refund_requests", key="idempotency_key"))

Sent = tuple[str, str, bytes]
"""merchant_id, key (capture id or idempotency key), fingerprint"""


def find_captures(connection: Connection, task: str, sent: Sequence[Sent]) -> set[int]:
    """The positions in `sent` of captures that are recorded or refused."""
    return _find(connection, _CAPTURES, task, sent)


def find_requests(connection: Connection, task: str, sent: Sequence[Sent]) -> set[int]:
    """The positions in `sent` of refund requests that are decided."""
    return _find(connection, _REQUESTS, task, sent)


def _find(connection: Connection, query: TextClause, task: str, sent: Sequence[Sent]) -> set[int]:
    rows = execute(
        connection,
        query,
        {
            "task": task,
            "positions": list(range(len(sent))),
            "merchants": [one[0] for one in sent],
            "keys": [one[1] for one in sent],
            "prints": [one[2] for one in sent],
        },
    )
    return {row[0] for row in rows}
