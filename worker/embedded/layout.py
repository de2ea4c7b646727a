"""Which file of the embedded servers lies where."""

import fcntl
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from worker.embedded.errors import EmbeddedServersError

# sun_path holds 104 bytes on macOS and 108 on Linux, with the closing zero.
SOCKET_PATH_LIMIT_BYTES = 100
# PostgreSQL names its socket after the port it would listen on.
POSTGRES_PORT = 5432
# Not tempfile.gettempdir(): two processes with different TMPDIR must find the same socket.
_SHORT_PARENT = Path("/tmp")


@dataclass(frozen=True, slots=True)
class DataLayout:
    """The paths that belong to one data directory, which must be absolute and resolved."""

    data_dir: Path

    @property
    def lock_file(self) -> Path:
        """The file whose flock the keeper holds for as long as it lives."""
        return self.data_dir / "keeper.lock"

    @property
    def keeper_log(self) -> Path:
        """What the keeper did, and why a start failed."""
        return self.data_dir / "keeper.log"

    @property
    def postgres_log(self) -> Path:
        """The output of PostgreSQL and initdb."""
        return self.data_dir / "postgres.log"

    @property
    def valkey_log(self) -> Path:
        """The output of Valkey."""
        return self.data_dir / "valkey.log"

    @property
    def postgres_dir(self) -> Path:
        """The database cluster."""
        return self.data_dir / "postgres"

    @property
    def new_postgres_dir(self) -> Path:
        """The database cluster while it is being created."""
        return self.data_dir / "postgres.new"

    @property
    def valkey_dir(self) -> Path:
        """The append-only file of Valkey."""
        return self.data_dir / "valkey"

    @property
    def valkey_port_file(self) -> Path:
        """The port Valkey had last time, so that a restart keeps it if it is free."""
        return self.data_dir / "valkey.port"

    @property
    def keeper_socket(self) -> Path:
        """Where the keeper of this user listens."""
        path = self.data_dir / "keeper.socket"
        return path if _fits(path) else self.short_dir(os.geteuid()) / "keeper.socket"

    def postgres_socket_dir(self, uid: int) -> Path:
        """The directory of PostgreSQL's socket when PostgreSQL runs as `uid`."""
        # The cluster is private to the user PostgreSQL runs as, which protects its socket as well.
        # libpq reads a comma in a host as the start of the next host.
        folder = self.postgres_dir
        usable = _fits(folder / f".s.PGSQL.{POSTGRES_PORT}") and "," not in str(folder)
        return folder if usable else self.short_dir(uid)

    def short_dir(self, uid: int) -> Path:
        """A folder with a short name for the sockets of a data directory with a long one."""
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return _SHORT_PARENT / f"refunds-{uid}-{name}"


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT_BYTES


def make_private_dir(folder: Path, uid: int, gid: int) -> None:
    """Create `folder`, for `uid` alone.

    Raises `EmbeddedServersError` if somebody else's file is in its place: /tmp is open to all.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.geteuid()):
        raise EmbeddedServersError(
            f"{folder} belongs to another user; remove it, or choose a shorter data directory."
        )
    folder.chmod(0o700)
    if found.st_uid != uid:
        os.chown(folder, uid, gid)


def try_lock(path: Path) -> int | None:
    """Take the flock on `path`; return its descriptor, or None while another process holds it.

    The lock lasts until every copy of the descriptor is closed, so a child that inherits it
    inherits the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
