"""Which transport a process has, and how it is shown."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery
from flower.utils.broker import Broker  # type: ignore[import-untyped]  # Flower ships no types
from kombu import transport as kombu_transports
from kombu.connection import Connection
from kombu.transport import redis as stock

from tests.queue.conftest import push
from worker.queue.publishing import Publisher
from worker.queue.transport import Transport, choose
from worker.settings import Settings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    aliases = dict(kombu_transports.TRANSPORT_ALIASES)
    yield
    kombu_transports.TRANSPORT_ALIASES.update(aliases)
    kombu_transports._transport_cache.clear()


def opened(url: Any, **options: Any) -> Any:
    return Connection(url, **options)  # type: ignore[no-untyped-call]  # kombu's


URLS = [
    "redis://h:1/2",
    "rediss://h:1/2?ssl_cert_reqs=required",
    "rediss://:secret@h:1/2",
    "redis+socket:///tmp/redis.sock",
]


@pytest.mark.parametrize("url", URLS)
def test_the_setting_decides_for_all_urls_that_stock_redis_knows(url: str) -> None:
    choose("safe")
    assert type(opened(url).transport) is Transport
    choose("stock")
    assert type(opened(url).transport) is stock.Transport


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_shown_as_ever(url: str) -> None:
    choose("stock")
    before = [opened(url).as_uri(), opened(url).as_uri(include_password=True), opened(url).info()]
    choose("safe")
    assert [
        opened(url).as_uri(),
        opened(url).as_uri(include_password=True),
        opened(url).info(),
    ] == before


def test_tls_is_used_for_rediss() -> None:
    choose("safe")
    connection = opened("rediss://h:1/2?ssl_cert_reqs=required")
    channel = Transport.Channel.__new__(Transport.Channel)
    channel.connection = connection.transport
    assert channel._connparams()["connection_class"] is redis.SSLConnection


def test_other_brokers_and_the_other_urls_of_a_list_are_as_before() -> None:
    choose("safe")
    assert type(opened("memory://").transport).__module__ == "kombu.transport.memory"
    several = opened("redis://a:1/0;redis://b:2/0")
    several.maybe_switch_next()
    assert several.hostname == "b"
    assert type(several.transport) is Transport


def test_safe_is_the_default() -> None:
    assert Settings.model_fields["transport"].default == "safe"


@pytest.mark.parametrize("name", ["safe", "stock"])
def test_flowers_broker_page_counts_messages(broker: redis.Redis, name: Any) -> None:
    choose(name)
    push(broker, "q", "a", "b")
    app = Celery("flower", broker=os.environ["REDIS_URL"], set_as_current=False)
    with app.connection() as connection:
        page = Broker(
            connection.as_uri(include_password=True), broker_options={"priority_steps": [0]}
        )
    assert asyncio.run(page.queues(["q"])) == [{"name": "q", "messages": 2}]


@pytest.mark.parametrize("name", ["safe", "stock"])
def test_our_publisher_writes_the_same_by_either(broker: redis.Redis, name: Any) -> None:
    choose(name)
    with Publisher(os.environ["REDIS_URL"]) as publisher:
        assert publisher.send("refunds.request", [{"order_id": str(n)} for n in range(3)]) == 3
        publisher.ring("repayments.sweep")
    assert broker.llen("refunds") == 3
    assert broker.llen("sweeps") == 1
    assert not broker.exists("_consumers")
