"""A preview tells what then happens, and does nothing."""

import random
from collections.abc import Callable

import pytest

from tests.building import record, request
from tests.steps.books import assert_books_agree
from tests.steps.storm import do_something, draw_request, record_orders, settle_everything
from tests.steps.test_handling import code, rows
from worker.steps.accepting import accept_requests
from worker.steps.handling import handle_requests
from worker.steps.previewing import preview

POLICY = """
    [defaults]
    approval_above_minor = { EUR = 2000 }
    refunds_max = 60
    amount_min_minor = { EUR = 2 }
    [markets.DE]
    due_days = 14
    return_fee = { allowed = true, tax_rate = 1900 }
"""

TAKEN = """
    SELECT r.refund_id, c.capture_id, r.amount_minor, r.cash_minor, r.fee_minor,
           r.gift_card_minor, r.store_credit_minor
    FROM repayments r JOIN captures c ON c.id = r.capture_pk WHERE r.kind = 'refund'
"""
LINES = """
    SELECT r.refund_id, c.capture_id, l.line_id, rl.quantity, rl.amount_minor, rl.tax_minor,
           rl.discount_minor
    FROM refund_lines rl JOIN repayments r ON r.id = rl.repayment_id
    JOIN captured_lines l ON l.id = rl.line_pk JOIN captures c ON c.id = r.capture_pk
"""


@pytest.mark.parametrize("seed", range(8))
def test_a_preview_of_random_requests_is_what_then_happens(
    policy: Callable[[str], None], seed: int
) -> None:
    """In batches, since requests of a batch see what the ones before them take."""
    policy(POLICY)
    record_orders()
    chance = random.Random(seed)
    for batch in range(12):
        messages = [
            draw_request(chance, f"{batch}-{number}") for number in range(chance.randint(1, 4))
        ]
        before = rows("SELECT count(*) FROM refund_requests")
        previews = preview(messages)
        assert previews == preview(messages), "a preview has no effect"
        assert rows("SELECT count(*) FROM refund_requests") == before
        answers = accept_requests(messages).answers
        assert [one.answer for one in previews] == answers
        taken, lines = rows(TAKEN), rows(LINES)
        for one in previews:
            refund_id = one.answer.refund_id
            if refund_id is None:
                continue
            assert sorted(
                (
                    refund_id,
                    c.capture_id,
                    c.amount_minor,
                    c.repaid_minor,
                    c.return_fee_minor,
                    c.gift_card_minor,
                    c.store_credit_minor,
                )
                for c in one.captures
            ) == sorted(row for row in taken if row[0] == refund_id)
            assert sorted(
                (
                    refund_id,
                    line.capture_id,
                    line.line_id,
                    line.taken.quantity,
                    line.taken.amount_minor,
                    line.taken.tax_minor,
                    line.taken.discount_minor,
                )
                for line in one.lines
            ) == sorted(row for row in lines if row[0] == refund_id)
            stored = rows(f"SELECT due_at, state FROM refunds WHERE id = '{refund_id}'")
            assert one.due_at == stored[0][0]
            assert (stored[0][1] == "held") == bool(one.holds)
        do_something(chance, f"else-{batch}")
    settle_everything()


def test_what_was_decided_already_is_told_as_such(database: str) -> None:
    record()
    handle_requests([request("a"), request("z", "none")])
    found = preview([request("a"), request("z", "none"), request("a", "other"), request("b")])
    assert [str(one.answer).split()[0] for one in found] == [
        "accepted",
        "refused",
        "refused",
        "accepted",
    ]
    assert [one.answer.replayed for one in found] == [True, True, False, False]
    assert code(found[2].answer) == "idempotency_conflict"
    assert found[3].left_minor == 33


def test_repeats_within_a_preview_count_once(database: str) -> None:
    record()
    first, again, other = preview([request("a"), request("a"), request("a", reason="fraud")])
    assert (first.amount_minor, again.amount_minor) == (33, 0)
    assert again.answer.replayed
    assert code(other.answer) == "idempotency_conflict"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_in_whatever_order_the_books_agree(
    policy: Callable[[str], None], seed: int
) -> None:
    policy(POLICY)
    record_orders()
    chance = random.Random(1000 + seed)
    for number in range(60):
        do_something(chance, f"{number}")
        if number % 10 == 9:
            assert_books_agree()
    settle_everything()
    assert_books_agree()
    assert rows("SELECT count(*) FROM refunds WHERE state IN ('held', 'accepted')") == [(0,)]
