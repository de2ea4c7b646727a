"""A real worker on a real queue: what comes in is decided, repaid, deducted, or parked."""

import base64
import json
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from sqlalchemy import text

from models.messages.captures import CaptureRecordV1
from models.messages.parsing import fingerprint
from models.messages.refunds import RefundRequestV1
from tests.building import capture, full, line, record, request
from tests.steps.test_handling import rows
from tests.system.running import Worker, wait_for, worker
from worker.database import engine
from worker.queue.publishing import Publisher
from worker.queue.transport.watching import count_held
from worker.steps.accepting import accept_requests
from worker.steps.delivering import Delivery, Outgoing
from worker.steps.reporting import count_open, report
from worker.store import receipts

pytestmark = pytest.mark.system


def body_of(message: RefundRequestV1 | CaptureRecordV1) -> dict[str, Any]:
    return message.model_dump(mode="json", exclude_defaults=True)


@pytest.fixture
def url(broker: redis.Redis) -> str:
    settings = broker.connection_pool.connection_kwargs
    return f"redis://{settings['host']}:{settings['port']}/0"


@pytest.fixture
def publisher(url: str) -> Iterator[Publisher]:
    with Publisher(url) as one:
        yield one


@pytest.fixture
def running(database: str, broker: redis.Redis, tmp_path: Path) -> Iterator[Worker]:
    with worker(tmp_path, "--concurrency", "2") as one:
        yield one


def decided(count: int) -> bool:
    return rows("SELECT count(*) FROM refund_requests") == [(count,)]


def idle(broker: redis.Redis) -> bool:
    # The queues first: messages move from there to the consumers.
    return not broker.exists("refunds", "captures", "sweeps") and not count_held(broker)


def test_captures_and_requests_go_through_the_queue(
    running: Worker, broker: redis.Redis, publisher: Publisher
) -> None:
    publisher.send("captures.record", [body_of(capture(f"o-{n}")) for n in range(30)])
    wait_for(lambda: rows("SELECT count(*) FROM captures") == [(30,)], 30, running.log)
    publisher.send("refunds.request", [body_of(full(f"k-{n}", f"o-{n}")) for n in range(33)])
    wait_for(lambda: decided(33) and idle(broker), 30, running.log)
    figures = report("m")
    assert figures["accepted"] == 30
    assert figures["refused"] == {"order_not_found": 3}
    assert figures["provider_repaid_minor"] == figures["deducted_minor"] == 3000
    assert figures["ledger_balanced"]


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_flower_sees_each_message_received_started_and_succeeded_without_personal_data(
    database: str, broker: redis.Redis, publisher: Publisher, tmp_path: Path, pool: str
) -> None:
    record()
    watcher = Celery("watcher", broker=os.environ["REDIS_URL"], set_as_current=False)
    seen: list[dict[str, Any]] = []
    with (
        worker(tmp_path, "--concurrency", "1", "--pool", pool) as one,
        watcher.connection_for_read() as connection,
    ):
        receiver = watcher.events.Receiver(connection, handlers={"*": seen.append})
        thread = threading.Thread(target=receiver.capture, kwargs={"wakeup": False}, daemon=True)
        thread.start()
        wait_for(lambda: seen, 30, one.log)  # a worker's heartbeat
        publisher.send("refunds.request", [body_of(request(reference="Jane Doe"))])
        wait_for(lambda: any(e["type"] == "task-succeeded" for e in seen), 30, one.log)
        receiver.should_stop = True
        thread.join(10)
    watcher.close()
    tasks = [event for event in seen if event["type"].startswith("task-")]
    assert [event["type"] for event in tasks] == ["task-received", "task-started", "task-succeeded"]
    assert len({event["uuid"] for event in tasks}) == 1
    assert tasks[0]["name"] == "refunds.request"
    assert "order_id=o-1 idempotency_key=k-1" in tasks[0]["args"]
    assert tasks[2]["result"].startswith("accepted ")
    assert "Jane" not in str(seen)
    assert "Traceback" not in one.log.read_text()


def test_requests_of_one_order_are_decided_in_the_order_in_which_they_were_queued(
    database: str, broker: redis.Redis, publisher: Publisher, tmp_path: Path
) -> None:
    """Batches of four over two processes, all of one order: the first ten win, in order."""
    record(capture(lines=[line(quantity=10, total_amount_minor=1000)]), capture("o-2"))
    bodies = [body_of(request(f"k-{n:02}")) for n in range(40)]
    bodies[20:20] = [body_of(request(f"other-{n}", "o-2")) for n in range(4)]
    publisher.send("refunds.request", bodies)
    with worker(tmp_path, "--concurrency", "2", REFUNDS_BATCH_SIZE="4") as one:
        wait_for(lambda: decided(44) and idle(broker), 30, one.log)
    found = rows(
        "SELECT idempotency_key, decision FROM refund_requests WHERE order_id = 'o-1' ORDER BY id"
    )
    assert [key for key, _ in found] == [f"k-{n:02}" for n in range(40)]
    assert [decision for _, decision in found] == ["accepted"] * 10 + ["refused"] * 30


