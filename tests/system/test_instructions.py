"""Instructions through a real queue to a real worker; and a policy that cannot be used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.building import capture, full, record
from tests.steps.books import assert_books_agree
from tests.steps.conftest import policy
from tests.steps.test_handling import rows
from tests.system.running import Worker, wait_for, worker
from tests.system.test_worker import body_of, idle, publisher, url
from worker.queue.publishing import Publisher

__all__ = ["policy", "publisher", "url"]

pytestmark = pytest.mark.system


def test_instructions_go_through_the_queue_and_misfits_are_parked(
    policy: Callable[[str], None], broker: redis.Redis, publisher: Publisher, tmp_path: Path
) -> None:
    policy("[defaults]\napproval_above_minor = { EUR = 50 }")
    record(capture(customer_paid_minor=0), capture("o-2"))
    named = {"merchant_id": "m", "idempotency_key": "i"}

    def send(task: str, **said: Any) -> None:
        publisher.send(task, [named | said])

    with worker(tmp_path, "--concurrency", "2") as running:
        send("captures.payment", capture_id="o-1-c", amount_minor=100)
        publisher.send("refunds.request", [body_of(full(requested_by="ann"))])
        wait_for(lambda: rows("SELECT state FROM refunds") == [("held",)], 30, running.log)
        ((refund_id,),) = rows("SELECT id FROM refunds")
        send("disputes.opened", dispute_id="d", order_id="o-2", amount_minor=100)
        wait_for(lambda: rows("SELECT count(*) FROM disputes") == [(1,)], 30, running.log)
        send("disputes.closed", dispute_id="d", outcome="lost")
        send("refunds.approve", refund_id="no id", by="bea")
        send("refunds.cancel", refund_id=str(refund_id))
        send("refunds.goods_received", refund_id=str(refund_id), by="bea")
        send("refunds.deny", refund_id=str(refund_id), by="bea", idempotency_key="i-2")
        wait_for(lambda: rows("SELECT count(*) FROM instructions") == [(5,)], 30, running.log)
        wait_for(lambda: idle(broker), 30, running.log)
    assert rows("SELECT task, decision, refusal_code FROM instructions ORDER BY task") == [
        ("captures.payment", "accepted", None),
        ("disputes.closed", "accepted", None),
        ("disputes.opened", "accepted", None),
        ("refunds.deny", "accepted", None),
        ("refunds.goods_received", "refused", "not_held"),
    ]
    assert rows("SELECT task, message FROM parked_messages ORDER BY task") == [
        ("refunds.approve", "refund_id: is no UUID (got 'no id')"),
        ("refunds.cancel", "by: Field required"),
    ]
    assert_books_agree()


def test_a_worker_does_not_start_on_a_policy_that_cannot_be_used(
    policy: Callable[[str], None], broker: redis.Redis, tmp_path: Path
) -> None:
    policy("[defaults]\nwindow_days = -1")
    one = Worker(tmp_path / "worker.log")
    assert one.process.wait(60) != 0
    told = one.log.read_text()
    assert "the worker does not start: the policy file" in told
    assert "defaults.window_days" in told
