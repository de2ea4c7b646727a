"""Late news: early, twice, out of order, never; and what had settled and came back."""

from itertools import permutations
from typing import Any

import pytest

from models.values.repayments import News
from models.values.states import NewsKind
from tests.building import capture, full, line, record, request
from tests.steps.books import assert_books_agree
from tests.steps.instructing import instruct
from tests.steps.scripting import keys, news, take_back
from tests.steps.test_handling import code, rows
from tests.steps.test_outcomes import make_due, scripted
from worker.providers.calling import call_all
from worker.steps.accepting import accept_requests
from worker.steps.closing import close_payout
from worker.steps.handling import handle_requests
from worker.steps.hearing import hear_news
from worker.steps.recording import record_outcomes
from worker.steps.sweeping import sweep

__all__ = ["scripted"]

STATES = """
    SELECT r.state, f.state, f.settled_minor
    FROM repayments r JOIN refunds f ON f.id = r.refund_id
"""
CASES = "SELECT kind, code FROM cases WHERE closed_at IS NULL ORDER BY id"
BALANCES = """
    SELECT a.code, sum(p.amount_minor) FROM ledger_postings p
    JOIN ledger_accounts a ON a.id = p.account_id GROUP BY 1 HAVING sum(p.amount_minor) <> 0
    ORDER BY 1
"""


def test_news_that_comes_before_the_response_settles_and_the_response_changes_nothing(
    database: str,
) -> None:
    record()
    batch = accept_requests([request()])
    outcomes = call_all(batch.claims)
    assert hear_news([news(NewsKind.SETTLED)]) == ["settle"]
    assert rows(STATES) == [("settled", "deducted", 33)]
    assert record_outcomes(batch.claims, outcomes) == 0, "the fence has been overtaken"
    assert rows("SELECT count(*) FROM deductions") == [(1,)]
    assert rows("SELECT outcome FROM attempts") == [("settled",)], "its answer is kept as evidence"
    assert_books_agree()


def test_news_is_heard_once_however_often_it_is_told(scripted: Any) -> None:
    scripted({"calls": ["pending"], "asked": "pending"})
    record()
    handle_requests([request()])
    assert rows(STATES) == [("pending", "accepted", 0)]
    told = news(NewsKind.SETTLED)
    assert hear_news([told, told]) == ["settle", "known"]
    assert hear_news([told]) == ["known"]
    assert hear_news([news(NewsKind.SETTLED, event="e-2")]) == ["nothing"]
    assert rows(STATES) == [("settled", "deducted", 33)]


def test_news_that_is_never_told_is_asked_for(scripted: Any) -> None:
    scripted({"calls": ["pending"]})
    record()
    handle_requests([request()])
    make_due()
    sweep()
    assert rows(STATES) == [("settled", "deducted", 33)]
    assert_books_agree()


def test_a_success_that_fails_later_is_taken_back_on_every_side(database: str) -> None:
    record()
    handle_requests([request()])
    assert hear_news([news(NewsKind.REVERSED, code="account_closed")]) == ["reverse"]
    take_back(keys()[0][0])
    assert rows(STATES) == [("reversed", "reversed", 0)]
    assert rows("SELECT reserved_minor, refunded_minor, cash_minor FROM captures") == [(0, 0, 0)], (
        "the headroom is restored"
    )
    assert rows("SELECT kind, amount_minor FROM deductions ORDER BY id") == [
        ("refund", 33),
        ("reversal", 33),
    ]
    assert rows("SELECT kind, number, tax_minor FROM credit_records ORDER BY number") == [
        ("credit", 1, 7),
        ("reversal", 2, 7),
    ]
    assert rows(BALANCES) == [("merchant_payable", -100), ("provider_clearing", 100)]
    assert rows(CASES) == [("reversed", "account_closed")]
    assert rows("SELECT topic FROM outbox ORDER BY id")[-1] == ("refund.reversed",)
    assert_books_agree()
    handle_requests([full("again")])
    assert rows("SELECT sum(settled_minor) FROM refunds") == [(100,)]


def test_a_reversal_after_its_payout_is_closed_comes_back_in_the_next(database: str) -> None:
    record()
    handle_requests([request()])
    first = close_payout("m", "EUR")
    assert first is not None
    assert (first.returns_minor, first.settlement_minor) == (33, 67)
    hear_news([news(NewsKind.REVERSED)])
    second = close_payout("m", "EUR")
    assert second is not None
    assert (second.returns_minor, second.reversals_minor, second.settlement_minor) == (0, 33, 33)


@pytest.mark.parametrize("order", list(permutations(["settled", "reversed", "settled"])))
def test_any_order_of_settled_and_reversed_ends_reversed(
    scripted: Any, order: tuple[str, ...]
) -> None:
    scripted({"calls": ["pending"], "asked": "pending"})
    record()
    handle_requests([request()])
    for number, kind in enumerate(order):
        hear_news([news(NewsKind(kind), event=f"e-{number}")])
    take_back(keys()[0][0])
    assert rows(STATES) == [("reversed", "reversed", 0)]
    assert rows(
        "SELECT sum(CASE kind WHEN 'refund' THEN amount_minor ELSE -amount_minor END)"
        " FROM deductions"
    ) == [(0,)]
    assert_books_agree()


