"""Parked work: listed with owner and deadline, tried again, or resolved by persons."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from models.messages.names import CAPTURES_RECORD, REFUNDS_REQUEST
from models.messages.refunds import RefundRequestV1
from tests.building import record, request
from tests.steps.books import assert_books_agree
from tests.steps.test_handling import rows
from tests.steps.test_outcomes import make_due, scripted
from worker.database import engine
from worker.policy import reading
from worker.providers import registry
from worker.queue.envelopes import Envelope
from worker.rules.selecting import Condition, parse_condition
from worker.settings import settings
from worker.steps import casework
from worker.steps.handling import handle_requests
from worker.steps.sweeping import sweep
from worker.steps.unpacking import handle_envelopes
from worker.steps.unparking import unpark_messages

__all__ = ["scripted"]

HISTORY = "SELECT what, by FROM case_events ORDER BY id"
STATE = "SELECT state, parked_from, attempts, attempts_forgiven FROM repayments"


@pytest.fixture
def parked(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Gives a function that parks a repayment under a script; it gives the refund's id."""

    def park(*rules: dict[str, Any], attempts: int = 1) -> str:
        monkeypatch.setenv("REFUNDS_ATTEMPTS_MAX", str(attempts))
        scripted(*rules)
        record()
        (answer,) = handle_requests([request()])
        for _ in range(attempts + 2):
            make_due()
            sweep()
        assert rows("SELECT state FROM repayments") == [("parked",)]
        return str(answer.refund_id)

    return park


def test_what_is_parked_is_listed_with_owner_and_deadline(parked: Callable[..., str]) -> None:
    refund_id = parked({"calls": ["timeout_before"]})
    cases, messages = casework.open_work("m", 10)
    assert messages == []
    (case,) = cases
    assert (case["kind"], case["code"], case["owner"]) == (
        "parked",
        "attempts_exhausted",
        "operations",
    )
    assert str(case["refund_id"]) == refund_id
    assert (case["deadline_at"] - case["opened_at"]).total_seconds() == 24 * 3600
    assert casework.open_work("n", 10)[0] == []


def test_a_retry_goes_on_under_the_same_key(parked: Callable[..., str]) -> None:
    refund_id = parked({"calls": ["timeout_before", "settle"]})
    before = rows("SELECT provider_key FROM repayments")
    casework.try_again(refund_id, "ann", "the provider is up again")
    assert rows(STATE) == [("unknown", None, 2, 2)]
    assert sweep() == 1
    assert rows("SELECT state FROM refunds") == [("deducted",)]
    assert rows("SELECT provider_key FROM repayments") == before
    assert rows(HISTORY) == [("opened", "worker"), ("retried", "ann")]
    assert rows("SELECT resolution FROM cases") == [("retried",)]
    with pytest.raises(casework.NothingParkedError, match="nothing of"):
        casework.try_again(refund_id, "ann")
    assert_books_agree()


def test_a_retry_of_what_was_executed_pays_no_second_time(parked: Callable[..., str]) -> None:
    refund_id = parked({"calls": ["timeout_before", "timeout_after", "settle"]})
    for _ in range(3):
        casework.try_again(refund_id, "ann")
        sweep()
        make_due()
        sweep()
        if rows("SELECT state FROM repayments") != [("parked",)]:
            break
    assert rows("SELECT state FROM refunds") == [("deducted",)]
    assert rows("SELECT count(*) FROM sandbox.movements") == [(1,)]
    assert_books_agree()


def test_a_retry_is_parked_again_after_as_many_attempts(parked: Callable[..., str]) -> None:
    refund_id = parked({"calls": ["timeout_before"]}, attempts=2)
    casework.try_again(refund_id, "ann")
    for _ in range(4):
        sweep()
        make_due()
    assert rows("SELECT state, attempts - attempts_forgiven FROM repayments") == [("parked", 3)]
    assert [what for what, _ in rows(HISTORY)] == ["opened", "retried", "opened"]


