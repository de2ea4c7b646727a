"""What a run can be told."""

import argparse
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

SECONDS_PER_KILL = 3.0


@dataclass(frozen=True, slots=True)
class Options:
    """A run: so many requests and kills within so many seconds."""

    refunds: int
    kills: int
    seconds: float
    finish_seconds: float
    seed: int
    transport: Literal["safe", "stock"]
    report: Path | None
    folder: Path | None


def read_options(arguments: list[str] | None = None) -> Options:
    """The options on the command line."""
    parser = argparse.ArgumentParser(prog="python -m chaos.run", description=__doc__)
    parser.add_argument("--refunds", type=int, default=20_000, help="requests, at the least")
    parser.add_argument("--kills", type=int, default=100, help="of workers and pool processes")
    parser.add_argument(
        "--seconds",
        type=float,
        help=f"how long faults go on; by default {SECONDS_PER_KILL:.0f} a kill",
    )
    parser.add_argument(
        "--finish-seconds", type=float, default=900.0, help="the longest wait after that"
    )
    parser.add_argument("--seed", type=int, help="plays that run's requests and faults again")
    parser.add_argument("--transport", choices=("safe", "stock"), default="safe")
    parser.add_argument("--report", type=Path, help="write the result to this file, as JSON")
    parser.add_argument(
        "--folder", type=Path, help="keep servers' data and logs here; a new one must be named"
    )
    given = parser.parse_args(arguments)
    if given.folder is not None and given.folder.exists() and any(given.folder.iterdir()):
        parser.error(f"{given.folder} is not empty: what an earlier run left would be found wrong")
    seed = given.seed if given.seed is not None else secrets.randbelow(10**9)
    seconds = given.seconds if given.seconds is not None else given.kills * SECONDS_PER_KILL
    return Options(
        refunds=given.refunds,
        kills=given.kills,
        seconds=max(seconds, 10.0),
        finish_seconds=given.finish_seconds,
        seed=seed,
        transport=cast("Literal['safe', 'stock']", given.transport),
        report=given.report,
        folder=given.folder,
    )
