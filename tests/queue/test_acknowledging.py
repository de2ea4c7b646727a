"""A batch is acknowledged in one round trip, by whichever transport."""

import os
from typing import Any

import pytest
import redis
from kombu.connection import Connection

from tests.queue.conftest import OPTIONS, Connect, Consumer, die, push
from worker.queue.acknowledging import acknowledge
from worker.queue.transport.watching import count_held


def consume(channel: Any, count: int) -> list[Any]:
    consumer = Consumer(channel, "q")
    consumer.drain(count)
    return consumer.messages


def stock_channel() -> Any:
    connection: Any = Connection(  # type: ignore[no-untyped-call]  # kombu's
        os.environ["REDIS_URL"],
        transport="kombu.transport.redis:Transport",
        transport_options={"priority_steps": [0]},
    )
    return connection.channel()


def test_a_batch_is_one_command(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", *map(str, range(50)))
    messages = consume(connect(), 50)
    messages[0].channel.owner.tick()
    broker.config_resetstat()
    acknowledge(messages[:40])
    stats: Any = broker.info("commandstats")
    assert stats["cmdstat_hdel"]["calls"] == 1
    assert count_held(broker) == {"q": 10}
    assert [message.acknowledged for message in messages] == [True] * 40 + [False] * 10
    assert messages[0].channel.qos.held == 10


def test_what_is_acknowledged_already_is_left_alone(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", "a", "b")
    messages = consume(connect(), 2)
    messages[0].ack()
    acknowledge(messages)
    acknowledge(messages)
    acknowledge([])
    assert count_held(broker) == {}


def test_several_channels_at_once(broker: redis.Redis, connect: Connect) -> None:
    messages = []
    stock = stock_channel()
    for channel in (connect(), connect(), stock):
        push(broker, "q", "a", "b")
        messages += consume(channel, 2)
    assert count_held(broker) == {"q": 4}
    assert broker.hlen("unacked") == 2
    acknowledge(messages)
    assert count_held(broker) == {}
    assert not broker.exists("unacked", "unacked_index")
    assert all(message.acknowledged for message in messages)
    stock.connection.client.release()


def test_a_late_one_does_nothing(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", "a", "b")
    channel = connect()
    messages = consume(channel, 2)
    die(channel)
    other = Consumer(connect(**OPTIONS), "q")
    other.drain(2)
    acknowledge(messages)
    assert count_held(broker) == {"q": 2}


def test_a_broken_connection_is_no_error(
    broker: redis.Redis, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(broker, "q", "a")
    messages = consume(connect(), 1)

    def refused(*_: Any) -> None:
        raise redis.ConnectionError

    owner = messages[0].channel.owner
    monkeypatch.setattr(owner._client, "execute_command", refused)
    acknowledge(messages)
    monkeypatch.undo()
    assert messages[0].acknowledged
    assert count_held(broker) == {"q": 1}
    owner.tick()
    assert count_held(broker) == {}
