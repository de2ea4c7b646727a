"""Due repayments: lock them, claim them for an attempt, or set them aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from models.values.repayments import Action, Claim, DueRepayment, RepaymentOrder
from models.values.retries import ErrorClass
from models.values.states import RefundKind, RepaymentKind, RepaymentState
from worker.arrays import execute
from worker.store.repayments import insert_attempts

# One whose last attempt was never heard of may have killed its worker: it is taken up alone.
_LOCK_DUE = text("""
    SELECT r.id, r.state, r.attempts - r.attempts_forgiven, r.cash_minor, now() - r.first_sent_at,
           r.amount_minor, r.kind, r.error, r.provider, f.merchant_id
    FROM repayments r JOIN refunds f ON f.id = r.refund_id
    WHERE r.state IN ('due', 'unknown', 'pending') AND r.next_attempt_at <= now()
      AND r.provider <> ALL(CAST(:busy AS text[]))
      AND EXISTS (SELECT FROM attempts a WHERE a.repayment_id = r.id AND a.number = r.attempts
                  AND a.outcome IS NULL) = :suspect
    ORDER BY r.next_attempt_at LIMIT :at_most
    FOR UPDATE OF r SKIP LOCKED
""")


@dataclass(frozen=True, slots=True)
class LockedDue:
    """A due repayment, locked, with whose provider is to be called for whom."""

    due: DueRepayment
    provider: str
    merchant_id: str


def lock_due(
    connection: Connection, at_most: int, *, busy: Sequence[str] = (), suspect: bool = False
) -> list[LockedDue]:
    """Lock due repayments that no one else is claiming, but none of providers that are busy.

    With `suspect` only those whose last attempt ended with nothing recorded, else only the others.
    """
    bound = {"at_most": at_most, "busy": list(busy), "suspect": suspect}
    return [
        LockedDue(
            DueRepayment(
                repayment_id=row[0],
                state=RepaymentState(row[1]),
                attempts=row[2],
                cash_minor=row[3],
                since_first_sent=row[4],
                amount_minor=row[5],
                kind=RepaymentKind(row[6]),
                error=ErrorClass(row[7]) if row[7] else None,
            ),
            row[8],
            row[9],
        )
        for row in execute(connection, _LOCK_DUE, bound)
    ]


_POSTPONE = text("""
    UPDATE repayments r SET next_attempt_at = greatest(u.at, now())
    FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS u(id, at)
    WHERE r.id = u.id
""")


def postpone_locked(connection: Connection, picked: Sequence[tuple[UUID, datetime]]) -> None:
    """Put locked repayments off that their provider does not take now. No attempt is counted."""
    if picked:
        bound = {"ids": [one[0] for one in picked], "times": [one[1] for one in picked]}
        execute(connection, _POSTPONE, bound)


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
                  r.cash_minor, r.fence, r.attempts, u.action, r.kind,
                  r.attempts - r.attempts_forgiven AS tries
    )
    SELECT claimed.id, claimed.fence, claimed.attempts, claimed.action, claimed.provider,
           claimed.provider_key, claimed.refund_id, f.merchant_id, o.order_id, c.capture_id,
           f.currency, claimed.amount_minor, claimed.cash_minor, c.provider_references,
           claimed.kind, f.kind, claimed.tries
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
            tries=row[16],
        )
        for row in rows
    ]


_PARK = text("""
    UPDATE repayments r SET parked_from = r.state, state = 'parked', next_attempt_at = NULL,
                            code = u.code, fence = r.fence + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:codes AS text[])) AS u(id, code), refunds f
    WHERE r.id = u.id AND f.id = r.refund_id
    RETURNING r.id, r.refund_id, f.merchant_id, u.code
""")


@dataclass(frozen=True, slots=True)
class Parked:
    """A refund one of whose repayments was set aside, with the reason's code."""

    repayment_id: UUID
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
