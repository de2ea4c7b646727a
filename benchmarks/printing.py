"""The figures as text and JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import Result

WIDTH = 160
_WHO = {
    "worker_main": "main",
    "worker_children": "children",
    "postgres": "pg",
    "valkey": "valkey",
}


def print_all(
    noops: Sequence[Result], refunds: Sequence[Result], durables: Sequence[Result]
) -> None:
    """Print the table, then a ratio for each setting, then those to the durable workflow."""
    console = Console(width=WIDTH)
    table = Table(title="Rates on the same servers in one run")
    table.add_column("setting", no_wrap=True)
    for heading in ("rate/s", "p50 ms", "p99 ms", "at load/s", "peak MB", "others' cores"):
        table.add_column(heading, justify="right")
    table.add_column("CPU µs each", justify="right")
    table.add_column("/".join(_WHO.values()), justify="right")
    for result in (*noops, *refunds, *durables):
        table.add_row(
            result.label,
            f"{result.rate:.0f}",
            _shown(result.latency_p50_ms),
            _shown(result.latency_p99_ms),
            _shown(result.latency_load_per_second),
            _shown(result.peak_memory_mb),
            "" if result.others_cores is None else f"{result.others_cores:.2f}",
            str(sum(result.cpu_micros.values())) if result.cpu_micros else "",
            "/".join(str(result.cpu_micros[who]) for who in _WHO) if result.cpu_micros else "",
        )
    console.print(table)
    for line in ratio_lines(noops, refunds, durables):
        print(line)


def noop_rate(noops: Sequence[Result]) -> float:
    """The mean of the rates at the start and at the end: the machine's speed drifts."""
    return sum(result.rate for result in noops) / len(noops)


def ratio_lines(
    noops: Sequence[Result], refunds: Sequence[Result], durables: Sequence[Result]
) -> list[str]:
    """A line for each refund setting, and one for each way to run the durable workflow."""
    yardstick = noop_rate(noops)
    lines = [f"ratio {result.rate / yardstick:.2f}  {result.label}" for result in refunds]
    if refunds:
        best = max(result.rate for result in refunds)
        lines += [f"dbos ratio {best / result.rate:.2f}  {result.label}" for result in durables]
    return lines


def write_report(
    file: Path,
    noops: Sequence[Result],
    refunds: Sequence[Result],
    durables: Sequence[Result],
    about: dict[str, Any],
) -> None:
    """Write all figures as JSON."""
    yardstick = noop_rate(noops)
    report = {
        **about,
        "noop": [result.as_json() for result in noops],
        "noop_rate_per_second": round(yardstick, 1),
        "refunds": [
            {**result.as_json(), "ratio": round(result.rate / yardstick, 3)} for result in refunds
        ],
        "durable": [result.as_json() for result in durables],
        "lines": ratio_lines(noops, refunds, durables),
    }
    file.write_text(json.dumps(report, indent=2) + "\n")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
