"""The commands about refunds that wait, disputes, credit records and previews."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.building import capture, full, line, record, request
from tests.cli.in_process import Run, run
from tests.steps.books import assert_books_agree
from tests.steps.conftest import policy
from tests.steps.test_handling import rows
from worker.steps.handling import handle_requests
from worker.steps.sweeping import sweep

__all__ = ["policy", "run"]

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def _broker(broker: object) -> None:
    """Commands want both servers."""


def test_a_held_refund_is_listed_approved_and_told_of(
    policy: Callable[[str], None], run: Run
) -> None:
    policy("[defaults]\napproval_above_minor = { EUR = 50 }")
    record()
    handle_requests([full(requested_by="ann")])
    (held,) = json.loads(run("held", "--json").stdout)
    assert held["holds"] == ["approval"]
    refund_id = held["refund_id"]
    assert refund_id in run("held").stdout
    refused = run("approve", refund_id, "--merchant", "m", "--by", "ann")
    assert refused.returncode == 1
    assert "same_person: 'ann' asked for the refund" in refused.stderr
    wrong = run("approve", "nonsense", "--by", "bea")
    assert (wrong.returncode, "refund_id: is no UUID" in wrong.stderr) == (1, True)
    done = run("approve", refund_id, "--merchant", "m", "--by", "bea", "--key", "x", "--json")
    assert json.loads(done.stdout) == {"decision": "accepted", "replayed": False, "refusal": None}
    again = run("approve", refund_id, "--merchant", "m", "--by", "bea", "--key", "x")
    assert again.stdout == "Done before.\n"
    shown = run("show", refund_id).stdout
    assert "waits for approval" in shown
    assert "approval by bea" in shown
    assert run("held").stdout == "No refund waits.\n"
    sweep()
    assert "no 1 on invoice o-1-c" in run("show", refund_id).stdout
    credit = run("credits", "--merchant", "m").stdout
    assert "o-1-c" in credit
    late = run("cancel", refund_id, "--merchant", "m", "--by", "bea")
    assert "too_late_to_cancel: the refund is deducted" in late.stderr


def test_overdue_refunds_are_listed_with_an_exit_code_of_their_own(
    policy: Callable[[str], None], run: Run
) -> None:
    policy("[defaults]\ndue_days = 14")
    record()
    handle_requests([request("a", awaits_goods=True, requested_at="2026-11-01T00:00:00Z")])
    late = run("overdue")
    assert late.returncode == 4
    assert "2026-11-15" in late.stdout
    ((refund_id,),) = rows("SELECT id FROM refunds")
    done = run("deny", str(refund_id), "--merchant", "m", "--by", "bea")
    assert "not_held: the refund is held and waits for goods" in done.stderr
    assert run("received", str(refund_id), "--merchant", "m", "--by", "bea").returncode == 0
    sweep()
    none = run("overdue")
    assert (none.returncode, none.stdout) == (0, "No refund is overdue.\n")


def test_disputes_and_payments_from_the_command_line(database: str, run: Run) -> None:
    record(capture(customer_paid_minor=0))
    paid = run("captures", "pay", "o-1-c", "--amount", "100", "--merchant", "m")
    assert paid.stdout == "Done.\n"
    opened = run("disputes", "open", "d", "--order", "o-1", "--amount", "60", "--merchant", "m")
    assert opened.returncode == 0, opened.stderr
    odd = run("disputes", "close", "d", "--outcome", "drawn", "--merchant", "m")
    assert "outcome: Input should be 'won' or 'lost'" in odd.stderr
    run("disputes", "close", "d", "--outcome", "lost", "--merchant", "m")
    shown = run("show", "chargeback:d").stdout
    assert "charged back" in shown
    figures = json.loads(run("report", "--merchant", "m", "--json").stdout)
    assert figures["charged_back_minor"] == 60
    assert_books_agree()


def test_previews_of_an_order_and_of_a_file(database: str, run: Run, tmp_path: Path) -> None:
    record(capture(lines=[line(), line("l-2", quantity=1, total_amount_minor=50)]))
    one = run("preview", "--order", "o-1", "--merchant", "m", "--line", "l-1=2")
    assert one.returncode == 0, one.stderr
    assert "accepted 0.67 EUR" in one.stdout
    assert "2 x l-1 (physical): 0.67 EUR, tax 0.13 EUR; left 1 x, 0.33 EUR" in one.stdout
    assert "left of the order: 0.83 EUR" in one.stdout
    fee = run(
        "preview",
        "--order",
        "o-1",
        "--merchant",
        "m",
        "--line-amount",
        "l-2=50",
        "--return-fee",
        "20",
        "--json",
    )
    (told,) = json.loads(fee.stdout)["requests"]
    assert (told["amount_minor"], told["captures"][0]["return_fee_minor"]) == (30, 20)
    file = tmp_path / "refunds.csv"
    file.write_text(
        "idempotency_key,order_id,line_id,quantity,line_amount,amount,return_fee,reason\n"
        "a,o-1,l-1,1,,,,return\n"
        "a,o-1,l-2,,10,,,return\n"
        "b,o-1,,,,40,5,goodwill\n"
        "c,o-1,,,,,,\n"
        "d,o-1,,,,1,,\n"
        "e,o-1,l-1,1,,,,because\n"
    )
    many = run("preview", str(file), "--merchant", "m")
    assert many.returncode == 3
    assert "a · order o-1 · accepted 0.43 EUR" in many.stdout
    assert "b · order o-1 · accepted 0.35 EUR" in many.stdout
    assert "c · order o-1 · accepted 0.67 EUR" in many.stdout
    assert "d · order o-1 · refused nothing_left_to_refund" in many.stdout
    assert "not read: line 7: reason: Input should be 'return', 'cancelled'" in many.stderr
    assert "3 would be accepted (1.45 EUR), 1 refused." in many.stdout
    assert rows("SELECT count(*) FROM refund_requests") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "give either a file or --order"),
        (["--order", "o", "--line", "l"], "'l' is not LINE=NUMBER"),
        (["--order", "o", "--line", "l=x"], "'l=x' is not LINE=NUMBER"),
        (["--order", "o", "--amount", "0"], "amount_minor: Input should be greater than 0"),
    ],
)
def test_a_preview_that_cannot_be_asked_says_why(
    database: str, run: Run, arguments: list[str], fault: str
) -> None:
    done = run("preview", *arguments)
    assert done.returncode == 1
    assert fault in done.stderr
    assert "Traceback" not in done.stderr
