"""A `celery` command under cProfile, from the worker's readiness on.

`python -m benchmarks.profiled FILE --app ... worker ...` leaves the profile in FILE. Use the solo
pool: the main process does all the work then. Times are wall clock, so waiting for PostgreSQL
shows as `wait`/`poll`; cProfile's own overhead makes small functions look dearer than they are.
"""

import cProfile
import pstats
import sys
from io import StringIO
from pathlib import Path

from celery.bin.celery import main as celery_main
from celery.signals import worker_ready

FUNCTIONS_SHOWN = 40


def run(file: Path) -> None:
    """Run the command in sys.argv."""
    profile = cProfile.Profile()

    def start(**_: object) -> None:
        profile.enable()

    worker_ready.connect(start, weak=False)
    try:
        celery_main()
    finally:
        profile.disable()
        profile.dump_stats(file)


def shown(file: Path) -> str:
    """The functions that take longest, by cumulative and by own time."""
    text = StringIO()
    stats = pstats.Stats(str(file), stream=text).strip_dirs()
    for order in ("cumulative", "tottime"):
        stats.sort_stats(order).print_stats(FUNCTIONS_SHOWN)
    return text.getvalue()


if __name__ == "__main__":
    target = Path(sys.argv.pop(1))
    run(target)
