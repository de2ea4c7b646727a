"""`python -m chaos.run`: refunds under faults, and the checker's verdict (docs/chaos.md).

Exit status: 0 if the verdict is clean, 1 if not, 2 if the run could not be brought to its end.
"""

import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from chaos.asking import REQUESTS_PER_ORDER, draw_requests
from chaos.behaviours import write_script
from chaos.checking import Verdict, check
from chaos.checking.submitted import read_submitted
from chaos.closing import Accountant
from chaos.fleet import Fleet
from chaos.monkey import Monkey
from chaos.news import Teller
from chaos.options import Options, read_options
from chaos.orders import draw_orders
from chaos.persons import Person
from chaos.playing import BrokenRunError, Run
from chaos.producing import CHUNKS, Producer, share_out
from chaos.schedule import draw_schedule
from chaos.servers import Postgres, Valkey
from chaos.submissions import SubmissionList
from worker.database import dispose_engines, engine
from worker.embedded import ServerUrls, embedded_servers
from worker.errors import RefundWorkerError
from worker.migrating import migrate
from worker.settings import settings

PRODUCERS = 4
LEASE_SECONDS = 15
SUBMITTED = "submitted.jsonl"
# Waits are short, so that a run is; a lease is longer than any call here, as it must be.
SETTINGS = {
    "REFUNDS_LEASE_SECONDS": str(LEASE_SECONDS),
    "REFUNDS_SWEEP_SECONDS": "2",
    "REFUNDS_RELAY_SECONDS": "1",
    "REFUNDS_ATTEMPTS_MAX": "3",
    "REFUNDS_LOG_LEVEL": "INFO",
}


def main() -> int:
    """Run, check, and say what came of it."""
    options = read_options()
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {text}", file=sys.stderr, flush=True)

    say(
        f"seed {options.seed}: {options.refunds} requests, {options.kills} kills, "
        f"transport {options.transport}"
    )
    folder = options.folder or Path(tempfile.mkdtemp(prefix="refunds-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        verdict, figures = _run(options, folder.resolve(), say)
    except KeyboardInterrupt:
        print(f"interrupted; logs and data are in {folder}", file=sys.stderr)
        return 130
    except (BrokenRunError, RefundWorkerError) as error:
        print(f"the run broke: {error}\nlogs and data are in {folder}", file=sys.stderr)
        return 2
    told = {
        "seed": options.seed,
        "duration_seconds": round(time.monotonic() - started, 1),
        "transport": options.transport,
        **figures,
    }
    _print(told, verdict)
    if options.report:
        options.report.write_text(json.dumps({**told, "verdict": verdict.as_json()}, indent=1))
    if not verdict.is_clean or told["deaf"]:
        print(f"NOT CLEAN; logs and data are in {folder}")
        return 1
    print(f"clean; seed {options.seed}")
    if options.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _run(
    options: Options, folder: Path, say: Callable[[str], None]
) -> tuple[Verdict, dict[str, Any]]:
    with (
        embedded_servers(folder / "servers") as urls,
        _configured(urls, options, folder) as env,
        SubmissionList(folder / SUBMITTED) as submitted,
        _logged(folder, say) as tell,
    ):
        migrate(engine())
        with Fleet(env, folder / "logs") as fleet:
            run = _prepare(options, folder, urls, fleet, submitted, tell)
            run.play()
            run.finish()
            deaf = run.find_deaf()
        say("checking")
        with psycopg.connect(urls.database_url) as connection:
            verdict = check(connection, read_submitted(folder / SUBMITTED))
        return verdict, {**run.figures(), "deaf": deaf}


def _prepare(
    options: Options,
    folder: Path,
    urls: ServerUrls,
    fleet: Fleet,
    submitted: SubmissionList,
    say: Callable[[str], None],
) -> Run:
    chance = random.Random(f"work {options.seed}")
    orders = list(draw_orders(chance, max(options.refunds // REQUESTS_PER_ORDER, 1)))
    requests = list(draw_requests(chance, orders, options.refunds))
    workloads = share_out(
        ((order.order_id, order.captures) for order in orders), requests, PRODUCERS
    )
    say(f"{len(orders)} orders, {len(requests)} requests to submit")
    producers = [
        Producer(
            f"producer-{number}",
            workload,
            submitted,
            urls.redis_url,
            options.seconds,
            f"twice {options.seed} {number}",
            # Not all at once, so that there is always something under way.
            options.seconds / CHUNKS * number / PRODUCERS,
        )
        for number, workload in enumerate(workloads)
    ]
    valkey, postgres = Valkey(urls, folder / "servers"), Postgres(urls, folder / "servers")
    schedule = draw_schedule(options.seed, options.kills, options.seconds)
    (folder / "schedule.json").write_text(json.dumps([asdict(one) for one in schedule], indent=1))
    return Run(
        options=options,
        folder=folder,
        urls=urls,
        valkey=valkey,
        postgres=postgres,
        fleet=fleet,
        producers=producers,
        monkey=Monkey(
            schedule,
            fleet,
            valkey,
            postgres,
            say,
            options.kills,
            litters=options.transport == "safe",
        ),
        teller=Teller(urls.database_url, random.Random(f"news {options.seed}")),
        person=Person(
            urls.database_url, random.Random(f"person {options.seed}"), 2 * LEASE_SECONDS
        ),
        accountant=Accountant(urls.database_url, random.Random(f"payouts {options.seed}")),
        say=say,
    )


@contextmanager
def _configured(urls: ServerUrls, options: Options, folder: Path) -> Iterator[dict[str, str]]:
    """Let this process and those that it starts use the servers; gives their environment."""
    script = folder / "sandbox.json"
    write_script(script)
    given = {
        **SETTINGS,
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "REFUNDS_TRANSPORT": options.transport,
        "REFUNDS_SANDBOX_SCRIPT": str(script),
    }
    # Settings of whoever calls must not change what is tested.
    for name in [name for name in os.environ if name.startswith("REFUNDS_")]:
        del os.environ[name]
    os.environ.update(given)
    settings.cache_clear()
    try:
        yield {**os.environ}
    finally:
        dispose_engines()
        for name in given:
            del os.environ[name]
        settings.cache_clear()


@contextmanager
def _logged(folder: Path, say: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """What is said goes to a log as well, with the time of day, to be read beside the others."""
    with (folder / "run.log").open("a", encoding="utf-8") as log:

        def tell(text: str) -> None:
            now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
            log.write(f"{now}Z {text}\n")
            log.flush()
            say(text)

        yield tell


def _print(told: dict[str, Any], verdict: Verdict) -> None:
    for name, value in told.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for inner, count in value.items():
                print(f"  {inner:<40}{count!s:>10}")
        else:
            print(f"{name:<28}{value!s:>10}")
    print()
    for line in verdict.lines():
        print(line)


if __name__ == "__main__":
    sys.exit(main())
