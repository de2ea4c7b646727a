"""Refunds that wait: for approval or for goods; and those that are denied or cancelled."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.building import full, record, request
from tests.steps.books import assert_books_agree
from tests.steps.instructing import instruct
from tests.steps.test_handling import code, rows
from tests.steps.test_outcomes import make_due
from worker.steps.accepting import accept_requests
from worker.steps.handling import handle_requests
from worker.steps.sweeping import sweep

APPROVAL = "[defaults]\napproval_above_minor = { EUR = 50 }"
STATES = "SELECT f.state, r.state FROM refunds f JOIN repayments r ON r.refund_id = f.id"
TOPICS = "SELECT topic FROM outbox ORDER BY id"


def ask(refund_id: object, by: str = "bea", **more: Any) -> dict[str, Any]:
    return {"refund_id": str(refund_id), "by": by} | more


def held(**fields: Any) -> Any:
    """A refund of 100 that awaits approval, asked for by ann."""
    record()
    (answer,) = handle_requests([full(requested_by="ann", **fields)])
    assert rows(STATES) == [("held", "held")]
    return answer.refund_id


def test_above_the_threshold_another_person_must_approve(policy: Callable[[str], None]) -> None:
    policy(APPROVAL)
    refund_id = held()
    assert rows("SELECT reserved_minor FROM captures") == [(100,)], "the money is reserved"
    assert sweep() == 0, "nothing is sent"
    assert code(instruct("refunds.approve", **ask(refund_id, by="ann"))) == "same_person"
    assert code(instruct("refunds.approve", **ask(refund_id))) is None
    assert rows(STATES) == [("accepted", "due")]
    assert sweep() == 1
    assert rows(STATES) == [("deducted", "settled")]
    assert rows("SELECT kind, released_by FROM holds") == [("approval", "bea")]
    assert [topic for (topic,) in rows(TOPICS)] == [
        "refund.accepted",
        "refund.held",
        "refund.released",
        "refund.repaid",
        "refund.deducted",
    ]
    assert code(instruct("refunds.approve", **ask(refund_id))) == "not_held"
    assert_books_agree()


def test_at_the_threshold_nobody_is_asked(policy: Callable[[str], None]) -> None:
    policy(APPROVAL)
    record()
    handle_requests([request("a", kind="amount", lines=[], amount_minor=50)])
    assert rows(STATES) == [("deducted", "settled")]


def test_a_denied_refund_gives_back_what_it_reserved(policy: Callable[[str], None]) -> None:
    policy(APPROVAL)
    refund_id = held()
    assert code(instruct("refunds.deny", **ask(refund_id, by="ann", note="a mistake"))) is None
    assert rows(STATES) == [("cancelled", "cancelled")]
    assert rows("SELECT cancel_code, cancelled_by FROM refunds") == [("denied", "ann")]
    assert rows("SELECT reserved_minor, cash_minor FROM captures") == [(0, 0)]
    assert code(instruct("refunds.approve", **ask(refund_id))) == "not_held"
    assert sweep() == 0
    assert_books_agree()
    handle_requests([request("again", kind="amount", lines=[], amount_minor=50)])
    assert_books_agree()


def test_the_same_instruction_twice_changes_nothing(policy: Callable[[str], None]) -> None:
    policy(APPROVAL)
    refund_id = held()
    said = ask(refund_id, idempotency_key="once")
    assert str(instruct("refunds.approve", **said)) == "accepted"
    assert str(instruct("refunds.approve", **said)) == "accepted (replayed)"
    conflict = instruct("refunds.approve", **{**said, "by": "cid"})
    assert code(conflict) == "idempotency_conflict"
    assert code(instruct("refunds.deny", **said)) == "not_held", "keys are each task's own"
    assert str(instruct("refunds.deny", **said)) == "refused not_held (replayed)"
    assert sweep() == 1
    assert_books_agree()


@pytest.mark.parametrize("asked", [{"awaits_goods": True}, {"reason": "return"}])
def test_a_refund_waits_until_the_goods_are_back(
    policy: Callable[[str], None], asked: dict[str, Any]
) -> None:
    policy("[merchants.m]\nreturns_await_goods = true")
    record()
    handle_requests([request("other", reason="goodwill")])
    (answer,) = handle_requests([request("back", **asked)])
    assert rows("SELECT state FROM refunds ORDER BY accepted_at") == [("deducted",), ("held",)]
    assert code(instruct("refunds.approve", **ask(answer.refund_id))) == "not_held"
    assert code(instruct("refunds.goods_received", **ask(answer.refund_id))) is None
    assert sweep() == 1
    assert rows("SELECT state FROM refunds") == [("deducted",), ("deducted",)]
    assert_books_agree()


def test_a_refund_that_waits_for_two_things_goes_on_after_the_second(
    policy: Callable[[str], None],
) -> None:
    policy(APPROVAL)
    refund_id = held(awaits_goods=True)
    assert code(instruct("refunds.goods_received", **ask(refund_id, by="ann"))) is None
    assert rows(STATES) == [("held", "held")]
    assert code(instruct("refunds.approve", **ask(refund_id))) is None
    assert rows(STATES) == [("accepted", "due")]


def test_cancelling_works_until_the_provider_has_been_called_and_says_so_after(
    policy: Callable[[str], None],
) -> None:
    policy(APPROVAL)
    refund_id = held()
    instruct("refunds.approve", **ask(refund_id))
    assert code(instruct("refunds.cancel", **ask(refund_id))) is None, "released, and not sent yet"
    assert rows(STATES) == [("cancelled", "cancelled")]
    assert code(instruct("refunds.cancel", **ask(refund_id))) == "too_late_to_cancel"
    # Claimed, and the worker died: whether the provider was called nobody knows.
    batch = accept_requests([request("crashed")])
    crashed = batch.answers[0].refund_id
    late = instruct("refunds.cancel", **ask(crashed))
    assert code(late) == "too_late_to_cancel"
    assert late.refusal is not None
    assert late.refusal.message == "the provider has been called"
    make_due()
    sweep()
    done = instruct("refunds.cancel", **ask(crashed))
    assert done.refusal is not None
    assert done.refusal.message == "the refund is deducted"
    assert_books_agree()


def test_a_refund_of_another_merchant_or_of_nobody_is_not_found(
    policy: Callable[[str], None],
) -> None:
    policy(APPROVAL)
    refund_id = held()
    for task in ("approve", "deny", "cancel", "goods_received"):
        theirs = instruct(f"refunds.{task}", merchant_id="n", **ask(refund_id))
        assert code(theirs) == "refund_not_found"
        assert code(instruct(f"refunds.{task}", **ask(uuid4()))) == "refund_not_found"
    assert rows(STATES) == [("held", "held")]


def test_a_refund_is_due_as_the_law_says(database: str) -> None:
    record()
    handle_requests([request("a", requested_at="2026-11-02T12:00:00Z")])
    assert rows("SELECT CAST(due_at AT TIME ZONE 'UTC' AS text) FROM refunds") == [
        ("2026-11-16 12:00:00",)
    ]
