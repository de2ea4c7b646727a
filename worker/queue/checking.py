"""Look at the broker before work begins: a Redis that evicts loses messages."""

from typing import Any

import redis
import structlog

from worker.errors import RefundWorkerError

log = structlog.get_logger()

TIMEOUT_SECONDS = 5


class EvictingBrokerError(RefundWorkerError):
    """The broker may throw messages away when it is full."""


def check_broker(url: str) -> None:
    """Refuse a Redis that evicts; warn about one that keeps nothing on disk.

    Celery's own documentation recommends `allkeys-lru` as well: it can evict the queue itself.
    A broker that is away, or where CONFIG is forbidden, is no reason not to start.

    Raises:
        EvictingBrokerError: its maxmemory-policy is not `noeviction`.
    """
    try:
        with redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ) as client:
            policy = _config(client, "maxmemory-policy")
            append_only = _config(client, "appendonly")
    except (redis.RedisError, OSError) as error:
        log.warning("broker.not_checked", error=type(error).__name__)
        return
    if policy != "noeviction":
        raise EvictingBrokerError(
            f"the broker's maxmemory-policy is {policy}: it may throw messages away; "
            "set it to noeviction (docs/operate.md)"
        )
    if append_only != "yes":
        log.warning("broker.not_durable", appendonly=append_only, advice="appendonly yes")


def _config(client: redis.Redis, name: str) -> str:
    told: Any = client.config_get(name)
    found = told.get(name)
    return found.decode() if isinstance(found, bytes) else str(found)
