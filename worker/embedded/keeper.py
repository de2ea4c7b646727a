"""The process that runs the two servers for as long as somebody is connected to it.

`python -m worker.embedded.keeper DATA_DIR`; `embedded_servers` starts it with two descriptors: the
lock of the data directory, and its own connection, so that the keeper never outlives a starter
that is killed at any point.
"""

import argparse
import logging
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

from worker.embedded.errors import EmbeddedServersError
from worker.embedded.layout import DataLayout, make_private_dir, try_lock
from worker.embedded.messages import (
    FAREWELL_KEPT,
    FAREWELL_STOPPED,
    Connection,
    ServerUrls,
    apology_of,
    greeting_of,
)
from worker.embedded.postgres import PostgresServer
from worker.embedded.processes import Patience
from worker.embedded.valkey import ValkeyServer

# Under the 60 s that a user waits for the greeting, so that it hears why.
START_TIMEOUT_SECONDS = 50.0
FIRST_USER_TIMEOUT_SECONDS = 30.0
_CHECK_SECONDS = 0.5
_BACKLOG_CONNECTIONS = 128
_EXIT_FAILED = 1
_EXIT_ALREADY_KEPT = 75
_logger = logging.getLogger(__name__)


class StopRequest:
    """Whether SIGTERM or SIGINT came; as a file it becomes readable when one does."""

    def __init__(self) -> None:
        self._requested = False
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)
        # A closing terminal is not a reason to stop; the end of the last user is.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def __call__(self) -> bool:
        return self._requested

    def fileno(self) -> int:
        """Return the file descriptor, for `selectors`."""
        return self._reader.fileno()

    def _note(self, _number: int, _frame: object) -> None:
        self._requested = True


class Servers:
    """PostgreSQL and Valkey together."""

    def __init__(self, layout: DataLayout, stop_requested: StopRequest) -> None:
        self._postgres = PostgresServer(layout)
        self._valkey = ValkeyServer(layout)
        self._stop_requested = stop_requested

    def start(self) -> ServerUrls:
        """Start both and wait until both answer; raises `EmbeddedServersError`."""
        patience = self._patience()
        self._valkey.launch()
        self._postgres.launch()
        self._valkey.wait_ready(patience)
        self._postgres.wait_ready(patience)
        return ServerUrls(self._postgres.url, self._valkey.url)

    def revive(self) -> None:
        """Start again what has died (the URLs stay, if the port does); may raise as `start`."""
        for server in (self._postgres, self._valkey):
            if not server.is_alive():
                _logger.error("%s died; starting it again", server.name)
                server.launch()
                server.wait_ready(self._patience())

    def stop(self) -> None:
        """Stop both cleanly; by force after 20 s."""
        servers = (self._postgres, self._valkey)
        for server in servers:
            server.ask_to_stop()
        for server in servers:
            server.wait_stopped()

    def _patience(self) -> Patience:
        return Patience(time.monotonic() + START_TIMEOUT_SECONDS, self._stop_requested)


