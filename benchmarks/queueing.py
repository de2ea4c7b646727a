"""One way of timing for all contenders on Celery.

Messages are published while no worker runs and set aside under another name. The workers start,
handle some messages to warm up, and wait. Then the messages are moved to the workers' queue in one
command: the clock runs from there until the queue and the broker's record of unacknowledged
messages (either transport's) are both empty. Every task acknowledges late, so that is when the last
one is done.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import redis

from worker.queue.transport.watching import count_held

HELD = "benchmark.held"
UNACKED = "unacked"
POLL_SECONDS = 0.01
# A message is in neither place for a moment, between being taken and being noted.
EMPTY_LOOKS = 3
DRAIN_TIMEOUT_SECONDS = 180.0
READY_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue on the broker. `check` is called while waiting and raises if a worker has died."""

    client: redis.Redis
    name: str
    check: Callable[[], None] = lambda: None

    def hold(self) -> None:
        """Set the queued messages aside."""
        self.client.rename(self.name, HELD)

    def release(self) -> float:
        """Hand the held messages to the workers; gives the time."""
        released_at = time.time()
        self.client.rename(HELD, self.name)
        return released_at

    def wait_ready(self, waiting: int) -> None:
        """Wait until workers listen for messages by so many commands."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while int(self.client.info("clients")["blocked_clients"]) < waiting:
            self._pause(deadline)

    def wait_drained(self) -> float:
        """Wait until all messages are acknowledged; gives the time when they were."""
        deadline = time.monotonic() + DRAIN_TIMEOUT_SECONDS
        looks, drained_at = 0, 0.0
        while looks < EMPTY_LOOKS:
            if self._left():
                looks = 0
            else:
                drained_at = drained_at if looks else time.time()
                looks += 1
            self._pause(deadline)
        return drained_at

    def _left(self) -> int:
        with self.client.pipeline(transaction=False) as pipe:
            pipe.llen(self.name)
            pipe.hlen(UNACKED)
            queued, unacked = pipe.execute()
        return int(queued) + int(unacked) + sum(count_held(self.client).values())

    def _pause(self, deadline: float) -> None:
        self.check()
        assert time.monotonic() < deadline, f"the queue {self.name} still holds {self._left()}"
        time.sleep(POLL_SECONDS)
