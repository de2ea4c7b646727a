"""What is parked: repayments and messages, and letting them be tried again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from worker.arrays import execute

_OF_NAME = text("""
    SELECT r.id FROM repayments r JOIN refunds f ON f.id = r.refund_id
    WHERE r.state = 'parked' AND (CAST(r.id AS text) = :name OR CAST(f.id AS text) = :name)
    ORDER BY r.id
""")


def parked_repayments_of(connection: Connection, name: str) -> list[UUID]:
    """The parked repayments of this id, or of the refund of this id."""
    return [row[0] for row in execute(connection, _OF_NAME, {"name": name})]


_WHERE = text("""
    SELECT r.id FROM repayments r JOIN refunds f ON f.id = r.refund_id
    JOIN cases c ON c.repayment_id = r.id AND c.kind = 'parked' AND c.closed_at IS NULL
    WHERE r.state = 'parked'
      AND (CAST(:code AS text) IS NULL OR r.code = :code)
      AND (CAST(:provider AS text) IS NULL OR r.provider = :provider)
      AND (CAST(:merchant AS text) IS NULL OR f.merchant_id = :merchant)
      AND (CAST(:older AS interval) IS NULL OR c.opened_at < now() - CAST(:older AS interval))
    ORDER BY c.opened_at, r.id LIMIT :at_most
""")


def parked_repayments_where(
    connection: Connection,
    at_most: int,
    *,
    code: str | None,
    provider: str | None,
    merchant: str | None,
    older_than: timedelta | None,
) -> list[UUID]:
    """Parked repayments that fit, the longest parked first."""
    bound = {
        "code": code,
        "provider": provider,
        "merchant": merchant,
        "older": older_than,
        "at_most": at_most,
    }
    return [row[0] for row in execute(connection, _WHERE, bound)]


# Only its attempts so far are forgiven: what is known of it stays, so that it is sent again only
# if it surely was not executed, or under a key that is surely alive.
_RETRY = text("""
    UPDATE repayments SET state = parked_from, parked_from = NULL, next_attempt_at = now(),
                          attempts_forgiven = attempts, error = NULL, fence = fence + 1
    WHERE id = :repayment AND state = 'parked' RETURNING refund_id
""")


def retry_repayment(connection: Connection, repayment_id: UUID) -> bool:
    """Let a parked repayment be tried again; gives whether it was parked."""
    return execute(connection, _RETRY, {"repayment": repayment_id}).one_or_none() is not None


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A parked message. `body` is JSON text, if it was not cut."""

    pk: int
    task: str
    code: str
    body: str
    size_bytes: int


_MESSAGES = text("""
    SELECT id, task, code, body, size_bytes FROM parked_messages
    WHERE closed_at IS NULL
      AND (CAST(:task AS text) IS NULL OR task = :task)
      AND (CAST(:code AS text) IS NULL OR code = :code)
      AND (CAST(:merchant AS text) IS NULL OR merchant_id = :merchant)
      AND (CAST(:older AS interval) IS NULL OR last_seen_at < now() - CAST(:older AS interval))
    ORDER BY id LIMIT :at_most
""")


def parked_messages_where(
    connection: Connection,
    at_most: int,
    *,
    task: str | None,
    code: str | None,
    merchant: str | None,
    older_than: timedelta | None,
) -> list[ParkedMessage]:
    """Parked messages that fit, the oldest first."""
    bound = {
        "task": task,
        "code": code,
        "merchant": merchant,
        "older": older_than,
        "at_most": at_most,
    }
    return [ParkedMessage(*row) for row in execute(connection, _MESSAGES, bound)]


_CLOSE = text("""
    UPDATE parked_messages SET closed_at = now(), resolution = :resolution
    WHERE id = :message AND closed_at IS NULL
""")


def close_message(connection: Connection, pk: int, resolution: str) -> None:
    """A parked message was handled after all."""
    execute(connection, _CLOSE, {"message": pk, "resolution": resolution})


_LIST = text("""
    SELECT id, task, code, message, merchant_id, idempotency_key, times, owner, first_seen_at,
           last_seen_at, deadline_at, deadline_at < now() AS late
    FROM parked_messages
    WHERE closed_at IS NULL
      AND (CAST(:merchant AS text) IS NULL OR merchant_id = :merchant OR merchant_id IS NULL)
    ORDER BY deadline_at, id LIMIT :at_most
""")


def parked_messages(
    connection: Connection, merchant_id: str | None, at_most: int
) -> list[dict[str, Any]]:
    """Parked messages, those with the nearest deadline first."""
    bound = {"merchant": merchant_id, "at_most": at_most}
    return [dict(row) for row in execute(connection, _LIST, bound).mappings()]
