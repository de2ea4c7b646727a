"""Real workers on the safe transport: nothing is lost, whatever is killed, cut, flushed or full."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from tests.queue.conftest import frame
from tests.system.running import Worker, wait_for
from worker.embedded.wheels import valkey_binary
from worker.queue.transport.watching import count_held

pytestmark = pytest.mark.system

APP = "tests.system.transport_app"
QUEUES = ("single", "batch", "other")


class Notes:
    """What the tasks have noted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self, word: str) -> list[str]:
        """The ids noted with a word, in their order."""
        found = (line.split() for line in self.path.read_text().splitlines())
        return [parts[1] for parts in found if len(parts) == 2 and parts[0] == word]

    @property
    def done(self) -> list[str]:
        return self.lines("done")

    @property
    def begun(self) -> list[str]:
        return self.lines("begun")


class Producer:
    """A stock Celery producer: by its own transport, as upstream services have it."""

    def __init__(self, url: str) -> None:
        self.app = Celery("upstream", broker=url, set_as_current=False)
        self.app.conf.broker_transport = "kombu.transport.redis:Transport"

    def send(self, task: str, *names: str, queue: str | None = None, **body: Any) -> None:
        with self.app.connection_for_write() as connection:
            producer = self.app.amqp.Producer(connection)
            for name in names:
                message = ({"id": name, **body},)
                self.app.send_task(task, message, producer=producer, queue=queue or task)


Start = Callable[..., Worker]


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes")


@pytest.fixture
def start(notes: Notes, tmp_path: Path) -> Iterator[Start]:
    """Start workers; those that still run at the end are killed."""
    started: list[Worker] = []

    def one(*flags: str, **env: str) -> Worker:
        log = tmp_path / f"worker-{len(started)}.log"
        flags = flags or ("--concurrency", "2")
        host = ("--hostname", f"w{len(started)}@test")
        worker = Worker(log, *flags, *host, app=APP, NOTES=str(notes.path), **env)
        started.append(worker)
        return worker

    yield one
    for worker in started:
        if worker.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()


@pytest.fixture
def producer(broker: redis.Redis) -> Iterator[Producer]:
    one = Producer(os.environ["REDIS_URL"])
    yield one
    one.app.close()


def names(count: int, prefix: str = "m") -> list[str]:
    return [f"{prefix}{number:04}" for number in range(count)]


def idle(client: redis.Redis) -> bool:
    return not client.exists(*QUEUES) and not count_held(client)


def test_killed_again_and_again_amid_messages_nothing_is_lost(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start
) -> None:
    """SIGKILL at any instant: of 1,200 messages none is lost, whichever way they are handled."""
    expected = {*names(600), *names(600, "b")}
    producer.send("single", *names(600))
    producer.send("batch", *names(600, "b"), sleep=0.001)
    pools = cycle([("--concurrency", "2"), ("--pool", "solo")])
    for goal in (100, 350, 600, 850):
        worker = start(*next(pools), OWNER_TTL="2")
        wait_for(lambda goal=goal: len({*notes.done}) > goal, 40, worker.log)  # type: ignore[misc]  # bound on purpose
        worker.kill()
        held = sum(count_held(broker).values())
        queued = broker.llen("single") + broker.llen("batch")
        # The children of a killed prefork worker may note some more before they are killed.
        assert held + queued >= len(expected - {*notes.done})
    last = start(OWNER_TTL="2")
    wait_for(lambda: {*notes.done} == expected, 40, last.log)
    wait_for(lambda: idle(broker), 20, last.log)
    assert not broker.exists("single.dead", "batch.dead")


def test_a_killed_workers_messages_come_to_another_within_its_time_to_live(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start
) -> None:
    first = start("--pool", "solo", "--queues", "single", OWNER_TTL="2").wait_ready()
    second = start("--pool", "solo", "--queues", "other", "--queues", "single", OWNER_TTL="2")
    producer.send("single", *names(1), sleep=60)
    wait_for(lambda: notes.begun, 20, first.log)
    producer.send("single", *names(3, "n"))
    second.wait_ready()
    wait_for(lambda: len({*notes.done}) == 3, 20, second.log)
    assert count_held(broker) == {"single": 1}
    first.kill()
    wait_for(lambda: Counter(notes.begun)["m0000"] == 2, 20, second.log)
    assert "queue.taken_over" in second.log.read_text()


