"""Refund and chargeback never both pay."""

from typing import Any

from sqlalchemy import text

from tests.building import capture, full, record, request
from tests.steps.books import assert_books_agree
from tests.steps.instructing import instruct
from tests.steps.test_handling import code, rows
from tests.steps.test_outcomes import make_due
from worker.database import engine
from worker.steps.accepting import accept_requests
from worker.steps.handling import handle_requests
from worker.steps.sweeping import sweep

DISPUTES = "SELECT state, paid_twice_minor, refund_id IS NOT NULL FROM disputes"
REFUNDS = "SELECT state, amount_minor, reason FROM refunds ORDER BY accepted_at, id"


def opened(**fields: Any) -> str | None:
    said = {"dispute_id": "d-1", "order_id": "o-1", "amount_minor": 100} | fields
    return code(instruct("disputes.opened", **said))


def closed(outcome: str, **fields: Any) -> str | None:
    said = {"dispute_id": "d-1", "outcome": outcome} | fields
    return code(instruct("disputes.closed", **said))


def test_a_refund_of_a_disputed_capture_waits_and_goes_on_when_the_dispute_is_won(
    database: str,
) -> None:
    record()
    assert opened(capture_id="o-1-c") is None
    handle_requests([request("a")])
    assert rows(REFUNDS) == [("held", 33, None)]
    assert sweep() == 0
    assert closed("won") is None
    assert sweep() == 1
    assert rows(REFUNDS) == [("deducted", 33, None)]
    assert rows(DISPUTES) == [("won", 0, False)]
    assert_books_agree()


def test_a_lost_dispute_takes_the_place_of_the_refunds_that_waited_for_it(database: str) -> None:
    record()
    opened()
    handle_requests([full("a")])
    assert closed("lost") is None
    assert rows(REFUNDS) == [("cancelled", 100, None), ("deducted", 100, "chargeback")]
    assert rows("SELECT cancel_code, cancelled_by FROM refunds WHERE state = 'cancelled'") == [
        ("charged_back", "dispute")
    ]
    assert rows("SELECT count(*) FROM sandbox.movements") == [(0,)], "the provider is not called"
    assert rows("SELECT amount_minor FROM deductions") == [(100,)]
    assert rows(DISPUTES) == [("lost", 0, True)]
    (answer,) = handle_requests([full("b")])
    assert code(answer) == "nothing_left_to_refund"
    assert closed("lost") == "dispute_not_open"
    assert_books_agree()


def test_a_part_that_was_charged_back_leaves_the_rest_to_refund(database: str) -> None:
    record()
    opened(amount_minor=40)
    assert closed("lost", amount_minor=30) is None
    handle_requests([full("a")])
    assert rows(REFUNDS) == [("deducted", 30, "chargeback"), ("deducted", 70, None)]
    assert rows(
        "SELECT refunded_amount_minor, refunded_tax_minor, refunded_discount_minor"
        " FROM captured_lines"
    ) == [(100, 20, 5)]
    assert_books_agree()


def test_what_refund_and_chargeback_paid_twice_is_known(database: str) -> None:
    record()
    handle_requests([request("a", kind="amount", lines=[], amount_minor=80)])
    assert opened() is None
    assert rows("SELECT payload ->> 'sent_minor' FROM outbox WHERE topic = 'refund.disputed'") == [
        ("80",)
    ]
    closed("lost")
    assert rows(DISPUTES) == [("lost", 80, True)]
    assert rows(REFUNDS) == [("deducted", 80, None), ("deducted", 20, "chargeback")]
    assert_books_agree()


def test_a_refund_that_is_not_sent_yet_is_held_when_a_dispute_opens(database: str) -> None:
    record(capture(), capture(capture_id="second"))
    accept_requests([full("a")])
    # One of its two repayments is surely not sent, of the other nobody knows.
    with engine().begin() as connection:
        connection.execute(
            text(
                "UPDATE repayments SET state = 'due' WHERE capture_pk ="
                " (SELECT id FROM captures WHERE capture_id = 'second')"
            )
        )
    opened()
    assert rows("SELECT state FROM repayments ORDER BY capture_pk") == [("unknown",), ("held",)]
    make_due()
    assert sweep() == 1
    assert rows("SELECT state FROM repayments ORDER BY capture_pk") == [("settled",), ("held",)]
    assert rows("SELECT state FROM refunds") == [("held",)]
    closed("lost", amount_minor=10)
    assert rows("SELECT state, settled_minor, reason FROM refunds ORDER BY accepted_at, id") == [
        ("deducted", 100, None),
        ("deducted", 10, "chargeback"),
    ]
    assert rows("SELECT sum(amount_minor) FROM deductions") == [(110,)]
    assert rows("SELECT sum(reserved_minor), sum(refunded_minor) FROM captures") == [(0, 110)]
    assert rows("SELECT amount_minor FROM sandbox.movements") == [(100,)]
    assert_books_agree()


def test_a_dispute_of_one_capture_does_not_hold_refunds_of_another(database: str) -> None:
    record(capture(), capture(capture_id="second"))
    opened(capture_id="second")
    handle_requests([full("a", capture_id="o-1-c"), full("b", capture_id="second")])
    assert rows("SELECT state FROM refunds ORDER BY state") == [("deducted",), ("held",)]
    assert_books_agree()


def test_a_refund_waits_for_every_dispute_of_it(database: str) -> None:
    record()
    opened()
    opened(dispute_id="d-2")
    handle_requests([full("a")])
    closed("won")
    assert rows("SELECT state FROM refunds") == [("held",)]
    closed("won", dispute_id="d-2")
    assert rows("SELECT state FROM refunds") == [("accepted",)]
    assert_books_agree()


def test_disputes_that_are_not_there_are_refused(database: str) -> None:
    record()
    assert opened(order_id="none") == "order_not_found"
    assert opened(merchant_id="n") == "order_not_found"
    assert opened(capture_id="none") == "capture_not_found"
    assert closed("won") == "dispute_not_found"
    assert opened() is None
    assert opened() == "dispute_not_open"
    assert closed("won", merchant_id="n") == "dispute_not_found"
    assert_books_agree()
