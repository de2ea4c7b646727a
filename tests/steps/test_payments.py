"""Payments that arrive later: what was owed is repaid as money only once it has been paid."""

from typing import Any

from tests.building import capture, full, record, request
from tests.steps.books import assert_books_agree
from tests.steps.instructing import instruct
from tests.steps.test_handling import code, rows
from tests.steps.test_outcomes import make_due, scripted
from worker.steps.accepting import accept_requests
from worker.steps.handling import handle_requests
from worker.steps.sweeping import sweep

__all__ = ["scripted"]

CAPTURE = "SELECT paid_minor, cash_minor, refunded_minor FROM captures"
REPAYMENTS = "SELECT kind, state, amount_minor, cash_minor FROM repayments ORDER BY kind DESC, id"
BALANCES = """
    SELECT a.code, sum(p.amount_minor) FROM ledger_postings p
    JOIN ledger_accounts a ON a.id = p.account_id GROUP BY 1 HAVING sum(p.amount_minor) <> 0
    ORDER BY 1
"""


def pay(amount: int, **fields: Any) -> str | None:
    said = {"capture_id": "o-1-c", "amount_minor": amount} | fields
    return code(instruct("captures.payment", **said))


def amount(key: str, minor: int) -> Any:
    return request(key, kind="amount", lines=[], amount_minor=minor)


def test_what_is_paid_meanwhile_is_repaid_and_what_is_not_reduces_the_debt(database: str) -> None:
    record(capture(customer_paid_minor=0))
    handle_requests([amount("a", 30)])
    assert pay(50) is None
    handle_requests([amount("b", 30)])
    assert rows(REPAYMENTS) == [("refund", "settled", 30, 0), ("refund", "settled", 30, 10)] or (
        rows(REPAYMENTS) == [("refund", "settled", 30, 10), ("refund", "settled", 30, 0)]
    )
    assert rows(CAPTURE) == [(50, 10, 60)]
    assert_books_agree()


def test_an_invoice_paid_in_full_after_a_refund_had_reduced_it_gives_the_surplus_back(
    database: str,
) -> None:
    record(capture(customer_paid_minor=0))
    handle_requests([amount("a", 30)])
    assert pay(100) is None
    assert rows(REPAYMENTS) == [("refund", "settled", 30, 0), ("overpayment", "due", 30, 30)]
    assert rows("SELECT amount_minor, overpaid_minor FROM payments") == [(100, 30)]
    assert sweep() == 1
    assert rows("SELECT amount_minor FROM sandbox.movements") == [(30,)]
    assert rows("SELECT count(*), sum(amount_minor) FROM deductions") == [(1, 30)], "deducted once"
    assert rows("SELECT count(*) FROM credit_records") == [(1,)]
    assert rows("SELECT topic FROM outbox ORDER BY id")[-1] == ("refund.overpayment_repaid",)
    assert rows(BALANCES) == [("merchant_payable", -70), ("provider_clearing", 70)]
    assert_books_agree()
    handle_requests([full("b")])
    assert rows(CAPTURE) == [(100, 100, 100)]
    assert_books_agree()


def test_a_surplus_goes_back_in_parts_as_it_is_paid(database: str) -> None:
    record(capture(customer_paid_minor=0))
    handle_requests([amount("a", 30), amount("b", 20)])
    for paid in (60, 15, 25):
        assert pay(paid) is None
        sweep()
    assert rows("SELECT overpaid_minor FROM payments ORDER BY id") == [(10,), (15,), (25,)]
    assert rows("SELECT sum(amount_minor) FROM sandbox.movements") == [(50,)]
    assert rows(CAPTURE) == [(100, 50, 50)]
    assert_books_agree()


def test_a_held_refund_simply_repays_more_of_it_as_money(database: str) -> None:
    record(capture(customer_paid_minor=0))
    handle_requests([request("a", kind="amount", lines=[], amount_minor=40, awaits_goods=True)])
    assert pay(100) is None
    assert rows(REPAYMENTS) == [("refund", "held", 40, 40)]
    refund_id = rows("SELECT id FROM refunds")[0][0]
    instruct("refunds.goods_received", refund_id=str(refund_id), by="ann")
    sweep()
    assert rows("SELECT amount_minor FROM sandbox.movements") == [(40,)]
    assert_books_agree()


def test_a_refund_under_way_is_waited_for_and_then_what_it_had_reduced_goes_back(
    database: str,
) -> None:
    record(capture(customer_paid_minor=20))
    accept_requests([amount("a", 90)])
    assert rows(REPAYMENTS) == [("refund", "unknown", 90, 10)]
    assert pay(80) is None
    assert rows("SELECT overpaid_minor FROM payments") == [(0,)]
    make_due()
    sweep()
    assert rows(REPAYMENTS) == [("refund", "settled", 90, 10), ("overpayment", "due", 80, 80)]
    sweep()
    assert rows(CAPTURE) == [(100, 90, 90)]
    assert_books_agree()


def test_a_surplus_that_the_provider_declines_is_a_persons_and_stays_the_customers(
    scripted: Any,
) -> None:
    scripted({"amount_minor": 30, "calls": ["decline"]})
    record(capture(customer_paid_minor=0))
    handle_requests([amount("a", 30)])
    pay(100)
    sweep()
    assert rows("SELECT kind, state FROM repayments ORDER BY kind DESC") == [
        ("refund", "settled"),
        ("overpayment", "parked"),
    ]
    assert rows("SELECT state FROM refunds") == [("deducted",)]
    assert rows("SELECT topic FROM outbox ORDER BY id")[-1] == ("refund.parked",)
    assert rows(CAPTURE) == [(100, 30, 30)]


def test_payments_that_cannot_be_are_refused(database: str) -> None:
    record(capture(customer_paid_minor=60))
    assert pay(41) == "payment_exceeds_captured"
    assert pay(40, capture_id="none") == "capture_not_found"
    assert pay(40, merchant_id="n") == "capture_not_found"
    assert pay(40, idempotency_key="p") is None
    assert pay(40, idempotency_key="p") is None, "the same payment again is one payment"
    assert rows(CAPTURE) == [(100, 0, 0)]
    assert_books_agree()
