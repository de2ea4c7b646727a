"""What providers answer, scripted, and what the worker makes of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.building import capture, full, record, request
from tests.steps.test_handling import rows
from worker.database import engine
from worker.providers import registry
from worker.providers.adapters.sandbox import SandboxProvider
from worker.providers.calling import call_all
from worker.settings import settings
from worker.steps.accepting import accept_requests
from worker.steps.handling import handle_requests
from worker.steps.recording import record_outcomes
from worker.steps.reporting import report
from worker.steps.sweeping import sweep


@pytest.fixture
def scripted(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Script the sandbox: gives a function that takes rules."""

    def script(*rules: dict[str, Any]) -> None:
        path = tmp_path / "script.json"
        path.write_text(json.dumps(rules))
        monkeypatch.setenv("REFUNDS_SANDBOX_SCRIPT", str(path))
        settings.cache_clear()
        registry._load.cache_clear()

    yield script
    registry._load.cache_clear()


def make_due() -> None:
    """Let the waits and leases end."""
    with engine().begin() as connection:
        connection.execute(
            text("UPDATE repayments SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
        )


def states() -> list[tuple[Any, ...]]:
    return rows(
        "SELECT r.state, r.code, f.state FROM repayments r JOIN refunds f ON f.id = r.refund_id"
    )


def test_a_decline_releases_the_money_and_fails_the_refund(scripted: Any) -> None:
    scripted({"calls": ["decline"], "code": "card_closed"})
    record()
    handle_requests([request()])
    assert states() == [("declined", "card_closed", "failed")]
    assert rows("SELECT reserved_minor, refunded_minor, cash_minor FROM captures") == [(0, 0, 0)]
    assert rows("SELECT count(*) FROM deductions") == [(0,)]
    assert rows("SELECT topic FROM outbox ORDER BY id") == [
        ("refund.accepted",),
        ("refund.failed",),
    ]
    scripted()
    handle_requests([full("again")])
    assert rows("SELECT sum(amount_minor) FROM deductions") == [(100,)]


@pytest.mark.parametrize("first", ["timeout_before", "timeout_after"])
def test_a_timeout_is_unknown_and_is_resent_under_the_same_key(scripted: Any, first: str) -> None:
    scripted({"calls": [first, "settle"]})
    record()
    handle_requests([request()])
    assert states() == [("unknown", "provider_timeout", "accepted")]
    assert rows("SELECT reserved_minor, refunded_minor FROM captures") == [(33, 0)]
    make_due()
    assert sweep() == 1
    assert states() == [("settled", None, "deducted")]
    assert rows("SELECT count(*), sum(amount_minor) FROM sandbox.movements") == [(1, 33)]


def test_a_pending_repayment_is_asked_after_and_never_resent(scripted: Any) -> None:
    scripted({"calls": ["pending"]})
    record()
    handle_requests([request()])
    assert states() == [("pending", None, "accepted")]
    make_due()
    sweep()
    assert states() == [("settled", None, "deducted")]
    assert rows("SELECT action, outcome FROM attempts ORDER BY number") == [
        ("send", "pending"),
        ("ask", "settled"),
    ]


def test_a_pending_repayment_can_end_in_a_decline(scripted: Any) -> None:
    scripted({"calls": ["pending"], "asked": "decline", "code": "bank_refused"})
    record()
    handle_requests([request()])
    make_due()
    sweep()
    assert states() == [("declined", "bank_refused", "failed")]


def test_what_was_surely_not_sent_is_sent_again(scripted: Any) -> None:
    scripted({"calls": ["not_sent", "not_sent", "settle"]})
    record()
    handle_requests([request()])
    assert states() == [("due", "sandbox_refused_connection", "accepted")]
    for _ in range(2):
        make_due()
        sweep()
    assert states() == [("settled", None, "deducted")]


def test_nothing_is_attempted_before_it_is_due(scripted: Any) -> None:
    scripted({"calls": ["timeout_before"]})
    record()
    handle_requests([request()])
    assert sweep() == 0


def test_after_the_last_attempt_a_repayment_is_parked_and_keeps_its_money(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUNDS_ATTEMPTS_MAX", "3")
    scripted({"calls": ["timeout_before"]})
    record()
    handle_requests([request()])
    for _ in range(4):
        make_due()
        sweep()
    assert states() == [("parked", "attempts_exhausted", "accepted")]
    assert rows("SELECT action FROM attempts ORDER BY number") == [
        ("send",),
        ("send",),
        ("send",),
        ("ask",),
    ]
    assert rows("SELECT kind, code, closed_at FROM cases") == [
        ("parked", "attempts_exhausted", None)
    ]
    assert rows("SELECT reserved_minor FROM captures") == [(33,)]
    assert report("m")["unfinished"] == 1


def test_an_unknown_whose_key_may_have_expired_is_asked_after_not_resent(scripted: Any) -> None:
    scripted({"calls": ["timeout_after", "settle"]})
    record()
    handle_requests([request()])
    with engine().begin() as connection:
        connection.execute(
            text("UPDATE repayments SET first_sent_at = now() - interval '23 hours 58 minutes'")
        )
    make_due()
    sweep()
    assert rows("SELECT action, outcome FROM attempts ORDER BY number") == [
        ("send", "unknown"),
        ("ask", "settled"),
    ]
    assert rows("SELECT count(*) FROM sandbox.movements") == [(1,)]


def test_a_crash_between_claim_and_call_is_taken_up_when_the_lease_ends(scripted: Any) -> None:
    record()
    accept_requests([request()])
    assert sweep() == 0, "the lease still runs"
    make_due()
    assert sweep() == 1
    assert states() == [("settled", None, "deducted")]
    assert rows("SELECT number, outcome FROM attempts ORDER BY number") == [
        (1, None),
        (2, "settled"),
    ]


def test_a_worker_paused_beyond_its_lease_cannot_record_over_its_successor(scripted: Any) -> None:
    scripted({"calls": ["settle"]})
    record()
    batch = accept_requests([request()])
    make_due()
    sweep()
    assert record_outcomes(batch.claims, call_all(batch.claims)) == 0
    assert rows("SELECT count(*) FROM deductions") == [(1,)]
    assert rows("SELECT refunded_minor, reserved_minor FROM captures") == [(33, 0)]
    assert rows("SELECT count(*) FROM sandbox.movements") == [(1,)]


def test_one_refund_over_two_captures_deducts_only_what_was_repaid(scripted: Any) -> None:
    scripted({"amount_minor": 60, "calls": ["decline"]})
    record(
        capture(capture_id="c-1"),
        capture(
            capture_id="c-2",
            lines=[{"line_id": "z", "quantity": 1, "total_amount_minor": 60}],
        ),
    )
    handle_requests([full()])
    assert rows("SELECT state, amount_minor, settled_minor FROM refunds") == [
        ("deducted", 160, 100)
    ]
    assert rows("SELECT amount_minor FROM deductions") == [(100,)]
    assert rows("SELECT reserved_minor, refunded_minor FROM captures ORDER BY id") == [
        (0, 100),
        (0, 0),
    ]
    assert report("m")["ledger_balanced"]


def test_a_deduction_waits_until_every_repayment_of_the_refund_is_final(scripted: Any) -> None:
    scripted({"amount_minor": 60, "calls": ["pending"]})
    record(
        capture(capture_id="c-1"),
        capture(
            capture_id="c-2",
            lines=[{"line_id": "z", "quantity": 1, "total_amount_minor": 60}],
        ),
    )
    handle_requests([full()])
    assert rows("SELECT count(*) FROM deductions") == [(0,)]
    found = report("m")
    assert found["in_transit_minor"] == 100
    assert found["ledger_balanced"]
    make_due()
    sweep()
    assert rows("SELECT amount_minor FROM deductions") == [(160,)]
    assert report("m")["in_transit_minor"] == 0


def test_an_adapter_that_raises_leaves_an_unknown_outcome_without_its_text(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret-4111111111111111")

    monkeypatch.setattr(SandboxProvider, "repay_many", broken)
    record()
    handle_requests([request()])
    assert states() == [("unknown", "provider_error", "accepted")]
    assert rows("SELECT evidence::text FROM attempts") == [('{"error": "RuntimeError"}',)]


def test_an_outcome_recorded_twice_counts_once(scripted: Any) -> None:
    """A commit whose answer is lost makes the transaction run again."""
    record()
    handle_requests([request("other")])
    batch = accept_requests([request(), request("open")])
    outcomes = call_all(batch.claims)
    assert record_outcomes(batch.claims[:1], outcomes[:1]) == 1
    assert record_outcomes(batch.claims[:1], outcomes[:1]) == 0
    assert rows("SELECT refunded_minor, reserved_minor FROM captures") == [(67, 33)]
    assert rows("SELECT count(*) FROM deductions") == [(2,)]


def test_one_outcome_that_cannot_be_stored_does_not_hold_up_the_others(
    scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that gives two repayments the same number: the second needs a person."""
    monkeypatch.setenv("REFUNDS_ATTEMPTS_MAX", "2")
    scripted()
    record()
    batch = accept_requests([request("a"), request("b"), request("c")])
    same = [
        replace(outcome, provider_refund_id="1" if n < 2 else "2")
        for n, outcome in enumerate(call_all(batch.claims))
    ]
    assert record_outcomes(batch.claims, same) == 3
    assert sorted(state for state, _, _ in states()) == ["settled", "settled", "unknown"]
    assert rows("SELECT evidence->>'refused_by' FROM attempts WHERE outcome = 'unknown'") == [
        ("uq_repayments_provider_refund_id",)
    ]
    assert report("m")["ledger_balanced"]
