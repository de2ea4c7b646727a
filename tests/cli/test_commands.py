"""The commands, as a person runs them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.building import capture, full, record, request
from tests.system.running import Worker, wait_for, worker
from worker.steps.handling import handle_requests

ROOT = Path(__file__).parents[2]
REFUNDS = [sys.executable, "-c", "from worker.cli import main; main()"]

PS = shutil.which("ps") or "ps"

pytestmark = pytest.mark.system


def refunds(*arguments: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*REFUNDS, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=150,
        check=False,
        env={**os.environ, "COLUMNS": "250", "PYTHONPATH": str(ROOT), **env},
    )


def without_servers() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}


def test_demo_on_its_own_servers_ends_with_equal_books(tmp_path: Path) -> None:
    done = refunds("demo", "--report", str(tmp_path / "r.json"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "r.json").read_text())
    assert figures["accepted"] == 7
    assert figures["refused"] == {
        "exceeds_captured": 1,
        "nothing_left_to_refund": 1,
        "order_not_found": 1,
    }
    assert figures["refunded_minor"] == figures["deducted_minor"] == 27228
    assert figures["provider_repaid_minor"] == 27228 - 6000
    assert figures["refunded_minor_by_market"] == {
        "DE": 8950,
        "FI": 8900,
        "GB": 5378,
        "SE": 3500,
        "NL": 500,
    }
    assert figures["ledger_balanced"]
    assert figures["unfinished"] == 0
    assert "the books agree" in done.stdout
    assert not (tmp_path / ".local").exists()


def test_demo_stopped_by_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    marker = str(tmp_path)
    process = subprocess.Popen(
        [*REFUNDS, "demo", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=tmp_path,
        start_new_session=True,
        env={**without_servers(), "PYTHONPATH": str(ROOT), "REFUNDS_DATA_DIR": f"{marker}/data"},
    )
    wait_for(lambda: (tmp_path / "data/logs/worker.log").exists(), 60)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output.decode()
    assert "Traceback" not in output.decode()
    wait_for(lambda: marker not in _running(), 30)


def _running() -> str:
    return subprocess.run([PS, "axww"], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def running(database: str, broker: Any, tmp_path: Path) -> Iterator[Worker]:
    with worker(tmp_path, "--concurrency", "2") as one:
        yield one


def test_files_are_loaded_and_submitted_and_a_second_time_changes_nothing(
    running: Worker,
) -> None:
    sample = ROOT / "worker/files/sample"
    first = refunds("captures", "load", str(sample / "captures.csv"), "--json")
    assert json.loads(first.stdout) == {"stored": 6, "not_sent": []}
    reports = []
    for _ in range(2):
        done = refunds("submit", str(sample / "refunds.csv"), "--json")
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout))
    assert reports[0] == reports[1]
    assert reports[0]["submitted"] == 10
    assert reports[0]["report"]["deducted_minor"] == 27228
    shown = refunds("report")
    assert shown.returncode == 0
    assert "27,228" in shown.stdout


def test_rows_that_make_no_message_are_named_and_the_others_sent(
    running: Worker, tmp_path: Path
) -> None:
    path = tmp_path / "captures.csv"
    path.write_text(
        "order_id,capture_id,captured_at,market,currency,line_id,quantity,total_amount\n"
        "a,a-1,2026-01-01T00:00:00Z,DE,EUR,1,1,100\n"
        "b,b-1,2026-01-01T00:00:00Z,DE,EUR,1,1,10.5\n"
    )
    done = refunds("captures", "load", str(path))
    assert done.returncode == 3
    assert "line 3: lines[0].total_amount_minor" in done.stderr
    assert "1 captures stored, 1 not sent" in done.stdout


def test_show_tells_a_refunds_story_by_id_and_by_key(database: str, broker: Any) -> None:
    record(capture(customer_paid_minor=50))
    (answer, refused) = handle_requests([full(), request("no", "o-none")])
    by_key, by_id = refunds("show", "k-1"), refunds("show", str(answer.refund_id))
    assert by_key.stdout == by_id.stdout
    for told in ("asked", "accepted", "sent", "answered settled", "booked", "deducted"):
        assert told.split()[0] in by_key.stdout, told
    assert "0.50 EUR through sandbox" in by_key.stdout
    assert "0.50 EUR off the customer's debt" in by_key.stdout
    assert "order_not_found (order_id)" in refunds("show", "no").stdout
    story = json.loads(refunds("show", "k-1", "--json").stdout)
    assert story["request"]["refund_id"] == str(answer.refund_id)
    assert refused.refusal is not None


def test_what_cannot_be_found_or_is_ambiguous_is_said_in_a_sentence(
    database: str, broker: Any
) -> None:
    handle_requests([request(), request(merchant_id="other")])
    unknown, ambiguous = refunds("show", "nope"), refunds("show", "k-1")
    assert (unknown.returncode, ambiguous.returncode) == (1, 1)
    assert "no refund or refund request 'nope'" in unknown.stderr
    assert "several merchants used 'k-1': m, other" in ambiguous.stderr
    assert "order_not_found" in refunds("show", "k-1", "--merchant", "m").stdout


def test_payouts_are_closed_and_listed(database: str, broker: Any) -> None:
    record()
    handle_requests([request()])
    closed = refunds("payouts", "close", "--merchant", "m", "--currency", "EUR", "--json")
    assert json.loads(closed.stdout)["settlement_minor"] == 67
    listed = json.loads(refunds("payouts", "list", "--merchant", "m", "--json").stdout)
    assert [payout["state"] for payout in listed] == ["closed", "open"]
    nothing = refunds("payouts", "close", "--merchant", "m", "--currency", "SEK")
    assert nothing.returncode == 1
    assert "no open payout in SEK" in nothing.stderr


def test_one_url_alone_is_a_fault_that_names_the_other(database: str) -> None:
    done = refunds("report", REDIS_URL="")
    assert done.returncode == 1
    assert "set both" in done.stderr


def test_a_database_that_is_away_is_said_in_a_sentence() -> None:
    started = time.monotonic()
    done = refunds(
        "report",
        DATABASE_URL="postgresql://nobody@127.0.0.1:9/none",
        REDIS_URL="redis://127.0.0.1:9/0",
    )
    assert done.returncode == 1
    assert "the database cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started < 60


def test_the_worker_refuses_a_schema_that_is_not_its_own(
    servers: Any, broker: Any, tmp_path: Path
) -> None:
    one = Worker(tmp_path / "worker.log", DATABASE_URL=servers.database_url)
    try:
        wait_for(lambda: one.process.poll() is not None, 40, one.log)
    finally:
        one.kill()
    assert one.process.returncode != 0
    assert "refunds migrate" in one.log.read_text()
    assert "Traceback" not in one.log.read_text()


@pytest.mark.parametrize("kill", [False, True], ids=["undisturbed", "worker killed twice"])
def test_online_retail_ends_as_expected_to_the_penny(
    online_retail: Path, tmp_path: Path, *, kill: bool
) -> None:
    report = tmp_path / "r.json"
    process = subprocess.Popen(
        [
            *REFUNDS,
            "demo",
            "--captures",
            str(online_retail / "captures.csv.gz"),
            "--refunds",
            str(online_retail / "refunds.csv.gz"),
            "--report",
            str(report),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=tmp_path,
        env={**without_servers(), "PYTHONPATH": str(ROOT), "REFUNDS_LEASE_SECONDS": "20"},
    )
    if kill:
        for _ in range(2):
            wait_for(lambda: _worker_of(process.pid), 60)
            time.sleep(9)
            _kill_worker_of(process.pid)
    output, _ = process.communicate(timeout=170)
    assert process.returncode == 0, output.decode()
    found, expected = (
        json.loads(report.read_text()),
        json.loads((online_retail / "expected.json").read_text()),
    )
    assert {
        "orders": found["orders"],
        "captured_lines": found["captured_lines"],
        "captured_pence": found["captured_minor"],
        "refund_requests": found["refund_requests"],
        "accepted": found["accepted"],
        "refused_nothing_captured": found["refused"]["order_not_found"],
        "refused_more_than_captured": found["refused"]["exceeds_captured"],
        "refunded_pence": found["refunded_minor"],
        "orders_refunded": found["orders_refunded"],
        "refunded_pence_by_market": found["refunded_minor_by_market"],
    } == {name: value for name, value in expected.items() if name != "refund_lines"}
    assert found["provider_repaid_minor"] == found["deducted_minor"] == expected["refunded_pence"]
    assert found["ledger_balanced"]
    assert found["unfinished"] == 0
    if kill:
        assert found["worker_restarts"] == 2


def _kill_worker_of(pid: int) -> None:
    """SIGKILL the worker of this demo, as soon as there is one."""
    wait_for(lambda: _worker_of(pid), 60)
    for worker_pid in _worker_of(pid):
        os.kill(worker_pid, signal.SIGKILL)


def _worker_of(pid: int) -> list[int]:
    """The Celery worker that this demo runs now, if it does."""
    listed = subprocess.run(
        [PS, "-o", "pid=,stat=,args=", "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in listed.stdout.splitlines() if " worker.app worker " in line]
    return [int(line.split()[0]) for line in found if line.split()[1][0] != "Z"]
