"""Several processes at once on the same order, key, payout and repayment."""

import multiprocessing
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from tests.building import capture, full, line, record, request
from tests.steps.test_handling import rows
from worker.database import engine
from worker.steps.accepting import accept_requests
from worker.steps.capturing import record_captures
from worker.steps.closing import close_payout
from worker.steps.handling import handle_requests
from worker.steps.reporting import report
from worker.steps.sweeping import sweep

PROCESSES = 8

pytestmark = pytest.mark.system


def _work(work: Callable[[int], Any], number: int, barrier: Any, answers: Any) -> None:
    try:
        barrier.wait(60)
        answers.put(work(number))
    except BaseException as error:
        answers.put(f"{type(error).__name__}: {error}")
        raise


def run_at_once(work: Callable[[int], Any], processes: int = PROCESSES) -> list[Any]:
    """Run `work` with 0..processes-1 in as many processes at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(processes), context.Queue()
    children = [
        context.Process(target=_work, args=(work, number, barrier, answers))
        for number in range(processes)
    ]
    for child in children:
        child.start()
    found = [answers.get(timeout=90) for _ in children]
    for child in children:
        child.join(30)
        assert child.exitcode == 0, found
    return found


def refund_units(number: int) -> list[str]:
    return [
        str(answer).split()[0]
        for turn in range(10)
        for answer in handle_requests([request(f"p{number}-{turn}")])
    ]


def test_processes_that_refund_one_order_never_exceed_what_was_captured(database: str) -> None:
    record(capture(lines=[line(quantity=37, total_amount_minor=1001)]))
    found = Counter(answer for answers in run_at_once(refund_units) for answer in answers)
    assert found == {"accepted": 37, "refused": PROCESSES * 10 - 37}
    assert rows("SELECT sum(amount_minor), count(*) FROM sandbox.movements") == [(1001, 37)]
    assert rows("SELECT refunded_minor, reserved_minor FROM captures") == [(1001, 0)]
    assert rows("SELECT count(*) FROM refund_requests") == [(PROCESSES * 10,)]
    figures = report("m")
    assert figures["ledger_balanced"]
    assert figures["deducted_minor"] == 1001


def same_keys(number: int) -> list[str]:
    return [str(answer) for answer in handle_requests([request(f"k-{n}") for n in range(3)])]


def test_the_same_keys_in_several_processes_are_one_refund_each(database: str) -> None:
    record()
    found = run_at_once(same_keys)
    assert len({tuple(line.replace(" (replayed)", "") for line in answer) for answer in found}) == 1
    assert rows("SELECT count(*), sum(amount_minor) FROM sandbox.movements") == [(3, 100)]


def one_key_many_orders(number: int) -> str:
    return str(handle_requests([full("k", f"o-{number}")])[0])


def test_one_key_for_several_orders_at_once_is_one_refund_and_conflicts(database: str) -> None:
    record(*(capture(f"o-{number}") for number in range(PROCESSES)))
    found = Counter(answer.split()[0] for answer in run_at_once(one_key_many_orders))
    assert found == {"accepted": 1, "refused": PROCESSES - 1}
    assert rows("SELECT count(*), sum(amount_minor) FROM sandbox.movements") == [(1, 100)]
    assert rows("SELECT sum(reserved_minor), sum(refunded_minor) FROM captures") == [(0, 100)]
    assert rows("SELECT count(*) FROM refused_messages") == [(PROCESSES - 1,)]


def same_capture(number: int) -> str:
    return str(record_captures([capture(f"o-{number % 2}", capture_id="c")])[0])


def test_one_capture_id_in_several_processes_is_one_capture(database: str) -> None:
    found = Counter(answer.split(" (")[0] for answer in run_at_once(same_capture))
    assert found == {"accepted": PROCESSES // 2, "refused capture_conflict": PROCESSES // 2}
    assert rows("SELECT count(*) FROM captures") == [(1,)]


def crossing_orders(number: int) -> int:
    """Batches that take the same orders in opposite ways."""
    orders = [f"o-{n}" for n in range(8)]
    if number % 2:
        orders.reverse()
    for turn in range(6):
        handle_requests([request(f"{number}-{turn}-{order}", order) for order in orders])
    return number


def test_batches_that_cross_do_not_deadlock(database: str) -> None:
    record(
        *(capture(f"o-{n}", lines=[line(quantity=36, total_amount_minor=997)]) for n in range(8))
    )
    run_at_once(crossing_orders)
    assert rows("SELECT sum(refunded_minor), sum(reserved_minor) FROM captures") == [(8 * 997, 0)]
    assert rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [
        (0,)
    ]


def close_and_refund(number: int) -> int:
    if number < 2:
        for _ in range(10):
            close_payout("m", "EUR")
    else:
        for turn in range(10):
            handle_requests([request(f"{number}-{turn}", f"o-{number}")])
    return number


def test_payouts_that_close_while_refunds_go_on_lose_and_repeat_nothing(database: str) -> None:
    record(
        *(
            capture(f"o-{n}", lines=[line(quantity=10, total_amount_minor=333)])
            for n in range(PROCESSES)
        )
    )
    run_at_once(close_and_refund)
    close_payout("m", "EUR")
    refunded = 333 * (PROCESSES - 2)
    assert rows("SELECT sum(returns_minor), sum(sales_minor) FROM payouts") == [
        (refunded, 333 * PROCESSES)
    ]
    assert rows(
        "SELECT sum(settlement_minor) - (SELECT closing_debt_minor FROM payouts"
        " WHERE state = 'closed' ORDER BY id DESC LIMIT 1) FROM payouts"
    ) == [(333 * PROCESSES - refunded,)]
    assert report("m")["ledger_balanced"]


def sweep_once(number: int) -> int:
    return sweep()


def test_sweeps_at_once_attempt_each_repayment_once(database: str) -> None:
    record(*(capture(f"o-{n}") for n in range(200)))
    accept_requests([full(f"k-{n}", f"o-{n}") for n in range(200)])
    with engine().begin() as connection:
        connection.execute(text("UPDATE repayments SET next_attempt_at = now()"))
    found = run_at_once(sweep_once)
    assert sum(found) == 200
    assert rows("SELECT count(*), sum(amount_minor) FROM sandbox.movements") == [(200, 20000)]
    assert rows("SELECT count(*) FROM attempts WHERE outcome IS NULL") == [(200,)]
