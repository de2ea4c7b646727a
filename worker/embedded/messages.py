"""What the keeper and its users say to each other: JSON objects, one a line.

A user connects and says nothing. The keeper answers with a greeting (the URLs, or an error). The
user leaves by closing its writing half; the keeper then says `FAREWELL_KEPT` at once if others
still use the servers, else `FAREWELL_STOPPED` as soon as both are down. So "wait for the end of the
conversation" is all that a leaving user has to do.
"""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from worker.embedded.errors import EmbeddedServersError

FAREWELL_KEPT = {"servers": "kept"}
FAREWELL_STOPPED = {"servers": "stopped"}
_CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where the running servers are; `database_url` names the database `refunds`."""

    database_url: str
    redis_url: str


def greeting_of(urls: ServerUrls) -> dict[str, str]:
    """Return the greeting that hands over `urls`."""
    return {"database_url": urls.database_url, "redis_url": urls.redis_url}


def apology_of(error: EmbeddedServersError) -> dict[str, str]:
    """Return the greeting that says why there are no servers."""
    return {"error": str(error)}


def urls_from(greeting: Mapping[str, object]) -> ServerUrls:
    """Read a greeting; raise `EmbeddedServersError` if it is an apology."""
    if "error" in greeting:
        raise EmbeddedServersError(str(greeting["error"]))
    return ServerUrls(str(greeting["database_url"]), str(greeting["redis_url"]))


class Connection:
    """One end of a conversation; owns the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._received = b""

    def fileno(self) -> int:
        """Return the file descriptor, for `selectors`."""
        return self._socket.fileno()

    def send(self, message: Mapping[str, object]) -> None:
        """Send one message; a peer that is gone already is not an error."""
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return

    def receive(self, timeout_seconds: float) -> dict[str, object] | None:
        """Return the next message, or None when the peer has closed its end.

        Raises `TimeoutError` when neither happens within `timeout_seconds`.
        """
        deadline = time.monotonic() + timeout_seconds
        while b"\n" not in self._received:
            remaining_seconds = deadline - time.monotonic()
            if remaining_seconds <= 0:
                raise TimeoutError("no answer in time")
            self._socket.settimeout(remaining_seconds)
            try:
                chunk = self._socket.recv(_CHUNK_BYTES)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        message: dict[str, object] = json.loads(line)
        return message

    def peer_has_left(self) -> bool:
        """Say whether the peer closed its writing half; call it when the socket is readable."""
        try:
            return not self._socket.recv(_CHUNK_BYTES)
        except OSError:
            return True

    def end_writing(self) -> None:
        """Tell the peer that this side leaves, and stay able to hear its farewell."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def leave_to_exit(self) -> None:
        """Let the end of this process, not of this object, close the socket."""
        self._socket.detach()

    def close(self) -> None:
        """Close this process's descriptor of the socket."""
        self._socket.close()
