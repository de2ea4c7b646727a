"""Deliver messages through the queue until each has its receipt.

A queue on Redis can lose a message and repeat it (design decision 1), so the producer keeps each
until the worker has stored it, and sends it again when that takes too long. Messages of one order
are sent one after the other: whatever is lost, repeated or overtaken, they are decided in the
order of the file.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from worker.database import transact
from worker.errors import RefundWorkerError
from worker.queue.publishing import Publisher
from worker.store.receipts import Sent

IN_FLIGHT_MAX = 2_000
POLL_SECONDS = 0.05
RESEND_SECONDS = 10.0
PATIENCE_SECONDS = 120.0


class NoReceiptError(RefundWorkerError):
    """The worker stored nothing for a long time: is it running?"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to deliver. `sent` is what its receipt is found by."""

    body: dict[str, Any]
    sent: Sent
    lane: Hashable


@dataclass(slots=True)
class Delivery:
    """Deliver messages of one task.

    `find` gives the positions of those that have a receipt; `tick` is called at every look, with
    the number newly receipted.
    """

    publisher: Publisher
    task: str
    find: Callable[[Connection, str, list[Sent]], set[int]]
    tick: Callable[[int], None] = lambda _: None
    patience_seconds: float = PATIENCE_SECONDS
    _in_flight: dict[Sent, tuple[Outgoing, float]] = field(default_factory=dict)
    _behind: dict[Hashable, deque[Outgoing]] = field(default_factory=lambda: defaultdict(deque))
    _lanes: set[Hashable] = field(default_factory=set)
    _kept: int = 0
    resent: int = 0

    def deliver(self, messages: Iterable[Outgoing]) -> int:
        """Deliver all; gives how many.

        Raises:
            NoReceiptError: none came for `patience_seconds`. Delivering all again is safe.
            BrokerUnavailableError: likewise.
        """
        source = iter(messages)
        delivered, news_at, exhausted = 0, time.monotonic(), False
        while True:
            exhausted = exhausted or self._fill(source)
            if not self._in_flight:
                if exhausted:
                    return delivered
                continue
            count = self._collect()
            delivered += count
            now = time.monotonic()
            news_at = now if count else news_at
            if now - news_at > self.patience_seconds:
                raise NoReceiptError(
                    f"the worker has stored none of {len(self._in_flight)} messages of "
                    f"{self.task} for {self.patience_seconds:.0f} seconds: is one running?"
                )
            self.tick(count)
            if not count:
                self._resend(now)
                time.sleep(POLL_SECONDS)

    def _fill(self, source: Iterable[Outgoing]) -> bool:
        """Send while there is room; gives whether the source is exhausted."""
        room = IN_FLIGHT_MAX - len(self._in_flight) - self._kept
        taken = list(islice(source, max(room, 0)))
        fresh: list[Outgoing] = []
        for message in taken:
            if message.lane in self._lanes:
                self._behind[message.lane].append(message)
                self._kept += 1
            else:
                self._lanes.add(message.lane)
                fresh.append(message)
        self._send(fresh)
        return len(taken) < room

    def _send(self, messages: list[Outgoing]) -> None:
        now = time.monotonic()
        for message in messages:
            self._in_flight[message.sent] = message, now
        self.publisher.send(self.task, (message.body for message in messages))

    def _collect(self) -> int:
        asked = list(self._in_flight)
        found = transact(lambda connection: self.find(connection, self.task, asked))
        following = []
        for position in found:
            message, _ = self._in_flight.pop(asked[position])
            behind = self._behind.get(message.lane)
            if behind:
                following.append(behind.popleft())
                self._kept -= 1
            else:
                self._behind.pop(message.lane, None)
                self._lanes.discard(message.lane)
        self._send(following)
        return len(found)

    def _resend(self, now: float) -> None:
        late = [m for m, sent_at in self._in_flight.values() if now - sent_at > RESEND_SECONDS]
        self.resent += len(late)
        self._send(late)
