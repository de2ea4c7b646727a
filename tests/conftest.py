"""Real servers for all tests, and a database of its own for each test that asks for one."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import psycopg
import pytest
import redis
from sqlalchemy import make_url

from worker import database as db
from worker.embedded import ServerUrls, embedded_servers
from worker.migrating import migrate
from worker.settings import settings

# A noisy machine must not fail a property: no example has a time limit of its own.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")

TEMPLATE = "template_refunds"
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - where there is one; the folder in it is our own
ROOM_MIN_BYTES = 2 * 2**30
_numbers = itertools.count(1)


def _fast_folder() -> Path | None:
    """A memory disk, if it is there and large: each test makes and drops a database."""
    try:
        roomy = shutil.disk_usage(MEMORY_DISK).free > ROOM_MIN_BYTES
    except OSError:
        return None
    return MEMORY_DISK if roomy and os.access(MEMORY_DISK, os.W_OK) else None


@pytest.fixture(scope="session")
def servers() -> Iterator[ServerUrls]:
    """A real PostgreSQL and a real Valkey, started from the wheels."""
    # Not pytest's own folder: each new session closes it to PostgreSQL's user.
    with (
        tempfile.TemporaryDirectory(
            prefix="refunds-test-", dir=_fast_folder(), ignore_cleanup_errors=True
        ) as folder,
        embedded_servers(Path(folder)) as urls,
    ):
        yield urls


@pytest.fixture(scope="session")
def template(servers: ServerUrls) -> str:
    """A migrated database that others are copied from; gives the admin URL."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    engine = db.engine(_renamed(servers.database_url, TEMPLATE))
    migrate(engine)
    db.dispose_engines()
    return servers.database_url


@contextmanager
def new_database(template: str) -> Iterator[str]:
    """A migrated, empty database while the context lasts; gives its URL."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(template, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    try:
        yield _renamed(template, name)
    finally:
        db.dispose_engines()
        with psycopg.connect(template, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated, empty database, which DATABASE_URL names during the test."""
    with new_database(template) as url:
        monkeypatch.setenv("DATABASE_URL", url)
        settings.cache_clear()
        yield url
    settings.cache_clear()


@pytest.fixture
def broker(servers: ServerUrls, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """An empty Valkey, which REDIS_URL names during the test."""
    monkeypatch.setenv("REDIS_URL", servers.redis_url)
    settings.cache_clear()
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
        yield client
        client.flushall()
    settings.cache_clear()


@pytest.fixture
def online_retail() -> Path:
    """The folder of the Online Retail data, which is no part of the project."""
    folder = Path(
        os.environ.get("ONLINE_RETAIL", Path(__file__).parents[2] / "shared/data/online-retail")
    )
    if not (folder / "captures.csv.gz").is_file():
        pytest.skip("the Online Retail data is not here; name its folder in ONLINE_RETAIL")
    return folder


def _renamed(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
