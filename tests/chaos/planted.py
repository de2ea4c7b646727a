"""Faults to plant in a result: each with the name under which the checker must find it.

They are written past all guards of the schema, as a worker never could.
"""

from chaos.checking import findings

_SETTLED = "SELECT id FROM repayments WHERE state = 'settled' AND cash_minor > 0 ORDER BY id"
_ONE = f"({_SETTLED} LIMIT 1)"
_KEY = f"(SELECT provider_key FROM repayments WHERE id = {_ONE})"
_REFUND = f"(SELECT refund_id FROM repayments WHERE id = {_ONE})"
_FIRST_REFUSED = "(SELECT min(id) FROM refund_requests WHERE decision = 'refused')"
_LAST_DEDUCTED = "(SELECT max(id) FROM ledger_entries WHERE kind = 'deduction')"

PLANTED = {
    "request_forgotten": (
        findings.LOST,
        f"DELETE FROM refund_requests WHERE refund_id = {_REFUND}",
    ),
    "refusal_forgotten": (
        findings.LOST,
        f"DELETE FROM refund_requests WHERE id = {_FIRST_REFUSED}",
    ),
    "conflict_forgotten": (findings.LOST, "DELETE FROM refused_messages"),
    "parked_forgotten": (findings.LOST, "DELETE FROM parked_messages"),
    "capture_forgotten": (
        findings.LOST,
        "DELETE FROM captures WHERE id = (SELECT max(id) FROM captures)",
    ),
    "decided_otherwise": (
        findings.ALTERED,
        f"""UPDATE refund_requests SET body = body || '{{"order_id": "other"}}'
            WHERE refund_id = {_REFUND}""",
    ),
    "fee_not_kept": (
        findings.ALTERED,
        f"UPDATE refunds SET fee_minor = fee_minor + 1 WHERE id = {_REFUND}",
    ),
    "other_units": (
        findings.ALTERED,
        "UPDATE refund_lines SET quantity = quantity + 1 WHERE quantity > 0",
    ),
    "paid_under_two_keys": (
        findings.PAID_TWICE,
        f"""INSERT INTO sandbox.movements
            SELECT 'k-2', 'n-2', merchant_id, reference, capture_reference, currency,
                   amount_minor, state FROM sandbox.movements WHERE key = {_KEY}""",
    ),
    "paid_another_amount": (
        findings.PAID_TWICE,
        f"UPDATE sandbox.movements SET amount_minor = amount_minor + 1 WHERE key = {_KEY}",
    ),
    "paid_and_believed_declined": (
        findings.PAID_UNBOOKED,
        f"UPDATE repayments SET state = 'declined' WHERE id = {_ONE}",
    ),
    "never_paid": (
        findings.BOOKED_UNPAID,
        f"DELETE FROM sandbox.movements WHERE key = {_KEY}",
    ),
    "came_back_unheard": (
        findings.BOOKED_UNPAID,
        f"UPDATE sandbox.movements SET state = 'reversed' WHERE key = {_KEY}",
    ),
    "line_over_captured": (
        findings.OVER_CAPTURED,
        f"""UPDATE refund_lines t SET amount_minor = l.captured_amount_minor + 1
            FROM captured_lines l WHERE l.id = t.line_pk AND l.type = 'physical'
              AND t.repayment_id IN ({_SETTLED})""",
    ),
    "capture_over_captured": (
        findings.OVER_CAPTURED,
        f"UPDATE repayments SET amount_minor = 100000000 WHERE id = {_ONE}",
    ),
    "more_paid_out_than_in": (
        findings.OVER_CAPTURED,
        f"UPDATE sandbox.movements SET amount_minor = 100000000 WHERE key = {_KEY}",
    ),
    "counter_off_by_one": (
        findings.WRONG_COUNTERS,
        """UPDATE captures SET refunded_minor = refunded_minor - 1 WHERE id =
           (SELECT min(id) FROM captures WHERE refunded_minor > cash_minor + 1)""",
    ),
    "posting_missing": (
        findings.UNBALANCED,
        """DELETE FROM ledger_postings WHERE (entry_id, account_id) =
           (SELECT entry_id, min(account_id) FROM ledger_postings
            GROUP BY entry_id ORDER BY entry_id LIMIT 1)""",
    ),
    "deduction_not_booked": (
        findings.UNBALANCED,
        f"""DELETE FROM ledger_postings WHERE entry_id = {_LAST_DEDUCTED};
            DELETE FROM ledger_entries WHERE id = {_LAST_DEDUCTED}""",
    ),
    "deducted_twice": (
        findings.WRONG_DEDUCTIONS,
        f"""ALTER TABLE deductions DROP CONSTRAINT uq_deductions_refund_id_kind_source;
            INSERT INTO deductions (refund_id, kind, source, payout_id, amount_minor)
            SELECT refund_id, kind, source, payout_id, amount_minor FROM deductions
            WHERE refund_id = {_REFUND}""",
    ),
    "not_deducted": (
        findings.WRONG_DEDUCTIONS,
        f"DELETE FROM deductions WHERE refund_id = {_REFUND}",
    ),
    "payout_closed_short": (
        findings.WRONG_DEDUCTIONS,
        """UPDATE payouts SET sales_minor = sales_minor + 1, settlement_minor = settlement_minor + 1
           WHERE id = (SELECT min(id) FROM payouts WHERE state = 'closed')""",
    ),
    "debt_not_carried_on": (
        findings.WRONG_DEDUCTIONS,
        """UPDATE payouts SET opening_debt_minor = 1, closing_debt_minor = closing_debt_minor + 1
           WHERE id = (SELECT max(id) FROM payouts WHERE state = 'closed')""",
    ),
    "credit_numbers_with_a_gap": (
        findings.CREDIT_GAPS,
        """UPDATE credit_records SET number = number + 1 WHERE (merchant_id, number) IN
           (SELECT merchant_id, last_number FROM credit_counters)""",
    ),
    "credit_missing": (
        findings.CREDIT_GAPS,
        """DELETE FROM credit_records WHERE id =
           (SELECT max(id) FROM credit_records WHERE kind = 'credit')""",
    ),
    "refund_left_open": (
        findings.UNFINISHED,
        f"UPDATE refunds SET state = 'accepted' WHERE id = {_REFUND}",
    ),
    "event_left": (
        findings.UNFINISHED,
        """INSERT INTO outbox (topic, merchant_id, payload)
           VALUES ('refund.parked', 'merchant-1', '{}')""",
    ),
    "message_misjudged": (
        findings.UNFINISHED,
        "UPDATE parked_messages SET code = 'poison_message'",
    ),
}
"""By what goes wrong: the name in the verdict, and the statements that do it."""
