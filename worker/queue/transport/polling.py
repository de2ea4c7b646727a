"""Kombu's poller and transport: who is looked at when, in an event loop and without one."""

from typing import Any

import structlog

from worker.queue.transport import stock
from worker.queue.transport.channel import Channel
from worker.queue.transport.lane import Lane
from worker.queue.transport.owner import UNREACHABLE

log = structlog.get_logger()

PAUSE_SECONDS = 0.001
"""After this pause the rest of the inbox is handed out: time for the event loop to look around."""


class Poller(stock.MultiChannelPoller):  # type: ignore[misc]  # kombu ships no types
    """Looks after the lanes of all channels. Fanout (events, remote control) is inherited."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: Any = None
        self._resuming: set[Channel] = set()

    def on_poll_start(self) -> None:
        """Before each look at the sockets: let channels ask for more."""
        for channel in tuple(self._channels):
            if channel.intake.lanes:
                channel.intake.advance(self._prepare)
            if channel.active_fanout_queues:
                self._register_LISTEN(channel)

    def _prepare(self, lane: Lane) -> None:
        """See to it that the lane is connected and looked at."""
        channel = lane.channel
        # Kombu's poller knows sockets by channel, client and type; a lane is both of the latter.
        if not self._client_registered(channel, lane, lane):
            self._register(channel, lane, lane)

    def on_readable(self, fileno: int) -> None:
        """The event loop's call: read what has come in, and hand messages out."""
        channel, lane = self._fd_to_chan.get(fileno, (None, None))
        if not isinstance(lane, Lane) or channel is None:
            super().on_readable(fileno)
            return
        channel.intake.receive(lane)
        self._hand_out(channel)

    def _hand_out(self, channel: Channel) -> None:
        try:
            channel.intake.deliver()
        finally:
            if channel.intake.inbox and channel not in self._resuming:
                self._resuming.add(channel)
                self.loop.call_later(PAUSE_SECONDS, self._resume, channel)

    def _resume(self, channel: Channel) -> None:
        self._resuming.discard(channel)
        self._hand_out(channel)

    def handle_event(self, fileno: int, event: int) -> Any:
        """Without an event loop: read what has come in, and go on to the next socket.

        Were the first one's message handed out at once, a busy queue would starve the others.
        """
        channel, lane = self._fd_to_chan.get(fileno, (None, None))
        if not isinstance(lane, Lane) or channel is None:
            return super().handle_event(fileno, event)
        channel.intake.receive(lane)
        return None

    def get(self, callback: Any, timeout: float | None = None) -> None:
        """Without an event loop: hand out one message, as kombu's users expect, or wait."""
        # There are no timers either.
        self.maybe_restore_messages()
        if self._hand_out_one():
            return
        try:
            super().get(callback, timeout)
        except stock.Empty:
            if not self._hand_out_one():
                raise

    def _hand_out_one(self) -> bool:
        return any(channel.intake.deliver(1) for channel in tuple(self._channels))

    def _on_connection_disconnect(self, connection: Any) -> None:
        """Without an event loop: forget the sockets of a connection that is gone."""
        gone = [ident for ident in self._chan_to_sock if ident[1].connection is connection]
        for channel, client, kind in gone:
            del self._chan_to_sock[channel, client, kind]
            for fd in [fd for fd, known in self._fd_to_chan.items() if known == (channel, kind)]:
                # The socket is closed: whatever polls has forgotten it.
                del self._fd_to_chan[fd]
        super()._on_connection_disconnect(connection)

    def on_poll_init(self, poller: Any) -> None:
        """Use the event loop's poller."""
        self.poller = poller

    def maybe_restore_messages(self) -> None:
        """Every `unacked_restore_interval`: tell that we live, take over from who does not."""
        for channel in tuple(self._channels):
            if channel.is_consuming:
                try:
                    channel.owner.tick()
                except UNREACHABLE as error:
                    # Lanes notice a broken connection by themselves.
                    log.warning("queue.tick_failed", error=type(error).__name__)

    def maybe_check_brpop_health(self) -> None:
        """Drop connections whose answer is overdue: nothing else notices a dead peer."""
        for channel in tuple(self._channels):
            patience = channel.brpop_timeout + channel.health_check_interval
            for lane in channel.intake.lanes if channel.health_check_interval else ():
                sock = getattr(lane.connection, "_sock", None)
                if lane.is_overdue(patience) and sock is not None and not stock.is_readable(sock):
                    log.warning("queue.no_answer", queue=lane.queue, seconds=patience)
                    lane.connection.disconnect()


class Transport(stock.Transport):  # type: ignore[misc]  # kombu ships no types
    """The Redis transport, with consumers that never have a message outside Redis."""

    Channel = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Let an event loop do the polling."""
        self.cycle.loop = loop
        super().register_with_event_loop(connection, loop)

    def _collect(self, connection: Any) -> None:  # noqa: ARG002 - kombu's signature
        """Kombu's hook for a connection that was lost, and for one that a child inherited.

        Without it kombu closes the channels, which gives back what is under way, by a connection
        that is broken: in 5.7.0 that ends the worker, or has the same work done twice at once.
        """
        for channel in (*self._avail_channels, *self.channels):
            channel.abandon()
        self._avail_channels.clear()
        self.channels.clear()
        self.cycle.close()
