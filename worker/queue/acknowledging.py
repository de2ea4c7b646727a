"""Acknowledge many messages in one round trip."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import structlog
from kombu.transport.redis import QoS as RedisQoS
from kombu.transport.virtual import QoS as VirtualQoS

from worker.queue.transport.quality import QoS as SafeQoS

log = structlog.get_logger()


def acknowledge(messages: Iterable[Any]) -> None:
    """Acknowledge kombu messages; on Redis all of one channel in one round trip.

    A connection that broke meanwhile is not an error: the broker delivers these messages again,
    and they are answered with what is stored.
    """
    by_channel: dict[int, list[Any]] = defaultdict(list)
    for message in messages:
        if not message.acknowledged:
            by_channel[id(message.channel)].append(message)
    for of_channel in by_channel.values():
        channel = of_channel[0].channel
        try:
            if channel is not None and isinstance(channel.qos, SafeQoS):
                channel.qos.acknowledge(message.delivery_tag for message in of_channel)
                for message in of_channel:
                    message._state = "ACK"
            elif channel is not None and type(channel.qos) is RedisQoS:
                _acknowledge_on_redis(channel.qos, of_channel)
            else:
                for message in of_channel:
                    message.ack()
        except Exception as error:  # noqa: BLE001 - redelivery is safe, a dead worker is not
            log.warning("queue.ack_failed", messages=len(of_channel), error=type(error).__name__)


def _acknowledge_on_redis(qos: Any, messages: list[Any]) -> None:
    tags = [message.delivery_tag for message in messages]
    with qos.pipe_or_acquire() as pipe:
        pipe.zrem(qos.unacked_index_key, *tags).hdel(qos.unacked_key, *tags).execute()
    for message in messages:
        # What RedisQoS.ack does besides, without its round trip a message.
        VirtualQoS.ack(qos, message.delivery_tag)  # type: ignore[no-untyped-call]  # kombu's
        message._state = "ACK"