def test_a_paused_workers_late_answer_does_no_harm(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start
) -> None:
    """Its message was given to another, who has it now; both finish."""
    paused = start("--pool", "solo", "--queues", "single", OWNER_TTL="1").wait_ready()
    producer.send("single", "m", sleep=1)
    wait_for(lambda: notes.begun, 20, paused.log)
    paused.process.send_signal(signal.SIGSTOP)
    other = start("--pool", "solo", "--queues", "single", OWNER_TTL="1").wait_ready()
    wait_for(lambda: len(notes.begun) == 2, 20, other.log)
    paused.process.send_signal(signal.SIGCONT)
    wait_for(lambda: len(notes.done) == 2 and idle(broker), 20, other.log)
    producer.send("single", "after")
    wait_for(lambda: "after" in notes.done and idle(broker), 20, other.log)
    assert not broker.exists("single.dead")


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_told_to_stop_it_leaves_nothing_behind_and_hands_back_the_rest_in_order(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start, pool: str
) -> None:
    worker = start("--pool", pool, "--concurrency", "1").wait_ready()
    producer.send("single", *names(40), sleep=0.05)
    producer.send("batch", *names(40, "b"), sleep=0.05)
    wait_for(lambda: len(notes.done) > 10, 20, worker.log)
    assert worker.stop() == 0
    done = notes.done
    assert len({*done}) == len(done), "none was handled twice"
    left = {
        queue: [
            json.loads(one)["headers"]["argsrepr"].split("'")[3]
            for one in islice(reversed(broker.lrange(queue, 0, -1)), 100)
        ]
        for queue in ("single", "batch")
    }
    assert {*done, *left["single"], *left["batch"]} == {*names(40), *names(40, "b")}
    assert left["single"] == sorted(left["single"])
    assert left["batch"] == sorted(left["batch"])
    # On a busy machine Celery's prefork pool may end without having read its last result.
    assert len({*done} & {*left["single"], *left["batch"]}) <= 10
    known = {b"single", b"batch"} | {key for key in broker.scan_iter() if b"_kombu" in key}
    assert set(broker.scan_iter()) == known


GARBAGE = (
    b"",
    b"not json",
    b"\xff\xfe",
    b"{}",
    b"[" * 100_000,
    frame(headers={"task": ["a", "list"], "id": "1"}),
    frame(headers={"task": {"an": "object"}, "id": "1"}),
    frame(headers={"task": "no.such.task", "id": "1"}),
    frame(headers={"task": "single"}),
    frame(headers={"task": "single", "id": "1", "compression": "zlib"}),
    frame(body="abc", properties={"body_encoding": "base64"}),
)


def test_garbage_neither_ends_the_worker_nor_is_it_lost(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start
) -> None:
    worker = start().wait_ready()
    for one in GARBAGE:
        broker.lpush("single", one)
    producer.send("single", "good")
    wait_for(lambda: notes.done == ["good"] and idle(broker), 20, worker.log)
    assert worker.process.poll() is None
    assert worker.log.read_text().count(" ready.") == 1, "it did not start anew"
    assert set(broker.lrange("single.dead", 0, -1)) == set(GARBAGE)


def test_stock_producers_need_not_know(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start
) -> None:
    """Celery's protocols 2 and 1, and a bare LPUSH by whoever has no Celery at all."""
    worker = start("--pool", "solo").wait_ready()
    producer.send("single", "two")
    producer.app.conf.task_protocol = 1
    producer.send("single", "one")
    body = json.dumps([[{"id": "bare"}], {}, {}])
    broker.lpush("single", frame(body, headers={"task": "single", "id": "7"}, properties={}))
    wait_for(lambda: {*notes.done} == {"two", "one", "bare"} and idle(broker), 20, worker.log)


