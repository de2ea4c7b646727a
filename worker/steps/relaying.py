"""Publish the outbox on a Redis stream: at least once, a refund's events in their order."""

import redis
import structlog
from sqlalchemy import Connection

from worker.database import transact
from worker.errors import NotConfiguredError
from worker.settings import settings
from worker.store import outbox

log = structlog.get_logger()

STREAM = "refunds.events"
STREAM_MAX_LENGTH = 1_000_000
AT_ONCE = 500
ROUNDS_MAX = 40
TIMEOUT_SECONDS = 10


def relay() -> int:
    """Publish what is in the outbox, oldest first; gives how many events were.

    An event that is not yet deleted when the relay dies is published again. Consumers
    know it by its `id` field.

    Raises:
        NotConfiguredError: REDIS_URL is not set.
        DatabaseUnavailableError: the next relay goes on.
    """
    url = settings().redis_url
    if url is None:
        raise NotConfiguredError("REDIS_URL is not set")
    published = 0
    client = redis.Redis.from_url(
        url.get_secret_value(), socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=5
    )
    with client:
        for _ in range(ROUNDS_MAX):
            count = transact(lambda connection: _relay_some(connection, client))
            published += count
            if count < AT_ONCE:
                break
    return published


def _relay_some(connection: Connection, client: redis.Redis) -> int:
    events = outbox.claim_unpublished(connection, AT_ONCE)
    if events:
        with client.pipeline(transaction=False) as pipe:
            for event in events:
                pipe.xadd(
                    STREAM,
                    {
                        "id": event.id,
                        "topic": event.topic,
                        "merchant_id": event.merchant_id,
                        "refund_id": event.refund_id,
                        "at": event.at,
                        "payload": event.payload,
                    },
                    maxlen=STREAM_MAX_LENGTH,
                    approximate=True,
                )
            pipe.execute()
        outbox.delete_published(connection, [event.id for event in events])
    return len(events)
