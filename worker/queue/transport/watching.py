"""How many messages are under way, for operators, benchmarks and tests."""

from collections import Counter
from typing import Any

import redis

from worker.queue.transport.keys import Keys, parse_member


def count_held(client: redis.Redis, prefix: str = "") -> dict[str, int]:
    """By queue, how many messages consumers have taken and not yet acknowledged."""
    asked: Any = client
    noted = sorted(asked.smembers(Keys(prefix).consumers))
    held: Counter[str] = Counter()
    with asked.pipeline(transaction=False) as pipe:
        for one in noted:
            pipe.hlen(prefix.encode() + one)
        for one, count in zip(noted, pipe.execute(), strict=True):
            held[parse_member(one.decode())[0]] += count
    return {queue: count for queue, count in held.items() if count}
