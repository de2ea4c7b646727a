"""A Redis transport for kombu that never has a message outside Redis before it is acknowledged.

The stock transport pops a message and only then notes it as unacknowledged: what dies in between
takes the message along. Here a script moves messages from the queue into a processing list of the
consumer's own, many at a time, and acknowledging removes them from there
(docs/decisions/0011). Queues and messages are the stock ones, so that any Celery producer works
unchanged; so are events, remote control and publishing, which are inherited.

- `scripts`: what runs within Redis, each atomically.
- `keys`: how everything in Redis is named.
- `owner`: what one consumer holds: taking, acknowledging, giving back, taking over from the dead.
- `frames`: opening what lies in a queue.
- `lane`: one queue's connection: take while there are messages, else wait.
- `intake`: between these and the consumers: sharing the prefetch limit, handing out, dead letters.
- `channel`, `quality`, `polling`: kombu's channel, acknowledging, event loop and transport on top.
- `stock`: what is taken from kombu.
- `watching`: how much is under way.
"""

from typing import Literal

from kombu import transport as _kombu

from worker.queue.transport.polling import Transport

__all__ = ["Transport", "choose"]

_PATHS = {
    "safe": "worker.queue.transport:Transport",
    "stock": "kombu.transport.redis:Transport",
}
# redis+socket:// URLs are resolved as "redis".
_SCHEMES = ("redis", "rediss")


def choose(name: Literal["safe", "stock"]) -> None:
    """Let this process connect to redis:// and rediss:// URLs by the named transport.

    The URL stays as it is, which Flower, `celery inspect` and failover lists depend on: a class
    path as `broker_transport` would be shown as the URL's scheme, which Flower's broker page
    refuses, and would be ignored for Unix sockets and for all but the first of several URLs.
    """
    for scheme in _SCHEMES:
        _kombu.TRANSPORT_ALIASES[scheme] = _PATHS[name]
        # Kombu remembers what an alias stood for when it was first used.
        _kombu._transport_cache.pop(scheme, None)
