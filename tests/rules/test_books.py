"""Entries balance, payouts add up, and money is conserved."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from models.values.orders import Capture
from models.values.states import Account
from worker.rules import payouts, postings
from worker.rules.splitting import cash_of

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNTS = st.integers(0, 10**12)


@given(AMOUNTS, AMOUNTS, st.data())
def test_every_entry_sums_to_zero(amount: int, debt: int, data: st.DataObject) -> None:
    cash = data.draw(st.integers(0, amount))
    totals = payouts.total(amount, data.draw(AMOUNTS), debt)
    for entry in (
        postings.sale(1, "m", "EUR", amount, cash),
        postings.repayment("r", "m", "EUR", amount, cash),
        postings.deduction("f", "m", "EUR", amount),
        postings.payout(1, "m", "EUR", totals),
    ):
        if entry is not None:
            assert sum(posting.amount_minor for posting in entry.postings) == 0
            assert all(posting.amount_minor for posting in entry.postings)
            assert len({posting.account for posting in entry.postings}) == len(entry.postings) > 1


def test_a_repayment_moves_cash_from_the_provider_and_debt_from_the_customer() -> None:
    entry = postings.repayment("r", "m", "EUR", 100, 40)
    assert entry is not None
    assert {posting.account: posting.amount_minor for posting in entry.postings} == {
        Account.REPAYMENTS_IN_TRANSIT: 100,
        Account.PROVIDER_CLEARING: -40,
        Account.CUSTOMER_RECEIVABLE: -60,
    }


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=20))
def test_payouts_in_a_row_conserve_money(periods: list[tuple[int, int]]) -> None:
    debt, settled = 0, 0
    for sales, returns in periods:
        totals = payouts.total(sales, returns, debt)
        assert totals.settlement_minor >= 0
        assert totals.closing_debt_minor >= 0
        assert totals.settlement_minor == 0 or totals.closing_debt_minor == 0
        assert totals.repaid_debt_minor <= max(sales - returns, 0)
        debt, settled = totals.closing_debt_minor, settled + totals.settlement_minor
    assert settled - debt == sum(sales - returns for sales, returns in periods)


@given(AMOUNTS, st.data())
def test_debt_is_reduced_first_and_no_more_cash_goes_back_than_was_paid(
    captured: int, data: st.DataObject
) -> None:
    paid = data.draw(st.integers(0, captured))
    taken, cash = 0, 0
    while taken < captured:
        amount = data.draw(st.integers(1, captured - taken))
        capture = Capture(1, "c", MOMENT, "p", captured, paid, taken, cash)
        part = cash_of(capture, amount)
        assert part == 0 or amount - part == capture.debt_left_minor
        taken, cash = taken + amount, cash + part
        if data.draw(st.integers(0, 3)) == 0:
            break
    assert cash <= paid
    assert cash == max(0, taken - (captured - paid))
