"""`python -m benchmarks.run`: refunds against no-op tasks and a durable workflow, in one run.

All on the same embedded servers: PostgreSQL with fsync and synchronous_commit on, Valkey with an
append-only file. The no-op is measured at the start and at the end, and the mean of both counts.
How contenders are timed is told in `benchmarks.queueing`; that a setting did all its refunds to
the cent is checked after each (`benchmarks.verifying`), and a setting that did not is reported as
failed, with exit status 1. Latencies are taken in every refund setting at half its measured rate.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import executors, noop, profiled, refunds
from benchmarks.printing import print_all, write_report
from benchmarks.refunds import POOLS, SOLO_1, Plan, Setting
from benchmarks.results import Result
from benchmarks.servers import Servers, running_servers
from benchmarks.workload import create_template

BATCH_SIZES = (1, 10, 50, 100, 200)
PROFILED_BATCH_SIZE = 50
QUIET_CORES = 0.2


@dataclass(slots=True)
class Figures:
    """What was measured, what failed, and what was disturbed."""

    noops: list[Result] = field(default_factory=list)
    refunds: list[Result] = field(default_factory=list)
    durables: list[Result] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, to: list[Result], label: str, measure: Callable[[], Result]) -> None:
        """Measure; a failure is kept, and the run goes on."""
        _say(label)
        try:
            result = measure()
        except Exception as error:  # noqa: BLE001 - told at the end, with exit status 1
            self.failures.append(f"{label}: {_shortened(error)}")
            _say(f"  FAILED: {self.failures[-1]}")
        else:
            to.append(result)
            _say(f"  {result.rate:.0f}/s")
            if (result.others_cores or 0) > QUIET_CORES:
                self.warnings.append(
                    f"{result.label}: {result.others_cores:.2f} cores were busy with anything "
                    "else, so its rate is too low; compare the CPU times instead"
                )


def main() -> int:
    """Run all, or --profile one setting."""
    options = _options()
    started_at = time.monotonic()
    events = not options.no_events
    with tempfile.TemporaryDirectory(prefix="refund-bench-") as name:
        folder = Path(name)
        with running_servers(folder / "servers") as servers:
            if options.profile:
                return _profile(servers, folder, options, events=events)
            figures = _measure_all(servers, folder, options, events=events)
    seconds = time.monotonic() - started_at
    if figures.noops:
        print_all(figures.noops, figures.refunds, figures.durables)
        about = {
            "task_events": events,
            "transport": options.transport,
            "cores": os.cpu_count(),
            "elapsed_seconds": round(seconds, 1),
            "failures": figures.failures,
            "warnings": figures.warnings,
        }
        if options.report:
            write_report(options.report, figures.noops, figures.refunds, figures.durables, about)
    _say(f"{seconds:.0f} seconds in all")
    for warning in figures.warnings:
        print(f"WARNING {warning}", file=sys.stderr)
    for failure in figures.failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if figures.failures else 0


def _measure_all(servers: Servers, folder: Path, options: Any, *, events: bool) -> Figures:
    figures = Figures()
    plan = Plan(options.refunds, options.latency_seconds)
    _say(f"recording captures for {plan.refunds_max} refunds a setting")
    template = create_template(servers, max(plan.refunds_max, options.durable))

    def measure_noop(when: str) -> None:
        label = f"no-op Celery task, prefork 2, {when}"
        figures.add(
            figures.noops,
            label,
            lambda: noop.measure(servers, folder, options.count // 2, events=events, label=label),
        )

    measure_noop("at the start")
    for consumers, pools in POOLS.items():
        for batch_size in options.batch_sizes:
            setting = Setting(batch_size, consumers, pools, events, options.transport)
            measure = partial(refunds.measure, servers, folder, template, setting, plan)
            figures.add(figures.refunds, setting.label, measure)
    for mode in executors.MODES if options.durable else ():
        measure = partial(executors.measure, servers, folder, template, options.durable, mode)
        figures.add(figures.durables, f"DBOS, {mode}", measure)
    measure_noop("at the end")
    return figures


def _profile(servers: Servers, folder: Path, options: Any, *, events: bool) -> int:
    plan = Plan(options.refunds, latency_seconds=0)
    template = create_template(servers, plan.refunds_max)
    file = folder / "worker.profile"
    setting = Setting(PROFILED_BATCH_SIZE, "one solo worker", SOLO_1, events, options.transport)
    program = ("-m", "benchmarks.profiled", str(file))
    result = refunds.measure(servers, folder, template, setting, plan, program)
    print(f"{result.label}, profiled: {result.rate:.0f}/s, CPU µs each {result.cpu_micros}")
    print(profiled.shown(file))
    return 0


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="no-op tasks, in two halves")
    parser.add_argument("--refunds", type=int, default=4_000, help="refunds timed a setting")
    parser.add_argument(
        "--durable", type=int, default=500, help="durable workflows a mode; 0: none"
    )
    parser.add_argument("--latency-seconds", type=float, default=3.0)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=list(BATCH_SIZES))
    parser.add_argument("--no-events", action="store_true", help="no task events, in all workers")
    parser.add_argument(
        "--transport",
        choices=["safe", "stock"],
        default="safe",
        help="the refund workers' transport; the no-op's is always the stock one",
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test: the figures are poor")
    parser.add_argument("--profile", action="store_true", help="profile one solo refund worker")
    parser.add_argument("--report", type=Path, help="write the figures to this file, as JSON")
    options = parser.parse_args()
    if options.quick:
        options.count, options.refunds, options.durable = 1_000, 400, 40
        options.latency_seconds, options.batch_sizes = 1.0, [10, 50]
    return options


def _shortened(error: Exception) -> str:
    """A dead worker's error is the end of its log, in which the exception tells most."""
    lines = str(error).splitlines() or [""]
    telling = [line for line in lines if "Error: " in line] or lines
    return f"{type(error).__name__}: {telling[-1]}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
