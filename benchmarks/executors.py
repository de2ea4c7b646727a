"""Times the durable workflow with DBOS executors on both cores.

Both ways to start workflows are tried, and the faster one counts. The rate is taken from the first
to the last commit of a deduction, which leaves out how long DBOS takes to begin.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg
from dbos import DBOSClient, EnqueueOptions

from benchmarks.measuring import Gauge
from benchmarks.results import Result
from benchmarks.servers import Servers, configured
from benchmarks.verifying import verify
from benchmarks.workers import ROOT
from benchmarks.workflows import APPLICATION, QUEUE, VERSION, WORKFLOW
from benchmarks.workload import requests

Mode = Literal["direct", "queue"]
MODES: tuple[Mode, ...] = ("direct", "queue")
EXECUTORS = 2
TIMEOUT_SECONDS = 180.0

_SPAN = """
    SELECT count(*), extract(epoch FROM max(at) - min(at))::float8
    FROM (SELECT pg_xact_commit_timestamp(xmin) AS at FROM deductions) AS commits
"""


def measure(servers: Servers, folder: Path, template: str, count: int, mode: Mode) -> Result:
    """The rate of `count` durable refunds."""
    database, system = servers.create_database(template), servers.create_database()
    with configured(servers, database):
        environment = {**os.environ, "DBOS_DATABASE_URL": servers.database_url(system)}
        with (
            (folder / "durable.log").open("ab") as log,
            _executors(mode, count, environment, log.fileno()) as executors,
        ):
            for executor in executors:
                _expect(executor, "ready", folder)
            if mode == "queue":
                _enqueue(servers.database_url(system), count)
            servers.settle(database)
            pids = [executor.pid for executor in executors]
            with Gauge(pids, servers.postgres_pid, servers.valkey_pid) as gauge:
                before, started_at = gauge.cpu(), time.monotonic()
                for executor in executors:
                    _say_go(executor)
                for executor in executors:
                    _expect(executor, "done", folder)
                cpu, elapsed = gauge.cpu().since(before), time.monotonic() - started_at
            for executor in executors:
                _say_go(executor)
    with psycopg.connect(servers.database_url(database)) as connection:
        row = connection.execute(_SPAN).fetchone()
    assert row is not None
    verify(servers, database, count)
    for name in (database, system):
        servers.drop_database(name)
    return Result(
        f"DBOS, three steps, {EXECUTORS} executors, {mode}",
        int(row[0]),
        float(row[1]),
        peak_memory_mb=gauge.peak_mb,
        others_cores=cpu.others / elapsed,
        cpu_micros=cpu.micros_each(count),
    )


@contextmanager
def _executors(
    mode: Mode, count: int, environment: dict[str, str], log: int
) -> Iterator[list["subprocess.Popen[str]"]]:
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.durable",
                mode,
                str(part),
                str(EXECUTORS),
                str(count),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        for part in range(EXECUTORS)
    ]
    try:
        yield processes
        for process in processes:
            process.wait(30)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _expect(executor: "subprocess.Popen[str]", word: str, folder: Path) -> None:
    assert executor.stdout is not None
    for line in executor.stdout:
        if line.strip() == word:
            return
    raise AssertionError((folder / "durable.log").read_text()[-3000:])


def _say_go(executor: "subprocess.Popen[str]") -> None:
    assert executor.stdin is not None
    executor.stdin.write("go\n")
    executor.stdin.flush()


def _enqueue(system_url: str, count: int) -> None:
    client = DBOSClient(system_database_url=system_url, application_name=APPLICATION)
    for body in requests(count):
        options = EnqueueOptions(
            workflow_name=WORKFLOW,
            queue_name=QUEUE,
            workflow_id=body["idempotency_key"],
            app_version=VERSION,
        )
        client.enqueue(options, body)
    client.destroy()