def test_any_celery_producer_can_ask_for_a_refund(
    running: Worker, broker: redis.Redis, url: str
) -> None:
    record(capture())
    stock = Celery("upstream", broker=url, set_as_current=False)
    stock.send_task("refunds.request", [body_of(request("stock"))], queue="refunds")
    stock.conf.task_protocol = 1
    stock.send_task("refunds.request", [body_of(request("protocol-1"))], queue="refunds")
    broker.lpush("refunds", frame([[body_of(request("bare"))], {}, {}]))
    wait_for(lambda: decided(3), 30, running.log)
    assert report("m")["accepted"] == 3
    stock.close()


def test_the_example_in_the_docs_for_upstream_services_works(running: Worker, url: str) -> None:
    text = (Path(__file__).parents[2] / "docs/upstream.md").read_text()
    example = text.split("```python")[1].split("```")[0]
    exec(compile(example.replace("redis://localhost:6379/0", url), "upstream.md", "exec"), {})  # noqa: S102 - our own docs
    # The two messages are in two queues, so the refund may overtake its capture: ask again.
    wait_for(lambda: decided(1), 30, running.log)
    wait_for(lambda: rows("SELECT count(*) FROM captures") == [(1,)], 30, running.log)
    figures = report("m-1")
    assert figures["captured_minor"] == 4470
    assert figures["accepted"] + sum(figures["refused"].values()) == 1


