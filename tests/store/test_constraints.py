"""The last line of defence: the schema refuses what wrong code would do."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.values.orders import OrderBook, Portion
from tests.building import record, request
from worker.database import engine
from worker.rules.eligibility import decide
from worker.steps import deciding
from worker.steps.accepting import accept_requests
from worker.steps.closing import close_payout
from worker.steps.handling import handle_requests

_CREDIT = (
    "WITH c AS (INSERT INTO credit_records (merchant_id, number, repayment_id, capture_pk,"
    " currency, amount_minor, tender_minor, tax_minor) SELECT merchant_id, {number}, {repayment},"
    " capture_pk, currency, amount_minor, 0, {tax} FROM credit_records RETURNING id, amount_minor)"
    " INSERT INTO credit_taxes SELECT id, 0, amount_minor, {tax} FROM c"
)
OVERPAYMENTS = {
    "reserve more of a line than captured": "UPDATE captured_lines SET reserved_amount_minor = 68",
    "refund more of a line than captured": "UPDATE captured_lines SET refunded_amount_minor = 101",
    "refund more units than captured": "UPDATE captured_lines SET refunded_quantity = 4",
    "refund more tax than captured": "UPDATE captured_lines SET refunded_tax_minor = 21",
    "refund more discount than captured": "UPDATE captured_lines SET refunded_discount_minor = 6",
    "reserve less than nothing": "UPDATE captured_lines SET reserved_amount_minor = -1",
    "reserve more of a capture": "UPDATE captures SET reserved_minor = 68",
    "refund more of a capture": "UPDATE captures SET refunded_minor = refunded_minor + 68",
    "repay more than the customer paid": "UPDATE captures SET paid_minor = 32",
    "settle more than the refund": "UPDATE refunds SET settled_minor = amount_minor + 1",
    "deduct a refund twice": "INSERT INTO deductions (refund_id, kind, payout_id, amount_minor)"
    " SELECT refund_id, kind, payout_id, amount_minor FROM deductions",
    "repay a refund's capture twice": "INSERT INTO repayments SELECT (jsonb_populate_record(r,"
    " jsonb_build_object('id', gen_random_uuid(), 'provider_key', 'other',"
    " 'provider_refund_id', 'other'))).* FROM repayments r",
    "send two repayments under one key": "INSERT INTO repayments SELECT (jsonb_populate_record(r,"
    " jsonb_build_object('id', gen_random_uuid(), 'refund_id', gen_random_uuid()))).*"
    " FROM repayments r",
    "decide a request twice": "INSERT INTO refund_requests (merchant_id, idempotency_key,"
    " order_id, fingerprint, body, decision, refusal_code)"
    " VALUES ('m', 'k-1', 'o', '', '{}', 'refused', 'x')",
    "book an entry that does not balance": "WITH e AS (INSERT INTO ledger_entries"
    " (kind, source, currency) VALUES ('sale', 'x', 'EUR') RETURNING id)"
    " INSERT INTO ledger_postings SELECT e.id, a.id, 5 FROM e, ledger_accounts a"
    " WHERE a.code = 'merchant_payable'",
    "book an entry without postings": "INSERT INTO ledger_entries (kind, source, currency)"
    " VALUES ('sale', 'x', 'EUR')",
    "book in another currency": "WITH e AS (INSERT INTO ledger_entries (kind, source, currency)"
    " VALUES ('sale', 'x', 'SEK') RETURNING id) INSERT INTO ledger_postings"
    " SELECT e.id, a.id, CASE a.code WHEN 'merchant_payable' THEN 5 ELSE -5 END"
    " FROM e, ledger_accounts a WHERE a.code IN ('merchant_payable', 'provider_clearing')",
    "book a refund's deduction again": "INSERT INTO ledger_entries (kind, source, currency)"
    " SELECT kind, source, currency FROM ledger_entries WHERE kind = 'deduction'",
    "add to a booked entry": "INSERT INTO ledger_postings SELECT min(e.id), a.id, 7"
    " FROM ledger_entries e, ledger_accounts a"
    " WHERE a.code = 'repayments_in_transit' GROUP BY a.id",
    "book on an account that is not there": "WITH e AS (INSERT INTO ledger_entries"
    " (kind, source, currency) VALUES ('sale', 'x', 'EUR') RETURNING id)"
    " INSERT INTO ledger_postings SELECT e.id, v.account, v.amount"
    " FROM e, (VALUES (-1, 5), (-2, -5)) AS v(account, amount)",
    "book on an entry that is not there": "INSERT INTO ledger_postings SELECT -1, id,"
    " CASE code WHEN 'merchant_payable' THEN 5 ELSE -5 END"
    " FROM ledger_accounts WHERE code IN ('merchant_payable', 'provider_clearing')",
    "change a posting": "UPDATE ledger_postings SET amount_minor = amount_minor * 2",
    "delete a posting": "DELETE FROM ledger_postings",
    "change an entry": "UPDATE ledger_entries SET source = 'x'",
    "empty the ledger": "TRUNCATE ledger_postings",
    "change a deduction": "UPDATE deductions SET amount_minor = 1",
    "change a decision": "UPDATE refund_requests SET decision = 'refused'",
    "change what a refund takes": "UPDATE refund_lines SET amount_minor = 1",
    "change a credit record": "UPDATE credit_records SET tax_minor = 0",
    "delete a credit record": "DELETE FROM credit_taxes",
    "credit a repayment twice": _CREDIT.format(number=2, repayment="repayment_id", tax=7),
    "give a credit number twice": _CREDIT.format(number=1, repayment="gen_random_uuid()", tax=7),
    "credit more than its taxes": "INSERT INTO credit_taxes"
    " SELECT id, 2500, 1, 0 FROM credit_records",
    "credit without taxes": "INSERT INTO credit_records (merchant_id, number, repayment_id,"
    " capture_pk, currency, amount_minor, tender_minor, tax_minor)"
    " SELECT merchant_id, 9, gen_random_uuid(), capture_pk, currency, 1, 0, 0 FROM credit_records",
    "number credits backwards": "UPDATE credit_counters SET last_number = 0",
    "forget how far credits are numbered": "DELETE FROM credit_counters",
    "cancel without a reason": "UPDATE refunds SET state = 'cancelled'",
    "keep less than nothing as a fee": "UPDATE repayments SET fee_minor = -1",
    "tax a fee above itself": "UPDATE repayments SET fee_minor = 5, fee_tax_minor = 6",
    "overpay without a source": "UPDATE repayments SET kind = 'overpayment'",
    "hold a repayment that is scheduled": "UPDATE repayments SET state = 'held',"
    " next_attempt_at = now()",
    "let an open repayment wait for ever": "UPDATE repayments SET state = 'due'",
    "dispute nothing": "INSERT INTO disputes (merchant_id, dispute_id, order_pk, state,"
    " amount_minor) SELECT 'm', 'd', id, 'open', 0 FROM orders",
    "hold for a dispute that is not there": "INSERT INTO holds (refund_id, kind)"
    " SELECT id, 'dispute' FROM refunds",
    "say an order is worth less than was captured of it": "UPDATE captures"
    " SET order_amount_minor = 99",
}


@pytest.mark.parametrize("statement", OVERPAYMENTS.values(), ids=OVERPAYMENTS.keys())
def test_the_database_refuses_to(database: str, statement: str) -> None:
    record()
    handle_requests([request()])
    with pytest.raises(DBAPIError) as raised, engine().begin() as connection:
        connection.execute(text(statement))
    assert raised.value.orig is not None
    assert getattr(raised.value.orig, "sqlstate", "")[:2] == "23", raised.value.orig


CLOSED_PAYOUT_DEDUCTION = (
    "INSERT INTO deductions (refund_id, kind, payout_id, amount_minor)"
    " SELECT gen_random_uuid(), 'refund', id, 5 FROM payouts WHERE state = 'closed'"
)


def test_a_closed_payout_takes_no_more_and_does_not_change(database: str) -> None:
    record()
    handle_requests([request()])
    close_payout("m", "EUR")
    handle_requests([request("k-2")])
    for statement in (
        "UPDATE payouts SET settlement_minor = 0, sales_minor = 33 WHERE state = 'closed'",
        "UPDATE payouts SET state = 'open', closed_at = NULL WHERE state = 'closed'",
        "DELETE FROM payouts",
        CLOSED_PAYOUT_DEDUCTION,
    ):
        with pytest.raises(DBAPIError) as raised, engine().begin() as connection:
            connection.execute(text(statement))
        assert getattr(raised.value.orig, "sqlstate", "")[:2] == "23", statement
    with engine().begin() as connection:
        connection.execute(text("UPDATE payouts SET state = 'paid' WHERE state = 'closed'"))


def test_rules_that_accept_too_much_fail_instead_of_overpaying(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Break the rule itself: the step must end in an error, and nothing be reserved."""
    record()
    handle_requests([request("a"), request("b"), request("c")])

    def blind(book: OrderBook) -> OrderBook:
        """The book as it was before any refund."""
        captures = [replace(one, taken_minor=0, cash_minor=0) for one in book.captures]
        lines = {
            pk: {name: replace(one, taken=Portion()) for name, one in of.items()}
            for pk, of in book.lines.items()
        }
        return replace(book, captures=captures, lines=lines)

    monkeypatch.setattr(
        deciding, "decide", lambda ask, book, around: decide(ask, book and blind(book), around)
    )
    with pytest.raises(DBAPIError, match="never_above"):
        accept_requests([request("d")])
    with engine().connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM refunds")).scalar_one() == 3
