"""The benchmark's servers, and a database of its own for every setting."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no type information
import psycopg
import redis
from sqlalchemy import make_url

from worker.database import dispose_engines
from worker.embedded import ServerUrls, embedded_servers
from worker.settings import settings


@dataclass(slots=True)
class Servers:
    """Running servers. Databases are copied from a template, so that all settings start alike."""

    urls: ServerUrls
    postgres_pid: int
    valkey_pid: int
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def client(self) -> redis.Redis:
        """A client of the broker."""
        return redis.Redis.from_url(self.urls.redis_url)

    def database_url(self, name: str) -> str:
        """The URL of a database of this name."""
        return (
            make_url(self.urls.database_url)
            .set(database=name)
            .render_as_string(hide_password=False)
        )

    def create_database(self, template: str | None = None) -> str:
        """Create a database; gives its name."""
        name = f"bench_{next(self._numbers)}"
        copied = f"TEMPLATE {template} STRATEGY file_copy" if template else ""
        with psycopg.connect(self.urls.database_url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} {copied}".encode())
        return name

    def settle(self, name: str | None = None) -> None:
        """Get statistics and outstanding writes out of the way of what is measured next.

        The planner has statistics of any database that is older than a minute; and the kernel
        would write back a database just copied or dropped for seconds, on the cores we measure.
        """
        url = self.database_url(name) if name else self.urls.database_url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        os.sync()

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        with psycopg.connect(self.urls.database_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    """Embedded servers in `folder`, checked to be durable.

    PostgreSQL notes the time of every commit, from which latencies are read.
    """
    with (
        embedded_servers(folder) as urls,
        psycopg.connect(urls.database_url, autocommit=True) as admin,
    ):
        admin.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    with embedded_servers(folder) as urls:
        with psycopg.connect(urls.database_url) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                assert row == ("on",), f"{name} is {row}: commits are not durable"
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
            assert row is not None
            postmaster = int(Path(row[0], "postmaster.pid").read_text().split("\n", 1)[0])
        with redis.Redis.from_url(urls.redis_url) as client:
            assert client.config_get("appendonly")["appendonly"] == "yes"
            valkey = int(client.info("server")["process_id"])
        assert psutil.pid_exists(postmaster)
        yield Servers(urls, postmaster, valkey)


@contextmanager
def configured(servers: Servers, database: str) -> Iterator[dict[str, str]]:
    """Let this process, and those it starts, use `database`; gives the environment."""
    given = {
        "DATABASE_URL": servers.database_url(database),
        "REDIS_URL": servers.urls.redis_url,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    settings.cache_clear()
    try:
        yield given
    finally:
        dispose_engines()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        settings.cache_clear()
