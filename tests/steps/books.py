"""An independent look at all books in the database: whatever was done, they must agree."""

from tests.steps.test_handling import rows
from worker.steps.reporting import report

# What each repayment takes of lines, by how far it is; nothing once declined or cancelled.
_LINES = """
    SELECT l.id FROM captured_lines l LEFT JOIN (
        SELECT rl.line_pk,
               coalesce(sum(rl.{sum}) FILTER (WHERE r.state = 'settled'), 0) AS refunded,
               coalesce(sum(rl.{sum}) FILTER (
                   WHERE r.state IN ('held', 'due', 'unknown', 'pending', 'parked')), 0) AS reserved
        FROM refund_lines rl JOIN repayments r ON r.id = rl.repayment_id GROUP BY 1
    ) s ON s.line_pk = l.id
    WHERE l.refunded_{column} <> coalesce(s.refunded, 0)
       OR l.reserved_{column} <> coalesce(s.reserved, 0)
"""

_CAPTURES = """
    SELECT c.id, c.captured_minor - c.reserved_minor - c.refunded_minor, sum(l.left_minor)
    FROM captures c JOIN (
        SELECT capture_pk, captured_amount_minor - reserved_amount_minor - refunded_amount_minor
                 AS left_minor FROM captured_lines
        UNION ALL
        -- A fee becomes a line when its refund settles; until then only the capture knows of it.
        SELECT capture_pk, fee_minor FROM repayments
        WHERE state IN ('held', 'due', 'unknown', 'pending', 'parked')
    ) l ON l.capture_pk = c.id
    GROUP BY c.id HAVING c.captured_minor - c.reserved_minor - c.refunded_minor <> sum(l.left_minor)
"""

_CASH = """
    SELECT c.id FROM captures c WHERE c.cash_minor <> (
        SELECT coalesce(sum(cash_minor), 0) FROM repayments r
        WHERE r.capture_pk = c.id AND r.state NOT IN ('declined', 'cancelled', 'reversed'))
"""

_CREDITS = """
    SELECT count(*), count(DISTINCT number), coalesce(max(number), 0) FROM credit_records
    GROUP BY merchant_id
"""

_UNCREDITED = """
    SELECT r.id FROM repayments r
    LEFT JOIN credit_records k ON k.repayment_id = r.id AND k.kind = 'credit'
    LEFT JOIN credit_records b ON b.repayment_id = r.id AND b.kind = 'reversal'
    WHERE (r.state IN ('settled', 'reversed') AND r.kind <> 'overpayment') <> (k.id IS NOT NULL)
       OR (r.state = 'reversed' AND r.kind <> 'overpayment') <> (b.id IS NOT NULL)
"""


def assert_books_agree(merchant_id: str = "m") -> None:
    """Lines, captures, repayments, credit records, ledger and the provider tell the same."""
    for column in ("quantity", "amount_minor", "tax_minor", "discount_minor"):
        assert rows(_LINES.format(sum=column, column=column)) == [], column
    assert rows(_CAPTURES) == []
    assert rows(_CASH) == []
    assert rows(_UNCREDITED) == []
    for count, distinct, last in rows(_CREDITS):
        assert count == distinct == last, "credit records are numbered without gaps"
    found = report(merchant_id)
    assert found["ledger_balanced"], found
    assert found["provider_repaid_minor"] == found["repaid_through_sandbox_minor"], found
