"""Everything that is stored of a refund, for its timeline: read only."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from worker.arrays import execute

_FIND = text("""
    SELECT merchant_id, idempotency_key FROM refund_requests
    WHERE (idempotency_key = :name OR CAST(refund_id AS text) = :name)
      AND (CAST(:merchant AS text) IS NULL OR merchant_id = :merchant)
    ORDER BY merchant_id LIMIT 10
""")

_REQUEST = text("""
    SELECT q.merchant_id, q.idempotency_key, q.order_id, q.body, q.decision, q.refund_id,
           q.refusal_code, q.refusal_message, q.refusal_field, q.received_at,
           f.currency, f.amount_minor, f.fee_minor, f.settled_minor, f.state, f.accepted_at,
           f.due_at, f.cancel_code, f.cancelled_by, f.finished_at
    FROM refund_requests q LEFT JOIN refunds f ON f.id = q.refund_id
    WHERE q.merchant_id = :merchant AND q.idempotency_key = :key
""")

_LINES = text("""
    SELECT c.capture_id, l.line_id, l.name, rl.quantity, rl.amount_minor, rl.tax_minor,
           rl.discount_minor
    FROM refund_lines rl
    JOIN repayments r ON r.id = rl.repayment_id
    JOIN captured_lines l ON l.id = rl.line_pk
    JOIN captures c ON c.id = r.capture_pk
    WHERE r.refund_id = :refund ORDER BY c.captured_at DESC, l.id
""")

_REPAYMENTS = text("""
    SELECT r.id, c.capture_id, r.kind, r.provider, r.provider_key, r.amount_minor, r.cash_minor,
           r.fee_minor, r.gift_card_minor, r.store_credit_minor, r.state, r.code,
           r.provider_refund_id, r.next_attempt_at, r.finished_at
    FROM repayments r JOIN captures c ON c.id = r.capture_pk
    WHERE r.refund_id = :refund ORDER BY c.captured_at DESC, r.id
""")

_ATTEMPTS = text("""
    SELECT a.repayment_id, a.number, a.action, a.started_at, a.finished_at, a.outcome, a.code,
           a.evidence
    FROM attempts a JOIN repayments r ON r.id = a.repayment_id
    WHERE r.refund_id = :refund ORDER BY a.started_at, a.number
""")

_BOOKED = text("""
    SELECT e.kind, e.posted_at, a.code AS account, p.amount_minor
    FROM ledger_entries e
    JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
    WHERE e.source IN (
        SELECT 'refund:' || CAST(:refund AS text)
        UNION ALL
        SELECT 'repayment:' || id FROM repayments WHERE refund_id = CAST(:refund AS uuid)
    )
    ORDER BY e.id, p.amount_minor DESC
""")

_DEDUCTIONS = text("""
    SELECT d.kind, d.amount_minor, d.posted_at, d.payout_id, p.state AS payout_state
    FROM deductions d JOIN payouts p ON p.id = d.payout_id
    WHERE d.refund_id = :refund ORDER BY d.id
""")

_HOLDS = text("""
    SELECT h.kind, d.dispute_id, h.placed_at, h.released_at, h.released_by, h.note
    FROM holds h LEFT JOIN disputes d ON d.id = h.dispute_pk
    WHERE h.refund_id = :refund ORDER BY h.id
""")

_CREDITS = text("""
    SELECT k.number, c.capture_id, k.amount_minor, k.tender_minor, k.tax_minor, k.issued_at
    FROM credit_records k JOIN repayments r ON r.id = k.repayment_id
    JOIN captures c ON c.id = k.capture_pk
    WHERE r.refund_id = :refund ORDER BY k.number
""")

_CONFLICTS = text("""
    SELECT code, message, refused_at FROM refused_messages
    WHERE merchant_id = :merchant AND message_key = :key AND task = :task ORDER BY id
""")

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A request with all that followed from it."""

    request: dict[str, Any]
    lines: Rows
    repayments: Rows
    attempts: Rows
    booked: Rows
    deductions: Rows
    holds: Rows
    credits: Rows
    conflicts: Rows


def find_requests(
    connection: Connection, name: str, merchant_id: str | None
) -> list[tuple[str, str]]:
    """The (merchant_id, idempotency_key) of requests of this key or refund id."""
    rows = execute(connection, _FIND, {"name": name, "merchant": merchant_id})
    return [(merchant, key) for merchant, key in rows]


def read_timeline(connection: Connection, merchant_id: str, key: str, task: str) -> Timeline:
    """All that is stored of a request."""
    request = dict(
        execute(connection, _REQUEST, {"merchant": merchant_id, "key": key}).mappings().one()
    )
    bound = {"refund": request["refund_id"]}

    def rows(statement: Any, values: dict[str, Any]) -> Rows:
        return [dict(row) for row in execute(connection, statement, values).mappings()]

    return Timeline(
        request=request,
        lines=rows(_LINES, bound),
        repayments=rows(_REPAYMENTS, bound),
        attempts=rows(_ATTEMPTS, bound),
        booked=rows(_BOOKED, {"refund": str(request["refund_id"] or "")})
        if request["refund_id"]
        else [],
        deductions=rows(_DEDUCTIONS, bound),
        holds=rows(_HOLDS, bound),
        credits=rows(_CREDITS, bound),
        conflicts=rows(_CONFLICTS, {"merchant": merchant_id, "key": key, "task": task}),
    )
