"""What a payout comes to: worked examples, and identities that hold for all inputs."""

from dataclasses import astuple, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.booking import PayoutTotals
from worker.rules.payouts import total

AMOUNTS = st.integers(0, 10**12) | st.integers(0, 5)


@pytest.mark.parametrize(
    ("sales", "returns", "reversals", "opening", "repaid", "new", "closing", "settlement"),
    [
        (0, 0, 0, 0, 0, 0, 0, 0),
        (100, 30, 0, 0, 0, 0, 0, 70),
        (100, 100, 0, 0, 0, 0, 0, 0),
        (30, 100, 0, 0, 0, 70, 70, 0),
        (30, 100, 0, 50, 0, 70, 120, 0),
        (100, 30, 0, 50, 50, 0, 0, 20),
        (100, 30, 0, 70, 70, 0, 0, 0),
        (100, 30, 0, 90, 70, 0, 20, 0),
        (0, 0, 0, 90, 0, 0, 90, 0),
        (50, 50, 0, 90, 0, 0, 90, 0),
        # What came back is paid out, repays debt, and makes up for returns, as sales do.
        (0, 0, 40, 0, 0, 0, 0, 40),
        (0, 0, 40, 30, 30, 0, 0, 10),
        (0, 0, 40, 90, 40, 0, 50, 0),
        (100, 130, 40, 0, 0, 0, 0, 10),
        (100, 140, 40, 90, 0, 0, 90, 0),
        (100, 150, 40, 90, 0, 10, 100, 0),
        (100, 150, 60, 90, 10, 0, 80, 0),
    ],
)
def test_worked_examples(
    sales: int,
    returns: int,
    reversals: int,
    opening: int,
    repaid: int,
    new: int,
    closing: int,
    settlement: int,
) -> None:
    assert total(sales, returns, opening, reversals) == PayoutTotals(
        sales_minor=sales,
        returns_minor=returns,
        reversals_minor=reversals,
        opening_debt_minor=opening,
        repaid_debt_minor=repaid,
        new_debt_minor=new,
        closing_debt_minor=closing,
        settlement_minor=settlement,
    )


@pytest.mark.parametrize("given_", [(-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, -1, 0), (0, 0, 0, -1)])
def test_a_negative_amount_is_an_error(given_: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="never negative"):
        total(*given_)


@settings(deadline=None)
@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_identities_hold_for_all_inputs(
    sales: int, returns: int, opening: int, reversals: int
) -> None:
    found = total(sales, returns, opening, reversals)
    net = sales - returns + reversals
    assert found.settlement_minor == net - found.repaid_debt_minor + found.new_debt_minor
    assert found.closing_debt_minor == (opening - found.repaid_debt_minor + found.new_debt_minor)
    assert min(astuple(found)) >= 0
    assert len(astuple(found)) == len(fields(PayoutTotals)) == 8
    assert found.repaid_debt_minor <= max(net, 0), "never beyond the surplus"
    assert found.repaid_debt_minor <= opening
    assert found.new_debt_minor == max(-net, 0)
    assert 0 in (found.settlement_minor, found.closing_debt_minor), "debt goes before money"


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_what_came_back_moves_money_and_debt_as_a_sale_does(
    sales: int, returns: int, opening: int, reversals: int
) -> None:
    came_back = total(sales, returns, opening, reversals)
    sold = total(sales + reversals, returns, opening)
    assert came_back.settlement_minor == sold.settlement_minor
    assert came_back.closing_debt_minor == sold.closing_debt_minor
    assert total(sales, returns, opening) == total(sales, returns, opening, 0)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_deduction_that_is_taken_back_in_the_same_payout_leaves_no_trace_in_money(
    sales: int, returns: int, opening: int
) -> None:
    undone = total(sales, returns, opening, returns)
    never = total(sales, 0, opening)
    assert undone.settlement_minor == never.settlement_minor
    assert undone.closing_debt_minor == never.closing_debt_minor


@settings(deadline=None)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), max_size=20), AMOUNTS)
def test_any_sequence_of_payouts_conserves_money(
    periods: list[tuple[int, int, int]], opening: int
) -> None:
    debt, settled = opening, 0
    for sales, returns, reversals in periods:
        found = total(sales, returns, debt, reversals)
        assert found.opening_debt_minor == debt
        debt, settled = found.closing_debt_minor, settled + found.settlement_minor
    assert settled - debt + opening == sum(
        sales - returns + reversals for sales, returns, reversals in periods
    )
