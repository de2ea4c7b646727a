"""What the tests of the embedded servers share: a data directory, and processes that hold it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no type information
import pytest

from worker.embedded import ServerUrls, embedded_servers

SOURCE_ROOT = Path(__file__).resolve().parents[2]
SETTLE_TIMEOUT_SECONDS = 15.0
MEMORY_NEEDED_BYTES = 2 * 1024**3


def server_processes(data_dir: Path) -> list[psutil.Process]:
    """Return the live keeper, PostgreSQL and Valkey processes of `data_dir`."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        info = process.info
        cmdline = info["cmdline"] or []
        is_keeper = "worker.embedded.keeper" in cmdline and str(data_dir) in cmdline
        is_server = Path(info["cwd"] or "/").is_relative_to(data_dir)
        if (is_keeper or is_server) and info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def keeper_of(data_dir: Path) -> psutil.Process:
    """Return the one keeper of `data_dir`."""
    keepers = [p for p in server_processes(data_dir) if "worker.embedded.keeper" in p.cmdline()]
    assert len(keepers) == 1
    return keepers[0]


def eventually(promise: Callable[[], bool]) -> bool:
    """Say whether `promise` comes true within `SETTLE_TIMEOUT_SECONDS`."""
    deadline_seconds = time.monotonic() + SETTLE_TIMEOUT_SECONDS
    while not promise():
        if time.monotonic() > deadline_seconds:
            return False
        time.sleep(0.05)
    return True


class Holder:
    """A process of its own inside `embedded_servers`, leading a process group of its own."""

    def __init__(self, data_dir: Path, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.embedded.holder", str(data_dir)],
            cwd=SOURCE_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def urls(self) -> ServerUrls:
        """Wait until the holder is inside the block."""
        assert self.process.stdout is not None
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return ServerUrls(**answer)

    def finish(self) -> str:
        """Let the holder leave the block; return the rest of its output."""
        return self.process.communicate(timeout=40)[0]


def _short_dir() -> Path:
    # Not tmp_path: pytest closes its own folders to other users again and again, PostgreSQL's
    # among them when the tests run as root. In memory, if there is room, half the time is saved.
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_NEEDED_BYTES
    parent = memory if has_room and os.access(memory, os.W_OK | os.X_OK) else Path("/tmp")
    return Path(tempfile.mkdtemp(prefix="refunds-test-", dir=parent)).resolve()


@pytest.fixture(scope="session")
def stopped_data() -> Iterator[Path]:
    """A data directory whose servers have run once; creating a cluster is the slowest step."""
    folder = _short_dir()
    with embedded_servers(folder):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(empty_dir: Path, stopped_data: Path) -> Path:
    """A data directory with an empty database in it."""
    # PostgreSQL's user has to stay the owner, which shutil does not see to.
    subprocess.run(["cp", "-a", stopped_data / "postgres", empty_dir], check=True)
    return empty_dir


@pytest.fixture
def empty_dir() -> Iterator[Path]:
    """A data directory for a first start, and the promise that no process is left in it."""
    folder = _short_dir()
    yield folder
    left = server_processes(folder)
    for process in left:
        process.kill()
    shutil.rmtree(folder)
    assert not left, f"still running: {left}"


@pytest.fixture
def hold(empty_dir: Path) -> Iterator[Callable[[], Holder]]:
    """Start holders of the test's directory; those that still run at its end are killed."""
    with ExitStack() as stack:

        def start() -> Holder:
            holder = Holder(empty_dir)
            stack.callback(holder.process.communicate)
            stack.callback(holder.process.kill)
            return holder

        yield start
    assert eventually(lambda: not server_processes(empty_dir))
