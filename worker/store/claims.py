"""Due repayments: lock them, claim them for an attempt, or set them aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from models.values.repayments import Action, Claim, DueRepayment, RepaymentOrder
from models.values.states import RefundKind, RepaymentKind, RepaymentState
from worker.arrays import execute
from worker.store.repayments import insert_attempts

_LOCK_DUE = text("""
    SELECT id, state, attempts, cash_minor, now() - first_sent_at, amount_minor, kind, provider
    FROM repayments
    WHERE state IN ('due', 'unknown', 'pending') AND next_attempt_at <= now()
    ORDER BY next_attempt_at LIMIT :at_most
    FOR UPDATE SKIP LOCKED
""")


def lock_due(connection: Connection, at_most: int) -> list[tuple[DueRepayment, str]]:
    """Lock due repayments that no one else is claiming, with their providers."""
    return [
        (
            DueRepayment(
                row[0],
                RepaymentState(row[1]),
                row[2],
                row[3],
                row[4],
                row[5],
                RepaymentKind(row[6]),
            ),
            row[7],
        )
        for row in execute(connection, _LOCK_DUE, {"at_most": at_most})
    ]


_CLAIM = text("""
    WITH claimed AS (
        UPDATE repayments r SET
            attempts = r.attempts + 1,
            fence = r.fence + 1,
            next_attempt_at = now() + CAST(:lease AS interval),
            state = CASE WHEN u.action = 'send' THEN 'unknown' ELSE r.state END,
            first_sent_at = CASE WHEN u.action = 'send' THEN coalesce(r.first_sent_at, now())
                                 ELSE r.first_sent_at END
        FROM unnest(CAST(:ids AS uuid[]), CAST(:actions AS text[])) AS u(id, action)
        WHERE r.id = u.id
        RETURNING r.id, r.refund_id, r.capture_pk, r.provider, r.provider_key, r.amount_minor,
                  r.cash_minor, r.fence, r.attempts, u.action, r.kind
    )
    SELECT claimed.id, claimed.fence, claimed.attempts, claimed.action, claimed.provider,
           claimed.provider_key, claimed.refund_id, f.merchant_id, o.order_id, c.capture_id,
           f.currency, claimed.amount_minor, claimed.cash_minor, c.provider_references,
           claimed.kind, f.kind
    FROM claimed
    JOIN refunds f ON f.id = claimed.refund_id
    JOIN orders o ON o.id = f.order_pk
    JOIN captures c ON c.id = claimed.capture_pk
""")


@dataclass(frozen=True, slots=True)
class ToClaim:
    """A locked repayment with what its next attempt does.

    `whole` when the provider itself splits off what reduces the debt, and is sent all.
    `unallocated` when it wants bare amounts without lines.
    """

    repayment_id: UUID
    action: Action
    before: RepaymentState
    whole: bool
    unallocated: bool = False


def claim_locked(
    connection: Connection, picked: Sequence[ToClaim], lease: timedelta
) -> list[Claim]:
    """Claim locked repayments: raise fence and attempts, write the attempts, start the lease."""
    if not picked:
        return []
    by_id = {one.repayment_id: one for one in picked}
    rows = execute(
        connection,
        _CLAIM,
        {
            "ids": list(by_id),
            "actions": [str(one.action) for one in picked],
            "lease": lease,
        },
    ).all()
    insert_attempts(connection, [(row[0], row[2], row[3]) for row in rows])
    return [
        Claim(
            repayment_id=row[0],
            fence=row[1],
            attempt=row[2],
            action=Action(row[3]),
            before=by_id[row[0]].before,
            provider=row[4],
            order=RepaymentOrder(
                key=row[5],
                reference=str(row[6]),
                merchant_id=row[7],
                order_id=row[8],
                capture_id=row[9],
                currency=row[10],
                amount_minor=row[11] if by_id[row[0]].whole else row[12],
                provider_references=row[13],
                unallocated=by_id[row[0]].unallocated and row[15] == RefundKind.AMOUNT,
            ),
            kind=RepaymentKind(row[14]),
        )
        for row in rows
    ]


_PARK = text("""
    UPDATE repayments r SET state = 'parked', next_attempt_at = NULL, code = u.code,
                            fence = r.fence + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:codes AS text[])) AS u(id, code), refunds f
    WHERE r.id = u.id AND f.id = r.refund_id
    RETURNING r.refund_id, f.merchant_id, u.code
""")


@dataclass(frozen=True, slots=True)
class Parked:
    """A refund one of whose repayments was set aside, with the reason's code."""

    refund_id: UUID
    merchant_id: str
    code: str


def park_locked(connection: Connection, picked: Sequence[tuple[UUID, str]]) -> list[Parked]:
    """Set locked repayments aside, each with a code. The money stays reserved."""
    if not picked:
        return []
    rows = execute(
        connection, _PARK, {"ids": [one[0] for one in picked], "codes": [one[1] for one in picked]}
    )
    return [Parked(*row) for row in rows]
