"""When the embedded servers start, who shares them, and when they stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from tests.embedded.conftest import SOURCE_ROOT, Holder, eventually, keeper_of, server_processes
from worker.embedded import embedded_servers
from worker.embedded.layout import try_lock


def test_both_servers_answer_inside_the_block_and_nothing_is_left_after_it(empty_dir: Path) -> None:
    """A command that ends leaves no process behind."""
    with embedded_servers(empty_dir) as urls:
        with psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("refunds",)
        with redis.Redis.from_url(urls.redis_url) as client:
            assert client.ping()
        assert len(server_processes(empty_dir)) > 2
    assert server_processes(empty_dir) == []


def test_an_exception_in_the_block_stops_the_servers_and_is_passed_on(data_dir: Path) -> None:
    """The error of the command is what the user sees."""
    with pytest.raises(RuntimeError, match="from the block"), embedded_servers(data_dir):
        raise RuntimeError("from the block")
    assert server_processes(data_dir) == []


def test_two_processes_share_the_servers_until_the_second_has_left(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """The one that started the servers may leave first."""
    first = hold()
    urls = first.urls()
    second = hold()
    assert second.urls() == urls
    assert first.finish() == "left\n"
    with psycopg.connect(urls.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert second.finish() == "left\n"
    assert server_processes(data_dir) == []


def test_processes_that_start_at_the_same_time_get_the_same_servers(
    hold: Callable[[], Holder], data_dir: Path
) -> None:
    """One keeper wins the lock, the others join it."""
    holders = [hold() for _ in range(4)]
    assert len({holder.urls() for holder in holders}) == 1
    keeper_of(data_dir)


def test_a_start_while_the_last_user_leaves_gets_new_servers(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """Nobody is handed servers that are about to stop."""
    for _ in range(2):
        leaving = hold()
        leaving.urls()
        assert leaving.process.stdin is not None
        leaving.process.stdin.close()
        leaving.process.stdin = None
        with (
            embedded_servers(data_dir) as urls,
            psycopg.connect(urls.database_url) as connection,
        ):
            assert connection.execute("SELECT 1").fetchone() == (1,)
        leaving.process.wait(10)


def test_the_death_of_the_only_holder_stops_the_servers(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """SIGKILL leaves no chance to clean up, and yet nothing stays."""
    holder = hold()
    holder.urls()
    holder.process.kill()
    assert eventually(lambda: not server_processes(data_dir))


def test_the_death_of_a_holder_during_the_start_stops_the_servers(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """The keeper belongs to its starter from its first moment."""
    holder = hold()
    assert eventually(lambda: bool(server_processes(data_dir)))
    holder.process.kill()
    assert eventually(lambda: not server_processes(data_dir))


def test_a_forked_child_of_a_killed_holder_does_not_keep_the_servers(data_dir: Path) -> None:
    """A pool process that outlives its parent is not a user."""
    program = (
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from worker.embedded import embedded_servers\n"
        "with embedded_servers(Path(sys.argv[1])):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(60)\n"
        "    print(child, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, str(data_dir)]
    with subprocess.Popen(command, cwd=SOURCE_ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            assert eventually(lambda: not server_processes(data_dir))
        finally:
            os.kill(child, signal.SIGKILL)


def test_ctrl_c_reaches_the_holder_only_and_the_servers_stop_in_order(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """The holder has the servers to itself until its block ends."""
    holder = hold()
    holder.urls()
    os.killpg(holder.process.pid, signal.SIGINT)
    assert holder.finish() == "left\n"
    assert server_processes(data_dir) == []
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()
    assert "ready to exit, bye bye" in (data_dir / "valkey.log").read_text()


def test_a_keeper_that_is_asked_to_stop_stops_both_servers_cleanly(
    data_dir: Path, hold: Callable[[], Holder]
) -> None:
    """`kill` on the keeper is safe, even with users."""
    holder = hold()
    holder.urls()
    keeper_of(data_dir).terminate()
    assert eventually(lambda: not server_processes(data_dir))
    assert holder.finish() == "left\n"
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


def test_a_keeper_that_nobody_connects_to_stops(data_dir: Path) -> None:
    """A keeper started by hand does not stay for ever."""
    command = [sys.executable, "-m", "worker.embedded.keeper", str(data_dir)]
    command += ["--first-user-seconds", "0"]
    assert subprocess.run(command, cwd=SOURCE_ROOT, timeout=20).returncode == 0
    assert "both servers are stopped" in (data_dir / "keeper.log").read_text()
    assert server_processes(data_dir) == []


def test_a_second_keeper_gives_way(empty_dir: Path) -> None:
    """The lock of the data directory admits one keeper."""
    lock = try_lock(empty_dir / "keeper.lock")
    assert lock is not None
    try:
        command = [sys.executable, "-m", "worker.embedded.keeper", str(empty_dir)]
        assert subprocess.run(command, cwd=SOURCE_ROOT, timeout=20).returncode == 75
    finally:
        os.close(lock)