def test_a_person_records_what_the_provider_cannot_tell(parked: Callable[..., str]) -> None:
    refund_id = parked({"calls": ["timeout_before"]})
    casework.resolve(refund_id, paid=False, evidence="not in the statement", by="ann")
    assert rows("SELECT state FROM refunds") == [("failed",)]
    assert rows("SELECT reserved_minor FROM captures") == [(0,)]
    assert rows("SELECT details ->> 'evidence' FROM case_events ORDER BY id")[-1] == (
        "not in the statement",
    )
    with pytest.raises(casework.NothingParkedError):
        casework.resolve(refund_id, paid=True, evidence="again", by="ann")


def test_above_the_threshold_two_persons_must_say_the_same(
    parked: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("version = 1\n[defaults]\napproval_above_minor = { EUR = 32 }\n")
    refund_id = parked({"calls": ["timeout_before"]})
    monkeypatch.setenv("REFUNDS_POLICY_FILE", str(path))
    settings.cache_clear()
    reading._resolved.cache_clear()

    def say(by: str, *, paid: bool) -> None:
        casework.resolve(refund_id, paid=paid, evidence="statement 7", by=by)

    for by, paid in (("ann", True), ("ann", True), ("bea", False)):
        with pytest.raises(casework.NotFinalError, match="another person"):
            say(by, paid=paid)
    assert rows("SELECT state FROM repayments") == [("parked",)]
    say("cid", paid=True)
    assert rows("SELECT state FROM refunds") == [("deducted",)]
    assert rows("SELECT resolution FROM cases") == [("resolved_paid",)]


def test_parked_repayments_are_tried_again_by_condition(parked: Callable[..., str]) -> None:
    parked({"calls": ["timeout_before", "settle"]})
    fits = "provider=sandbox and code=attempts_exhausted and merchant=m"
    for other in ("code=other", "provider=klarna", "merchant=n", "older than 1h", "task=x"):
        assert casework.retry_where(parse_condition(other), 10, "ann") == []
    assert len(casework.retry_where(parse_condition(fits), 10, "ann", dry_run=True)) == 1
    assert rows("SELECT state FROM repayments") == [("parked",)]
    assert len(casework.retry_where(parse_condition(fits), 10, "ann")) == 1
    sweep()
    assert rows("SELECT state FROM refunds") == [("deducted",)]


def test_a_parked_message_is_handled_again_once_it_can_be(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()
    body = request().model_dump(mode="json", exclude_defaults=True)

    def broken(_: object) -> Any:
        raise ZeroDivisionError("a bug")

    envelope = Envelope("t", body)
    handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, broken, [envelope])
    handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, handle_requests, [Envelope("u", {"a": 1})])
    assert [line for _, line in unpark_messages(Condition(), 10, dry_run=True)] == [
        "internal_error",
        "invalid_message",
    ]
    assert unpark_messages(Condition(task=CAPTURES_RECORD), 10) == []
    lines = [line.split()[0] for _, line in unpark_messages(Condition(), 10)]
    assert lines == ["accepted", "parked"]
    assert rows("SELECT code, times, closed_at IS NULL FROM parked_messages ORDER BY id") == [
        ("internal_error", 1, False),
        ("invalid_message", 2, True),
    ]
    assert rows("SELECT state FROM refunds") == [("deducted",)]
    # The same again is parked anew, however the earlier one ended.
    handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, broken, [envelope])
    assert rows("SELECT times, closed_at IS NULL FROM parked_messages ORDER BY id")[0] == (2, True)


def test_a_message_that_was_cut_is_not_guessed_at(database: str) -> None:
    with engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO parked_messages (task, code, message, faults, body, size_bytes,"
                " sha256, deadline_at) VALUES ('refunds.request', 'c', 'm', '[]', '{', 1000000,"
                " '', now()), ('refunds.request', 'd', 'm', '[]', '{', 1, '', now())"
            )
        )
    assert [line for _, line in unpark_messages(Condition(), 10)] == [
        "too large to keep: 1000000 bytes",
        "cannot be read",
    ]


def test_a_missing_adapter_is_waited_for_and_its_repayments_go_on_when_it_is_back(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()
    with monkeypatch.context() as patched:
        patched.setattr(registry, "_installed", dict)
        registry._load.cache_clear()
        handle_requests([request()])
        assert rows("SELECT state, error FROM repayments") == [("due", "network")]
    registry._load.cache_clear()
    make_due()
    sweep()
    assert rows("SELECT state FROM refunds") == [("deducted",)]
