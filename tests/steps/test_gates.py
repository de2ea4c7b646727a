"""A provider that is ill, strict or slow: breaker, rate limit and lanes of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from models.values.gates import RateLimit
from models.values.repayments import Outcome, OutcomeKind, RepaymentOrder
from tests.building import capture, full, record
from tests.steps.books import assert_books_agree
from tests.steps.test_handling import rows
from tests.steps.test_outcomes import make_due, scripted
from worker.database import engine
from worker.providers import registry
from worker.providers.adapters.sandbox import SandboxProvider
from worker.providers.contract import Capabilities
from worker.rules.gating import FAILURES_MAX
from worker.settings import settings
from worker.steps import attempting
from worker.steps.handling import handle_requests
from worker.steps.sweeping import sweep

__all__ = ["scripted"]

STATES = "SELECT state, count(*) FROM repayments GROUP BY 1 ORDER BY 1"
GATE = "SELECT failures, openings, opened_until > now() FROM provider_gates"


def orders(prefix: str, count: int, **fields: Any) -> list[str]:
    names = [f"{prefix}-{number}" for number in range(count)]
    record(*(capture(name, **fields) for name in names))
    return names


def refund(names: list[str]) -> None:
    handle_requests([full(f"k-{name}", name) for name in names])


def let_the_breaker_pass() -> None:
    with engine().begin() as connection:
        connection.execute(text("UPDATE provider_gates SET opened_until = now()"))
        connection.execute(
            text("UPDATE repayments SET next_attempt_at = now() WHERE state IN ('due', 'unknown')")
        )


def test_a_provider_that_is_ill_is_left_alone_and_probed_by_one_call(scripted: Any) -> None:
    scripted({"order_id": "ill.*", "calls": ["timeout_before"]})
    refund(orders("ill", FAILURES_MAX))
    assert rows(GATE) == [(FAILURES_MAX, 1, True)]
    refund(orders("well", 3))
    assert rows("SELECT count(*) FROM repayments WHERE state = 'due' AND attempts = 0") == [(3,)]
    assert sweep() == 0, "what is put off is not due"
    let_the_breaker_pass()
    scripted()
    attempts = rows("SELECT count(*) FROM attempts")[0][0]
    assert sweep() == 1, "one probe"
    assert rows("SELECT count(*) FROM attempts") == [(attempts + 1,)]
    assert rows("SELECT count(*) FROM provider_gates") == [(0,)], "an answer closes it"
    make_due()
    sweep()
    assert rows(STATES) == [("settled", FAILURES_MAX + 3)]
    assert_books_agree()


def test_a_probe_that_fails_keeps_the_breaker_open_for_longer(scripted: Any) -> None:
    scripted({"calls": ["timeout_before"]})
    refund(orders("ill", FAILURES_MAX))
    let_the_breaker_pass()
    assert sweep() == 1
    assert rows(GATE) == [(FAILURES_MAX + 1, 2, True)]
    ((seconds,),) = rows(
        "SELECT CAST(extract(epoch FROM opened_until - now()) AS int) FROM provider_gates"
    )
    assert 60 <= seconds <= 90


def test_declines_do_not_open_the_breaker(scripted: Any) -> None:
    scripted({"calls": ["decline"]})
    refund(orders("poor", FAILURES_MAX * 2))
    assert rows("SELECT count(*) FROM provider_gates") == [(0,)]


def test_one_merchants_ill_account_is_no_others(scripted: Any) -> None:
    scripted({"order_id": "ill.*", "calls": ["timeout_before"]})
    refund(orders("ill", FAILURES_MAX))
    record(capture("theirs", merchant_id="n"))
    handle_requests([full("k", "theirs", merchant_id="n")])
    assert rows("SELECT state FROM refunds WHERE merchant_id = 'n'") == [("deducted",)]


def test_no_more_is_sent_than_the_provider_allows(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = replace(
        SandboxProvider.capabilities, rate_limit=RateLimit(60, timedelta(hours=1), burst=2)
    )
    monkeypatch.setattr(SandboxProvider, "capabilities", limited)
    names = orders("many", 6)
    refund(names[:3])
    refund(names[3:])
    assert rows(STATES) == [("due", 4), ("settled", 2)]
    assert sweep() == 0
    ((soon, late),) = rows(
        "SELECT min(next_attempt_at) > now(), max(next_attempt_at) < now() + interval '3 minutes'"
        " FROM repayments WHERE state = 'due'"
    )
    assert (soon, late) == (True, True)
    with engine().begin() as connection:
        connection.execute(
            text("UPDATE provider_gates SET admitted_until = admitted_until - interval '1 minute'")
        )
    make_due()
    assert sweep() == 1, "a minute allows one more"


class SlowProvider:
    """Answers when it is let."""

    name = "slow"
    capabilities = Capabilities(key_lifetime=timedelta(days=1), can_look_up=True)

    def __init__(self) -> None:
        self.let = threading.Event()
        self.called = 0

    def repay(self, order: RepaymentOrder) -> Outcome:
        """Wait, then settle."""
        self.called += 1
        assert self.let.wait(60)
        return Outcome(OutcomeKind.SETTLED, provider_refund_id=f"slow-{order.key}")

    def look_up(self, order: RepaymentOrder) -> Outcome:
        """As `repay`."""
        return self.repay(order)


@pytest.fixture
def slow(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowProvider]:
    provider = SlowProvider()
    monkeypatch.setenv("REFUNDS_PATIENCE_SECONDS", "0.1")
    settings.cache_clear()
    real_installed, real_named = registry._installed, registry._load
    monkeypatch.setattr(registry, "_installed", lambda: real_installed() | {"slow": None})
    monkeypatch.setattr(
        registry, "_load", lambda name: provider if name == "slow" else real_named(name)
    )
    yield provider
    provider.let.set()
    assert attempting.drain(30)
    settings.cache_clear()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_slow_provider_holds_up_no_others_refunds(slow: SlowProvider) -> None:
    names = orders("slow", 2, provider="slow") + orders("fast", 3)
    refund(names)
    assert rows("SELECT provider, state FROM repayments ORDER BY 1, 2") == [
        *[("sandbox", "settled")] * 3,
        *[("slow", "unknown")] * 2,
    ]
    assert sweep() == 0, "they are under way, not abandoned"
    slow.let.set()
    assert attempting.drain(30)
    assert rows(STATES) == [("settled", 5)]
    assert rows("SELECT count(*) FROM attempts") == [(5,)]


def test_a_slow_provider_gets_no_more_work_than_its_lanes(slow: SlowProvider) -> None:
    names = orders("slow", attempting.LANES + 2, provider="slow")
    for name in names:
        refund([name])
    assert attempting.busy_providers() == ["slow"]
    assert rows(STATES) == [("due", 2), ("unknown", attempting.LANES)]
    make_due()
    refund(orders("fast", 1))
    assert sweep() == 0, "the sweep leaves a busy provider alone"
    assert rows("SELECT state FROM refunds WHERE settled_minor > 0") == [("deducted",)]
    slow.let.set()
    assert attempting.drain(30)
    wait_until(lambda: attempting.busy_providers() == [])
    sweep()
    assert rows(STATES) == [("settled", attempting.LANES + 3)]


def test_calls_under_way_are_waited_for_within_a_bound(slow: SlowProvider) -> None:
    refund(orders("slow", 1, provider="slow"))
    assert not attempting.drain(0.05)
    slow.let.set()
    assert attempting.drain(30)
    assert rows(STATES) == [("settled", 1)]
