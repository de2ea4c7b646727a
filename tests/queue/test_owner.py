"""What one consumer holds in Redis: taken, settled, given back, taken over."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis

from tests.queue.conftest import push, queued
from tests.system.running import wait_for
from worker.queue.transport.keys import Keys
from worker.queue.transport.owner import EMPTY_AT_ONCE, TAKE_BYTES, Owner, tag_of
from worker.queue.transport.watching import count_held

NewOwner = Callable[..., Owner]


@pytest.fixture
def new_owner(broker: redis.Redis) -> NewOwner:
    def made(ttl_seconds: float = 60, dead_letters_max: int = 5, prefix: str = "") -> Owner:
        return Owner(
            broker, Keys(prefix), ttl_seconds=ttl_seconds, dead_letters_max=dead_letters_max
        )

    return made


def take(owner: Owner, queue: str = "q") -> str:
    taken = owner.take(queue)
    assert taken is not None
    return tag_of(queue, taken[0])


def take_many(broker: redis.Redis, owner: Owner, count: int, queue: str = "q") -> list[str]:
    first, command = owner.take_command(queue, count)
    client: Any = broker
    frames = client.execute_command(*command)
    return [tag_of(queue, number) for number, _ in enumerate(frames, first)]


def names(count: int) -> list[str]:
    return [f"m{number:04}" for number in range(count)]


def test_messages_move_to_the_owner_in_their_order(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner()
    push(broker, "q", *names(5))
    assert take_many(broker, owner, 3) == ["1@q", "2@q", "3@q"]
    assert queued(broker, "q") == ["m0003", "m0004"]
    held: Any = broker.hgetall(owner.keys.processing("q", owner.id))
    assert [b"m0000" in held[b"1"], b"m0002" in held[b"3"]] == [True, True]
    assert count_held(broker) == {"q": 3}


def test_huge_messages_are_taken_one_at_a_time(broker: redis.Redis, new_owner: NewOwner) -> None:
    owner = new_owner()
    push(broker, "q", "x" * 2 * TAKE_BYTES, "small", "y" * 2 * TAKE_BYTES, "last")
    assert len(take_many(broker, owner, 10)) == 1
    assert len(take_many(broker, owner, 10)) == 1
    assert len(take_many(broker, owner, 10)) == 1
    assert queued(broker, "q") == ["last"]


def test_taking_from_an_empty_queue_leaves_no_trace(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    assert new_owner().take("q") is None
    assert broker.dbsize() == 0


def test_an_acknowledged_message_is_gone_and_only_it(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner()
    push(broker, "q", *names(3))
    push(broker, "r", "other")
    tags = [*take_many(broker, owner, 3), take(owner, "r")]
    owner.acknowledge([tags[1], tags[3], "a foreign tag"])
    assert count_held(broker) == {"q": 2}
    owner.leave()
    assert queued(broker, "q") == ["m0000", "m0002"]
    assert queued(broker, "r") == []


def test_two_messages_with_the_same_bytes_are_two_messages(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner()
    push(broker, "q", "same", "same")
    first, _ = take_many(broker, owner, 2)
    owner.acknowledge([first])
    assert count_held(broker) == {"q": 1}


def test_requeued_messages_go_to_the_end_and_put_back_ones_to_the_front(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner()
    push(broker, "q", *names(5))
    tags = take_many(broker, owner, 4)
    owner.requeue(tags[1])
    assert queued(broker, "q") == ["m0004", "m0001"]
    owner.put_back("q", [3, 1, 4])
    assert queued(broker, "q") == ["m0000", "m0002", "m0003", "m0004", "m0001"]
    owner.requeue(tags[1])
    owner.put_back("q", [1])
    assert broker.llen("q") == 5, "each only once"


def test_buried_messages_are_kept_up_to_a_number_and_all_counted(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner(dead_letters_max=5)
    push(broker, "q", *names(8))
    for tag in take_many(broker, owner, 8):
        owner.bury(tag)
        owner.bury(tag)
    assert queued(broker, "q.dead") == names(8)[3:]
    assert broker.get("q.dead.count") == b"8"
    assert count_held(broker) == {}


def test_leaving_puts_everything_back_in_order_and_leaves_nothing(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    """More than one script's worth."""
    count = 2 * EMPTY_AT_ONCE + 10
    owner = new_owner()
    push(broker, "q", *names(count))
    push(broker, "r", "r0", "r1")
    while take_many(broker, owner, 100):
        pass
    take_many(broker, owner, 2, "r")
    assert broker.llen("q") == 0
    assert owner.leave() == count + 2
    assert queued(broker, "q") == names(count)
    assert queued(broker, "r") == ["r0", "r1"]
    assert set(broker.scan_iter()) == {b"q", b"r"}


