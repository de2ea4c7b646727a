"""Channels of the safe transport on a real Valkey.

Not on fakeredis: what moves messages are scripts, which it runs only with a Lua interpreter that
the project does not need otherwise; and waiting, expiry and a full memory are the server's.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu.connection import Connection

from worker.queue.transport import Transport

OPTIONS = {"owner_ttl": 60, "unacked_restore_interval": 0.05, "socket_timeout": 5}

Connect = Callable[..., Any]


@pytest.fixture
def connect(broker: redis.Redis) -> Iterator[Connect]:
    """Open a channel of a connection of its own, as each worker has one."""
    connections: list[Any] = []

    def opened(**options: Any) -> Any:
        connection: Any = Connection(  # type: ignore[no-untyped-call]  # kombu's
            os.environ["REDIS_URL"], transport=Transport, transport_options=OPTIONS | options
        )
        connections.append(connection)
        return connection.channel()

    yield opened
    for connection in connections:
        connection.release()


def frame(body: Any = "{}", **changes: Any) -> bytes:
    """A message as any producer writes it into the list; None leaves a part out."""
    parts = {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"id": "1", "task": "t"},
        "properties": {
            "delivery_info": {"exchange": "", "routing_key": "q"},
            # The stock transport loses one of two messages with the same tag.
            "delivery_tag": str(uuid.uuid4()),
        },
        **changes,
    }
    return json.dumps({name: part for name, part in parts.items() if part is not None}).encode()


def text_of(message: Any) -> str:
    """The body of a message, as it was written."""
    return str(message.body.decode())


class Consumer:
    """Collects what a channel delivers."""

    def __init__(self, channel: Any, *queues: str, prefetch: int = 0, no_ack: bool = False) -> None:
        self.channel = channel
        self.messages: list[Any] = []
        channel.basic_qos(0, prefetch, False)  # noqa: FBT003 - kombu's signature
        for queue in queues:
            channel.basic_consume(queue, no_ack, self.messages.append, queue)

    def drain(self, count: int) -> list[Any]:
        """Wait for so many messages."""
        for _ in range(count):
            self.channel.connection.drain_events(self.channel.connection, timeout=5)
        return self.messages

    def drain_all(self) -> list[Any]:
        """Take whatever comes until nothing does."""
        try:
            while True:
                self.channel.connection.drain_events(self.channel.connection, timeout=0.2)
        except TimeoutError:
            return self.messages

    @property
    def bodies(self) -> list[str]:
        """What was delivered, in its order."""
        return [text_of(message) for message in self.messages]


def push(broker: redis.Redis, queue: str, *bodies: str) -> None:
    """Queue messages, the first one first."""
    for body in bodies:
        broker.lpush(queue, frame(body))


def queued(broker: redis.Redis, queue: str) -> list[str]:
    """The bodies in a queue, in the order in which they will be taken."""
    frames: Any = broker.lrange(queue, 0, -1)
    return [json.loads(one)["body"] for one in reversed(frames)]


def die(channel: Any) -> None:
    """End a consumer as SIGKILL does: nothing is given back, and its heartbeat runs out."""
    keys, owner = channel.owner.keys, channel.owner.id
    channel.connection._collect(channel.connection)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.delete(keys.heartbeat(owner))