class Keeper:
    """Greets users, and knows when the last of them has left."""

    def __init__(
        self, listener: socket.socket, stop_requested: StopRequest, first_user_seconds: float
    ) -> None:
        self._listener = listener
        self._stop_requested = stop_requested
        self._users: set[Connection] = set()
        self._leaving: list[Connection] = []
        self._greeting: dict[str, str] = {}
        self._first_user_deadline_seconds = time.monotonic() + first_user_seconds
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(stop_requested, selectors.EVENT_READ)

    def admit(self, user: Connection) -> None:
        """Count `user` in, and greet it if the servers are up."""
        self._users.add(user)
        self._selector.register(user, selectors.EVENT_READ)
        if self._greeting:
            user.send(self._greeting)

    def open(self, greeting: dict[str, str]) -> None:
        """Say `greeting` to everybody who waits, and to those who come."""
        self._greeting = greeting
        for user in self._users:
            user.send(greeting)
        self._admit_waiting()

    def serve(self, servers: Servers) -> None:
        """Return when the servers are no longer needed, or shall stop.

        Raises `EmbeddedServersError` when a server died and does not come back.
        """
        while not self._stop_requested():
            for key, _ in self._selector.select(_CHECK_SECONDS):
                if key.fileobj is self._listener:
                    self._admit_waiting()
                elif isinstance(key.fileobj, Connection) and key.fileobj.peer_has_left():
                    self._selector.unregister(key.fileobj)
                    self._users.remove(key.fileobj)
                    self._leaving.append(key.fileobj)
            if self._is_deserted():
                return
            if not self._stop_requested():
                servers.revive()

    def say_stopped(self) -> None:
        """Tell all that the servers are down; their connections end with this process."""
        for user in (*self._users, *self._leaving):
            user.send(FAREWELL_STOPPED)
            user.leave_to_exit()

    def _is_deserted(self) -> bool:
        if not self._users:
            self._admit_waiting()
        if self._users:
            for user in self._leaving:
                user.send(FAREWELL_KEPT)
                user.close()
            self._leaving.clear()
            return False
        # Those who leave last hear from us after the servers have stopped.
        return bool(self._leaving) or time.monotonic() > self._first_user_deadline_seconds

    def _admit_waiting(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            accepted.setblocking(True)
            self.admit(Connection(accepted))


def keep(layout: DataLayout, first_user: Connection | None, first_user_seconds: float) -> int:
    """Run the servers until nobody needs them; return the exit status of the process."""
    stop_requested = StopRequest()
    try:
        listener = _listen(layout)
    except (OSError, EmbeddedServersError) as error:
        _logger.error("cannot listen on %s: %s", layout.keeper_socket, error)
        if first_user is not None:
            reason = f"The embedded servers cannot listen on {layout.keeper_socket}: {error}"
            first_user.send(apology_of(EmbeddedServersError(reason)))
        return _EXIT_FAILED
    keeper = Keeper(listener, stop_requested, first_user_seconds)
    if first_user is not None:
        keeper.admit(first_user)
    servers = Servers(layout, stop_requested)
    status = 0
    try:
        keeper.open(greeting_of(servers.start()))
        _logger.info("both servers are up")
        keeper.serve(servers)
    except EmbeddedServersError as error:
        _logger.error("%s", error)
        keeper.open(apology_of(error))
        status = _EXIT_FAILED
    except Exception as error:
        _logger.exception("the keeper failed")
        reason = f"The embedded servers failed: {error} (more in {layout.keeper_log})."
        keeper.open(apology_of(EmbeddedServersError(reason)))
        status = _EXIT_FAILED
    # From here on a newcomer finds no socket and waits for the lock, which the end of this
    # process releases.
    layout.keeper_socket.unlink(missing_ok=True)
    listener.close()
    servers.stop()
    if layout.keeper_socket.parent != layout.data_dir:
        # PostgreSQL's socket may have been in the same folder, which is gone then.
        shutil.rmtree(layout.keeper_socket.parent, ignore_errors=True)
    _logger.info("both servers are stopped")
    keeper.say_stopped()
    return status


def _listen(layout: DataLayout) -> socket.socket:
    path = layout.keeper_socket
    if path.parent != layout.data_dir:
        make_private_dir(path.parent, os.geteuid(), os.getegid())
    # The lock is ours, so a socket that is there already is a dead keeper's.
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(_BACKLOG_CONNECTIONS)
    listener.setblocking(False)
    return listener


def main() -> int:
    """Run as `python -m worker.embedded.keeper`."""
    parser = argparse.ArgumentParser(prog="worker.embedded.keeper", description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--lock", type=int, help="descriptor of the lock, held already")
    parser.add_argument("--user", type=int, help="descriptor of the first user's connection")
    parser.add_argument(
        "--first-user-seconds",
        type=float,
        default=FIRST_USER_TIMEOUT_SECONDS,
        help="stop if nobody has connected after this time (%(default)s)",
    )
    options = parser.parse_args()
    # What the servers write is nobody else's business, whatever the user's umask says.
    os.umask(0o077)
    # Settings for the user's own PostgreSQL (PGPORT, PGDATA, PGOPTIONS) are not meant for this one.
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    layout = DataLayout(options.data_dir.resolve())
    layout.data_dir.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=layout.keeper_log,
        level=logging.INFO,
        format="%(asctime)s %(process)d %(levelname)s %(message)s",
    )
    lock = options.lock if options.lock is not None else try_lock(layout.lock_file)
    if lock is None:
        return _EXIT_ALREADY_KEPT
    os.set_inheritable(lock, False)
    first_user = None
    if options.user is not None:
        os.set_inheritable(options.user, False)
        first_user = Connection(socket.socket(fileno=options.user))
    return keep(layout, first_user, options.first_user_seconds)


if __name__ == "__main__":
    sys.exit(main())
