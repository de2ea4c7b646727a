"""Figures for reports: read only."""

from typing import Any

from sqlalchemy import Connection, text

from worker.arrays import execute

_FIGURES = text("""
    SELECT
      (SELECT count(DISTINCT order_pk) FROM captures WHERE merchant_id = :merchant) AS orders,
      (SELECT count(*) FROM captures WHERE merchant_id = :merchant) AS captures,
      (SELECT count(*) FROM captured_lines l JOIN captures c ON c.id = l.capture_pk
        WHERE c.merchant_id = :merchant) AS captured_lines,
      (SELECT coalesce(sum(captured_minor), 0) FROM captures WHERE merchant_id = :merchant)
        AS captured_minor,
      (SELECT count(*) FROM refund_requests WHERE merchant_id = :merchant) AS refund_requests,
      (SELECT count(*) FROM refund_requests WHERE merchant_id = :merchant
        AND decision = 'accepted') AS accepted,
      (SELECT coalesce(sum(settled_minor), 0) FROM refunds WHERE merchant_id = :merchant)
        AS refunded_minor,
      (SELECT coalesce(sum(refunded_minor), 0) FROM captures WHERE merchant_id = :merchant)
        AS refunded_of_captures_minor,
      (SELECT count(DISTINCT order_pk) FROM refunds WHERE merchant_id = :merchant
        AND settled_minor > 0) AS orders_refunded,
      (SELECT coalesce(sum(CASE d.kind WHEN 'reversal' THEN -d.amount_minor
                                      ELSE d.amount_minor END), 0)
        FROM deductions d JOIN refunds f
        ON f.id = d.refund_id WHERE f.merchant_id = :merchant) AS deducted_minor,
      (SELECT count(*) FROM refunds WHERE merchant_id = :merchant
        AND state NOT IN ('deducted', 'failed', 'cancelled', 'reversed')) AS unfinished,
      (SELECT count(*) FROM refunds WHERE merchant_id = :merchant AND state = 'failed') AS failed,
      (SELECT count(*) FROM refunds WHERE merchant_id = :merchant AND state = 'held') AS held,
      (SELECT count(*) FROM refunds WHERE merchant_id = :merchant AND state = 'cancelled')
        AS cancelled,
      (SELECT count(*) FROM refunds WHERE merchant_id = :merchant
        AND state IN ('held', 'accepted') AND due_at < now()) AS overdue,
      (SELECT coalesce(sum(r.fee_minor), 0) FROM repayments r JOIN refunds f ON f.id = r.refund_id
        WHERE f.merchant_id = :merchant AND r.state = 'settled') AS return_fees_minor,
      (SELECT count(*) FROM repayments r JOIN refunds f ON f.id = r.refund_id
        WHERE f.merchant_id = :merchant AND r.state = 'parked') AS parked_repayments,
      (SELECT count(*) FROM parked_messages WHERE merchant_id = :merchant OR merchant_id IS NULL)
        AS parked_messages
""")

_REFUSED = text("""
    SELECT refusal_code, count(*) FROM refund_requests
    WHERE merchant_id = :merchant AND decision = 'refused' GROUP BY 1 ORDER BY 2 DESC, 1
""")

_BY_MARKET = text("""
    SELECT o.market, sum(f.settled_minor) FROM refunds f JOIN orders o ON o.id = f.order_pk
    WHERE f.merchant_id = :merchant AND f.settled_minor > 0 GROUP BY 1 ORDER BY 2 DESC, 1
""")

# What we believe went back as money through providers, what only reduced customers' debts (less
# what was overpaid after that and went back), and what disputes took.
_CASH = text("""
    SELECT coalesce(sum(r.cash_minor) FILTER (WHERE r.kind <> 'chargeback'), 0),
           coalesce(sum(CASE r.kind WHEN 'overpayment' THEN -r.cash_minor
                                    ELSE r.amount_minor - r.cash_minor END), 0),
           coalesce(sum(r.cash_minor) FILTER (WHERE r.kind = 'chargeback'), 0),
           coalesce(sum(r.cash_minor) FILTER (
               WHERE r.provider = 'sandbox' AND r.kind <> 'chargeback'), 0)
    FROM repayments r JOIN refunds f ON f.id = r.refund_id
    WHERE f.merchant_id = :merchant AND r.state = 'settled'
""")