def test_a_dead_owners_messages_are_taken_over_to_the_front_in_order(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    dead, alive, sweeper = new_owner(), new_owner(), new_owner()
    push(broker, "q", *names(6))
    take_many(broker, dead, 3)
    take_many(broker, alive, 2)
    broker.delete(dead.keys.heartbeat(dead.id))
    assert sweeper.sweep() == 3
    assert queued(broker, "q") == ["m0000", "m0001", "m0002", "m0005"]
    assert count_held(broker) == {"q": 2}
    assert sweeper.sweep() == 0
    assert broker.scard(sweeper.keys.consumers) == 1


def test_an_owner_is_dead_when_its_time_is_over_by_the_servers_clock(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    dead, sweeper = new_owner(ttl_seconds=0.05), new_owner()
    push(broker, "q", "m")
    take(dead)
    wait_for(lambda: sweeper.sweep() == 1, 10)
    assert queued(broker, "q") == ["m"]


def test_an_owner_that_ticks_lives_for_ever(broker: redis.Redis, new_owner: NewOwner) -> None:
    owner, sweeper = new_owner(ttl_seconds=2), new_owner()
    push(broker, "q", "m")
    take(owner)
    broker.pexpire(owner.keys.heartbeat(owner.id), 100)
    owner.tick()
    assert broker.pttl(owner.keys.heartbeat(owner.id)) > 1000
    assert sweeper.sweep() == 0


def test_whoever_was_taken_for_dead_cannot_remove_the_others_copy(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    """Its late answers do nothing, and it goes on: what it takes next is found again."""
    paused, other = new_owner(), new_owner()
    push(broker, "q", *names(4))
    late = take_many(broker, paused, 2)
    broker.delete(paused.keys.heartbeat(paused.id))
    assert other.sweep() == 2
    take_many(broker, other, 2)
    paused.acknowledge(late)
    paused.requeue(late[0])
    paused.bury(late[1])
    paused.put_back("q", [1, 2])
    assert broker.hlen(other.keys.processing("q", other.id)) == 2
    assert queued(broker, "q") == ["m0002", "m0003"]
    assert not broker.exists("q.dead")
    assert take(paused) == "3@q", "its numbers never come twice"
    assert count_held(broker) == {"q": 3}
    assert other.sweep() == 0


class Interrupted:
    """A client to which something happens between a sweeper's look and its move."""

    def __init__(self, broker: redis.Redis, happens: Callable[[], Any]) -> None:
        self.execute_command = broker.execute_command
        self._broker = broker
        self._happens = happens

    def pipeline(self, **options: Any) -> Any:
        pipe: Any = self._broker.pipeline(**options)
        look = pipe.execute

        def looked() -> Any:
            answer = look()
            self._happens()
            return answer

        pipe.execute = looked
        return pipe


def test_two_sweepers_at_once_move_each_message_once(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    dead, first, second = new_owner(), new_owner(), new_owner()
    push(broker, "q", *names(3))
    take_many(broker, dead, 3)
    broker.delete(dead.keys.heartbeat(dead.id))
    swept: list[int] = []
    first._client = Interrupted(broker, lambda: swept.append(second.sweep()))
    assert first.sweep() == 0
    assert swept == [3]
    assert queued(broker, "q") == names(3)


def test_an_owner_that_comes_back_under_the_sweepers_eyes_keeps_its_messages(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    paused, sweeper = new_owner(), new_owner()
    push(broker, "q", *names(3))
    take_many(broker, paused, 3)
    broker.delete(paused.keys.heartbeat(paused.id))
    sweeper._client = Interrupted(broker, paused.tick)
    assert sweeper.sweep() == 0
    assert count_held(broker) == {"q": 3}
    assert broker.scard(sweeper.keys.consumers) == 1


def test_an_owner_that_came_back_in_time_keeps_its_messages(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    paused, sweeper = new_owner(), new_owner()
    push(broker, "q", *names(2))
    take(paused)
    broker.delete(paused.keys.heartbeat(paused.id))
    take(paused)  # taking tells of life, and so does the tick
    assert sweeper.sweep() == 0
    assert count_held(broker) == {"q": 2}


def test_what_is_taken_after_a_flush_is_found_by_sweepers(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner, sweeper = new_owner(), new_owner()
    push(broker, "q", *names(2))
    lost = take(owner)
    broker.flushall()
    owner.acknowledge([lost])
    owner.tick()
    push(broker, "q", "after")
    take(owner)
    broker.delete(owner.keys.heartbeat(owner.id))
    assert sweeper.sweep() == 1
    assert queued(broker, "q") == ["after"]


class Broken:
    """A client without a server, and after `mend` one with it."""

    def __init__(self, broker: redis.Redis) -> None:
        self.broker: Any = None
        self._mended = broker
        self.tries = 0

    def mend(self) -> None:
        self.broker = self._mended

    def execute_command(self, *command: Any) -> Any:
        self.tries += 1
        if self.broker is None:
            raise redis.ConnectionError
        return self.broker.execute_command(*command)

    def pipeline(self, **options: Any) -> Any:
        self.tries += 1
        if self.broker is None:
            raise redis.ConnectionError
        return self.broker.pipeline(**options)


def test_an_acknowledgement_that_cannot_be_sent_is_sent_later(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner()
    push(broker, "q", *names(5))
    tags = take_many(broker, owner, 5)
    broken = Broken(broker)
    owner._client = broken
    for tag in tags[:3]:
        owner.acknowledge([tag])
    assert broken.tries == 1, "a server that does not answer is not asked again at once"
    with pytest.raises(redis.ConnectionError):
        owner.tick()
    assert count_held(broker) == {"q": 5}
    broken.mend()
    owner.tick()
    assert count_held(broker) == {"q": 2}
    assert owner.leave() == 2
    assert queued(broker, "q") == names(5)[3:]


def test_what_is_refused_keeps_nothing_else_from_being_settled(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner()
    push(broker, "q", "a", "b")
    push(broker, "r", "c")
    tags = [*take_many(broker, owner, 2), take(owner, "r")]
    processing = owner.keys.processing("r", owner.id)
    broker.rename(processing, "aside")
    broker.set(processing, "no hash")
    owner.acknowledge(tags)
    owner.acknowledge(tags[:1])
    assert count_held_of(broker, owner, "q") == 0
    broker.rename("aside", processing)
    owner.tick()
    assert count_held(broker) == {}


def count_held_of(broker: redis.Redis, owner: Owner, queue: str) -> int:
    held: Any = broker.hlen(owner.keys.processing(queue, owner.id))
    return int(held)


def test_what_is_acknowledged_is_not_put_back(broker: redis.Redis, new_owner: NewOwner) -> None:
    owner = new_owner()
    push(broker, "q", *names(2))
    tags = take_many(broker, owner, 2)
    broken = Broken(broker)
    owner._client = broken
    owner.acknowledge(tags[:1])
    broken.mend()
    owner.leave()
    assert queued(broker, "q") == ["m0001"]


@pytest.fixture
def full(broker: redis.Redis) -> Any:
    """Fill Redis, on demand."""
    before: Any = broker.config_get("maxmemory")

    def filled() -> None:
        broker.config_set("maxmemory", int(broker.info("memory")["used_memory"]) + 200_000)
        with suppress(redis.OutOfMemoryError):
            for number in range(10_000):
                broker.set(f"filler{number}", "x" * 5_000)

    yield filled
    broker.config_set("maxmemory", before["maxmemory"])


def test_a_full_redis_can_be_worked_off(
    broker: redis.Redis, new_owner: NewOwner, full: Callable[[], None]
) -> None:
    """All that moves messages works while nothing can be added."""
    owner, dead, sweeper = new_owner(), new_owner(), new_owner()
    push(broker, "q", *names(20))
    take_many(broker, dead, 5)
    broker.delete(dead.keys.heartbeat(dead.id))
    full()
    with pytest.raises(redis.OutOfMemoryError):
        broker.lpush("q", "x" * 10_000)
    tags = take_many(broker, owner, 10)
    assert len(tags) == 10
    owner.acknowledge(tags[:1])
    owner.requeue(tags[1])
    owner.bury(tags[2])
    owner.put_back("q", [4])
    assert sweeper.sweep() == 5
    broker.delete(owner.keys.heartbeat(owner.id))
    sweeper.tick()
    owner._renew_at = 0
    owner.tick()
    assert broker.exists(sweeper.keys.heartbeat(sweeper.id), owner.keys.heartbeat(owner.id)) == 2
    assert broker.llen("q") == 18, "one is done, and one buried"
    assert count_held(broker) == {}
    assert len(take_many(broker, owner, 10)) == 10
    assert owner.leave() == 10
    assert broker.llen("q") == 18
    assert broker.llen("q.dead") == 1


def test_a_prefix_keeps_two_projects_apart(broker: redis.Redis, new_owner: NewOwner) -> None:
    ours, theirs = new_owner(prefix="a:"), new_owner(prefix="b:")
    push(broker, "a:q", "m")
    assert theirs.take("q") is None
    take(ours)
    broker.delete(ours.keys.heartbeat(ours.id))
    assert theirs.sweep() == 0
    assert count_held(broker, "a:") == {"q": 1}
    assert new_owner(prefix="a:").sweep() == 1
    assert queued(broker, "a:q") == ["m"]


def test_nothing_is_moved_when_the_owners_list_is_something_else(
    broker: redis.Redis, new_owner: NewOwner
) -> None:
    owner = new_owner()
    push(broker, "q", "m")
    broker.set(owner.keys.processing("q", owner.id), "not a hash")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        owner.take("q")
    assert queued(broker, "q") == ["m"]


def test_a_retired_owner_tells_no_more_of_life(broker: redis.Redis, new_owner: NewOwner) -> None:
    """Its connection is lost: what nobody works on any longer must go to others in time."""
    owner = new_owner(ttl_seconds=0.5)
    push(broker, "q", "a", "b")
    tags = take_many(broker, owner, 2)
    owner.retire()

    def has_died() -> bool:
        owner.acknowledge(tags[:1])
        return not broker.exists(owner.keys.heartbeat(owner.id))

    wait_for(has_died, 10)
    assert new_owner().sweep() == 1


def test_an_id_tells_where_its_owner_runs(new_owner: NewOwner) -> None:
    assert f"-{os.getpid()}-" in new_owner().id
    assert len({new_owner().id for _ in range(10)}) == 10
