"""The worker and beat processes that `demo` runs, started again when they die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from worker.errors import RefundWorkerError

STOP_SECONDS = 30.0
RESTARTS_MAX = 100
CELERY = (sys.executable, "-m", "celery", "--app", "worker.app")


class WorkerKeepsDyingError(RefundWorkerError):
    """A process ended again and again. The text says where its log is."""


@dataclass(slots=True)
class Supervised:
    """A child process in a session of its own, restarted by `check` when it has ended."""

    name: str
    command: Sequence[str]
    log: Path
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start the process; its output goes to the log."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal must reach us alone: we stop the children in order.
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def check(self) -> None:
        """Start the process again if it has ended.

        Raises:
            WorkerKeepsDyingError: it ended too often.
        """
        if self._process is not None and self._process.poll() is not None:
            self.restarts += 1
            if self.restarts > RESTARTS_MAX or (self._process.returncode > 0 and self.restarts > 5):
                raise WorkerKeepsDyingError(
                    f"the {self.name} process ended {self.restarts} times "
                    f"(last with code {self._process.returncode}); its log is {self.log}"
                )
            self.start()

    def stop(self) -> None:
        """Let the process finish what it does, within a bound."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@dataclass(slots=True)
class Workers:
    """A worker and a beat, as a context."""

    log_dir: Path
    processes: list[Supervised] = field(default_factory=list)
    _checked_at: float = 0.0

    def __enter__(self) -> Self:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        flags = ("--loglevel", "INFO")
        self.processes = [
            Supervised(
                "worker",
                (
                    *CELERY,
                    "worker",
                    *flags,
                    "--concurrency",
                    "2",
                    "--without-gossip",
                    "--without-mingle",
                ),
                self.log_dir / "worker.log",
            ),
            Supervised(
                "beat",
                (
                    *CELERY,
                    "beat",
                    *flags,
                    "--schedule",
                    str(self.log_dir / "beat-schedule"),
                    "--pidfile",
                    "",
                ),
                self.log_dir / "beat.log",
            ),
        ]
        try:
            for process in self.processes:
                process.start()
        except BaseException:
            # Ctrl-C while they start: no context is entered, so no exit would stop them.
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def check(self, _: int = 0) -> None:
        """Start again what has died; cheap enough to call often."""
        now = time.monotonic()
        if now - self._checked_at > 1:
            self._checked_at = now
            for process in self.processes:
                process.check()

    @property
    def restarts(self) -> int:
        """How often a process had to be started again."""
        return sum(process.restarts for process in self.processes)
