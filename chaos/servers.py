"""Break and mend the embedded servers. Their keeper starts again what has died."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import redis

from models.messages.names import QUEUE_REFUNDS, QUEUES
from worker.embedded import ServerUrls
from worker.embedded.layout import DataLayout
from worker.embedded.processes import processes_in

BACK_SECONDS = 60.0
POLL_SECONDS = 0.05
CALM_SECONDS = 1.5
"""So long a server that is back is left alone: its keeper looks whether it really is, and takes
one that dies meanwhile for one that cannot start."""

GARBAGE = (b"\x00\xff\xfe", b"{}", b"[1, 2", b'{"body": 1}', b"null", b'{"properties": {}}')


class ServerGoneError(Exception):
    """A server did not come back: there is nothing left to test."""


class Valkey:
    """The broker."""

    def __init__(self, urls: ServerUrls, folder: Path) -> None:
        self._url = urls.redis_url
        self._folder = DataLayout(folder.resolve()).valkey_dir

    def client(self) -> redis.Redis:
        """A client that does not wait for long."""
        return redis.Redis.from_url(self._url, socket_timeout=5, socket_connect_timeout=2)

    def restart(self) -> None:
        """Let it end in order, and wait until it is back."""
        self._end(signal.SIGTERM)

    def crash(self) -> None:
        """Kill it, and wait until it is back with what its append-only file has."""
        self._end(signal.SIGKILL)

    def flush(self) -> None:
        """Forget everything."""
        with self.client() as client:
            client.flushall()

    def fill(self, seconds: float) -> None:
        """Refuse whatever needs memory, for a while."""
        with self.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
        time.sleep(seconds)
        self.unfill()

    def unfill(self) -> None:
        """Take the limit of memory away."""
        with self.client() as client:
            client.config_set("maxmemory", 0)

    def disconnect(self, part: float) -> None:
        """Close this part of all connections, or all of them."""
        with self.client() as client:
            if part > 1 / 2:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                return
            for one in client.client_list()[:: max(int(part * 8), 1)]:
                with suppress(redis.ResponseError):
                    client.client_kill(one["addr"])

    def freeze(self, seconds: float) -> None:
        """Stop it for a while: connections stay, nothing is answered."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(process, signal.SIGCONT)

    def litter(self, chance: random.Random) -> None:
        """Put what is no message into the queue of refunds."""
        with self.client() as client:
            client.lpush(QUEUE_REFUNDS, *chance.sample(GARBAGE, 2))

    def queues(self) -> dict[str, int]:
        """How many messages wait in each queue."""
        with self.client() as client:
            return {name: int(client.llen(name)) for name in QUEUES}

    def _processes(self) -> list[int]:
        return [one.pid for one in processes_in([self._folder], ["valkey-server"])]

    def _end(self, number: signal.Signals) -> None:
        before = self._processes()
        for process in before:
            os.kill(process, number)
        _wait("Valkey", lambda: self._processes() not in (before, []) and self._answers())

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Postgres:
    """The database."""

    def __init__(self, urls: ServerUrls, folder: Path) -> None:
        self.url = urls.database_url
        self._pid_file = DataLayout(folder.resolve()).postgres_dir / "postmaster.pid"

    def restart(self) -> None:
        """Fast: running transactions are aborted, and a checkpoint is written."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Immediate: as after a power cut, it recovers from its log when it starts."""
        self._end(signal.SIGQUIT)

    def disconnect(self, part: float) -> None:
        """End this part of all sessions, or all of them."""
        share = 1.0 if part > 1 / 2 else 2 * part
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND random() < %s",
                [share],
            )

    def _pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _end(self, number: signal.Signals) -> None:
        before = self._pid()
        if before is None:
            return
        os.kill(before, number)
        _wait("PostgreSQL", lambda: self._pid() not in (before, None) and self._answers())

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _wait(name: str, is_back: Callable[[], bool]) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while not is_back():
        if time.monotonic() > deadline:
            raise ServerGoneError(f"{name} did not come back within {BACK_SECONDS:.0f} seconds")
        time.sleep(POLL_SECONDS)
    time.sleep(CALM_SECONDS)
