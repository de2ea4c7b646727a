"""Clocks and gauges: CPU time and memory of processes, percentiles."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]  # it has no type information

SAMPLE_SECONDS = 0.2
BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU time (user and system) by who used it. `others` is all the rest of the machine."""

    worker_main: float
    worker_children: float
    postgres: float
    valkey: float
    others: float

    def since(self, before: "CpuSeconds") -> "CpuSeconds":
        """What was used since `before`."""
        return CpuSeconds(
            self.worker_main - before.worker_main,
            self.worker_children - before.worker_children,
            self.postgres - before.postgres,
            self.valkey - before.valkey,
            self.others - before.others,
        )

    def micros_each(self, count: int) -> dict[str, int]:
        """Microseconds per handled message, by who used them."""
        shares = {
            "worker_main": self.worker_main,
            "worker_children": self.worker_children,
            "postgres": self.postgres,
            "valkey": self.valkey,
        }
        return {name: round(seconds * 1e6 / count) for name, seconds in shares.items()}


@dataclass(slots=True)
class Gauge:
    """Watches worker processes (by pid) and the servers while the context lasts."""

    worker_pids: Sequence[int]
    postgres_pid: int
    valkey_pid: int
    peak_bytes: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def peak_mb(self) -> float:
        """The highest sum of the resident memory of all worker processes."""
        return self.peak_bytes / BYTES_PER_MB

    def cpu(self) -> CpuSeconds:
        """CPU time used so far."""
        mains = sum(_own_seconds(pid) for pid in self.worker_pids)
        trees = sum(_tree_seconds(pid) for pid in self.worker_pids)
        postgres, valkey = _tree_seconds(self.postgres_pid), _own_seconds(self.valkey_pid)
        ours = trees + postgres + valkey + time.process_time()
        return CpuSeconds(mains, trees - mains, postgres, valkey, others=_machine_seconds() - ours)

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            total = sum(
                _resident_bytes(process) for pid in self.worker_pids for process in _tree(pid)
            )
            self.peak_bytes = max(self.peak_bytes, total)


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _own_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _tree_seconds(pid: int) -> float:
    """Of a process, its living descendants, and the children that each has outlived."""
    total = 0.0
    for process in _tree(pid):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
