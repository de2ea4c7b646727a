"""Accept, repay, deduct: on a real database with the sandbox provider."""

from typing import Any

from sqlalchemy import text

from tests.building import capture, full, line, record, request
from worker.database import engine
from worker.steps.answers import Answer
from worker.steps.capturing import record_captures
from worker.steps.closing import close_payout
from worker.steps.handling import handle_requests
from worker.steps.reporting import report


def rows(query: str) -> list[tuple[Any, ...]]:
    with engine().connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def code(answer: Answer) -> str | None:
    return str(answer.refusal.code) if answer.refusal else None


def test_a_refund_is_reserved_repaid_and_deducted(database: str) -> None:
    record()
    (answer,) = handle_requests([request()])
    assert str(answer) == f"accepted {answer.refund_id}"
    assert rows("SELECT state, amount_minor, settled_minor FROM refunds") == [("deducted", 33, 33)]
    assert rows("SELECT amount_minor, state FROM sandbox.movements") == [(33, "settled")]
    assert rows("SELECT kind, amount_minor FROM deductions") == [("refund", 33)]
    assert rows(
        "SELECT reserved_amount_minor, refunded_amount_minor, refunded_tax_minor,"
        " refunded_discount_minor, refunded_quantity FROM captured_lines"
    ) == [(0, 33, 7, 2, 1)]
    assert rows("SELECT topic FROM outbox ORDER BY id") == [
        ("refund.accepted",),
        ("refund.repaid",),
        ("refund.deducted",),
    ]


def test_units_of_one_batch_add_up_to_the_line_exactly(database: str) -> None:
    record()
    handle_requests([request("a"), request("b"), request("c")])
    assert rows("SELECT amount_minor FROM refunds ORDER BY amount_minor") == [(33,), (33,), (34,)]
    assert rows(
        "SELECT refunded_amount_minor, refunded_tax_minor, refunded_discount_minor"
        " FROM captured_lines"
    ) == [(100, 20, 5)]


def test_what_a_batch_takes_first_is_gone_for_the_rest_of_it(database: str) -> None:
    record()
    answers = handle_requests([full("all"), request("late"), full("later")])
    assert [code(answer) for answer in answers] == [
        None,
        "exceeds_captured",
        "nothing_left_to_refund",
    ]
    assert rows("SELECT sum(amount_minor) FROM sandbox.movements") == [(100,)]


def test_the_same_request_again_replays_the_stored_answer(database: str) -> None:
    record()
    first = handle_requests([request(), request("none", "o-unknown")])
    again = handle_requests(
        [request(requested_at="2026-11-02T00:00:00Z"), request("none", "o-unknown")]
    )
    assert [str(answer) for answer in again] == [f"{answer} (replayed)" for answer in first]
    assert rows("SELECT count(*) FROM sandbox.movements") == [(1,)]


def test_the_same_key_twice_in_one_batch_is_one_refund(database: str) -> None:
    record()
    first, second = handle_requests([request(), request()])
    assert str(second) == f"{first} (replayed)"
    assert rows("SELECT count(*) FROM refunds") == [(1,)]


def test_the_same_key_with_another_body_is_a_recorded_conflict(database: str) -> None:
    record()
    handle_requests([request()])
    (answer,) = handle_requests([full()])
    assert code(answer) == "idempotency_conflict"
    assert rows("SELECT code, message_key FROM refused_messages") == [
        ("idempotency_conflict", "k-1")
    ]
    assert rows("SELECT sum(amount_minor) FROM refunds") == [(33,)]


def test_another_merchant_finds_no_order_and_has_keys_of_its_own(database: str) -> None:
    record()
    mine, theirs = handle_requests([request(), request(merchant_id="other")])
    assert code(mine) is None
    assert code(theirs) == "order_not_found"


def test_a_wrong_currency_is_refused(database: str) -> None:
    record()
    (answer,) = handle_requests([request(currency="SEK")])
    assert code(answer) == "currency_mismatch"
    assert answer.refusal is not None
    assert answer.refusal.field == "currency"


def test_an_order_captured_in_parts_is_repaid_capture_by_capture(database: str) -> None:
    record(
        capture(capture_id="c-1", captured_at="2026-11-01T10:00:00Z"),
        capture(capture_id="c-2", captured_at="2026-11-03T10:00:00Z", lines=[line(), line("l-2")]),
    )
    handle_requests([request(lines=[{"line_id": "l-1", "quantity": 4}]), full("rest")])
    # The newest capture gives first: three units of c-2, one of c-1; then all that is left.
    assert rows("SELECT capture_reference, amount_minor FROM sandbox.movements ORDER BY 1, 2") == [
        ("c-1", 33),
        ("c-1", 67),
        ("c-2", 100),
        ("c-2", 100),
    ]
    assert rows("SELECT kind, amount_minor FROM deductions ORDER BY id") == [
        ("refund", 133),
        ("refund", 167),
    ]