# The provider's own book: what it did, whatever we believe.
_PROVIDER = text("""
    SELECT coalesce(sum(amount_minor), 0), count(*) FROM sandbox.movements
    WHERE merchant_id = :merchant AND state = 'settled'
""")

_OPEN = text("""
    SELECT count(*) FROM refunds f WHERE f.merchant_id = :merchant AND f.state = 'accepted'
      AND EXISTS (SELECT FROM repayments r WHERE r.refund_id = f.id
                  AND r.state IN ('due', 'unknown', 'pending'))
""")

_UNBALANCED = text("""
    SELECT count(*) FROM (
        SELECT p.entry_id FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
        GROUP BY p.entry_id HAVING sum(p.amount_minor) <> 0 OR count(DISTINCT a.currency) <> 1
    ) AS unbalanced
""")

_ACCOUNTS = text("""
    SELECT a.currency, a.code, sum(p.amount_minor)
    FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
    WHERE a.merchant_id = :merchant GROUP BY 1, 2 ORDER BY 1, 2
""")

_PAYOUTS = text("""
    SELECT p.id, p.currency, p.state, p.opened_at, p.closed_at,
           CASE WHEN p.state = 'open' THEN (SELECT coalesce(sum(captured_minor), 0)
             FROM captures c WHERE c.payout_id = p.id) ELSE p.sales_minor END AS sales_minor,
           CASE WHEN p.state = 'open' THEN (SELECT coalesce(sum(amount_minor), 0)
             FROM deductions d WHERE d.payout_id = p.id AND d.kind = 'refund')
             ELSE p.returns_minor END AS returns_minor,
           CASE WHEN p.state = 'open' THEN (SELECT coalesce(sum(amount_minor), 0)
             FROM deductions d WHERE d.payout_id = p.id AND d.kind = 'reversal')
             ELSE p.reversals_minor END AS reversals_minor,
           p.opening_debt_minor, p.repaid_debt_minor, p.closing_debt_minor, p.settlement_minor
    FROM payouts p WHERE p.merchant_id = :merchant ORDER BY p.id
""")


def figures(connection: Connection, merchant_id: str) -> dict[str, Any]:
    """The counts and sums of a merchant, as stored. Amounts in minor units, all currencies."""
    bound = {"merchant": merchant_id}
    row = execute(connection, _FIGURES, bound).mappings().one()
    found: dict[str, Any] = {name: int(value) for name, value in row.items()}
    found["refused"] = {code: int(n) for code, n in execute(connection, _REFUSED, bound)}
    found["refunded_minor_by_market"] = {
        market: int(total) for market, total in execute(connection, _BY_MARKET, bound)
    }
    cash, debt, charged_back, through_sandbox = execute(connection, _CASH, bound).one()
    found["repaid_minor"], found["debt_reduced_minor"] = int(cash), int(debt)
    found["charged_back_minor"] = int(charged_back)
    found["repaid_through_sandbox_minor"] = int(through_sandbox)
    repaid, movements = execute(connection, _PROVIDER, bound).one()
    found["provider_repaid_minor"], found["provider_movements"] = int(repaid), int(movements)
    return found


def count_open(connection: Connection, merchant_id: str) -> int:
    """How many refunds have a repayment that is still open."""
    return int(execute(connection, _OPEN, {"merchant": merchant_id}).scalar_one())


def unbalanced_entries(connection: Connection) -> int:
    """How many ledger entries do not sum to zero or mix currencies. The database allows none."""
    return int(connection.execute(_UNBALANCED).scalar_one())


def account_balances(connection: Connection, merchant_id: str) -> dict[tuple[str, str], int]:
    """The balance of each account by (currency, code), debits positive, in minor units."""
    rows = execute(connection, _ACCOUNTS, {"merchant": merchant_id})
    return {(currency, code): int(total) for currency, code, total in rows}


def payouts_of(connection: Connection, merchant_id: str) -> list[dict[str, Any]]:
    """The merchant's payouts, oldest first; an open one with what it comes to so far."""
    rows = execute(connection, _PAYOUTS, {"merchant": merchant_id})
    return [dict(row) for row in rows.mappings()]
