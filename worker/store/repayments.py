"""Repayments and attempts: claim them, and record what came of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.repayments import attempts
from models.values.repayments import Action, Claim, DueRepayment, Outcome, RepaymentOrder
from models.values.states import RepaymentState
from worker.arrays import execute
from worker.store.setwise import insert_rows

_INSERT = text("""
    INSERT INTO repayments (id, refund_id, capture_pk, provider, amount_minor, cash_minor,
                            provider_key, state, attempts, fence, next_attempt_at, first_sent_at)
    SELECT u.id, u.refund_id, u.capture_pk, u.provider, u.amount_minor, u.cash_minor, u.key,
           'unknown', 1, 1, now() + CAST(:lease AS interval), now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:refunds AS uuid[]), CAST(:captures AS bigint[]),
                CAST(:providers AS text[]), CAST(:amounts AS bigint[]), CAST(:cash AS bigint[]),
                CAST(:keys AS text[]))
      AS u(id, refund_id, capture_pk, provider, amount_minor, cash_minor, key)
""")


@dataclass(frozen=True, slots=True)
class NewRepayment:
    """A repayment to store, claimed by whoever stores it."""

    repayment_id: UUID
    refund_id: UUID
    capture_pk: int
    provider: str
    amount_minor: int
    cash_minor: int
    key: str
    action: Action


def insert_claimed(connection: Connection, rows: Sequence[NewRepayment], lease: timedelta) -> None:
    """Store repayments with their first attempt, claimed with fence 1.

    Their state is unknown from the commit on: whoever finds them after a crash cannot know
    whether the call was made.
    """
    if not rows:
        return
    execute(
        connection,
        _INSERT,
        {
            "ids": [row.repayment_id for row in rows],
            "refunds": [row.refund_id for row in rows],
            "captures": [row.capture_pk for row in rows],
            "providers": [row.provider for row in rows],
            "amounts": [row.amount_minor for row in rows],
            "cash": [row.cash_minor for row in rows],
            "keys": [row.key for row in rows],
            "lease": lease,
        },
    )
    _insert_attempts(connection, [(row.repayment_id, 1, str(row.action)) for row in rows])


def _insert_attempts(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    insert_rows(connection, attempts, ("repayment_id", "number", "action"), rows)


_LOCK_DUE = text("""
    SELECT id, state, attempts, cash_minor, now() - first_sent_at, provider, amount_minor
    FROM repayments
    WHERE state IN ('due', 'unknown', 'pending') AND next_attempt_at <= now()
    ORDER BY next_attempt_at LIMIT :at_most
    FOR UPDATE SKIP LOCKED
""")


def lock_due(connection: Connection, at_most: int) -> list[tuple[DueRepayment, str, int]]:
    """Lock due repayments that no one else is claiming, with their providers and whole amounts."""
    return [
        (DueRepayment(row[0], RepaymentState(row[1]), row[2], row[3], row[4]), row[5], row[6])
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
                  r.cash_minor, r.fence, r.attempts, u.action
    )
    SELECT claimed.id, claimed.fence, claimed.attempts, claimed.action, claimed.provider,
           claimed.provider_key, claimed.refund_id, f.merchant_id, o.order_id, c.capture_id,
           f.currency, claimed.amount_minor, claimed.cash_minor, c.provider_references
    FROM claimed
    JOIN refunds f ON f.id = claimed.refund_id
    JOIN orders o ON o.id = f.order_pk
    JOIN captures c ON c.id = claimed.capture_pk
""")


@dataclass(frozen=True, slots=True)
class ToClaim:
    """A locked repayment with what its next attempt does.

    `whole` when the provider itself splits off what reduces the debt, and is sent all.
    """

    repayment_id: UUID
    action: Action
    before: RepaymentState
    whole: bool


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
    _insert_attempts(connection, [(row[0], row[2], row[3]) for row in rows])
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
            ),
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


@dataclass(frozen=True, slots=True)
class Recorded:
    """A repayment whose outcome was recorded under a valid fence."""

    repayment_id: UUID
    refund_id: UUID
    capture_pk: int
    state: RepaymentState
    amount_minor: int
    cash_minor: int


@dataclass(frozen=True, slots=True)
class ToRecord:
    """An outcome with the state that the rules make of it. `evidence` is JSON text."""

    claim: Claim
    outcome: Outcome
    state: RepaymentState
    wait: timedelta | None
    code: str | None
    evidence: str


# The fence keeps a worker that was paused beyond its lease from recording over its successor. It
# is spent by recording, so that a transaction run again after an unseen commit changes nothing.
_RECORD = text("""
    UPDATE repayments r SET
        state = u.state,
        code = u.code,
        fence = r.fence + 1,
        next_attempt_at = now() + u.wait,
        provider_refund_id = coalesce(u.provider_refund_id, r.provider_refund_id),
        finished_at = CASE WHEN u.state IN ('settled', 'declined') THEN now() END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[]), CAST(:states AS text[]),
                CAST(:codes AS text[]), CAST(:waits AS interval[]),
                CAST(:provider_refund_ids AS text[]))
      AS u(id, fence, state, code, wait, provider_refund_id)
    WHERE r.id = u.id AND r.fence = u.fence
    RETURNING r.id, r.refund_id, r.capture_pk, r.state, r.amount_minor, r.cash_minor
""")

# An attempt's answer is kept even when its fence has been overtaken: it is evidence.
_RECORD_ATTEMPTS = text("""
    UPDATE attempts a SET finished_at = now(), outcome = u.outcome, code = u.code,
                          evidence = CAST(u.evidence AS jsonb)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS int[]), CAST(:outcomes AS text[]),
                CAST(:codes AS text[]), CAST(:evidence AS text[]))
      AS u(id, number, outcome, code, evidence)
    WHERE a.repayment_id = u.id AND a.number = u.number AND a.outcome IS NULL
""")


def record_outcomes(connection: Connection, rows: Sequence[ToRecord]) -> list[Recorded]:
    """Record outcomes; gives the repayments whose fence still held. The orders are locked."""
    if not rows:
        return []
    ids = [row.claim.repayment_id for row in rows]
    execute(
        connection,
        _RECORD_ATTEMPTS,
        {
            "ids": ids,
            "numbers": [row.claim.attempt for row in rows],
            "outcomes": [str(row.outcome.kind) for row in rows],
            "codes": [row.outcome.code for row in rows],
            "evidence": [row.evidence for row in rows],
        },
    )
    recorded = execute(
        connection,
        _RECORD,
        {
            "ids": ids,
            "fences": [row.claim.fence for row in rows],
            "states": [str(row.state) for row in rows],
            "codes": [row.code for row in rows],
            "waits": [row.wait for row in rows],
            "provider_refund_ids": [row.outcome.provider_refund_id for row in rows],
        },
    )
    return [
        Recorded(row[0], row[1], row[2], RepaymentState(row[3]), row[4], row[5]) for row in recorded
    ]