def test_a_refund_of_an_unpaid_capture_reduces_the_debt_and_pays_nothing_out(database: str) -> None:
    record(capture(customer_paid_minor=0))
    handle_requests([full()])
    assert rows("SELECT count(*) FROM sandbox.movements") == [(0,)]
    assert rows("SELECT state, settled_minor FROM refunds") == [("deducted", 100)]
    assert rows("SELECT action, outcome, code FROM attempts") == [("none", "settled", "debt_only")]
    assert rows(
        "SELECT sum(p.amount_minor) FROM ledger_postings p JOIN ledger_accounts a"
        " ON a.id = p.account_id WHERE a.code = 'customer_receivable'"
    ) == [(0,)]


def test_a_free_line_of_another_capture_goes_back_without_a_call(database: str) -> None:
    free = line("gift", quantity=2, total_amount_minor=0, total_tax_minor=0, total_discount_minor=0)
    record(capture(capture_id="c-1", lines=[free, line("z")]), capture(capture_id="c-2"))
    asked = [{"line_id": "gift", "quantity": 2}, {"line_id": "l-1", "quantity": 3}]
    handle_requests([request(lines=asked)])
    assert rows("SELECT state, settled_minor FROM refunds") == [("deducted", 100)]
    assert rows("SELECT count(*), sum(amount_minor) FROM sandbox.movements") == [(1, 100)]
    assert rows("SELECT refunded_quantity FROM captured_lines WHERE line_id = 'gift'") == [(2,)]
    again = handle_requests([request("again", lines=[*asked[:1], {"line_id": "z", "quantity": 1}])])
    assert code(again[0]) == "exceeds_captured"
    assert report("m")["ledger_balanced"]


def test_no_more_is_repaid_than_the_customer_has_paid(database: str) -> None:
    record(capture(customer_paid_minor=40))
    handle_requests([request("a"), request("b"), request("c")])
    assert rows("SELECT sum(amount_minor) FROM sandbox.movements") == [(40,)]
    assert report("m")["debt_reduced_minor"] == 60


def test_recording_a_capture_twice_is_one_capture_and_other_content_a_conflict(
    database: str,
) -> None:
    first, again = record_captures([capture(), capture()])
    (other,) = record_captures([capture(customer_paid_minor=1)])
    assert str(again) == f"{first} (replayed)"
    assert code(other) == "capture_conflict"
    assert rows("SELECT count(*), sum(captured_minor) FROM captures") == [(1, 100)]
    assert rows("SELECT code FROM refused_messages") == [("capture_conflict",)]


def test_a_capture_that_does_not_fit_its_order_is_refused(database: str) -> None:
    record()
    answers = record_captures(
        [
            capture(capture_id="x", currency="SEK"),
            capture(capture_id="y", market="SE"),
            capture("o-2", provider="sandbo"),
        ]
    )
    assert [code(answer) for answer in answers] == [
        "currency_mismatch",
        "market_mismatch",
        "provider_unknown",
    ]
    (answer,) = handle_requests([full(order_id="o-2")])
    assert code(answer) == "order_not_found"


def test_a_payout_totals_sales_and_returns_and_carries_a_shortfall(database: str) -> None:
    record()
    handle_requests([request()])
    first = close_payout("m", "EUR")
    handle_requests([full("rest")])
    second = close_payout("m", "EUR")
    record(capture("o-2"))
    third = close_payout("m", "EUR")
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.sales_minor, first.returns_minor, first.settlement_minor) == (100, 33, 67)
    assert (second.settlement_minor, second.closing_debt_minor) == (0, 67)
    assert (third.repaid_debt_minor, third.settlement_minor, third.closing_debt_minor) == (
        67,
        33,
        0,
    )
    assert close_payout("m", "SEK") is None
    balances = dict(
        rows(
            "SELECT a.code, sum(p.amount_minor)::bigint FROM ledger_postings p"
            " JOIN ledger_accounts a ON a.id = p.account_id GROUP BY 1"
        )
    )
    assert balances["merchant_payable"] == 0
    assert balances["merchant_debt"] == 0
    assert balances["bank"] == -(67 + 33)
    assert report("m")["ledger_balanced"]