def test_remote_control_and_inspection_are_as_ever(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start
) -> None:
    """The project has it off, but nothing in the transport stands in its way."""
    worker = start("--pool", "solo", REMOTE_CONTROL="yes").wait_ready()
    ours = Celery("ours", broker=os.environ["REDIS_URL"], set_as_current=False)
    ours.conf.broker_transport = "worker.queue.transport:Transport"
    for app in (producer.app, ours):
        inspect = app.control.inspect(timeout=5, limit=1)
        assert inspect.ping() == {"w0@test": {"ok": "pong"}}
        assert {queue["name"] for queue in inspect.active_queues()["w0@test"]} == {*QUEUES}
    ours.control.cancel_consumer("single", reply=True, timeout=5, limit=1)
    producer.send("single", "later")
    producer.send("batch", "other")
    wait_for(lambda: notes.done == ["other"], 20, worker.log)
    ours.control.add_consumer("single", reply=True, timeout=5, limit=1)
    wait_for(lambda: notes.done == ["other", "later"], 20, worker.log)
    ours.close()


def test_the_stock_transport_is_one_setting_away(
    broker: redis.Redis, producer: Producer, notes: Notes, start: Start
) -> None:
    """And takes over what the safe one left in the queue; the two may run side by side."""
    stock = start("--pool", "solo", REFUNDS_TRANSPORT="stock").wait_ready()
    producer.send("single", "long", sleep=2)
    wait_for(lambda: notes.begun, 20, stock.log)
    assert broker.hlen("unacked") >= 1
    assert not broker.exists("_consumers")
    safe = start("--pool", "solo").wait_ready()
    producer.send("single", "short")
    wait_for(lambda: "short" in notes.done, 20, safe.log)
    wait_for(lambda: len(notes.done) == 2 and not broker.exists("unacked"), 20, stock.log)