def frame(payload: Any, *, task: str = "refunds.request", raw: bytes | None = None) -> str:
    """A message as it lies in the Redis list, by Celery's protocol 2."""
    task_id = str(uuid.uuid4())
    content = raw if raw is not None else json.dumps(payload).encode()
    return json.dumps(
        {
            "body": base64.b64encode(content).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "any", "task": task, "id": task_id, "root_id": task_id},
            "properties": {
                "correlation_id": task_id,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "refunds"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


MALFORMED: dict[str, tuple[Any, str, str]] = {
    "unknown field": (body_of(request()) | {"amont": 1}, "invalid_message", "amont"),
    "float": (
        body_of(request(lines=[{"line_id": "l-1", "quantity": 1}]))
        | {"lines": [{"line_id": "l-1", "quantity": 1.0}]},
        "invalid_message",
        "lines[0].quantity",
    ),
    "no object": ([1, 2], "invalid_message", "JSON object"),
    "nul and surrogate": (
        {"merchant_id": "m\x00", "idempotency_key": "\ud800", "x": "\x00"},
        "invalid_message",
        "merchant_id",
    ),
}


@pytest.mark.parametrize(("body", "code", "named"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_message_is_parked_with_what_was_wrong(
    running: Worker, broker: redis.Redis, body: Any, code: str, named: str
) -> None:
    record()
    broker.lpush("refunds", frame([[body], {}, {}]))
    broker.lpush("refunds", frame([[body], {}, {}]))
    broker.lpush("refunds", frame([[body_of(request("good"))], {}, {}]))
    wait_for(lambda: decided(1) and idle(broker), 30, running.log)
    parked = rows("SELECT code, message, body, times FROM parked_messages")
    assert [row[0] for row in parked] == [code]
    assert named in parked[0][1]
    assert parked[0][3] >= 1
    assert report("m")["accepted"] == 1


def test_whatever_cannot_be_read_is_parked_and_the_worker_serves_on(
    running: Worker, broker: redis.Redis
) -> None:
    record()
    good = body_of(request())
    unreadable = [
        frame(None, raw=b"{not json"),
        frame(None, raw=b"\xff\xfe\x00"),
        frame(None, raw=b'[[{"merchant_id": NaN}], {}, {}]'),
        frame(None, raw=b"[" * 100_000),
        frame(None, raw=b'[[{"amount_minor": ' + b"9" * 5000 + b"}], {}, {}]"),
        frame([[], {}, {}]),
        frame([[good, good], {}, {}]),
        frame([[good], {"x": 1}, {}]),
        frame({"x": 1}),
        frame("text"),
        frame(None, raw=b"pickle").replace("application/json", "application/x-python-serialize"),
    ]
    for one in unreadable:
        broker.lpush("refunds", one)
    broker.lpush("refunds", frame([[body_of(request("good"))], {}, {}]))
    wait_for(lambda: decided(1) and idle(broker), 30, running.log)
    parked = rows("SELECT count(*) FROM parked_messages")
    assert parked == [(len(unreadable),)], rows("SELECT code, message, body FROM parked_messages")
    assert running.process.poll() is None


def test_a_killed_worker_loses_nothing_that_the_producer_still_holds(
    database: str, broker: redis.Redis, publisher: Publisher, tmp_path: Path
) -> None:
    """SIGKILL three times amid 600 refunds; leases and redelivery do the rest."""
    record(*(capture(f"o-{n}") for n in range(200)))
    env = {"REFUNDS_LEASE_SECONDS": "2", "REFUNDS_BATCH_SIZE": "20"}
    messages = [
        request(f"k-{n}-{turn}", f"o-{n}", kind="full", lines=[])
        if turn == 2
        else request(f"k-{n}-{turn}", f"o-{n}")
        for turn in range(3)
        for n in range(200)
    ]
    current = [Worker(tmp_path / "worker-0.log", "--concurrency", "2", **env).wait_ready()]
    kills: list[int] = []

    def tick(_: int) -> None:
        done = rows("SELECT count(*) FROM refund_requests")[0][0]
        if len(kills) < 3 and done > 120 * (len(kills) + 1):
            current[0].kill()
            kills.append(done)
            log = tmp_path / f"worker-{len(kills)}.log"
            current[0] = Worker(log, "--concurrency", "2", **env)

    delivery = Delivery(publisher, "refunds.request", receipts.find_requests, tick)
    delivered = delivery.deliver(
        Outgoing(body_of(m), (m.merchant_id, m.idempotency_key, fingerprint(m)), m.order_id)
        for m in messages
    )
    assert delivered == 600
    assert len(kills) == 3

    def swept() -> bool:
        publisher.ring("repayments.sweep")
        return count_open("m") == 0

    wait_for(swept, 60, current[0].log)
    assert current[0].stop() == 0
    figures = report("m")
    assert figures["accepted"] == 600
    assert figures["provider_repaid_minor"] == figures["deducted_minor"] == 200 * 100
    assert figures["ledger_balanced"]
    assert rows("SELECT count(*), sum(reserved_minor) FROM captures") == [(200, 0)]


def test_a_worker_told_to_stop_finishes_and_leaves_nothing_unacknowledged(
    database: str, broker: redis.Redis, publisher: Publisher, tmp_path: Path
) -> None:
    record(*(capture(f"o-{n}") for n in range(400)))
    publisher.send("refunds.request", [body_of(full(f"k-{n}", f"o-{n}")) for n in range(400)])
    with worker(tmp_path, "--concurrency", "2", REFUNDS_BATCH_SIZE="10") as first:
        wait_for(lambda: rows("SELECT count(*) FROM refund_requests")[0][0] > 50, 30, first.log)
        assert first.stop() == 0
    done = rows("SELECT count(*) FROM refund_requests")[0][0]
    assert count_held(broker) == {}
    # What was not begun is back in the queue (what was just ending may be too: it is replayed).
    assert broker.llen("refunds") >= 400 - done
    assert rows("SELECT count(*) FROM attempts WHERE outcome IS NULL") == [(0,)]
    with worker(tmp_path, "--concurrency", "2") as second:
        wait_for(lambda: decided(400) and idle(broker), 30, second.log)
    assert report("m")["provider_repaid_minor"] == 400 * 100


def test_beats_rings_sweep_what_is_due_and_publish_the_outbox_in_order(
    running: Worker, broker: redis.Redis, publisher: Publisher
) -> None:
    record()
    batch = accept_requests([request()])
    with engine().begin() as connection:
        connection.execute(text("UPDATE repayments SET next_attempt_at = now()"))
    publisher.ring("repayments.sweep")
    wait_for(lambda: report("m")["deducted_minor"] == 33, 30, running.log)
    publisher.ring("outbox.relay")
    wait_for(lambda: broker.xlen("refunds.events") == 3, 30, running.log)
    events: Any = broker.xrange("refunds.events")
    assert [fields[b"topic"] for _, fields in events] == [
        b"refund.accepted",
        b"refund.repaid",
        b"refund.deducted",
    ]
    assert {fields[b"refund_id"] for _, fields in events} == {
        str(batch.answers[0].refund_id).encode()
    }
    publisher.ring("outbox.relay")
    wait_for(lambda: idle(broker), 30, running.log)
    assert broker.xlen("refunds.events") == 3
