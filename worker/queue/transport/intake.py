"""What a channel does between Redis and its consumers: take, open, hand out."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import redis
import structlog
from kombu.exceptions import OperationalError

from worker.queue.transport.frames import FrameError, open_frame
from worker.queue.transport.lane import Lane, Step
from worker.queue.transport.owner import UNREACHABLE, tag_of

log = structlog.get_logger()

TAKE_MAX = 100
"""So many messages are moved by one script. More gain little, and Redis does nothing else then."""

DELIVER_SECONDS = 0.05
"""So long messages are handed out before the event loop gets its turn: a solo pool runs each
task while it is handed out."""

PASSED_ON = (*UNREACHABLE, OperationalError, MemoryError)
"""What a consumer raises that tells nothing about the message."""

CONSUMER_FAILURES_MAX = 100
"""A consumer that fails on so many messages in a row is itself at fault. It is let die, before it
has moved all that comes to the dead letters."""


class Intake:
    """The lanes of a channel's queues, and what was taken and not yet handed out."""

    def __init__(self, channel: Any) -> None:
        self.inbox: deque[tuple[Lane, int, bytes]] = deque()
        self.lanes: deque[Lane] = deque()
        self._channel = channel
        self._receivers: dict[str, Callable[[Any], Any]] = {}
        self._failures = 0
        self._lost = False

    def add(self, queue: str, receiver: Callable[[Any], Any], *, keep: bool) -> None:
        """Hand a queue's messages to the receiver from now on; `keep` until acknowledged."""
        self._receivers[queue] = receiver
        if all(lane.queue != queue for lane in self.lanes):
            self.lanes.append(Lane(self._channel, queue, keep=keep))

    def remove(self, queue: str | None) -> None:
        """Take no more from a queue. What was not handed out goes back to its front at once."""
        for lane in [lane for lane in self.lanes if lane.queue == queue]:
            self.lanes.remove(lane)
            self._close(lane)

    def remove_all(self) -> None:
        """Take no more at all."""
        while self.lanes:
            self._close(self.lanes.pop())

    def _close(self, lane: Lane) -> None:
        numbers = [number for of, number, _ in self.inbox if of is lane]
        self.inbox = deque(one for one in self.inbox if one[0] is not lane)
        try:
            if lane.under_way is Step.TAKE:
                numbers += [number for number, _ in lane.read()]
        except UNREACHABLE as error:
            log.warning("queue.answer_lost", queue=lane.queue, error=type(error).__name__)
            self._lost = True
        lane.close()
        if lane.keep and numbers:
            self._channel.owner.put_back(lane.queue, numbers)
        self._receivers.pop(lane.queue, None)

    def forget(self) -> None:
        """Have nothing in hand. Answers that are still on their way are waited for."""
        for lane in self.lanes:
            if lane.under_way is Step.TAKE:
                self.receive(lane)
        self.inbox.clear()

    def drop(self) -> None:
        """Let go of everything without a word to Redis."""
        while self.lanes:
            self.lanes.pop().close()
        self.inbox.clear()

    def disconnected(self, connection: Any) -> None:
        """Note that a connection is gone."""
        for lane in self.lanes:
            if lane.connection is connection:
                lane.disconnected()

    def advance(self, prepare: Callable[[Lane], None]) -> None:
        """Let each idle lane go on, as far as the prefetch limit allows."""
        if self._lost or any(lane.lost for lane in self.lanes):
            # Its messages are in the processing list, but nobody here knows which they are. As
            # another owner, the sweepers find them.
            raise redis.ConnectionError("an answer with messages was lost with its connection")
        idle = [lane for lane in self.lanes if lane.under_way is None]
        room = self._room() if idle else 0
        if room <= 0:
            return
        takers = [lane for lane in idle if lane.next is Step.TAKE]
        for place, lane in enumerate(takers):
            # An equal share of the room each, and each in its turn the first.
            share = min(TAKE_MAX, -(-room // (len(takers) - place)))
            if share > 0:
                prepare(lane)
                lane.take(share)
                room -= lane.asked
        for lane in idle:
            if lane.next is not Step.TAKE and lane.under_way is None:
                prepare(lane)
                lane.wait(self._channel.brpop_timeout)
        if takers:
            self.lanes.rotate(-1)

    def _room(self) -> int:
        """How many messages more may be taken."""
        qos = self._channel.qos
        if not qos.can_consume():
            return 0
        on_the_way = len(self.inbox) + sum(lane.asked for lane in self.lanes)
        return int(qos.prefetch_count - qos.held if qos.prefetch_count else TAKE_MAX) - on_the_way

    def receive(self, lane: Lane) -> None:
        """Read a lane's answer into the inbox."""
        self.inbox.extend((lane, number, frame) for number, frame in lane.read())

    def deliver(self, most: int | None = None) -> bool:
        """Hand out messages from the inbox; says whether any were."""
        until = time.monotonic() + DELIVER_SECONDS
        delivered = 0
        while self.inbox and delivered != most:
            lane, number, frame = self.inbox.popleft()
            message = self.open(lane.queue, number, frame)
            if message is None:
                continue
            if lane.keep:
                self._channel.qos.append(message, message.delivery_tag)
            delivered += 1
            self._hand_over(lane.queue, message, len(frame))
            if time.monotonic() >= until:
                break
        return delivered > 0

    def _hand_over(self, queue: str, message: Any, size: int) -> None:
        try:
            self._receivers[queue](message)
        except PASSED_ON:
            raise
        except Exception as error:
            self._failures += 1
            if self._failures >= CONSUMER_FAILURES_MAX:
                raise
            log.exception("queue.consumer_failed", queue=queue)
            self._bury(queue, message.delivery_tag, size, type(error).__name__)
            self._channel.qos.forget(message.delivery_tag)
        else:
            self._failures = 0

    def open(self, queue: str, number: int, frame: bytes) -> Any:
        """The message, or None: then it is with the dead letters."""
        tag, size = tag_of(queue, number), len(frame)
        try:
            message = self._channel.Message(open_frame(frame, queue, tag), channel=self._channel)
        except FrameError as error:
            self._bury(queue, tag, size, str(error))
            return None
        except Exception as error:  # noqa: BLE001 - the body's encoding may be anything
            self._bury(queue, tag, size, f"no body that can be read: {type(error).__name__}")
            return None
        if message.errors:
            self._bury(queue, tag, size, "it cannot be decompressed")
            return None
        return message

    def _bury(self, queue: str, tag: str, size: int, reason: str) -> None:
        log.error("queue.dead_letter", queue=queue, tag=tag, bytes=size, reason=reason)
        self._channel.owner.bury(tag)
