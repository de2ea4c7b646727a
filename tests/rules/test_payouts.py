"""What a payout comes to: worked examples, its identities, and money over many payouts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.booking import PayoutTotals
from worker.rules.payouts import total

AMOUNTS = st.integers(0, 10**12) | st.integers(0, 5)


@pytest.mark.parametrize(
    ("sales", "returns", "opening", "repaid", "new", "closing", "settlement"),
    [
        (0, 0, 0, 0, 0, 0, 0),
        (100, 30, 0, 0, 0, 0, 70),
        (100, 100, 0, 0, 0, 0, 0),
        (30, 100, 0, 0, 70, 70, 0),
        (30, 100, 50, 0, 70, 120, 0),
        (100, 30, 50, 50, 0, 0, 20),
        (100, 30, 70, 70, 0, 0, 0),
        (100, 30, 90, 70, 0, 20, 0),
        (0, 0, 90, 0, 0, 90, 0),
        (50, 50, 90, 0, 0, 90, 0),
    ],
)
def test_worked_examples(
    sales: int, returns: int, opening: int, repaid: int, new: int, closing: int, settlement: int
) -> None:
    assert total(sales, returns, opening) == PayoutTotals(
        sales_minor=sales,
        returns_minor=returns,
        opening_debt_minor=opening,
        repaid_debt_minor=repaid,
        new_debt_minor=new,
        closing_debt_minor=closing,
        settlement_minor=settlement,
    )


@pytest.mark.parametrize("given_", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_a_negative_amount_is_an_error(given_: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="never negative"):
        total(*given_)


@settings(deadline=None)
@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_identities_hold_for_all_inputs(sales: int, returns: int, opening: int) -> None:
    found = total(sales, returns, opening)
    assert found.settlement_minor == (
        sales - returns - found.repaid_debt_minor + found.new_debt_minor
    )
    assert found.closing_debt_minor == (opening - found.repaid_debt_minor + found.new_debt_minor)
    assert min(vars_of(found)) >= 0
    assert found.repaid_debt_minor <= max(sales - returns, 0), "never beyond the surplus"
    assert found.repaid_debt_minor <= opening
    assert found.new_debt_minor == max(returns - sales, 0)
    assert 0 in (found.settlement_minor, found.closing_debt_minor), "debt goes before money"


def vars_of(found: PayoutTotals) -> list[int]:
    return [getattr(found, name) for name in PayoutTotals.__slots__]


@settings(deadline=None)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=20), AMOUNTS)
def test_any_sequence_of_payouts_conserves_money(
    periods: list[tuple[int, int]], opening: int
) -> None:
    debt, settled = opening, 0
    for sales, returns in periods:
        found = total(sales, returns, debt)
        assert found.opening_debt_minor == debt
        debt, settled = found.closing_debt_minor, settled + found.settlement_minor
    assert settled - debt + opening == sum(sales for sales, _ in periods) - sum(
        returns for _, returns in periods
    )
