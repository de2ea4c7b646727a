"""Debt is reduced first; no more money goes back than the customer has paid."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.orders import Capture
from worker.rules.splitting import cash_of, divide_overpaid, overpaid_of


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
        # The debt was reduced by 30, and paid all the same: none is left.
        (capture(100, 100, taken=30), 10, 10),
    ],
)
def test_debt_first_then_money(of: Capture, amount: int, cash: int) -> None:
    assert cash_of(of, amount) == cash


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


@pytest.mark.parametrize(
    ("of", "overpaid"),
    [
        (capture(100, 100), 0),
        (capture(100, 60, taken=40), 0),
        (capture(100, 61, taken=40), 1),
        (capture(100, 59, taken=40), 0),
        (capture(100, 100, taken=40), 40),
        (capture(100, 100, taken=40, cash=15), 25),
        (capture(100, 100, taken=40, cash=40), 0),
        (capture(100, 0, taken=100), 0),
        (capture(100, 100, taken=100), 100),
    ],
)
def test_what_is_paid_beyond_what_is_owed_is_overpaid(of: Capture, overpaid: int) -> None:
    assert overpaid_of(of) == overpaid
    assert max(of.debt_left_minor, 0) - overpaid == of.debt_left_minor


@pytest.mark.parametrize(
    ("overpaid", "reduced", "parts"),
    [
        (0, [], []),
        (5, [], []),
        (0, [10, 20], [0, 0]),
        (5, [10, 20], [5, 0]),
        (10, [10, 20], [10, 0]),
        (11, [10, 20], [10, 1]),
        (30, [10, 20], [10, 20]),
        (31, [10, 20], [10, 20]),
        (15, [0, 10, 20], [0, 10, 5]),
    ],
)
def test_what_is_overpaid_goes_back_for_the_refunds_that_had_reduced_the_debt(
    overpaid: int, reduced: list[int], parts: list[int]
) -> None:
    before = list(reduced)
    assert divide_overpaid(overpaid, reduced) == parts
    assert reduced == before


@given(
    st.integers(1, 10**12),
    st.lists(st.tuples(st.booleans(), st.integers(0, 10**12)), max_size=12),
    st.data(),
)
def test_whenever_the_customer_pays_it_ends_with_what_was_paid_beyond_the_debt_as_money(
    captured: int, steps: list[tuple[bool, int]], data: st.DataObject
) -> None:
    """Refunds and payments of the invoice in any order; what is overpaid goes back at once."""
    of = capture(captured, data.draw(st.integers(0, captured)))
    reduced: list[int] = []
    for refund, number in steps:
        if refund and of.left_minor:
            amount = 1 + number % of.left_minor
            cash = cash_of(of, amount)
            reduced.append(amount - cash)
            of = replace(of, taken_minor=of.taken_minor + amount, cash_minor=of.cash_minor + cash)
        elif not refund and of.paid_minor < captured:
            more = 1 + number % (captured - of.paid_minor)
            of = replace(of, paid_minor=of.paid_minor + more)
            parts = divide_overpaid(overpaid_of(of), reduced)
            assert sum(parts) == overpaid_of(of), "some refund had reduced it"
            reduced = [was - part for was, part in zip(reduced, parts, strict=True)]
            of = replace(of, cash_minor=of.cash_minor + sum(parts))
        assert overpaid_of(of) == 0
        assert of.debt_left_minor >= 0
        assert of.cash_minor == max(0, of.taken_minor - (captured - of.paid_minor))
