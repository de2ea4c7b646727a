"""Delivery: every message until its receipt, an order's messages one after the other."""

import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from sqlalchemy import Connection

from worker.steps import delivering
from worker.steps.delivering import Delivery, NoReceiptError, Outgoing
from worker.store.receipts import Sent

ORDERS, TURNS = 40, 5


class LossyQueue:
    """Stands in for broker and worker: loses, repeats and delays what is sent."""

    def __init__(self, seed: int, loss: float) -> None:
        self.chance = random.Random(seed)
        self.loss = loss
        self.queued: list[Mapping[str, Any]] = []
        self.decided: list[tuple[str, int]] = []
        self.most_waiting = 0

    def send(self, _task: str, bodies: Iterable[Mapping[str, Any]]) -> int:
        for body in bodies:
            if self.chance.random() >= self.loss:
                self.queued += [body] * self.chance.choice([1, 1, 2])
        self.most_waiting = max(self.most_waiting, len(self.queued))
        return 0

    def find(self, _connection: Connection, _task: str, sent: list[Sent]) -> set[int]:
        self.chance.shuffle(self.queued)
        for body in self.queued[:20]:
            key = body["order"], body["turn"]
            if key not in self.decided:
                self.decided.append(key)
        del self.queued[:20]
        done = {f"{order}/{turn}" for order, turn in self.decided}
        return {position for position, (_, key, _) in enumerate(sent) if key in done}


def messages() -> Iterable[Outgoing]:
    for turn in range(TURNS):
        for number in range(ORDERS):
            order = f"o-{number}"
            body = {"order": order, "turn": turn}
            yield Outgoing(body, ("m", f"{order}/{turn}", b""), order)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_lost_or_repeated_each_is_decided_in_the_files_order(
    database: str, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(delivering, "RESEND_SECONDS", 0.02)
    monkeypatch.setattr(delivering, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(delivering, "IN_FLIGHT_MAX", 60)
    queue = LossyQueue(seed, loss=0.3)
    delivery = Delivery(queue, "task", queue.find)  # type: ignore[arg-type]  # it can send
    assert delivery.deliver(messages()) == ORDERS * TURNS
    assert delivery.resent > 0
    for number in range(ORDERS):
        order = f"o-{number}"
        assert [turn for name, turn in queue.decided if name == order] == list(range(TURNS))


def test_no_more_is_read_from_the_file_than_can_be_in_flight(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "IN_FLIGHT_MAX", 10)
    monkeypatch.setattr(delivering, "POLL_SECONDS", 0.001)
    queue = LossyQueue(1, loss=0)
    delivery = Delivery(queue, "task", queue.find)  # type: ignore[arg-type]  # it can send
    read, most = 0, 0

    def counted() -> Iterable[Outgoing]:
        nonlocal read, most
        for message in messages():
            read += 1
            most = max(most, read - len(queue.decided))
            yield message

    assert delivery.deliver(counted()) == ORDERS * TURNS
    assert most <= 10


def test_without_a_worker_it_says_so_in_time(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "POLL_SECONDS", 0.01)
    queue = LossyQueue(1, loss=1)
    started = time.monotonic()
    delivery = Delivery(queue, "task", queue.find, patience_seconds=0.3)  # type: ignore[arg-type]  # it can send
    with pytest.raises(NoReceiptError, match="is one running"):
        delivery.deliver(messages())
    assert time.monotonic() - started < 30
