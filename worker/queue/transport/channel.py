"""Kombu's channel, on processing lists."""

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
import structlog
from kombu.exceptions import KombuError

from worker.queue.transport import stock
from worker.queue.transport.frames import open_frame
from worker.queue.transport.keys import Keys
from worker.queue.transport.lane import Lane, Step
from worker.queue.transport.owner import UNREACHABLE, Owner, tag_of
from worker.queue.transport.quality import QoS

log = structlog.get_logger()

TAKE_MAX = 100
"""So many messages are moved by one script. More gain little, and Redis does nothing else then."""

DELIVER_SECONDS = 0.05
"""So long messages are handed out before the event loop gets its turn: a solo pool runs each
task while it is handed out."""

PASSED_ON = (*UNREACHABLE, KombuError, MemoryError)
"""What a consumer raises that tells nothing about the message."""

CONSUMER_FAILURES_MAX = 3
"""A consumer that fails on so many messages in a row is itself at fault: it is let die."""

left_over: list[tuple[float, Owner]] = []
"""Owners whose connection was lost, until they count as dead. What they hold is still under way in
this process; what is not done when it ends goes back with the rest."""


class Channel(stock.Channel):  # type: ignore[misc]  # kombu ships no types
    """A Redis channel that consumes by processing lists. Publishing and fanout are inherited."""

    QoS = QoS
    # One list a queue. Priorities would need a processing list for each.
    priority_steps = [0]  # noqa: RUF012 - kombu's attribute
    # The stock limit of 10 is too few for a connection a queue.
    max_connections = 100
    owner_ttl = 120.0
    dead_letters_max = 10_000

    from_transport_options = (
        *stock.Channel.from_transport_options,
        "owner_ttl",
        "dead_letters_max",
    )

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        options = connection.client.transport_options
        if list(options.get("priority_steps", [0])) != [0] or not options.get(
            "ack_emulation", True
        ):
            raise ValueError("this transport needs priority_steps=[0] and ack_emulation=True")
        self.inbox: deque[tuple[str, int, bytes]] = deque()
        self.lanes: deque[Lane] = deque()
        self._receivers: dict[str, Callable[[Any], Any]] = {}
        self._keep: dict[str, bool] = {}
        self._owner: Owner | None = None
        self._shared_client: Any = None
        self._failures = 0
        self._left = False
        super().__init__(connection, **kwargs)

    @property
    def owner(self) -> Owner:
        """What this channel's consumers hold. It outlives the connection, for late answers."""
        if self._owner is None:
            self._owner = Owner(
                # Not the client that adds the prefix to some of a command's keys.
                redis.Redis(connection_pool=self.pool),
                Keys(self.global_keyprefix),
                ttl_seconds=self.owner_ttl,
                dead_letters_max=self.dead_letters_max,
            )
        return self._owner

    @property
    def has_unacknowledged(self) -> bool:
        """Whether messages were delivered that are not settled."""
        return self._qos is not None and self._qos.held > 0

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,  # noqa: FBT001 - kombu's signature
        callback: Any,
        consumer_tag: str,
        **kwargs: Any,
    ) -> None:
        """Begin to consume from a queue."""
        super().basic_consume(queue, no_ack, callback, consumer_tag, **kwargs)
        if queue in self.active_fanout_queues:
            return
        self._receivers[queue], self._keep[queue] = callback, not no_ack
        if not any(lane.queue == queue for lane in self.lanes):
            self.lanes.append(Lane(self, queue, keep=not no_ack))

    def _basic_cancel(self, consumer_tag: str) -> None:
        queue = self._tag_to_queue.get(consumer_tag)
        super()._basic_cancel(consumer_tag)
        if queue not in self._active_queues:
            for lane in [lane for lane in self.lanes if lane.queue == queue]:
                self.lanes.remove(lane)
                self._stop(lane)

    def _stop(self, lane: Lane) -> None:
        """Close a lane. What was taken and not delivered goes back to the front at once."""
        numbers = [number for queue, number, _ in self.inbox if queue == lane.queue]
        self.inbox = deque(one for one in self.inbox if one[0] != lane.queue)
        try:
            if lane.under_way is Step.TAKE:
                numbers += [number for number, _ in lane.read()]
        finally:
            lane.close()
        if lane.keep and numbers:
            self.owner.put_back(lane.queue, numbers)
        self._receivers.pop(lane.queue, None)

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:  # noqa: ARG002, FBT001, FBT002 - kombu's signature
        """Get one message at once, or None."""
        while taken := self.owner.take(queue):
            number, frame = taken
            message = self._opened(queue, number, frame)
            if message is None:
                continue
            if no_ack:
                self.owner.acknowledge((message.delivery_tag,))
            else:
                self.qos.append(message, message.delivery_tag)
            return message
        return None

    def advance(self, prepare: Callable[[Lane], None]) -> None:
        """Let each idle lane go on, as far as the prefetch limit allows."""
        if any(lane.lost for lane in self.lanes):
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
                lane.wait(self.brpop_timeout)
        if takers:
            self.lanes.rotate(-1)

    def _room(self) -> int:
        """How many messages more may be taken."""
        if not self.qos.can_consume():
            return 0
        on_the_way = len(self.inbox) + sum(lane.asked for lane in self.lanes)
        limit = self.qos.prefetch_count
        return int(limit - self.qos.held if limit else TAKE_MAX) - on_the_way

    def receive(self, lane: Lane) -> None:
        """Read a lane's answer into the inbox."""
        self.inbox.extend((lane.queue, number, frame) for number, frame in lane.read())

    def deliver(self, most: int, seconds: float = DELIVER_SECONDS) -> bool:
        """Hand out messages from the inbox; says whether any were."""
        until = time.monotonic() + seconds
        delivered = 0
        while self.inbox and delivered < most:
            queue, number, frame = self.inbox.popleft()
            message = self._opened(queue, number, frame)
            if message is None:
                continue
            if self._keep[queue]:
                self.qos.append(message, message.delivery_tag)
            delivered += 1
            try:
                self._receivers[queue](message)
                self._failures = 0
            except PASSED_ON:
                raise
            except Exception as error:
                self._failures += 1
                if self._failures >= CONSUMER_FAILURES_MAX:
                    raise
                log.exception("queue.consumer_failed", queue=queue)
                self._bury(queue, message.delivery_tag, frame, type(error).__name__)
                self.qos.forget(message.delivery_tag)
            if time.monotonic() >= until:
                break
        return delivered > 0

    def _opened(self, queue: str, number: int, frame: bytes) -> Any:
        """The message, or None: then it is with the dead letters."""
        tag = tag_of(queue, number)
        try:
            message = self.Message(open_frame(frame, queue, tag), channel=self)
        except Exception as error:  # noqa: BLE001 - any bytes may come in
            self._bury(queue, tag, frame, str(error) or type(error).__name__)
            return None
        if message.errors:
            self._bury(queue, tag, frame, "it cannot be decompressed")
            return None
        return message

    def _bury(self, queue: str, tag: str, frame: bytes, reason: str) -> None:
        log.error("queue.dead_letter", queue=queue, tag=tag, bytes=len(frame), reason=reason)
        self.owner.bury(tag)

    def put_all_back(self) -> None:
        """Put all that is not acknowledged back to the front of its queue, in order."""
        for lane in self.lanes:
            if lane.under_way is Step.TAKE:
                self.receive(lane)
        self.inbox.clear()
        self.owner.put_all_back()
        self.qos.clear()

    def leave(self) -> None:
        """Put everything back and remove every trace of this consumer, once."""
        owners = [owner for owner in (self._owner, *(one for _, one in left_over)) if owner]
        if self._left or self._owner is None or self._owner.pid != os.getpid():
            return
        self._left = True
        left_over.clear()
        for owner in owners:
            try:
                count = owner.leave()
            except UNREACHABLE as error:
                log.warning("queue.left_to_sweepers", owner=owner.id, error=type(error).__name__)
            else:
                if count:
                    log.info("queue.put_back", owner=owner.id, messages=count)

    def close(self) -> None:
        """Stop consuming, put back what is not done, and disconnect."""
        if not self.closed:
            while self.lanes:
                with suppress(*UNREACHABLE):
                    self._stop(self.lanes.pop())
            self.leave()
        super().close()

    def abandon(self) -> None:
        """Give the channel up without a word to Redis: its connection was lost.

        What was delivered goes on, and is acknowledged over a new connection if it is still ours.
        """
        self.closed = self._closing = True
        while self.lanes:
            self.lanes.pop().close()
        self.inbox.clear()
        if self._qos is not None:
            self._qos._on_collect.cancel()
        if self._owner is not None:
            now = time.monotonic()
            left_over[:] = [one for one in left_over if one[0] > now]
            left_over.append((now + self.owner_ttl, self._owner))
        self.connection.cycle.discard(self)
        self._disconnect_pools()
        self._close_clients()
        self.connection.close_channel(self)

    def _on_connection_disconnect(self, connection: Any) -> None:
        for lane in self.lanes:
            if lane.connection is connection:
                lane.disconnected()
        super()._on_connection_disconnect(connection)

    def _poll_error(self, type: Any, **options: Any) -> None:  # noqa: A002 - kombu's signature
        if isinstance(type, Lane):
            self.receive(type)
        else:
            super()._poll_error(type, **options)

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        """One client for all operations: the stock channel builds a new one for each."""
        if asynchronous:
            return super()._create_client(asynchronous=True)
        client = self._shared_client
        if client is None or client.connection_pool is not self.pool:
            client = self._shared_client = super()._create_client()
        return client
