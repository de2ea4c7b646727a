"""One queue's connection of a consumer: take while there are messages, else wait for some."""

import time
from enum import Enum
from typing import Any

import redis
import structlog

from worker.queue.transport.owner import Command, Owner

log = structlog.get_logger()


class Step(Enum):
    """What a lane does next, or is doing."""

    TAKE = "take"
    WAIT = "wait"
    SLEEP = "sleep"


class Lane:
    """The consumer's side of one queue.

    At most one command is under way. Waiting moves nothing: the message that comes in is put where
    it was, in one step of Redis, and only tells that there is one. So a consumer that is busy or
    has died while it waits holds nothing that others could handle, and a consumer of several
    queues can wait for all of them.
    """

    def __init__(self, channel: Any, queue: str, *, keep: bool) -> None:
        self.channel = channel
        self.queue = queue
        self.keep = keep
        self.connection: Any = None
        self.connection_pool = channel.async_pool
        self.under_way: Step | None = None
        self.asked = 0
        self.sent_at = 0.0
        self.lost = False
        self.next = Step.TAKE
        self._owner: Owner = channel.owner
        self._first = 0
        self._refused = ""

    def take(self, count: int) -> None:
        """Ask for up to `count` messages."""
        command: Command
        if self.keep:
            self._first, command = self._owner.take_command(self.queue, count)
        else:
            # A consumer that never acknowledges: gone once sent, so one at a time.
            count, self._first = 1, 0
            command = ("RPOP", self._owner.keys.queue(self.queue), count)
        self.asked = count
        self._start(Step.TAKE, command)

    def wait(self, seconds: float) -> None:
        """Ask to be told when there is a message; after a refusal, sleep."""
        if self.next is Step.WAIT:
            key = self._owner.keys.queue(self.queue)
            self._start(Step.WAIT, ("BLMOVE", key, key, "RIGHT", "RIGHT", seconds))
        else:
            self._start(Step.SLEEP, ("BLPOP", self._owner.keys.never(self._owner.id), seconds))

    def read(self) -> list[tuple[int, bytes]]:
        """Read the answer, of which something has come in; gives messages with their numbers."""
        if self.under_way is None:
            # The server has closed the idle connection. It is opened again when it is needed.
            self.connection.disconnect()
            return []
        try:
            reply = self.connection.read_response()
        except redis.ReadOnlyError as error:
            # A master that has become a replica: ask anew who is the master.
            self.connection.disconnect()
            raise redis.ConnectionError(str(error)) from error
        except redis.ResponseError as error:
            self._refuse(error)
            return []
        step, asked = self.under_way, self.asked
        self.under_way, self.asked = None, 0
        if step is Step.TAKE:
            if self._refused:
                log.info("queue.taking_again", queue=self.queue)
                self._refused = ""
            frames: list[bytes] = reply or []
            self.next = Step.WAIT if len(frames) < asked else Step.TAKE
            return list(enumerate(frames, self._first))
        self.next = Step.WAIT if step is Step.WAIT and reply is None else Step.TAKE
        return []

    def is_overdue(self, seconds: float) -> bool:
        """Say whether an answer should have come in so long ago that the connection is dead."""
        return self.under_way is not None and time.monotonic() - self.sent_at > seconds

    def disconnected(self) -> None:
        """Note that the connection is gone, and with it an answer that may have had messages."""
        self.lost = self.lost or self.under_way is Step.TAKE
        self.under_way, self.asked = None, 0

    def close(self) -> None:
        """Give the connection up. An answer that is still to come is lost."""
        if self.connection is not None:
            # The poller forgets it by what it is connected to.
            self.connection.disconnect()
            self.connection_pool.release(self.connection)
            self.connection = None

    def _start(self, step: Step, command: Command) -> None:
        self.sent_at = time.monotonic()
        # Before sending: half a command that was sent may be a whole one.
        self.under_way = step
        self.connection.send_command(*command)

    def _refuse(self, error: redis.ResponseError) -> None:
        step, self.under_way, self.asked = self.under_way, None, 0
        if step is Step.SLEEP:
            raise error
        # Full, loading, not allowed, no list: wait until that is over. Nothing was moved.
        if str(error) != self._refused:
            log.error("queue.taking_refused", queue=self.queue, error=str(error))
            self._refused = str(error)
        self.next = Step.SLEEP
