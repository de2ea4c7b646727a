"""Credit records: number and store them. Nothing here updates or deletes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from worker.arrays import execute

# The counters are locked in the order of the merchants, so that two batches cannot deadlock, and
# a number that is not committed is given again: no gaps. Records and taxes go in by one
# statement: the triggers check both at its end.
_ISSUE = text("""
    WITH fresh AS (
        SELECT r.id, r.capture_pk, f.merchant_id, f.currency, r.amount_minor, r.fee_minor,
               r.fee_tax_minor, r.fee_tax_rate_basis_points,
               r.gift_card_minor + r.store_credit_minor AS tender_minor,
               row_number() OVER (PARTITION BY f.merchant_id ORDER BY f.accepted_at, f.id, r.id)
                 AS place
        FROM repayments r JOIN refunds f ON f.id = r.refund_id
        WHERE r.id = ANY(CAST(:repayments AS uuid[]))
          AND NOT EXISTS (SELECT FROM credit_records c
                          WHERE c.repayment_id = r.id AND c.kind = 'credit')
    ), counted AS (
        INSERT INTO credit_counters AS c (merchant_id, last_number)
        SELECT merchant_id, count(*) FROM fresh GROUP BY merchant_id ORDER BY merchant_id
        ON CONFLICT (merchant_id) DO UPDATE SET last_number = c.last_number + EXCLUDED.last_number
        RETURNING c.merchant_id, c.last_number
    ), taxed AS (
        SELECT rl.repayment_id, l.tax_rate_basis_points AS rate, rl.amount_minor AS amount,
               CASE WHEN l.type = 'sales_tax' THEN rl.amount_minor ELSE rl.tax_minor END AS tax
        FROM refund_lines rl JOIN captured_lines l ON l.id = rl.line_pk
        WHERE rl.repayment_id = ANY(CAST(:repayments AS uuid[]))
          AND NOT (l.type IN ('gift_card', 'store_credit') AND l.captured_amount_minor < 0)
        UNION ALL
        SELECT id, fee_tax_rate_basis_points, -fee_minor, -fee_tax_minor
        FROM fresh WHERE fee_minor > 0
    ), summed AS (
        SELECT repayment_id, rate, sum(amount) AS amount, sum(tax) AS tax
        FROM taxed GROUP BY repayment_id, rate
    ), issued AS (
        INSERT INTO credit_records (merchant_id, number, repayment_id, capture_pk, currency,
                                    amount_minor, tender_minor, tax_minor)
        SELECT fresh.merchant_id,
               counted.last_number - sizes.size + fresh.place,
               fresh.id, fresh.capture_pk, fresh.currency, fresh.amount_minor, fresh.tender_minor,
               (SELECT sum(tax) FROM summed WHERE summed.repayment_id = fresh.id)
        FROM fresh
        JOIN counted ON counted.merchant_id = fresh.merchant_id
        JOIN (SELECT merchant_id, count(*) AS size FROM fresh GROUP BY merchant_id) sizes
          ON sizes.merchant_id = fresh.merchant_id
        RETURNING id, repayment_id
    )
    INSERT INTO credit_taxes (credit_id, tax_rate_basis_points, amount_minor, tax_minor)
    SELECT issued.id, summed.rate, summed.amount, summed.tax
    FROM issued JOIN summed ON summed.repayment_id = issued.repayment_id
""")


def issue(connection: Connection, repayment_ids: Sequence[UUID]) -> None:
    """Issue a credit record for each settled repayment of a refund that has none yet."""
    if repayment_ids:
        execute(connection, _ISSUE, {"repayments": list(repayment_ids)})


_REVERSE = text("""
    WITH counted AS (
        INSERT INTO credit_counters AS c (merchant_id, last_number)
        SELECT merchant_id, 1 FROM credit_records
        WHERE repayment_id = :repayment AND kind = 'credit'
        ON CONFLICT (merchant_id) DO UPDATE SET last_number = c.last_number + 1
        RETURNING c.merchant_id, c.last_number
    ), issued AS (
        INSERT INTO credit_records (merchant_id, number, repayment_id, capture_pk, currency, kind,
                                    amount_minor, tender_minor, tax_minor)
        SELECT k.merchant_id, counted.last_number, k.repayment_id, k.capture_pk, k.currency,
               'reversal', k.amount_minor, k.tender_minor, k.tax_minor
        FROM credit_records k JOIN counted ON counted.merchant_id = k.merchant_id
        WHERE k.repayment_id = :repayment AND k.kind = 'credit'
        RETURNING id
    )
    INSERT INTO credit_taxes (credit_id, tax_rate_basis_points, amount_minor, tax_minor)
    SELECT issued.id, t.tax_rate_basis_points, t.amount_minor, t.tax_minor
    FROM issued, credit_taxes t JOIN credit_records k ON k.id = t.credit_id
    WHERE k.repayment_id = :repayment AND k.kind = 'credit'
""")


def reverse(connection: Connection, repayment_id: UUID) -> None:
    """Issue a record that takes back the credit record of a reversed repayment."""
    execute(connection, _REVERSE, {"repayment": repayment_id})


_LIST = text("""
    SELECT k.number, k.kind, k.issued_at, c.capture_id, o.order_id, r.refund_id, k.currency,
           k.amount_minor, k.tender_minor, k.tax_minor,
           (SELECT json_agg(json_build_object('tax_rate', t.tax_rate_basis_points,
                                              'amount_minor', t.amount_minor,
                                              'tax_minor', t.tax_minor)
                            ORDER BY t.tax_rate_basis_points)
            FROM credit_taxes t WHERE t.credit_id = k.id) AS taxes
    FROM credit_records k
    JOIN repayments r ON r.id = k.repayment_id
    JOIN captures c ON c.id = k.capture_pk
    JOIN orders o ON o.id = c.order_pk
    WHERE k.merchant_id = :merchant AND (CAST(:order AS text) IS NULL OR o.order_id = :order)
    ORDER BY k.number DESC LIMIT :at_most
""")


def credits_of(
    connection: Connection, merchant_id: str, order_id: str | None, at_most: int
) -> list[dict[str, Any]]:
    """A merchant's credit records, the newest first, with their tax by rate."""
    bound = {"merchant": merchant_id, "order": order_id, "at_most": at_most}
    return [dict(row) for row in execute(connection, _LIST, bound).mappings()]
