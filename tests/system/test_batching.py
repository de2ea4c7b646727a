"""The batching strategy in a real worker: processes that die, batches that fail, lanes, stops."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from tests.system.running import Worker, wait_for

pytestmark = pytest.mark.system


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes"
    path.touch()
    return path


@pytest.fixture
def send(broker: redis.Redis) -> Iterator[Callable[..., None]]:
    app = Celery("upstream", broker=os.environ["REDIS_URL"], set_as_current=False)
    yield lambda **body: app.send_task("hostile", [body], queue="hostile")
    app.close()


@pytest.fixture
def hostile(notes: Path, broker: redis.Redis, tmp_path: Path) -> Iterator[Worker]:
    one = Worker(
        tmp_path / "worker.log",
        "--concurrency",
        "2",
        app="tests.system.hostile_app",
        HOSTILE_NOTES=str(notes),
    )
    yield one
    if one.process.poll() is None:
        one.kill()


def handled(notes: Path) -> list[str]:
    return [line.split()[1] for line in notes.read_text().splitlines() if line[:7] == "handled"]


def test_a_message_that_kills_its_process_is_set_apart_after_three_tries_and_others_go_on(
    send: Callable[..., None], notes: Path, hostile: Worker, broker: redis.Redis
) -> None:
    for number in range(20):
        send(id=f"m{number}", **({"kill": True} if number == 7 else {}))
    wait_for(lambda: not broker.exists("hostile", "unacked") and handled(notes), 40, hostile.log)
    lines = Counter(notes.read_text().splitlines())
    assert lines["poison m7"] == 1
    assert 3 <= lines["killed m7"] <= 4, "once with others, three times alone"
    assert set(handled(notes)) == {f"m{n}" for n in range(20)} - {"m7"}
    assert hostile.process.poll() is None


def test_a_batch_that_fails_is_kept_and_tried_again(
    send: Callable[..., None], notes: Path, hostile: Worker, broker: redis.Redis
) -> None:
    # Only a worker that is there can fail before the time is over.
    hostile.wait_ready()
    send(id="a", fail_until=time.time() + 5)
    wait_for(lambda: "failed a" in notes.read_text(), 30, hostile.log)
    assert broker.hlen("unacked") == 1, "a message that is not done is not acknowledged"
    wait_for(lambda: handled(notes) == ["a"], 30, hostile.log)
    wait_for(lambda: not broker.exists("unacked"), 10, hostile.log)


def test_messages_of_a_lane_are_never_in_two_batches_at_once(
    send: Callable[..., None], notes: Path, hostile: Worker
) -> None:
    for number in range(30):
        send(id=f"{number:02}", lane="one", sleep=0.05)
        send(id=f"x{number:02}", sleep=0.01)
    wait_for(lambda: len(handled(notes)) == 60, 40, hostile.log)
    in_lane = [name for name in handled(notes) if name[0] != "x"]
    assert in_lane == sorted(in_lane)


def test_batches_grow_while_the_processes_are_busy(
    send: Callable[..., None], notes: Path, hostile: Worker
) -> None:
    for number in range(62):
        send(id=str(number), sleep=0.3 if number < 2 else 0)
    wait_for(lambda: len(handled(notes)) == 62, 40, hostile.log)
    sizes = [int(line.split()[1]) for line in notes.read_text().splitlines() if line[:5] == "batch"]
    assert max(sizes) == 10
    assert len(sizes) < 20


def test_a_stop_waits_for_what_is_under_way_and_hands_back_the_rest(
    send: Callable[..., None], notes: Path, hostile: Worker, broker: redis.Redis
) -> None:
    count = 60
    for number in range(count):
        send(id=str(number), sleep=0.5)
    wait_for(lambda: "batch" in notes.read_text(), 30, hostile.log)
    assert hostile.stop() == 0
    done: list[Any] = handled(notes)
    assert 0 < len(done) < count
    assert len(set(done)) == len(done)
    assert broker.hlen("unacked") == 0
    assert broker.llen("hostile") == count - len(done), "all that was not handled, and no more"
