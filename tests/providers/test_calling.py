"""Provider calls: many at once, within the lease, and whatever happens is an outcome."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from models.values.repayments import Action, Claim, Outcome, OutcomeKind, RepaymentOrder
from models.values.states import RepaymentState
from tests.providers.test_sandbox import order
from worker.clock import elapsed_seconds
from worker.providers import calling
from worker.providers.contract import Capabilities
from worker.settings import settings


class Slow:
    """Takes 0.2 seconds a call; looks up at once; dies on order "broken"."""

    name = "slow"
    capabilities = Capabilities(key_lifetime=timedelta(days=1), can_look_up=True)

    def repay(self, order: RepaymentOrder) -> Outcome:
        if order.order_id == "broken":
            raise RuntimeError(order.order_id)
        time.sleep(0.2)
        return Outcome(OutcomeKind.SETTLED, provider_refund_id=order.key)

    def look_up(self, order: RepaymentOrder) -> Outcome:
        return Outcome(OutcomeKind.PENDING, provider_refund_id=order.key)


class Batching(Slow):
    """Takes whatever is not of order "single" in one call, and answers one too few if told."""

    short = False

    def takes_in_batch(self, order: RepaymentOrder) -> bool:
        return order.order_id != "single"

    def repay_many(self, orders: Sequence[RepaymentOrder]) -> Sequence[Outcome]:
        kept = orders[1:] if self.short else orders
        return [Outcome(OutcomeKind.SETTLED, code="batch", provider_refund_id=o.key) for o in kept]


def claim(
    key: str, action: Action = Action.SEND, provider: str = "p", order_id: str = "o"
) -> Claim:
    asked = order(key, order_id=order_id)
    return Claim(UUID(int=1), 1, 1, action, RepaymentState.DUE, provider, asked)


@pytest.fixture
def adapters(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Slow]]:
    found: dict[str, Slow] = {"p": Slow(), "b": Batching()}
    monkeypatch.setattr(calling, "provider_named", found.__getitem__)
    monkeypatch.setenv("REFUNDS_CALLS_AT_ONCE", "4")
    settings.cache_clear()
    yield found
    settings.cache_clear()


def test_outcomes_come_in_the_order_of_the_claims(adapters: dict[str, Slow]) -> None:
    claims = [
        claim("1"),
        claim("2", Action.NONE),
        claim("3", Action.ASK),
        claim("4", provider="b"),
        claim("5", provider="b", order_id="single"),
        claim("6", Action.ASK, provider="b"),
        claim("7", provider="missing"),
        claim("8", order_id="broken"),
    ]
    told = [(one.kind, one.code, one.provider_refund_id) for one in calling.call_all(claims)]
    assert told == [
        (OutcomeKind.SETTLED, None, "1"),
        (OutcomeKind.SETTLED, "debt_only", None),
        (OutcomeKind.PENDING, None, "3"),
        (OutcomeKind.SETTLED, "batch", "4"),
        (OutcomeKind.SETTLED, None, "5"),
        (OutcomeKind.PENDING, None, "6"),
        (OutcomeKind.NOT_SENT, "provider_unavailable", None),
        (OutcomeKind.UNKNOWN, "provider_error", None),
    ]


def test_calls_run_at_once(adapters: dict[str, Slow]) -> None:
    started = time.monotonic()
    calling.call_all([claim(str(n)) for n in range(8)])
    # Eight calls of 0.2 seconds, four at once: two rounds, not eight.
    assert time.monotonic() - started < 8 * 0.2


def test_no_call_is_begun_in_the_second_half_of_its_lease(
    adapters: dict[str, Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUNDS_LEASE_SECONDS", "0.5")
    settings.cache_clear()
    outcomes = calling.call_all([claim(str(n)) for n in range(20)])
    begun = [one for one in outcomes if one.kind is OutcomeKind.SETTLED]
    rest = [one for one in outcomes if one.kind is not OutcomeKind.SETTLED]
    assert 4 <= len(begun) < 20
    assert {(one.kind, one.code) for one in rest} == {(OutcomeKind.NOT_SENT, "no_time_left")}


def test_a_batch_with_a_wrong_number_of_answers_is_unknown_as_a_whole(
    adapters: dict[str, Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batching, "short", True)
    outcomes = calling.call_all([claim(str(n), provider="b") for n in range(3)])
    assert {one.kind for one in outcomes} == {OutcomeKind.UNKNOWN}


def test_a_process_that_stood_still_between_claim_and_call_sends_nothing(
    adapters: dict[str, Slow],
) -> None:
    """The key may be dead by now: the lease counts from before the claim, whoever waited."""
    claims = [claim("1"), claim("2", provider="b"), claim("3", Action.ASK), claim("4", Action.NONE)]
    half_a_lease_ago = elapsed_seconds() - settings().lease_seconds / 2
    late = calling.call_all(claims, half_a_lease_ago - 0.1)
    assert [one.code for one in late] == ["no_time_left"] * 3 + ["debt_only"]
    assert {one.kind for one in late[:3]} == {OutcomeKind.NOT_SENT}
    in_time = calling.call_all(claims, elapsed_seconds())
    assert [one.kind for one in in_time] == [
        OutcomeKind.SETTLED,
        OutcomeKind.SETTLED,
        OutcomeKind.PENDING,
        OutcomeKind.SETTLED,
    ]
