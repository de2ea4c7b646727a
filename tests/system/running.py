"""Run real Celery workers in tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READY_SECONDS = 40.0
QUIET_FLAGS = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


class Worker:
    """A `celery worker` process of its own session, with its log in a file."""

    def __init__(self, log: Path, *flags: str, app: str = "worker.app", **env: str) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", app, "worker", *QUIET_FLAGS, *flags],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
            )

    def wait_ready(self) -> "Worker":
        wait_for(lambda: " ready." in self.log.read_text(), READY_SECONDS, self.log)
        return self

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and wait for the end; gives the exit code."""
        self.process.terminate()
        return self.process.wait(60)


@contextmanager
def worker(folder: Path, *flags: str, **options: str) -> Iterator[Worker]:
    """A ready worker while the context lasts."""
    one = Worker(folder / f"worker-{time.monotonic_ns()}.log", *flags, **options)
    try:
        yield one.wait_ready()
    finally:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def wait_for(condition: Callable[[], Any], seconds: float, log: Path | None = None) -> None:
    """Wait until the condition holds; fail with the log's end if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            tail = log.read_text()[-3000:] if log else ""
            raise AssertionError(f"not so within {seconds} seconds\n{tail}")
        time.sleep(0.05)
