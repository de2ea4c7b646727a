"""Ledger, deductions and credit records: do they add up, and do they tell of the same refunds?"""

from typing import Any

import psycopg

from chaos.checking.findings import CREDIT_GAPS, UNBALANCED, WRONG_DEDUCTIONS, Findings

# Each query gives what is wrong, as one text a row.
_UNBALANCED = (
    """
    SELECT format('entry %s of %s sums to %s', e.id, e.source, sum(p.amount_minor))
    FROM ledger_entries e LEFT JOIN ledger_postings p ON p.entry_id = e.id
    LEFT JOIN ledger_accounts a ON a.id = p.account_id
    GROUP BY e.id HAVING coalesce(sum(p.amount_minor), 1) <> 0
      OR bool_or(a.currency IS DISTINCT FROM e.currency) OR count(DISTINCT a.merchant_id) <> 1
    """,
    """
    SELECT format('postings name entry %s, which is not there', p.entry_id)
    FROM ledger_postings p LEFT JOIN ledger_entries e ON e.id = p.entry_id WHERE e.id IS NULL
    """,
    """
    SELECT format('%s %s has %s left in transit', a.merchant_id, a.currency, sum(p.amount_minor))
    FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
    WHERE a.code = 'repayments_in_transit'
    GROUP BY a.merchant_id, a.currency HAVING sum(p.amount_minor) <> 0
    """,
    # What each repayment and refund is booked with, by the sources of its entries.
    """
    SELECT format('repayment %s is %s with %s booked of %s', r.id, r.state, b.booked,
                  r.amount_minor)
    FROM repayments r LEFT JOIN LATERAL (
        SELECT coalesce(sum(p.amount_minor), 0) AS booked
        FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id
        JOIN ledger_accounts a ON a.id = p.account_id AND a.code = 'repayments_in_transit'
        WHERE e.source = 'repayment:' || r.id AND e.kind IN ('repayment', 'repayment_reversal')
    ) b ON true
    WHERE r.kind = 'refund'
      AND b.booked <> CASE WHEN r.state = 'settled' THEN r.amount_minor ELSE 0 END
    """,
    # The provider's part of it is what the provider has paid by its own book.
    """
    SELECT format('%s %s: %s booked as paid by the provider, %s paid', coalesce(l.merchant_id,
                  m.merchant_id), coalesce(l.currency, m.currency), l.booked, m.paid)
    FROM (SELECT a.merchant_id, a.currency, -sum(p.amount_minor) AS booked
          FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id
          JOIN ledger_accounts a ON a.id = p.account_id AND a.code = 'provider_clearing'
          WHERE e.kind IN ('repayment', 'repayment_reversal') GROUP BY 1, 2) l
    FULL JOIN (SELECT merchant_id, currency, sum(amount_minor) AS paid FROM sandbox.movements
               WHERE state = 'settled' GROUP BY 1, 2) m
      ON m.merchant_id = l.merchant_id AND m.currency = l.currency
    WHERE coalesce(l.booked, 0) <> coalesce(m.paid, 0)
    """,
)
_DEDUCTIONS = (
    """
    SELECT format('refund %s is %s: %s deducted, %s settled, %s noted', f.id, f.state,
                  d.deducted, r.settled, f.settled_minor)
    FROM refunds f LEFT JOIN LATERAL (
        SELECT coalesce(sum(CASE kind WHEN 'reversal' THEN -amount_minor ELSE amount_minor END), 0)
          AS deducted FROM deductions WHERE refund_id = f.id
    ) d ON true LEFT JOIN LATERAL (
        SELECT coalesce(sum(amount_minor), 0) AS settled FROM repayments
        WHERE refund_id = f.id AND kind = 'refund' AND state = 'settled'
    ) r ON true
    WHERE d.deducted <> r.settled OR f.settled_minor <> r.settled
      OR (f.state = 'deducted') <> (r.settled > 0)
    """,
    """
    SELECT format('refund %s has %s deductions of kind %s for %L', refund_id, count(*), kind,
                  source)
    FROM deductions GROUP BY refund_id, kind, source HAVING count(*) > 1
    """,
    """
    SELECT format('deduction %s of refund %s is in payout %s of %s %s', d.id, f.id, p.id,
                  p.merchant_id, p.currency)
    FROM deductions d JOIN refunds f ON f.id = d.refund_id JOIN payouts p ON p.id = d.payout_id
    WHERE (p.merchant_id, p.currency) <> (f.merchant_id, f.currency)
    """,
    # What closed payouts were totalled from, and what each carries on to the next.
    """
    SELECT format('payout %s totals %s, %s and %s, of %s, %s and %s', p.id, p.sales_minor,
                  p.returns_minor, p.reversals_minor, s.sales, d.returns, d.reversals)
    FROM payouts p LEFT JOIN LATERAL (
        SELECT coalesce(sum(captured_minor), 0) AS sales FROM captures WHERE payout_id = p.id
    ) s ON true LEFT JOIN LATERAL (
        SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund'), 0) AS returns,
               coalesce(sum(amount_minor) FILTER (WHERE kind = 'reversal'), 0) AS reversals
        FROM deductions WHERE payout_id = p.id
    ) d ON true
    WHERE p.state <> 'open'
      AND (p.sales_minor, p.returns_minor, p.reversals_minor) <> (s.sales, d.returns, d.reversals)
    """,
    """
    SELECT format('payout %s begins with a debt of %s after %s', id, opening_debt_minor, before)
    FROM (SELECT id, state, opening_debt_minor, lag(closing_debt_minor, 1, 0::bigint)
                   OVER (PARTITION BY merchant_id, currency ORDER BY id) AS before
          FROM payouts) p
    WHERE state <> 'open' AND opening_debt_minor <> before
    """,
)
_CREDITS = (
    """
    SELECT format('%s has %s records, numbered %s to %s', merchant_id, count(*), min(number),
                  max(number))
    FROM credit_records GROUP BY merchant_id
    HAVING count(DISTINCT number) <> count(*) OR min(number) <> 1 OR max(number) <> count(*)
    """,
    """
    SELECT format('repayment %s is %s with %s credits for %s of %s and %s reversals', r.id, r.state,
                  k.credits, k.credited, r.amount_minor, k.reversals)
    FROM repayments r LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE kind = 'credit') AS credits,
               count(*) FILTER (WHERE kind = 'reversal') AS reversals,
               coalesce(sum(amount_minor) FILTER (WHERE kind = 'credit'), 0) AS credited
        FROM credit_records WHERE repayment_id = r.id
    ) k ON true
    WHERE r.kind = 'refund' AND (k.credits, k.reversals, k.credited) <> (
        CASE WHEN r.state IN ('settled', 'reversed') THEN 1 ELSE 0 END,
        CASE WHEN r.state = 'reversed' THEN 1 ELSE 0 END,
        CASE WHEN r.state IN ('settled', 'reversed') THEN r.amount_minor ELSE 0 END)
    """,
    """
    SELECT format('record %s of %s: tax %s, by rate %s', k.number, k.merchant_id, k.tax_minor,
                  sum(t.tax_minor))
    FROM credit_records k LEFT JOIN credit_taxes t ON t.credit_id = k.id
    GROUP BY k.id HAVING coalesce(sum(t.tax_minor), 0) <> k.tax_minor
    """,
)


def check(connection: psycopg.Connection[Any], findings: Findings) -> None:
    """Look at all three."""
    for name, queries in (
        (UNBALANCED, _UNBALANCED),
        (WRONG_DEDUCTIONS, _DEDUCTIONS),
        (CREDIT_GAPS, _CREDITS),
    ):
        for query in queries:
            for (sentence,) in connection.execute(query.encode()):
                findings.add(name, sentence)
