"""What happens to the data: durable settings, restarts, and servers or keepers that were killed."""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import psutil  # type: ignore[import-untyped]  # it has no type information
import psycopg
import pytest
import redis

from tests.embedded.conftest import Holder, eventually, keeper_of, server_processes
from worker.embedded import ServerUrls, embedded_servers


def write(urls: ServerUrls) -> None:
    """Store one row and one key."""
    with psycopg.connect(urls.database_url) as connection:
        connection.execute("CREATE TABLE kept (cents bigint)")
        connection.execute("INSERT INTO kept VALUES (1999)")
    with redis.Redis.from_url(urls.redis_url) as client:
        client.set("kept", "1999")


def is_kept(urls: ServerUrls) -> bool:
    """Say whether both are there."""
    with psycopg.connect(urls.database_url) as connection:
        row = connection.execute("SELECT cents FROM kept").fetchone()
    with redis.Redis.from_url(urls.redis_url) as client:
        return row == (1999,) and client.get("kept") == b"1999"


def show(urls: ServerUrls, query: LiteralString) -> str:
    """Return the one value of `query`."""
    with psycopg.connect(urls.database_url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0])


def test_settings_are_durable_and_private(data_dir: Path) -> None:
    """What a committed row and a queued message can rely on."""
    with embedded_servers(data_dir) as urls:
        assert show(urls, "SHOW fsync") == "on"
        assert show(urls, "SHOW synchronous_commit") == "on"
        assert show(urls, "SHOW full_page_writes") == "on"
        assert show(urls, "SHOW max_connections") == "200"
        assert show(urls, "SHOW shared_buffers") == "256MB"
        assert show(urls, "SHOW listen_addresses") == ""
        assert show(urls, "SHOW server_encoding") == "UTF8"
        with redis.Redis.from_url(urls.redis_url, decode_responses=True) as client:
            settings = client.config_get("*")
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "everysec"
        assert settings["save"] == ""
        assert settings["maxmemory-policy"] == "noeviction"
        assert settings["bind"] == "127.0.0.1"


def test_data_and_urls_survive_a_restart(data_dir: Path) -> None:
    """The next command finds what the last one stored, at the same place."""
    with embedded_servers(data_dir) as first:
        write(first)
    with embedded_servers(data_dir) as second:
        assert is_kept(second)
        assert second == first


def test_a_taken_port_is_not_fatal(data_dir: Path) -> None:
    """Valkey moves to another port when its last one is in use."""
    with embedded_servers(data_dir) as first:
        write(first)
    with redis_port_taken(first), embedded_servers(data_dir) as second:
        assert second.redis_url != first.redis_url
        assert is_kept(second)


def redis_port_taken(urls: ServerUrls) -> socket.socket:
    """Listen on the port that Valkey had."""
    port = int(urls.redis_url.rsplit(":", 1)[1].split("/")[0])
    return socket.create_server(("127.0.0.1", port))


def test_a_start_after_the_keeper_was_killed_stops_the_orphans_and_keeps_the_data(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """Orphaned servers must not be written to beside the new ones."""
    holder = hold()
    write(holder.urls())
    keeper_of(data_dir).kill()
    orphans = server_processes(data_dir)
    with embedded_servers(data_dir) as urls:
        assert is_kept(urls)
        assert not any(map(_runs, orphans))
    assert holder.finish() == "left\n"


def test_a_holder_whose_keeper_was_killed_stops_the_orphans_itself(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """No server is left, even if the process that should have stopped it is dead."""
    holder = hold()
    holder.urls()
    keeper_of(data_dir).kill()
    assert holder.finish() == "left\n"
    assert server_processes(data_dir) == []


def test_a_start_after_everything_was_killed_recovers_the_data(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """As after a power cut: stale postmaster.pid, stale sockets, nothing flushed at the end."""
    holder = hold()
    urls = holder.urls()
    with psycopg.connect(urls.database_url) as connection:
        connection.execute("CREATE TABLE kept (cents bigint)")
        connection.execute("INSERT INTO kept VALUES (1999)")
    # The keeper first: it would stop the servers cleanly, or start them again.
    for process in [keeper_of(data_dir), *server_processes(data_dir)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    holder.process.kill()
    assert eventually(lambda: not server_processes(data_dir))
    # The number in a stale file may be another program's by now, here this test's own.
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        stale = data_dir / "postgres" / name
        stale.write_text("\n".join([str(os.getpid()), *stale.read_text().split("\n")[1:]]))
    with embedded_servers(data_dir) as urls:
        assert show(urls, "SELECT cents FROM kept") == "1999"


@pytest.mark.parametrize("name", ["postgres", "valkey-server"])
def test_a_server_that_was_killed_comes_back_at_the_same_url(data_dir: Path, name: str) -> None:
    """A crash of one server does not end the session."""
    with embedded_servers(data_dir) as urls:
        write(urls)
        keeper = keeper_of(data_dir)
        victims = [child for child in keeper.children() if child.name() == name]
        assert len(victims) == 1
        victims[0].kill()

        def is_back() -> bool:
            try:
                with redis.Redis.from_url(urls.redis_url) as client:
                    client.ping()
                with psycopg.connect(urls.database_url):
                    return not _runs(victims[0])
            except (psycopg.OperationalError, redis.RedisError):
                return False

        assert eventually(is_back)
        assert show(urls, "SELECT cents FROM kept") == "1999"


def _runs(process: psutil.Process) -> bool:
    return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE


def test_an_interrupted_first_start_is_made_good_by_the_next(
    empty_dir: Path, hold: Callable[[], Holder]
) -> None:
    """Half a cluster is thrown away, not used."""
    holder = hold()
    assert eventually(lambda: (empty_dir / "postgres.new" / "PG_VERSION").exists())
    for process in [keeper_of(empty_dir), *server_processes(empty_dir)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    holder.finish()
    with embedded_servers(empty_dir) as urls:
        write(urls)
        assert is_kept(urls)