def test_a_decline_after_a_settlement_is_a_reversal(database: str) -> None:
    record()
    handle_requests([request()])
    assert hear_news([news(NewsKind.DECLINED)]) == ["reverse"]
    assert rows(STATES) == [("reversed", "reversed", 0)]


def test_one_of_two_repayments_that_comes_back_leaves_the_other(database: str) -> None:
    record(capture(), capture(capture_id="second"))
    handle_requests([full()])
    key = keys()[0][0]
    hear_news([news(NewsKind.REVERSED, key)])
    take_back(key)
    assert rows("SELECT state, settled_minor FROM refunds") == [("deducted", 100)]
    assert_books_agree()


def test_a_repayment_that_comes_back_before_its_refund_is_finished_is_not_deducted(
    scripted: Any,
) -> None:
    scripted({"amount_minor": 40, "calls": ["pending"], "asked": "pending"})
    record(
        capture(lines=[line(total_amount_minor=60)]),
        capture(capture_id="second", lines=[line(total_amount_minor=40)]),
    )
    handle_requests([full()])
    assert rows("SELECT state, amount_minor FROM repayments ORDER BY amount_minor") == [
        ("pending", 40),
        ("settled", 60),
    ]
    ((settled,),) = rows("SELECT provider_key FROM repayments WHERE state = 'settled'")
    ((pending,),) = rows("SELECT provider_key FROM repayments WHERE state = 'pending'")
    hear_news([news(NewsKind.REVERSED, settled)])
    take_back(settled)
    hear_news([news(NewsKind.SETTLED, pending, event="e-2")])
    assert rows("SELECT state, settled_minor FROM refunds") == [("deducted", 40)]
    assert rows("SELECT kind, amount_minor FROM deductions") == [("refund", 40)]


def test_a_return_fee_of_a_reversed_refund_is_no_fee_any_more(database: str) -> None:
    record(capture(lines=[line(total_amount_minor=100, tax_rate=1900)]))
    handle_requests([full("a", return_fee_minor=20)])
    hear_news([news(NewsKind.REVERSED)])
    take_back(keys()[0][0])
    assert_books_agree()
    (answer,) = handle_requests([full("b")])
    assert code(answer) is None
    assert rows("SELECT amount_minor FROM refunds WHERE state = 'deducted'") == [(100,)]
    assert_books_agree()


def test_an_overpayment_that_comes_back_stays_the_customers(database: str) -> None:
    record(capture(customer_paid_minor=0))
    handle_requests([request("a", kind="amount", lines=[], amount_minor=30)])
    instruct("captures.payment", capture_id="o-1-c", amount_minor=100)
    sweep()
    ((key,),) = rows("SELECT provider_key FROM repayments WHERE kind = 'overpayment'")
    assert hear_news([news(NewsKind.REVERSED, key)]) == ["reverse"]
    take_back(key)
    assert rows("SELECT state, settled_minor FROM refunds") == [("deducted", 30)]
    assert rows("SELECT cash_minor, refunded_minor FROM captures") == [(0, 30)]
    assert rows(CASES) == [("reversed", "reversed")]


def test_what_contradicts_the_books_changes_nothing_and_asks_a_person(scripted: Any) -> None:
    scripted({"calls": ["decline"]})
    record()
    handle_requests([request()])
    assert hear_news([news(NewsKind.SETTLED)]) == ["contradiction"]
    nobody = News("sandbox", "e-9", NewsKind.SETTLED, "no-such-key")
    assert hear_news([nobody]) == ["unknown_repayment"]
    assert hear_news([nobody]) == ["known"]
    assert rows(STATES) == [("declined", "failed", 0)]
    assert rows(CASES) == [
        ("contradiction", "contradicts_what_is_stored"),
        ("contradiction", "unknown_repayment"),
    ]


def test_news_settles_what_was_parked_and_closes_its_case(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUNDS_ATTEMPTS_MAX", "1")
    scripted({"calls": ["timeout_after"], "asked": "pending"})
    record()
    handle_requests([request()])
    with_key = keys()[0][0]
    rows_before = rows(CASES)
    assert rows_before == []
    make_due()
    sweep()
    assert hear_news([news(NewsKind.SETTLED, with_key)]) in (["settle"], ["nothing"])
    assert rows(STATES) == [("settled", "deducted", 33)]
    assert rows(CASES) == []


def test_news_of_a_number_that_we_do_not_know_yet_counts_when_it_is_told_again(
    database: str,
) -> None:
    """The provider paid and told by its own number, before our call had its answer."""
    record()
    batch = accept_requests([request()])
    outcomes = call_all(batch.claims)
    number = outcomes[0].provider_refund_id
    told = News("sandbox", "e-1", NewsKind.REVERSED, provider_refund_id=number)
    assert hear_news([told]) == ["unknown_repayment"]
    record_outcomes(batch.claims, outcomes)
    assert hear_news([told]) == ["reverse"]
    assert hear_news([told]) == ["known"]
    take_back(keys()[0][0])
    assert rows(STATES) == [("reversed", "reversed", 0)]
    assert_books_agree()
