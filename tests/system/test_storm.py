"""Several processes at once that ask, approve, cancel, dispute, pay and sweep the same orders."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.steps.books import assert_books_agree
from tests.steps.conftest import policy
from tests.steps.storm import do_something, record_orders, settle_everything
from tests.steps.test_handling import rows
from tests.steps.test_outcomes import make_due
from tests.steps.test_previewing import POLICY
from tests.system.test_races import PROCESSES, run_at_once
from worker.steps import attempting
from worker.steps.sweeping import sweep

__all__ = ["policy"]

pytestmark = pytest.mark.system

DOINGS = 50


def storm(number: int) -> list[str]:
    chance = random.Random(number)
    answers = [do_something(chance, f"p{number}-{turn}") for turn in range(DOINGS)]
    # On a busy machine calls may outlast their batch: a process that ends waits for them.
    assert attempting.drain(60)
    return answers


def test_processes_that_do_everything_at_once_leave_books_that_agree(
    policy: Callable[[str], None],
) -> None:
    policy(POLICY)
    record_orders()
    answers = [answer for found in run_at_once(storm) for answer in found]
    assert len(answers) == PROCESSES * DOINGS, [one for one in answers if "Error" in one]
    kinds = Counter(answer.split()[0] for answer in answers)
    assert kinds["accepted"] > 30, kinds
    assert kinds["refused"] > 10, kinds
    settle_everything()
    make_due()
    sweep()
    assert rows("SELECT count(*) FROM refunds WHERE state IN ('held', 'accepted')") == [(0,)]
    assert rows("SELECT count(*) FROM parked_messages") == [(0,)]
    assert_books_agree()
