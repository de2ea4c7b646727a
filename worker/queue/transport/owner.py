"""What one consumer holds: taking messages, settling them, and taking over from dead owners."""

import math
import os
import re
import socket
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any

import redis
import structlog

from worker.queue.transport import scripts
from worker.queue.transport.keys import Keys, member, parse_member

log = structlog.get_logger()

Command = tuple[Any, ...]

UNREACHABLE = (redis.RedisError, OSError)
"""What a command raises that Redis does not answer, or answers with a refusal."""

TAKE_BYTES = 4_000_000
"""So much is moved by one script, at the most: messages are one or two kB, or not for us."""

EMPTY_AT_ONCE = 100
"""So many messages are given back by one script: Redis does nothing else meanwhile."""

RENEWALS_A_TTL = 4
"""An owner tells so often within its time to live that it lives, and looks for dead ones."""

QUIET_SECONDS = 1.0
"""After a failure, settling is left to later for so long: each try may block until a timeout."""


class Owner:
    """A consumer's processing lists, by an id that no other consumer ever has.

    What it acknowledges it removes from its own lists only. If its messages were given to another
    meanwhile, because it was taken for dead, that does nothing.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, *, ttl_seconds: float, dead_letters_max: int
    ) -> None:
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
        self.pid = os.getpid()
        self.id = f"{host}-{self.pid}-{uuid.uuid4().hex}"
        self.keys = keys
        self._client: Any = client
        self._ttl_ms = max(1, round(ttl_seconds * 1000))
        self._period_seconds = ttl_seconds / RENEWALS_A_TTL
        self._dead_letters_max = dead_letters_max
        self._next_number = 1
        self._queues: set[str] = set()
        self._left_traces = False
        # Acknowledgements may come from other threads.
        self._lock = threading.Lock()
        self._unsent: list[Command] = []
        self._quiet_until = 0.0
        self._renew_at = 0.0
        self._sweep_at = 0.0

    def take_command(self, queue: str, count: int) -> tuple[int, Command]:
        """The command that moves up to `count` messages here, and the first one's number.

        Its reply is the frames, the oldest first, numbered upwards.
        """
        first, self._next_number = self._next_number, self._next_number + count
        self._queues.add(queue)
        self._left_traces = True
        keys = (
            self.keys.queue(queue),
            self.keys.processing(queue, self.id),
            self.keys.consumers,
            self.keys.heartbeat(self.id),
        )
        arguments = (count, TAKE_BYTES, first, self._ttl_ms, member(queue, self.id))
        return first, ("EVAL", scripts.TAKE, len(keys), *keys, *arguments)

    def take(self, queue: str) -> tuple[int, bytes] | None:
        """Move one message here, and wait for the answer."""
        number, command = self.take_command(queue, 1)
        frames = self._client.execute_command(*command)
        return (number, frames[0]) if frames else None

    def acknowledge(self, tags: Iterable[str]) -> None:
        """Forget messages, in one round trip a queue. Foreign tags are none of ours."""
        by_queue = defaultdict(list)
        for tag in tags:
            if found := parse_tag(tag):
                by_queue[found[0]].append(found[1])
        for queue, numbers in by_queue.items():
            self._settle("HDEL", self.keys.processing(queue, self.id), *numbers)

    def requeue(self, tag: str) -> None:
        """Put a message back to the end of its queue, as the stock transport does."""
        if found := parse_tag(tag):
            queue, number = found
            keys = (self.keys.queue(queue), self.keys.processing(queue, self.id))
            self._settle("EVAL", scripts.RETURN, len(keys), *keys, "LPUSH", number)

    def bury(self, tag: str) -> None:
        """Move a message to its queue's dead letters."""
        if found := parse_tag(tag):
            queue, number = found
            keys = (
                self.keys.processing(queue, self.id),
                self.keys.dead(queue),
                self.keys.dead_count(queue),
            )
            self._settle("EVAL", scripts.BURY, len(keys), *keys, number, self._dead_letters_max)

    def put_back(self, queue: str, numbers: Sequence[int]) -> None:
        """Put messages that were not handled back to the front of their queue, in order."""
        keys = (self.keys.queue(queue), self.keys.processing(queue, self.id))
        newest_first = sorted(numbers, reverse=True)
        self._settle("EVAL", scripts.RETURN, len(keys), *keys, "RPUSH", *newest_first)

    def put_all_back(self) -> int:
        """Put everything that is held back to the front of its queue; gives how many."""
        # What is done must not come again.
        self._send()
        queues, self._queues = self._queues, set()
        return sum(self._empty(queue, self.id) for queue in sorted(queues))

    def leave(self) -> int:
        """Put everything back, and remove every trace of this owner; gives how many."""
        self.retire()
        if not self._left_traces:
            return 0
        returned = self.put_all_back()
        self._client.execute_command("DEL", self.keys.heartbeat(self.id))
        return returned

    def retire(self) -> None:
        """Tell no more of life. What is not settled within the time to live goes to others."""
        self._renew_at = math.inf

    def tick(self) -> None:
        """Do what is due: settle what could not be settled, tell of life, look for the dead."""
        now = time.monotonic()
        if self._unsent:
            self._send()
        if now >= self._renew_at:
            self._client.execute_command(*self._renewal())
            self._renew_at = now + self._period_seconds
        if now >= self._sweep_at:
            self._sweep_at = now + self._period_seconds
            self.sweep()

    def sweep(self) -> int:
        """Give the messages of dead owners back to their queues; gives how many.

        Any number may do so at once: the script looks again, and moves each message once.
        """
        noted = [
            one.decode() for one in self._client.execute_command("SMEMBERS", self.keys.consumers)
        ]
        lists = [parse_member(one) for one in noted]
        owners = sorted({owner for _, owner in lists} - {self.id})
        if not owners:
            return 0
        with self._client.pipeline(transaction=False) as pipe:
            for owner in owners:
                pipe.execute_command("EXISTS", self.keys.heartbeat(owner))
            alive = dict(zip(owners, pipe.execute(), strict=True))
        moved = 0
        for queue, owner in lists:
            if alive.get(owner, 1):
                continue
            count = self._empty(queue, owner, only_of_dead=True)
            if count:
                log.warning("queue.taken_over", queue=queue, owner=owner, messages=count)
            moved += count
        return moved

    def _renewal(self) -> Command:
        self._left_traces = True
        return "EVAL", scripts.RENEW, 1, self.keys.heartbeat(self.id), self._ttl_ms

    def _empty(self, queue: str, owner: str, *, only_of_dead: bool = False) -> int:
        keys = (
            self.keys.queue(queue),
            self.keys.processing(queue, owner),
            self.keys.consumers,
            self.keys.heartbeat(owner),
        )
        arguments = (EMPTY_AT_ONCE, member(queue, owner), int(only_of_dead))
        moved, left = 0, 1
        while left:
            count, left = self._client.execute_command(
                "EVAL", scripts.EMPTY, len(keys), *keys, *arguments
            )
            moved += count
        return moved

    def _settle(self, *command: Any) -> None:
        """Send a command now, or keep it for the next time if Redis cannot be reached.

        Never raises: the consumer is done with the message. If this process dies first, or is
        taken for dead, the message comes again.
        """
        now = time.monotonic()
        with self._lock:
            self._unsent.append(command)
            # While a worker that was told to stop finishes its work, nothing else renews.
            if now >= self._renew_at:
                self._unsent.append(self._renewal())
                self._renew_at = now + self._period_seconds
        if now < self._quiet_until:
            return
        try:
            self._send()
        except UNREACHABLE as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("queue.settling_later", error=type(error).__name__)

    def _send(self) -> None:
        with self._lock:
            commands, self._unsent = self._unsent, []
        # Each of them does nothing if it was done after all.
        unsure = commands
        try:
            unsure = self._execute(commands)
        finally:
            with self._lock:
                self._unsent[:0] = unsure
        if unsure:
            raise redis.ResponseError(f"{len(unsure)} of {len(commands)} were refused")

    def _execute(self, commands: list[Command]) -> list[Command]:
        """Send commands in one round trip; gives those that Redis refused."""
        if len(commands) == 1:
            self._client.execute_command(*commands[0])
        if len(commands) <= 1:
            return []
        with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers = pipe.execute(raise_on_error=False)
        return list(compress(commands, (isinstance(one, redis.RedisError) for one in answers)))


def tag_of(queue: str, number: int) -> str:
    """The delivery tag of a message: all that is needed to settle it."""
    return f"{number}@{queue}"


def parse_tag(tag: str) -> tuple[str, int] | None:
    """The queue and number of a delivery tag; None for a tag that we did not give."""
    number, at, queue = str(tag).partition("@")
    return (queue, int(number)) if at and number.isdecimal() else None