class Server:
    """A Valkey of the test's own, to be stopped, paused and filled."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.folder = folder
        # A socket's path may not be long.
        self.socket = Path(tempfile.gettempdir(), f"valkey-{self.port}.sock")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.process = self._launch()

    def _launch(self) -> "subprocess.Popen[bytes]":
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": ""}
        options |= {"unixsocket": self.socket, "maxclients": 100}
        options |= {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        process = subprocess.Popen([valkey_binary(), *flags], stdout=subprocess.DEVNULL)
        wait_for(self._answers, 20)
        return process

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def restart(self) -> None:
        """Stop and start it on what it has stored."""
        self.process.terminate()
        self.process.wait(20)
        self.process = self._launch()


@contextmanager
def own_server(folder: Path) -> Iterator[Server]:
    folder.mkdir()
    server = Server(folder)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server.client.close()
        server.socket.unlink(missing_ok=True)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with own_server(tmp_path / "valkey") as one:
        monkeypatch.setenv("REDIS_URL", one.url)
        yield one


@pytest.mark.parametrize("task", ["single", "batch"])
def test_a_restart_of_redis_amid_work_ends_no_worker_and_repeats_nothing(
    server: Server, notes: Notes, start: Start, task: str
) -> None:
    """The stock transport ends the worker here."""
    producer = Producer(server.url)
    worker = start("--concurrency", "1", PREFETCH="1").wait_ready()
    producer.send(task, "under-way", sleep=4)
    wait_for(lambda: notes.begun, 20, worker.log)
    server.restart()
    producer.send(task, "later")
    wait_for(lambda: {*notes.done} == {"under-way", "later"}, 30, worker.log)
    wait_for(lambda: idle(server.client), 20, worker.log)
    assert worker.process.poll() is None
    assert Counter(notes.begun) == {"under-way": 1, "later": 1}
    assert worker.stop() == 0
    assert not server.client.exists("_consumers")
    producer.app.close()


def test_a_redis_that_does_not_answer_for_a_while_is_waited_for(
    server: Server, notes: Notes, start: Start
) -> None:
    producer = Producer(server.url)
    # With heartbeats it would be them that Celery waits in, not its consumer.
    worker = start("--pool", "solo", "--without-heartbeat", OWNER_TTL="3").wait_ready()
    producer.send("single", *names(50))
    wait_for(lambda: notes.done, 20, worker.log)
    server.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: "Connection to broker lost" in worker.log.read_text(), 30, worker.log)
    server.process.send_signal(signal.SIGCONT)
    producer.send("single", "after")
    wait_for(lambda: {*notes.done} == {*names(50), "after"}, 30, worker.log)
    wait_for(lambda: idle(server.client), 20, worker.log)
    assert worker.process.poll() is None
    producer.app.close()


def test_a_unix_socket_will_do(server: Server, notes: Notes, start: Start) -> None:
    worker = start("--pool", "threads", REDIS_URL=f"redis+socket://{server.socket}").wait_ready()
    assert f"redis+socket://{server.socket}" in worker.log.read_text()
    producer = Producer(server.url)
    producer.send("single", *names(30))
    producer.send("batch", *names(30, "b"))
    wait_for(lambda: len(notes.done) == 60 and idle(server.client), 20, worker.log)
    assert worker.stop() == 0
    assert not server.client.exists("_consumers", "unacked")
    producer.app.close()


def test_a_flush_amid_work_does_not_end_consuming(
    server: Server, notes: Notes, start: Start
) -> None:
    producer = Producer(server.url)
    worker = start("--pool", "solo").wait_ready()
    producer.send("single", "under-way", sleep=1)
    wait_for(lambda: notes.begun, 20, worker.log)
    server.client.flushall()
    wait_for(lambda: notes.done, 20, worker.log)
    producer.send("single", "after")
    wait_for(lambda: "after" in notes.done and idle(server.client), 20, worker.log)
    assert worker.process.poll() is None
    assert worker.log.read_text().count(" ready.") == 1


@pytest.mark.parametrize("when", ["it runs already", "it starts only then"])
def test_a_full_redis_is_worked_off_and_loses_nothing(
    server: Server, notes: Notes, start: Start, when: str
) -> None:
    producer = Producer(server.url)
    worker = start("--pool", "solo").wait_ready()
    producer.send("single", "warm")
    wait_for(lambda: notes.done and idle(server.client), 20, worker.log)
    worker.process.send_signal(signal.SIGSTOP)
    producer.send("single", *names(100), padding="x" * 3000)
    used: Any = server.client.info("memory")
    server.client.config_set("maxmemory", int(used["used_memory"]) - 50_000)
    with pytest.raises(redis.OutOfMemoryError):
        server.client.set("more", "x")
    if when == "it starts only then":
        worker.kill()
        worker = start("--pool", "solo")
    else:
        worker.process.send_signal(signal.SIGCONT)
    wait_for(lambda: {*notes.done} == {"warm", *names(100)}, 30, worker.log)
    wait_for(lambda: idle(server.client), 20, worker.log)
    assert worker.process.poll() is None
    assert not server.client.exists("single.dead")
    server.client.set("more", "x")
    producer.app.close()


def test_flower_shows_the_worker_its_task_and_the_queues(
    database: str, broker: redis.Redis, tmp_path: Path
) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    log = tmp_path / "flower.log"
    flags = ["--address=127.0.0.1", f"--port={port}"]
    worker = Worker(tmp_path / "worker.log", "--pool", "solo")
    with log.open("wb") as output:
        flower = subprocess.Popen(
            [sys.executable, "-m", "celery", "--app", "worker.app", "flower", *flags],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "FLOWER_UNAUTHENTICATED_API": "true"},
        )
    producer = Producer(os.environ["REDIS_URL"])

    def page(path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    try:
        worker.wait_ready()
        wait_for(lambda: page("/broker"), 30, log)
        producer.app.send_task("repayments.sweep", queue="sweeps")
        wait_for(lambda: "repayments.sweep" in page("/api/tasks"), 30, log)
        wait_for(lambda: "@" in page("/workers?json=1"), 30, log)
        assert f":{broker.connection_pool.connection_kwargs['port']}/0" in page("/broker")
        assert "Unable to get queues" not in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        flower.kill()
        flower.wait()
        worker.kill()
        producer.app.close()
