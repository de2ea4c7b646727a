"""The transport as kombu's users see it, without an event loop."""

import json
import os
import socket
from typing import Any

import pytest
import redis
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from tests.queue.conftest import Connect, Consumer, die, frame, push, queued, text_of
from tests.system.running import wait_for
from worker.queue.transport import intake
from worker.queue.transport.watching import count_held


def names(count: int) -> list[str]:
    return [f"m{number:03}" for number in range(count)]


def cut(channel: Any, queue: str) -> None:
    """Break the connection that consumes from the queue."""
    lane = next(lane for lane in channel.intake.lanes if lane.queue == queue)
    lane.connection._sock.shutdown(socket.SHUT_RDWR)


def test_messages_come_in_order_and_are_held_until_acknowledged(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(5))
    consumer = Consumer(connect(), "q")
    for message in consumer.drain(5)[:3]:
        message.ack()
    assert consumer.bodies == names(5)
    assert count_held(broker) == {"q": 2}
    assert not broker.exists("unacked", "unacked_index", "q")


def test_one_call_delivers_one_message(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", *names(5))
    consumer = Consumer(connect(), "q")
    for count in (1, 2, 3):
        consumer.drain(1)
        assert len(consumer.messages) == count


def test_a_message_that_comes_in_later_wakes_the_consumer(
    broker: redis.Redis, connect: Connect
) -> None:
    consumer = Consumer(connect(), "q")
    assert consumer.drain_all() == []
    assert int(broker.info("clients")["blocked_clients"]) == 1
    push(broker, "q", "late")
    consumer.drain(1)
    assert consumer.bodies == ["late"]


def test_who_waits_holds_nothing(broker: redis.Redis, connect: Connect) -> None:
    """Two wait; the one that looks gets the message, though the other was first."""
    first, second = Consumer(connect(), "q"), Consumer(connect(), "q")
    first.drain_all()
    second.drain_all()
    push(broker, "q", "m")
    second.drain(1)
    assert second.bodies == ["m"]
    assert first.drain_all() == []


def test_no_more_are_held_than_the_prefetch_limit_allows(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(10))
    push(broker, "r", *names(10))
    consumer = Consumer(connect(), "q", "r", prefetch=3)
    assert len(consumer.drain_all()) == 3
    assert sum(count_held(broker).values()) == 3
    consumer.messages[0].ack()
    assert len(consumer.drain_all()) == 4
    consumer.channel.basic_qos(0, 6, False)  # noqa: FBT003 - kombu's signature
    assert len(consumer.drain_all()) == 7
    assert sum(count_held(broker).values()) == 6


@pytest.mark.parametrize("prefetch", [1, 2, 4, 7])
def test_a_busy_queue_does_not_keep_others_from_being_served(
    broker: redis.Redis, connect: Connect, prefetch: int
) -> None:
    push(broker, "busy", *names(200))
    push(broker, "rare", "r0", "r1")
    push(broker, "other", "o0", "o1")
    consumer = Consumer(connect(), "busy", "rare", "other", prefetch=prefetch)
    seen: list[str] = []
    while not {"r0", "r1", "o0", "o1"} <= set(seen):
        consumer.drain(1)
        message = consumer.messages.pop()
        seen.append(text_of(message))
        message.ack()
    assert len(seen) <= 12 * prefetch


def test_each_of_many_queues_has_its_turn(broker: redis.Redis, connect: Connect) -> None:
    """More queues than the stock transport has connections."""
    queues = [f"q{number}" for number in range(15)]
    for queue in queues:
        push(broker, queue, queue)
    consumer = Consumer(connect(), *queues)
    consumer.drain(15)
    assert sorted(consumer.bodies) == sorted(queues)


def test_a_requeued_message_comes_again_after_the_others(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(3))
    consumer = Consumer(connect(), "q", prefetch=1)
    consumer.drain(1)[0].requeue()
    for _ in range(2):
        consumer.drain(1)[-1].ack()
    consumer.drain(1)
    assert consumer.bodies == ["m000", "m001", "m002", "m000"]


def test_a_rejected_message_is_with_the_dead_letters(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", *names(2))
    consumer = Consumer(connect(), "q", prefetch=1)
    consumer.drain(1)[0].reject()
    consumer.drain(1)
    assert queued(broker, "q.dead") == ["m000"]
    assert count_held(broker) == {"q": 1}


def test_recover_gives_all_back_in_order(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", *names(6))
    consumer = Consumer(connect(), "q", prefetch=4)
    consumer.drain(4)[1].ack()
    consumer.channel.basic_recover(requeue=True)
    assert queued(broker, "q") == ["m000", "m002", "m003", "m004", "m005"]
    consumer.messages.clear()
    assert [text_of(message) for message in consumer.drain_all()] == [
        "m000",
        "m002",
        "m003",
        "m004",
    ]


def test_recover_gives_back_what_waits_to_be_delivered_too(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(5))
    consumer = Consumer(connect(), "q")
    consumer.drain(2)
    consumer.channel.basic_recover(requeue=True)
    consumer.messages.clear()
    consumer.drain_all()
    assert consumer.bodies == names(5)


def test_queues_share_the_prefetch_limit_equally(broker: redis.Redis, connect: Connect) -> None:
    for queue in ("q", "r", "s"):
        push(broker, queue, *names(20))
    consumer = Consumer(connect(), "q", "r", "s", prefetch=9)
    consumer.drain(1)
    assert count_held(broker) == {"q": 3, "r": 3, "s": 3}


def test_a_consumer_that_is_always_busy_tells_of_life_all_the_same(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(5))
    consumer = Consumer(connect(), "q")
    consumer.drain(1)
    owner = consumer.channel.owner
    broker.delete(owner.keys.heartbeat(owner.id))
    owner._renew_at = 0
    consumer.drain(1)
    assert broker.exists(owner.keys.heartbeat(owner.id))


def test_closing_gives_back_what_is_not_done_and_leaves_no_trace(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(9))
    consumer = Consumer(connect(), "q")
    consumer.drain(3)[1].ack()
    consumer.channel.connection.client.release()
    assert queued(broker, "q") == [name for name in names(9) if name != "m001"]
    assert not consumer.channel.intake.lanes
    assert set(broker.scan_iter()) == {b"q"}


def test_cancelling_gives_back_what_was_not_delivered_and_keeps_the_rest(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(5))
    push(broker, "r", "r0")
    consumer = Consumer(connect(), "q", "r")
    while len(consumer.messages) < 2:
        consumer.drain(1)
    consumer.channel.basic_cancel("q")
    consumer.channel.basic_cancel("q")
    delivered = [body for body in consumer.bodies if body != "r0"]
    assert queued(broker, "q") == names(5)[len(delivered) :]
    consumer.drain_all()
    assert set(consumer.bodies) == {*delivered, "r0"}
    for message in consumer.messages:
        message.ack()
    assert count_held(broker) == {}


def test_an_answer_on_its_way_is_not_lost_when_its_consumer_is_cancelled(
    broker: redis.Redis, connect: Connect
) -> None:
    channel = connect()
    consumer = Consumer(channel, "q")
    push(broker, "q", *names(5))
    channel.connection.cycle.on_poll_start()
    assert channel.intake.lanes[0].asked > 0
    channel.basic_cancel("q")
    assert queued(broker, "q") == names(5)
    assert consumer.messages == []


GARBAGE = (b"", b"hello", b"\xff\x00", b"{}", b"[" * 50_000, b'{"properties": {}}', b"null")
BAD_BODY = (
    frame("abc", properties={"body_encoding": "base64"}),
    frame(properties={"body_encoding": "rot13"}),
    frame(headers={"compression": "application/x-gzip"}),
    frame(headers={"compression": "no such"}),
)


def test_what_is_no_message_goes_to_the_dead_letters_byte_by_byte(
    broker: redis.Redis, connect: Connect
) -> None:
    bad = [*GARBAGE, *BAD_BODY]
    for one in bad:
        broker.lpush("q", one, frame("good"))
    consumer = Consumer(connect(), "q")
    consumer.drain_all()
    assert consumer.bodies == ["good"] * len(bad)
    assert broker.lrange("q.dead", 0, -1) == bad[::-1]
    assert broker.get("q.dead.count") == str(len(bad)).encode()
    assert count_held(broker) == {"q": len(bad)}


def test_a_message_that_its_consumer_fails_on_is_set_apart(
    broker: redis.Redis, connect: Connect
) -> None:
    """Celery's own handler raises a TypeError on a task name that is no text, for one."""
    channel = connect()
    seen = []

    def handle(message: Any) -> None:
        if text_of(message) == "bad":
            raise TypeError("unhashable")
        seen.append(message)
        message.ack()

    channel.basic_consume("q", False, handle, "q")  # noqa: FBT003 - kombu's signature
    push(broker, "q", "bad", "good", "bad", "bad", "good")
    for _ in range(5):
        channel.connection.drain_events(channel.connection, timeout=5)
    assert len(seen) == 2
    assert broker.llen("q.dead") == 3
    assert count_held(broker) == {}
    assert channel.qos.held == 0


def test_a_consumer_that_fails_on_everything_is_itself_at_fault(
    broker: redis.Redis, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "CONSUMER_FAILURES_MAX", 3)
    channel = connect()

    def handle(message: Any) -> None:
        raise AttributeError("a bug")

    channel.basic_consume("q", False, handle, "q")  # noqa: FBT003 - kombu's signature
    push(broker, "q", *names(10))
    for _ in range(2):
        channel.connection.drain_events(channel.connection, timeout=5)
    with pytest.raises(AttributeError):
        channel.connection.drain_events(channel.connection, timeout=5)
    channel.connection.client.release()
    assert broker.llen("q.dead") == 2
    assert queued(broker, "q") == names(10)[2:]


def test_what_the_network_does_to_a_consumer_is_not_the_messages_fault(
    broker: redis.Redis, connect: Connect
) -> None:
    channel = connect()

    def handle(message: Any) -> None:
        raise redis.ConnectionError("events cannot be sent")

    channel.basic_consume("q", False, handle, "q")  # noqa: FBT003 - kombu's signature
    push(broker, "q", "m")
    with pytest.raises(redis.ConnectionError):
        channel.connection.drain_events(channel.connection, timeout=5)
    assert not broker.exists("q.dead")
    assert count_held(broker) == {"q": 1}


def test_a_dead_consumers_messages_come_to_another(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", *names(6))
    dead = Consumer(connect(), "q", prefetch=4)
    late = dead.drain(4)
    die(dead.channel)
    alive = Consumer(connect(), "q")
    alive.drain(6)
    assert sorted(alive.bodies) == names(6)
    for message in late:
        message.ack()
    assert count_held(broker) == {"q": 6}, "a late acknowledgement removes no other's message"


def test_what_was_delivered_over_a_lost_connection_is_acknowledged_over_another(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(4))
    channel = connect()
    consumer = Consumer(channel, "q", prefetch=3)
    messages = consumer.drain(3)
    channel.connection._collect(channel.connection)
    channel.close()
    assert count_held(broker) == {"q": 3}, "it is still under way"
    messages[0].ack()
    messages[1].requeue()
    messages[2].reject()
    assert count_held(broker) == {}
    assert queued(broker, "q") == ["m003", "m001"]
    assert queued(broker, "q.dead") == ["m002"]


def test_the_owner_of_a_lost_connection_counts_as_dead_in_time(
    broker: redis.Redis, connect: Connect
) -> None:
    """Late answers do not keep what nobody works on any longer from others."""
    push(broker, "q", *names(2))
    channel = connect(owner_ttl=0.5)
    done, dropped = Consumer(channel, "q", prefetch=2).drain(2)
    channel.connection._collect(channel.connection)
    owner = channel.owner

    def has_died() -> bool:
        owner.acknowledge([done.delivery_tag])
        return not broker.exists(owner.keys.heartbeat(owner.id))

    wait_for(has_died, 10)
    other = Consumer(connect(owner_ttl=0.5), "q")
    other.drain(1)
    assert other.bodies == [text_of(dropped)]


def test_what_earlier_connections_left_goes_back_when_the_process_ends_in_order(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(6))
    lost = Consumer(connect(), "q", prefetch=2)
    lost.drain(2)[0].ack()
    lost.channel.connection._collect(lost.channel.connection)
    last = Consumer(connect(), "q", prefetch=2)
    last.drain(2)
    last.channel.close()
    assert sorted(queued(broker, "q")) == names(6)[1:]
    assert set(broker.scan_iter()) == {b"q"}


def test_a_broken_connection_is_told_and_loses_nothing(
    broker: redis.Redis, connect: Connect
) -> None:
    consumer = Consumer(connect(), "q")
    consumer.drain_all()
    cut(consumer.channel, "q")
    push(broker, "q", "m")
    with pytest.raises(redis.ConnectionError):
        consumer.drain(1)
    consumer.drain(1)
    assert consumer.bodies == ["m"]


def test_an_answer_that_is_lost_with_its_connection_ends_the_owner(
    broker: redis.Redis, connect: Connect
) -> None:
    """Nobody knows which messages it had: another owner must find them."""
    channel = connect()
    Consumer(channel, "q")
    push(broker, "q", *names(3))
    channel.connection.cycle.on_poll_start()
    wait_for(lambda: count_held(broker), 10)
    channel.intake.lanes[0].connection.disconnect()
    with pytest.raises(redis.ConnectionError, match="an answer with messages was lost"):
        channel.connection.drain_events(channel.connection, timeout=5)
    die(channel)
    again = Consumer(connect(), "q")
    again.drain(3)
    assert again.bodies == names(3)


def test_cancelling_over_a_broken_connection_loses_nothing(
    broker: redis.Redis, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = connect()
    Consumer(channel, "q", "r")
    push(broker, "q", *names(3))
    channel.connection.cycle.on_poll_start()
    wait_for(lambda: count_held(broker), 10)

    def broken() -> None:
        raise redis.ConnectionError

    lane = next(lane for lane in channel.intake.lanes if lane.queue == "q")
    monkeypatch.setattr(lane.connection, "read_response", broken)
    channel.basic_cancel("q")
    with pytest.raises(redis.ConnectionError, match="an answer with messages was lost"):
        channel.connection.drain_events(channel.connection, timeout=5)
    channel.close()
    assert queued(broker, "q") == names(3)


def test_a_connection_that_does_not_answer_is_dropped(
    broker: redis.Redis, connect: Connect
) -> None:
    channel = connect(health_check_interval=1)
    consumer = Consumer(channel, "q")
    consumer.drain_all()
    lane = channel.intake.lanes[0]
    lane.sent_at -= 60
    channel.connection.cycle.maybe_check_brpop_health()
    assert lane.connection._sock is None
    push(broker, "q", "m")
    consumer.drain(1)
    assert consumer.bodies == ["m"]


def test_a_queue_that_is_no_list_is_waited_for(broker: redis.Redis, connect: Connect) -> None:
    broker.set("q", "not a list")
    push(broker, "r", "r0")
    consumer = Consumer(connect(), "q", "r")
    consumer.drain_all()
    assert consumer.bodies == ["r0"]
    broker.delete("q")
    push(broker, "q", "q0")
    consumer.drain(1)
    assert consumer.bodies == ["r0", "q0"]


def test_flushing_does_not_end_consuming(broker: redis.Redis, connect: Connect) -> None:
    push(broker, "q", *names(3))
    consumer = Consumer(connect(), "q")
    consumer.drain(3)
    broker.flushall()
    push(broker, "q", "after")
    consumer.drain(1)
    for message in consumer.messages:
        message.ack()
    assert consumer.bodies == [*names(3), "after"]
    assert count_held(broker) == {}


def test_getting_one_message_at_once(broker: redis.Redis, connect: Connect) -> None:
    channel = connect()
    assert channel.basic_get("q") is None
    broker.lpush("q", b"garbage")
    push(broker, "q", "kept", "gone")
    kept = channel.basic_get("q")
    assert text_of(kept) == "kept"
    assert text_of(channel.basic_get("q", no_ack=True)) == "gone"
    assert count_held(broker) == {"q": 1}
    kept.ack()
    assert count_held(broker) == {}
    assert broker.llen("q.dead") == 1


def test_who_never_acknowledges_holds_nothing_and_takes_one_at_a_time(
    broker: redis.Redis, connect: Connect
) -> None:
    push(broker, "q", *names(4))
    consumer = Consumer(connect(), "q", no_ack=True)
    consumer.drain(2)
    assert consumer.bodies == names(2)
    assert count_held(broker) == {}
    assert broker.llen("q") >= 1


@pytest.mark.parametrize("options", [{"priority_steps": [0, 3]}, {"ack_emulation": False}])
def test_what_it_cannot_do_it_says(connect: Connect, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="priority_steps"):
        connect(**options)


def test_stock_producers_and_consumers_share_queues_with_it(
    broker: redis.Redis, connect: Connect
) -> None:
    stock: Any = Connection(os.environ["REDIS_URL"], transport="kombu.transport.redis:Transport")  # type: ignore[no-untyped-call]  # kombu's
    exchange = Exchange("work", "direct")  # type: ignore[no-untyped-call]  # kombu's
    queue = Queue("q", exchange, routing_key="q")  # type: ignore[no-untyped-call]  # kombu's
    ours = connect().connection.client
    with stock:
        for number, connection in enumerate((stock, ours, stock, ours)):
            producer = connection.Producer()
            producer.publish({"n": number}, exchange=exchange, routing_key="q", declare=[queue])
        frames: Any = broker.lrange("q", 0, -1)
        shapes = [
            {name: sorted(part) if isinstance(part, dict) else part for name, part in one.items()}
            for one in map(json.loads, frames)
        ]
        for shape in shapes:
            del shape["body"]
        assert shapes[0] == shapes[1] == shapes[2] == shapes[3]
        consumer = Consumer(connect(), "q", prefetch=2)
        assert [message.decode() for message in consumer.drain(2)] == [{"n": 0}, {"n": 1}]
        simple = stock.SimpleQueue(queue)
        assert simple.get(timeout=5).payload == {"n": 2}
        simple.close()


def test_a_key_prefix_is_shared_with_stock_producers(broker: redis.Redis, connect: Connect) -> None:
    options = {"global_keyprefix": "ours:", "priority_steps": [0]}
    stock: Any = Connection(  # type: ignore[no-untyped-call]  # kombu's
        os.environ["REDIS_URL"],
        transport="kombu.transport.redis:Transport",
        transport_options=options,
    )
    with stock:
        stock.Producer().publish("m", routing_key="q")
    consumer = Consumer(connect(**options), "q")
    message = consumer.drain(1)[0]
    assert count_held(broker, "ours:") == {"q": 1}
    message.ack()
    assert count_held(broker, "ours:") == {}
    assert all(key.startswith(b"ours:") for key in broker.scan_iter())


def test_fanout_is_as_ever(broker: redis.Redis, connect: Connect) -> None:
    """Events and remote control: every consumer gets a copy, also a stock one."""
    exchange = Exchange("news", "fanout")  # type: ignore[no-untyped-call]  # kombu's
    received: list[Any] = []
    url = os.environ["REDIS_URL"]
    stock: Any = Connection(url, transport="kombu.transport.redis:Transport")  # type: ignore[no-untyped-call]  # kombu's
    connections = [connect().connection.client, stock]
    consumers = [
        connection.Consumer(
            Queue(f"news-{number}", exchange, auto_delete=True),  # type: ignore[no-untyped-call]  # kombu's
            on_message=lambda message: received.append(message.decode()),
            no_ack=True,
        )
        for number, connection in enumerate(connections)
    ]
    for consumer, connection in zip(consumers, connections, strict=True):
        consumer.consume()
        connection.drain_events(timeout=5)  # the subscription is confirmed
    connect().connection.client.Producer().publish("x", exchange=exchange, declare=[exchange])
    for connection in connections:
        connection.drain_events(timeout=5)
    assert received == ["x", "x"]
    stock.release()
