"""Workers and beats as processes of their own, started again whenever they end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no type information

ROOT = Path(__file__).resolve().parents[1]
SKEWED = Path(__file__).resolve().parent / "skewed"
CHECK_SECONDS = 0.1
SETTLED_SECONDS = 6.0
"""A process that has run for so long is probably at work."""
STOP_SECONDS = 20.0
GRACE_SECONDS = 95.0
"""The grace after SIGTERM that docs/operate.md asks supervisors for."""
HOUR_SECONDS = 3600
CELERY = (sys.executable, "-m", "celery", "--app", "worker.app")
QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
PREFORK = ("--pool", "prefork", "--concurrency", "2")
SOLO = ("--pool", "solo")
# name, flags, seconds by which its clock is wrong
WORKERS = (
    ("prefork-1", PREFORK, 0),
    ("prefork-2", PREFORK, HOUR_SECONDS),
    ("solo-1", SOLO, 0),
    ("solo-2", SOLO, -HOUR_SECONDS),
)
BEATS = ("beat-1", "beat-2")


@dataclass(slots=True)
class Member:
    """A process that is kept running. `told_at` is when we told it to end."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    told_at: float | None = None

    def start(self) -> None:
        """Start it; its output goes to the log."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started_at, self.told_at = time.monotonic(), None

    @property
    def is_settled(self) -> bool:
        """Whether it runs, and not only since a moment ago, and nobody told it to end."""
        runs = self.process is not None and self.process.poll() is None
        return (
            runs and self.told_at is None and time.monotonic() - self.started_at > SETTLED_SECONDS
        )

    def end(self, number: signal.Signals) -> None:
        """Tell the main process to end."""
        self.told_at = time.monotonic()
        if self.process is not None:
            self.process.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """Signal the process and its children."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def children(self) -> list[int]:
        """The ids of the pool's processes."""
        if self.process is None:
            return []
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children()]
        except psutil.Error:
            return []


@dataclass(slots=True)
class Fleet:
    """All workers and beats, watched over by a thread."""

    env: Mapping[str, str]
    folder: Path
    workers: list[Member] = field(default_factory=list)
    beats: list[Member] = field(default_factory=list)
    restarts: int = 0
    own_deaths: Counter[str] = field(default_factory=Counter)
    """Ends that nobody caused, by process and exit code."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None

    def __enter__(self) -> "Fleet":
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, flags, skew in WORKERS:
            hostname = ("--hostname", f"{name}@localhost")
            command = (*CELERY, "worker", *QUIET, *flags, *hostname)
            self.workers.append(self._member(name, command, skew))
        for name in BEATS:
            schedule = ("--schedule", str(self.folder / f"{name}.schedule"))
            command = (*CELERY, "beat", "--loglevel", "INFO", *schedule, "--pidfile", "")
            self.beats.append(self._member(name, command, 0))
        for member in self._all:
            member.start()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        for member in self._all:
            member.send_all(signal.SIGCONT)
            member.end(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for member in self._all:
            if member.process is None:
                continue
            with suppress(subprocess.TimeoutExpired):
                member.process.wait(max(deadline - time.monotonic(), 0))
            member.send_all(signal.SIGKILL)
            member.process.wait()

    @property
    def _all(self) -> list[Member]:
        return [*self.workers, *self.beats]

    def _member(self, name: str, command: Sequence[str], skew: int) -> Member:
        path = [str(ROOT)] if not skew else [str(SKEWED), str(ROOT)]
        env = {
            **self.env,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            "CHAOS_SKEW_SECONDS": str(skew),
        }
        return Member(name, command, env, self.folder / f"{name}.log")

    def _watch(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            for member in self._all:
                code = None if member.process is None else member.process.poll()
                if code is None:
                    self._hurry(member)
                    continue
                if member.told_at is None:
                    self.own_deaths[f"{member.name} exited with {code}"] += 1
                # A killed main process leaves no children, but a stopped one might.
                member.send_all(signal.SIGKILL)
                self.restarts += 1
                member.start()

    def _hurry(self, member: Member) -> None:
        """Kill what was told to end long ago, and count that: nothing here takes so long."""
        if member.told_at is not None and time.monotonic() - member.told_at > GRACE_SECONDS:
            self.own_deaths[f"{member.name} did not end within {GRACE_SECONDS:.0f} s"] += 1
            member.end(signal.SIGKILL)
