"""News of providers: which were heard, and the repayments that they are about."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from models.values.repayments import News
from models.values.states import RepaymentKind
from worker.arrays import execute

_FIND = text("""
    SELECT k.position, r.id
    FROM unnest(CAST(:positions AS int[]), CAST(:providers AS text[]), CAST(:keys AS text[]),
                CAST(:numbers AS text[])) AS k(position, provider, key, number)
    JOIN repayments r ON r.provider = k.provider
      AND (r.provider_key = k.key OR r.provider_refund_id = k.number)
""")


def find_repayments(connection: Connection, news: Sequence[News]) -> dict[int, UUID]:
    """The repayments that news are about, by position. Unknown ones are left out."""
    rows = execute(
        connection,
        _FIND,
        {
            "positions": list(range(len(news))),
            "providers": [one.provider for one in news],
            "keys": [one.key for one in news],
            "numbers": [one.provider_refund_id for one in news],
        },
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class Standing:
    """A repayment as it stands, with all that recording news of it needs."""

    repayment_id: UUID
    refund_id: UUID
    state: str
    fence: int
    kind: RepaymentKind
    provider: str
    provider_key: str
    merchant_id: str
    order_id: str
    capture_id: str
    currency: str
    amount_minor: int
    cash_minor: int
    gift_card_minor: int
    store_credit_minor: int
    refund_state: str


_LOCK = text("""
    SELECT r.id AS repayment_id, r.refund_id, r.state, r.fence, r.kind, r.provider,
           r.provider_key, f.merchant_id, o.order_id, c.capture_id, f.currency, r.amount_minor,
           r.cash_minor, r.gift_card_minor, r.store_credit_minor, f.state AS refund_state
    FROM repayments r JOIN refunds f ON f.id = r.refund_id JOIN orders o ON o.id = f.order_pk
    JOIN captures c ON c.id = r.capture_pk
    WHERE r.id = :repayment FOR UPDATE OF r
""")


def lock_repayment(connection: Connection, repayment_id: UUID) -> Standing | None:
    """A repayment, locked. Its order is locked by the caller."""
    row = execute(connection, _LOCK, {"repayment": repayment_id}).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)
    return Standing(**{**values, "kind": RepaymentKind(values["kind"])})


_HEAR = text("""
    INSERT INTO provider_news (provider, event_id, kind, repayment_id, effect, evidence)
    VALUES (:provider, :event, :kind, :repayment, :effect, CAST(:evidence AS jsonb))
    ON CONFLICT (provider, event_id) DO NOTHING RETURNING id
""")


def hear(connection: Connection, news: News, repayment_id: UUID | None, effect: str) -> bool:
    """Store news with what it does; gives whether it is new."""
    row = execute(
        connection,
        _HEAR,
        {
            "provider": news.provider,
            "event": news.event_id,
            "kind": str(news.kind),
            "repayment": repayment_id,
            "effect": effect,
            "evidence": json.dumps(dict(news.evidence)),
        },
    )
    return row.one_or_none() is not None


_REVERSE = text("""
    UPDATE repayments SET state = 'reversed', code = :code, fence = fence + 1, finished_at = now()
    WHERE id = :repayment AND state = 'settled'
""")
_REVERSE_REFUND = text("""
    UPDATE refunds SET settled_minor = settled_minor - :amount,
        state = CASE WHEN settled_minor = :amount THEN 'reversed' ELSE state END
    WHERE id = :refund AND state = 'deducted'
    RETURNING id
""")


def reverse(connection: Connection, one: Standing, code: str | None) -> bool:
    """Mark a settled repayment as reversed; gives whether its refund had been deducted.

    What it refunded, booked and deducted is taken back by the caller.
    """
    execute(connection, _REVERSE, {"repayment": one.repayment_id, "code": code})
    if one.kind is RepaymentKind.OVERPAYMENT:
        return False
    row = execute(
        connection, _REVERSE_REFUND, {"refund": one.refund_id, "amount": one.amount_minor}
    )
    return row.one_or_none() is not None


_RETURN_CASH = text("""
    UPDATE captures c SET cash_minor = c.cash_minor - r.cash_minor
    FROM repayments r WHERE r.id = :repayment AND c.id = r.capture_pk
""")


def return_cash(connection: Connection, repayment_id: UUID) -> None:
    """An overpayment that came back: the customer has not been given it after all."""
    execute(connection, _RETURN_CASH, {"repayment": repayment_id})
