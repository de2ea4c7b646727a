"""Kombu's quality of service: how much a channel may hold, and how it is settled."""

from collections.abc import Iterable
from typing import Any

import structlog

from worker.queue.transport import stock

log = structlog.get_logger()


class QoS(stock.QoS):  # type: ignore[misc]  # kombu ships no types
    """Which messages are not acknowledged yet. The record is in Redis; this one counts them."""

    @property
    def held(self) -> int:
        """How many messages were delivered and are not settled."""
        return len(self._delivered) - len(self._dirty)

    def acknowledge(self, tags: Iterable[str]) -> None:
        """Acknowledge many messages in one round trip. A late one does nothing."""
        tags = list(tags)
        self.channel.owner.acknowledge(tags)
        self._dirty.update(tags)

    def forget(self, delivery_tag: str) -> None:
        """Count a message no longer."""
        self._dirty.add(delivery_tag)

    def clear(self) -> None:
        """Count no message any longer."""
        self._delivered.clear()
        self._dirty.clear()

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        self.channel.owner.acknowledge((delivery_tag,))
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        """Put a message back to the end of its queue, or to the dead letters."""
        if requeue:
            self.channel.owner.requeue(delivery_tag)
        else:
            log.error("queue.dead_letter", tag=delivery_tag, reason="rejected by its consumer")
            self.channel.owner.bury(delivery_tag)
        super().ack(delivery_tag)

    def restore_unacked(self) -> None:
        """Put all that is not acknowledged back to the front of its queue, in order."""
        self.channel.put_all_back()

    def restore_unacked_once(self, stderr: Any = None) -> None:  # noqa: ARG002 - kombu's signature
        """Leave: at the end of a channel, or of a process that did not close it."""
        self._on_collect.cancel()
        self.channel.leave()
