"""Real `celery worker` processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 20.0
CELERY = ("-m", "celery")
# Quiet: at level INFO the stock worker writes two lines a task, the refund worker none.
FLAGS = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")
PREFORK_2 = (("--pool", "prefork", "--concurrency", "2"),)
SOLO_2 = (("--pool", "solo"), ("--pool", "solo"))


@dataclass(frozen=True, slots=True)
class Workers:
    """Running workers."""

    processes: Sequence["subprocess.Popen[bytes]"]
    log: Path

    @property
    def pids(self) -> list[int]:
        """The main processes' ids."""
        return [process.pid for process in self.processes]

    def check(self) -> None:
        """Fail if one has ended."""
        assert all(process.poll() is None for process in self.processes), self.log.read_text()[
            -3000:
        ]


@contextmanager
def running_workers(
    app: str,
    pools: Sequence[Sequence[str]],
    log: Path,
    env: Mapping[str, str],
    program: Sequence[str] = CELERY,
) -> Iterator[Workers]:
    """A worker for each of `pools`, a pool's flags, while the context lasts."""
    with log.open("ab") as output:
        processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    *program,
                    "--app",
                    app,
                    "worker",
                    *FLAGS,
                    *pool,
                    "--hostname",
                    f"bench{number}@localhost",
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **env},
            )
            for number, pool in enumerate(pools)
        ]
    try:
        yield Workers(processes, log)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
