"""The side of a process that needs the servers: join the keeper, or start one, and leave it."""

import logging
import os
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.embedded import wheels
from worker.embedded.errors import EmbeddedServersError
from worker.embedded.layout import DataLayout, try_lock
from worker.embedded.messages import (
    FAREWELL_KEPT,
    FAREWELL_STOPPED,
    Connection,
    ServerUrls,
    urls_from,
)

JOIN_TIMEOUT_SECONDS = 60.0
LEAVE_TIMEOUT_SECONDS = 30.0
_RETRY_SECONDS = 0.05
_SOURCE_ROOT = Path(__file__).resolve().parents[2]
_logger = logging.getLogger(__name__)

# Keepers that this process started: reaped when they end, in whichever block that happens.
_started: list[subprocess.Popen[bytes]] = []
_connections: "weakref.WeakSet[Connection]" = weakref.WeakSet()


def _forget_connections() -> None:
    for connection in list(_connections):
        connection.close()


# A forked child (a Celery pool process) is not a user of its own: with a copy of the connection
# it would keep the servers alive after its parent was killed.
os.register_at_fork(after_in_child=_forget_connections)


@contextmanager
def embedded_servers(data_dir: Path) -> Iterator[ServerUrls]:
    """Hold PostgreSQL and Valkey up, with their data in `data_dir`, for the length of the block.

    Processes that name the same directory share the servers. When the last of them leaves the
    block, or dies, both servers stop; that process leaves the block only when they have stopped
    (after 30 s at most). Neither a Ctrl-C in the terminal nor a killed user reaches the servers.

    Raises `EmbeddedServersError`, with a sentence for the user, if they are not up within 60 s,
    a wheel is missing, or `data_dir` cannot be used.
    """
    wheels.require_wheels()
    user = _User(data_dir)
    try:
        yield user.join()
    finally:
        user.leave()


class _User:
    def __init__(self, data_dir: Path) -> None:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._layout = DataLayout(data_dir.resolve())
        except OSError as error:
            raise EmbeddedServersError(f"{data_dir} cannot be used for data: {error}.") from error
        self._process_id = os.getpid()
        self._connection: Connection | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    def join(self) -> ServerUrls:
        """Connect to the keeper, start it if there is none, and wait for its greeting."""
        deadline_seconds = time.monotonic() + JOIN_TIMEOUT_SECONDS
        try:
            while (remaining_seconds := deadline_seconds - time.monotonic()) > 0:
                self._connection = self._connect() or self._start()
                if self._connection is not None:
                    _connections.add(self._connection)
                    greeting = self._connection.receive(remaining_seconds)
                    if greeting == FAREWELL_STOPPED:
                        greeting = None
                    if greeting is not None:
                        return urls_from(greeting)
                    # It was stopping as we came, so wait for its end; but our own is broken.
                    self._complain_if_broken()
                time.sleep(_RETRY_SECONDS)
        except TimeoutError:
            pass
        except OSError as error:
            raise EmbeddedServersError(
                f"The embedded servers in {self._layout.data_dir} cannot be reached: {error}."
            ) from error
        raise EmbeddedServersError(
            f"The embedded servers were not ready within {JOIN_TIMEOUT_SECONDS:.0f} s; "
            f"see {self._layout.keeper_log}."
        )

    def leave(self) -> None:
        """Tell the keeper, and wait until it is gone if nobody else needs it."""
        connection, self._connection = self._connection, None
        if connection is None or os.getpid() != self._process_id:
            return
        deadline_seconds = time.monotonic() + LEAVE_TIMEOUT_SECONDS
        try:
            connection.end_writing()
            farewell = self._hear_out(connection, deadline_seconds)
            if farewell != FAREWELL_KEPT:
                self._wait_for_end(farewell, deadline_seconds)
        except (TimeoutError, subprocess.TimeoutExpired):
            _logger.warning(
                "The embedded servers are still stopping after %.0f s; see %s.",
                LEAVE_TIMEOUT_SECONDS,
                self._layout.keeper_log,
            )
        finally:
            connection.close()
            _started[:] = [keeper for keeper in _started if keeper.poll() is None]

    def _connect(self) -> Connection | None:
        folder = self._layout.keeper_socket.parent
        # Everybody may create a folder in /tmp, and a false keeper there could hand out URLs.
        is_short = folder != self._layout.data_dir and folder.exists()
        if is_short and folder.lstat().st_uid != os.geteuid():
            raise EmbeddedServersError(f"{folder} belongs to another user; remove it.")
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(self._layout.keeper_socket))
        except (FileNotFoundError, ConnectionError):
            sock.close()
            return None
        except BaseException:
            sock.close()
            raise
        return Connection(sock)

    def _start(self) -> Connection | None:
        lock = try_lock(self._layout.lock_file)
        if lock is None:
            return None  # A keeper is starting or stopping.
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "worker.embedded.keeper", str(self._layout.data_dir)]
        command += ["--lock", str(lock), "--user", str(theirs.fileno())]
        try:
            with self._layout.keeper_log.open("ab") as log:
                self._keeper = subprocess.Popen(
                    command,
                    cwd=_SOURCE_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock, theirs.fileno()),
                    start_new_session=True,
                )
            _started.append(self._keeper)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(lock)
        return Connection(ours)

    def _complain_if_broken(self) -> None:
        if self._keeper is not None:
            raise EmbeddedServersError(
                f"The keeper of the embedded servers ended; see {self._layout.keeper_log}."
            )
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _hear_out(
        self, connection: Connection, deadline_seconds: float
    ) -> dict[str, object] | None:
        last = None
        while (
            message := connection.receive(max(deadline_seconds - time.monotonic(), 0.0))
        ) is not None:
            last = message
        return last

    def _wait_for_end(self, farewell: dict[str, object] | None, deadline_seconds: float) -> None:
        if self._keeper is not None:
            self._keeper.wait(max(deadline_seconds - time.monotonic(), 0.0))
        if farewell == FAREWELL_STOPPED:
            return
        # The keeper was killed, so its servers are orphans; whoever has the lock may stop them.
        lock = try_lock(self._layout.lock_file)
        if lock is None:
            return  # Somebody has started the next keeper, which does that first.
        try:
            from worker.embedded.postgres import stop_leftover_postgres
            from worker.embedded.valkey import stop_leftover_valkey

            stop_leftover_valkey(self._layout)
            stop_leftover_postgres(self._layout)
        finally:
            os.close(lock)
