"""Repayments and attempts: store them, and record what came of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.repayments import attempts
from models.values.orders import CaptureShare, KeptFee
from models.values.repayments import Action, Claim, Outcome, OutcomeKind
from models.values.states import RepaymentKind, RepaymentState
from worker.arrays import execute
from worker.store.setwise import insert_rows

_INSERT = text("""
    INSERT INTO repayments (id, refund_id, capture_pk, kind, provider, amount_minor, cash_minor,
                            fee_minor, fee_tax_minor, fee_tax_rate_basis_points, gift_card_minor,
                            store_credit_minor, provider_key, state, attempts, fence,
                            next_attempt_at, first_sent_at)
    SELECT u.id, u.refund_id, u.capture_pk, u.kind, u.provider, u.amount_minor, u.cash_minor,
           u.fee_minor, u.fee_tax_minor, u.fee_tax_rate, u.gift_card_minor, u.store_credit_minor,
           u.key, u.state, u.claims, u.claims, now() + u.wait,
           CASE WHEN u.claims > 0 THEN now() END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:refunds AS uuid[]), CAST(:captures AS bigint[]),
                CAST(:kinds AS text[]), CAST(:providers AS text[]), CAST(:amounts AS bigint[]),
                CAST(:cash AS bigint[]), CAST(:fees AS bigint[]), CAST(:fee_taxes AS bigint[]),
                CAST(:fee_tax_rates AS int[]), CAST(:gift_cards AS bigint[]),
                CAST(:store_credits AS bigint[]), CAST(:keys AS text[]), CAST(:states AS text[]),
                CAST(:claims AS int[]), CAST(:waits AS interval[]))
      AS u(id, refund_id, capture_pk, kind, provider, amount_minor, cash_minor, fee_minor,
           fee_tax_minor, fee_tax_rate, gift_card_minor, store_credit_minor, key, state, claims,
           wait)
""")

NO_FEE = KeptFee(0, 0, 0)


@dataclass(frozen=True, slots=True)
class NewRepayment:
    """A repayment to store: claimed by whoever stores it (unknown), due later, or held.

    `wait` is the claim's lease, or how long it is put off; none where it is held.
    """

    repayment_id: UUID
    refund_id: UUID
    share: CaptureShare
    key: str
    action: Action
    kind: RepaymentKind = RepaymentKind.REFUND
    state: RepaymentState = RepaymentState.UNKNOWN
    wait: timedelta | None = None


def insert_repayments(connection: Connection, rows: Sequence[NewRepayment]) -> None:
    """Store repayments; claimed ones with their first attempt and fence 1.

    The state of a claimed one is unknown from the commit on: whoever finds it after a crash
    cannot know whether the call was made.
    """
    if not rows:
        return
    shares = [row.share for row in rows]
    fees = [share.fee or NO_FEE for share in shares]
    execute(
        connection,
        _INSERT,
        {
            "ids": [row.repayment_id for row in rows],
            "refunds": [row.refund_id for row in rows],
            "captures": [share.capture_pk for share in shares],
            "kinds": [row.kind for row in rows],
            "providers": [share.provider for share in shares],
            "amounts": [share.amount_minor for share in shares],
            "cash": [share.cash_minor for share in shares],
            "fees": [fee.amount_minor for fee in fees],
            "fee_taxes": [fee.tax_minor for fee in fees],
            "fee_tax_rates": [fee.tax_rate_basis_points for fee in fees],
            "gift_cards": [share.gift_card_minor for share in shares],
            "store_credits": [share.store_credit_minor for share in shares],
            "keys": [row.key for row in rows],
            "states": [row.state for row in rows],
            "claims": [1 if row.state is RepaymentState.UNKNOWN else 0 for row in rows],
            "waits": [row.wait for row in rows],
        },
    )
    insert_attempts(
        connection,
        [
            (row.repayment_id, 1, str(row.action))
            for row in rows
            if row.state is RepaymentState.UNKNOWN
        ],
    )


def insert_attempts(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Store attempts (repayment_id, number, action) before they are made."""
    insert_rows(connection, attempts, ("repayment_id", "number", "action"), rows)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A repayment whose outcome was recorded under a valid fence."""

    repayment_id: UUID
    refund_id: UUID
    capture_pk: int
    state: RepaymentState
    amount_minor: int
    cash_minor: int
    kind: RepaymentKind
    fee_minor: int
    gift_card_minor: int
    store_credit_minor: int

    @property
    def is_overpayment(self) -> bool:
        """Whether it pays back what was overpaid, and no refund of its own."""
        return self.kind is RepaymentKind.OVERPAYMENT

    @property
    def reduced_debt(self) -> bool:
        """Whether some of it reduced the customer's debt."""
        return self.cash_minor < self.amount_minor


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
        error = u.error,
        parked_from = CASE WHEN u.state = 'parked' THEN u.parked_from END,
        fence = r.fence + 1,
        next_attempt_at = now() + u.wait,
        provider_refund_id = coalesce(u.provider_refund_id, r.provider_refund_id),
        finished_at = CASE WHEN u.state IN ('settled', 'declined') THEN now() END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[]), CAST(:states AS text[]),
                CAST(:codes AS text[]), CAST(:errors AS text[]), CAST(:parked_from AS text[]),
                CAST(:waits AS interval[]), CAST(:provider_refund_ids AS text[]))
      AS u(id, fence, state, code, error, parked_from, wait, provider_refund_id)
    WHERE r.id = u.id AND r.fence = u.fence
    RETURNING r.id, r.refund_id, r.capture_pk, r.state, r.amount_minor, r.cash_minor, r.kind,
              r.fee_minor, r.gift_card_minor, r.store_credit_minor
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


def _surely(row: ToRecord) -> str:
    """What is known of a repayment that is set aside: due only if surely nothing was executed."""
    unsent = row.outcome.kind in (OutcomeKind.NOT_SENT, OutcomeKind.DECLINED)
    before = row.claim.before
    if before is RepaymentState.PENDING:
        return before
    return RepaymentState.DUE if unsent and before is RepaymentState.DUE else RepaymentState.UNKNOWN


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
            "errors": [row.outcome.error for row in rows],
            "parked_from": [_surely(row) for row in rows],
            "waits": [row.wait for row in rows],
            "provider_refund_ids": [row.outcome.provider_refund_id for row in rows],
        },
    )
    return [
        Recorded(
            repayment_id=row[0],
            refund_id=row[1],
            capture_pk=row[2],
            state=RepaymentState(row[3]),
            amount_minor=row[4],
            cash_minor=row[5],
            kind=RepaymentKind(row[6]),
            fee_minor=row[7],
            gift_card_minor=row[8],
            store_credit_minor=row[9],
        )
        for row in recorded
    ]
