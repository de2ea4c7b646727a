"""Starting, waiting for and stopping server processes, our own and those left by a dead keeper."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no type information

from worker.embedded.errors import EmbeddedServersError

POLL_SECONDS = 0.02
# After the polite signal; a server that takes longer is killed and recovers at its next start.
POLITE_STOP_TIMEOUT_SECONDS = 20.0
_KILL_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """The user a server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a start may take: until a point in `time.monotonic()`, or until told to stop."""

    deadline_seconds: float
    stop_requested: Callable[[], bool]

    def pause(self, server: str, log: Path) -> None:
        """Sleep a moment; raise `EmbeddedServersError` when there is no point in waiting on."""
        if self.stop_requested():
            raise EmbeddedServersError(f"{server} was told to stop while it started.")
        if time.monotonic() > self.deadline_seconds:
            raise EmbeddedServersError(f"{server} did not become ready in time; see {log}.")
        time.sleep(POLL_SECONDS)


def server_environment() -> dict[str, str]:
    """Return the environment for a server: the messages in English, and no locale surprises."""
    return {**os.environ, "LC_ALL": "C"}


def launch(
    command: Sequence[str], *, folder: Path, log: Path, account: Account | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` in `folder` with its output appended to `log`, as `account` if given."""
    with log.open("ab") as output:
        if account is None:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return subprocess.Popen(
            command,
            cwd=folder,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )


def wait_or_kill(process: subprocess.Popen[bytes], timeout_seconds: float) -> bool:
    """Wait for a child that was asked to stop; kill it after a while. Say whether it obeyed."""
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_KILL_TIMEOUT_SECONDS)
        return False
    return True


def processes_in(folders: Iterable[Path], names: Collection[str]) -> list[psutil.Process]:
    """Return the live processes with one of these names that work in one of these folders.

    Both servers change into their data directory, which tells ours from all others more surely
    than a stored process id, whose number may belong to another program by now.
    """
    paths = {str(folder) for folder in folders}
    found = []
    for process in psutil.process_iter(["name", "cwd", "status"]):
        info = process.info
        if info["name"] in names and info["cwd"] in paths and _is_alive(process):
            found.append(process)
    return found


def stop_leftovers(
    folders: Iterable[Path], names: Collection[str], polite_signal: signal.Signals
) -> int:
    """Stop the servers that a killed keeper left behind; return how many processes there were.

    The caller holds the lock of the data directory, so no keeper is using them.
    """
    leftovers = processes_in(folders, names)
    for process in leftovers:
        if not _is_postgres_child(process):
            _send(process, polite_signal)
    _wait_for(leftovers, POLITE_STOP_TIMEOUT_SECONDS / 2)
    for process in leftovers:
        _send(process, signal.SIGKILL)
    _wait_for(leftovers, _KILL_TIMEOUT_SECONDS)
    return len(leftovers)


def last_complaint(log: Path) -> str:
    """Return the last line of a server's log that looks like a reason, or the last one."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-50:]
    except OSError:
        return "it left no log"
    reasons = [line for line in lines if any(w in line for w in ("FATAL", "PANIC", "error:"))]
    return (reasons or lines or ["its log is empty"])[-1].strip()


def _is_postgres_child(process: psutil.Process) -> bool:
    # A signal means something else to each of PostgreSQL's helpers (SIGINT makes a checkpointer
    # write a shutdown checkpoint); they follow their parent, or notice its death by themselves.
    try:
        return bool(process.cmdline()[0].startswith("postgres:"))
    except (psutil.Error, IndexError):
        return True


def _send(process: psutil.Process, number: signal.Signals) -> None:
    # psutil compares the start time first, so a reused process id is safe.
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def _is_alive(process: psutil.Process) -> bool:
    # Nobody may ever reap an orphan in a container whose first process is not an init.
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _wait_for(processes: Sequence[psutil.Process], timeout_seconds: float) -> None:
    deadline_seconds = time.monotonic() + timeout_seconds
    while any(map(_is_alive, processes)) and time.monotonic() < deadline_seconds:
        time.sleep(POLL_SECONDS)
