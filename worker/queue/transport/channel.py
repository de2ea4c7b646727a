"""Kombu's channel, on processing lists."""

import os
import time
from typing import Any

import redis
import structlog

from worker.queue.transport import stock
from worker.queue.transport.intake import Intake
from worker.queue.transport.keys import Keys
from worker.queue.transport.lane import Lane
from worker.queue.transport.owner import UNREACHABLE, Owner
from worker.queue.transport.quality import QoS

log = structlog.get_logger()

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
        self.intake = Intake(self)
        self._owner: Owner | None = None
        self._left = False
        self._shared_client: Any = None
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
    def is_consuming(self) -> bool:
        """Whether it takes messages to acknowledge, or has some that are not settled."""
        if any(lane.keep for lane in self.intake.lanes):
            return True
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
        if queue not in self.active_fanout_queues:
            self.intake.add(queue, callback, keep=not no_ack)

    def _basic_cancel(self, consumer_tag: str) -> None:
        queue = self._tag_to_queue.get(consumer_tag)
        super()._basic_cancel(consumer_tag)
        if queue not in self._active_queues:
            self.intake.remove(queue)

    def _queue_bind(self, *binding: Any) -> None:
        try:
            super()._queue_bind(*binding)
        except redis.OutOfMemoryError:
            # A consumer that starts now is what makes room. Producers declare for themselves.
            log.warning("queue.full", binding=binding)

    def _size(self, queue: str) -> int:
        # Not in a transaction, of which a full Redis refuses even the reading.
        return int(self._create_client().llen(queue))

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:  # noqa: ARG002, FBT001, FBT002 - kombu's signature
        """Get one message at once, or None."""
        while taken := self.owner.take(queue):
            message = self.intake.open(queue, *taken)
            if message is None:
                continue
            if no_ack:
                self.owner.acknowledge((message.delivery_tag,))
            else:
                self.qos.append(message, message.delivery_tag)
            return message
        return None

    def put_all_back(self) -> None:
        """Put all that is not acknowledged back to the front of its queue, in order."""
        self.intake.forget()
        self.owner.put_all_back()
        self.qos.clear()

    def leave(self) -> None:
        """Put everything back and remove every trace of this consumer, once."""
        if self._left or self._owner is None or self._owner.pid != os.getpid():
            return
        self._left = True
        owners = [self._owner, *(owner for _, owner in left_over)]
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
            self.intake.remove_all()
            self.leave()
        super().close()

    def abandon(self) -> None:
        """Give the channel up without a word to Redis: its connection was lost.

        What was delivered goes on, and is acknowledged over a new connection if it is still ours.
        """
        self.closed = self._closing = True
        self.intake.drop()
        if self._qos is not None:
            self._qos._on_collect.cancel()
        if self._owner is not None:
            self._owner.retire()
            now = time.monotonic()
            left_over[:] = [one for one in left_over if one[0] > now]
            left_over.append((now + self.owner_ttl, self._owner))
        self.connection.cycle.discard(self)
        self._disconnect_pools()
        self._close_clients()
        self.connection.close_channel(self)

    def _on_connection_disconnect(self, connection: Any) -> None:
        self.intake.disconnected(connection)
        super()._on_connection_disconnect(connection)

    def _poll_error(self, type: Any, **options: Any) -> None:  # noqa: A002 - kombu's signature
        if isinstance(type, Lane):
            self.intake.receive(type)
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
