"""Debt is reduced first; no more money goes back than the customer has paid."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.orders import Capture
from worker.rules.splitting import cash_of


def capture(captured: int, paid: int, taken: int = 0, cash: int = 0) -> Capture:
    return Capture(1, "c", datetime(2026, 1, 1, tzinfo=UTC), "p", captured, paid, taken, cash)


@pytest.mark.parametrize(
    ("of", "amount", "cash"),
    [
        (capture(100, 100), 40, 40),
        (capture(100, 0), 40, 0),
        (capture(100, 0), 100, 0),
        (capture(100, 60), 30, 0),
        (capture(100, 60), 40, 0),
        (capture(100, 60), 41, 1),
        (capture(100, 60), 100, 60),
        (capture(100, 60, taken=30), 30, 20),
        (capture(100, 60, taken=50, cash=10), 50, 50),
        (capture(100, 99), 1, 0),
        (capture(100, 60), 0, 0),
    ],
)
def test_debt_first_then_money(of: Capture, amount: int, cash: int) -> None:
    assert cash_of(of, amount) == cash


@settings(deadline=None)
@given(
    st.integers(1, 10**12),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**12)), max_size=12),
    st.data(),
)
def test_money_never_exceeds_what_was_paid_also_when_refunds_fail_or_debt_is_paid_meanwhile(
    captured: int, steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Steps: a refund; the release of a live one; the customer pays some of the debt left."""
    of = capture(captured, data.draw(st.integers(0, captured)))
    live: list[tuple[int, int]] = []
    for step, number in steps:
        if step == 0 and of.left_minor:
            amount = 1 + number % of.left_minor
            cash = cash_of(of, amount)
            assert 0 <= cash <= amount
            assert cash == 0 or amount - cash == of.debt_left_minor, "debt first"
            live.append((amount, cash))
        elif step == 1 and live:
            live.pop(number % len(live))
        elif step == 2 and of.debt_left_minor:
            of = replace(of, paid_minor=of.paid_minor + 1 + number % of.debt_left_minor)
        of = replace(
            of,
            taken_minor=sum(amount for amount, _ in live),
            cash_minor=sum(cash for _, cash in live),
        )
        assert of.cash_minor <= of.paid_minor
        assert of.debt_left_minor >= 0
    if of.left_minor:
        cash = cash_of(of, of.left_minor)
        assert of.cash_minor + cash == of.paid_minor, "in the end exactly what was paid"
