"""The transport in kombu's event loop, as Celery's worker runs it."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu.asynchronous import Hub, set_event_loop

from tests.queue.conftest import Connect, Consumer, die, push, queued, text_of
from worker.queue.transport.intake import DELIVER_SECONDS, TAKE_MAX
from worker.queue.transport.watching import count_held


@pytest.fixture
def hub() -> Iterator[Any]:
    one: Any = Hub()  # type: ignore[no-untyped-call]  # kombu's
    set_event_loop(one)
    yield one
    one.close()
    set_event_loop(None)


def run_until(hub: Any, condition: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        hub.run_once()


def register(hub: Any, channel: Any) -> None:
    channel.connection.client.register_with_event_loop(hub)


def calls(broker: redis.Redis, command: str) -> int:
    stats: Any = broker.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {}).get("calls", 0))


def test_many_messages_are_taken_and_acknowledged_in_few_round_trips(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    count = 10 * TAKE_MAX
    channel = connect()
    register(hub, channel)
    consumer = Consumer(channel, "q")
    push(broker, "q", *(str(number) for number in range(count)))
    broker.config_resetstat()
    run_until(hub, lambda: len(consumer.messages) == count)
    assert consumer.bodies == [str(number) for number in range(count)]
    assert calls(broker, "eval") <= count / TAKE_MAX + 3
    channel.qos.acknowledge([message.delivery_tag for message in consumer.messages])
    assert count_held(broker) == {}
    assert calls(broker, "hdel") <= count / TAKE_MAX + 5, "one by each script, and one of ours"


def test_an_idle_consumer_sleeps_in_redis(broker: redis.Redis, connect: Connect, hub: Any) -> None:
    channel = connect()
    register(hub, channel)
    consumer = Consumer(channel, "q", "r")
    run_until(hub, lambda: int(broker.info("clients")["blocked_clients"]) == 2)
    push(broker, "r", "m")
    run_until(hub, lambda: consumer.messages)
    assert consumer.bodies == ["m"]


def test_the_loop_has_its_turn_while_a_task_runs_in_the_callback(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    """A solo pool runs tasks where they are delivered: timers must still fire between them."""
    channel = connect()
    channel.brpop_timeout = 60  # nothing else wakes the loop
    register(hub, channel)
    handled: list[str] = []
    fired: list[int] = []

    def handle(message: Any) -> None:
        time.sleep(1.5 * DELIVER_SECONDS)
        handled.append(text_of(message))
        message.ack()

    channel.basic_consume("q", False, handle, "q")  # noqa: FBT003 - kombu's signature
    push(broker, "q", *(str(number) for number in range(8)))
    hub.call_repeatedly(DELIVER_SECONDS, lambda: fired.append(len(handled)))
    run_until(hub, lambda: len(handled) == 8)
    assert handled == [str(number) for number in range(8)]
    assert len(set(fired)) >= 5


def test_room_is_filled_as_soon_as_messages_are_acknowledged(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    channel = connect()
    register(hub, channel)
    consumer = Consumer(channel, "q", prefetch=4)
    push(broker, "q", *(str(number) for number in range(30)))
    most = 0
    while len(consumer.messages) < 30:
        before = len(consumer.messages)
        run_until(hub, lambda before=before: len(consumer.messages) > before)  # type: ignore[misc]  # bound on purpose
        most = max(most, sum(count_held(broker).values()))
        for message in consumer.messages[before:]:
            message.ack()
    assert consumer.bodies == [str(number) for number in range(30)]
    assert most <= 4


def test_several_queues_together_keep_to_the_prefetch_limit(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    channel = connect()
    register(hub, channel)
    consumer = Consumer(channel, "q", "r", "s", prefetch=4)
    for queue in ("q", "r", "s"):
        push(broker, queue, *(str(number) for number in range(30)))
    most = 0
    while len(consumer.messages) < 90:
        before = len(consumer.messages)
        run_until(hub, lambda before=before: len(consumer.messages) > before)  # type: ignore[misc]  # bound on purpose
        most = max(most, sum(count_held(broker).values()))
        for message in consumer.messages[before:]:
            message.ack()
    assert most <= 4


def test_timers_tell_of_life_and_look_for_the_dead(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    push(broker, "q", "a", "b")
    dead = Consumer(connect(), "q", prefetch=1)
    dead.drain(1)
    channel = connect(owner_ttl=0.4)
    register(hub, channel)
    consumer = Consumer(channel, "q")
    run_until(hub, lambda: consumer.messages)
    die(dead.channel)
    run_until(hub, lambda: len(consumer.messages) == 2)
    assert consumer.bodies == ["b", "a"]
    stop_at = time.monotonic() + 1
    run_until(hub, lambda: time.monotonic() > stop_at)
    assert broker.exists(channel.owner.keys.heartbeat(channel.owner.id)), "long after its time"


def test_a_restarted_connection_consumes_on(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    """What Celery does when its connection is lost."""
    first = connect()
    register(hub, first)
    before = Consumer(first, "q")
    push(broker, "q", "a")
    run_until(hub, lambda: before.messages)
    broker.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(redis.ConnectionError):
        run_until(hub, lambda: False)
    client = first.connection.client
    client.collect()
    client.close()
    hub.reset()
    second = connect()
    register(hub, second)
    after = Consumer(second, "q")
    push(broker, "q", "b")
    run_until(hub, lambda: after.messages)
    before.messages[0].ack()
    assert after.bodies == ["b"]
    assert count_held(broker) == {"q": 1}


def test_stopping_gives_back_what_waits_to_be_handed_out(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    channel = connect()
    register(hub, channel)
    handled: list[str] = []

    def handle(message: Any) -> None:
        time.sleep(1.5 * DELIVER_SECONDS)
        handled.append(text_of(message))
        message.ack()

    names = [str(number) for number in range(10)]
    channel.basic_consume("q", False, handle, "q")  # noqa: FBT003 - kombu's signature
    push(broker, "q", *names)
    run_until(hub, lambda: len(handled) == 2)
    channel.connection.client.release()
    assert queued(broker, "q") == names[len(handled) :]
    hub.run_once()
    assert set(broker.scan_iter()) == {b"q"}


def test_a_cancelled_queues_socket_is_forgotten(
    broker: redis.Redis, connect: Connect, hub: Any
) -> None:
    """Whoever opens a file next gets its number."""
    channel = connect()
    register(hub, channel)
    consumer = Consumer(channel, "q", "r")
    run_until(hub, lambda: int(broker.info("clients")["blocked_clients"]) == 2)
    before = set(channel.connection.cycle.fds)
    channel.basic_cancel("q")
    assert len(before - set(channel.connection.cycle.fds)) == 1
    files = [os.pipe() for _ in range(5)]
    push(broker, "q", "not for us")
    push(broker, "r", "m")
    run_until(hub, lambda: consumer.messages)
    channel.basic_consume("q", False, consumer.messages.append, "again")  # noqa: FBT003 - kombu's signature
    run_until(hub, lambda: len(consumer.messages) == 2)
    assert consumer.bodies == ["m", "not for us"]
    for pair in files:
        for fd in pair:
            os.close(fd)
