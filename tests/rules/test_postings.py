"""Each event's entry leg by leg, and the books after whole lives of orders."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.booking import Entry
from models.values.orders import Capture
from models.values.states import TENDERS, Account, EntryKind, LineType
from worker.rules import postings
from worker.rules.payouts import total
from worker.rules.splitting import cash_of

A = Account
AMOUNTS = st.integers(0, 10**12)
REFUND = UUID(int=7)


def legs(entry: Entry | None) -> dict[Account, int]:
    if entry is None:
        return {}
    found = {posting.account: posting.amount_minor for posting in entry.postings}
    assert len(found) == len(entry.postings), "an account is named twice"
    assert all(found.values()), "a leg of zero"
    assert sum(found.values()) == 0, "unbalanced"
    return found


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        (100, {A.PROVIDER_CLEARING: 100, A.MERCHANT_PAYABLE: -100}),
        (0, {A.CUSTOMER_RECEIVABLE: 100, A.MERCHANT_PAYABLE: -100}),
        (30, {A.PROVIDER_CLEARING: 30, A.CUSTOMER_RECEIVABLE: 70, A.MERCHANT_PAYABLE: -100}),
    ],
)
def test_a_sale_is_held_by_the_provider_or_owed_by_the_customer(
    paid: int, expected: dict[Account, int]
) -> None:
    assert legs(postings.sale(1, "m", "EUR", 100, paid)) == expected


@pytest.mark.parametrize(
    ("cash", "expected"),
    [
        (100, {A.REPAYMENTS_IN_TRANSIT: 100, A.PROVIDER_CLEARING: -100}),
        (0, {A.REPAYMENTS_IN_TRANSIT: 100, A.CUSTOMER_RECEIVABLE: -100}),
        (
            30,
            {A.REPAYMENTS_IN_TRANSIT: 100, A.PROVIDER_CLEARING: -30, A.CUSTOMER_RECEIVABLE: -70},
        ),
    ],
)
def test_a_repayment_is_money_and_less_debt_in_transit(
    cash: int, expected: dict[Account, int]
) -> None:
    assert legs(postings.repayment("r", "m", "EUR", 100, cash)) == expected


def test_a_deduction_takes_what_is_in_transit_off_the_payable() -> None:
    assert legs(postings.deduction(REFUND, "m", "EUR", 100)) == {
        A.MERCHANT_PAYABLE: 100,
        A.REPAYMENTS_IN_TRANSIT: -100,
    }


@pytest.mark.parametrize(
    ("sales", "returns", "debt", "expected"),
    [
        (100, 30, 0, {A.MERCHANT_PAYABLE: 70, A.BANK: -70}),
        (100, 30, 20, {A.MERCHANT_PAYABLE: 70, A.MERCHANT_DEBT: -20, A.BANK: -50}),
        (100, 30, 70, {A.MERCHANT_PAYABLE: 70, A.MERCHANT_DEBT: -70}),
        (30, 100, 0, {A.MERCHANT_PAYABLE: -70, A.MERCHANT_DEBT: 70}),
        (30, 30, 10, {}),
    ],
)
def test_a_payout_empties_the_payable_into_bank_or_debt(
    sales: int, returns: int, debt: int, expected: dict[Account, int]
) -> None:
    assert legs(postings.payout(1, "m", "EUR", total(sales, returns, debt))) == expected


@pytest.mark.parametrize(
    ("sales", "returns", "debt", "reversals", "expected"),
    [
        (0, 0, 0, 40, {A.MERCHANT_PAYABLE: 40, A.BANK: -40}),
        (0, 0, 30, 40, {A.MERCHANT_PAYABLE: 40, A.MERCHANT_DEBT: -30, A.BANK: -10}),
        (100, 170, 0, 40, {A.MERCHANT_PAYABLE: -30, A.MERCHANT_DEBT: 30}),
        (60, 100, 0, 40, {}),
    ],
)
def test_a_payout_gives_back_what_earlier_ones_were_reduced_by_for_money_that_came_back(
    sales: int, returns: int, debt: int, reversals: int, expected: dict[Account, int]
) -> None:
    totals = total(sales, returns, debt, reversals)
    assert legs(postings.payout(1, "m", "EUR", totals)) == expected


BOOKED = (
    postings.repayment("r", "m", "SEK", 100, 30, {LineType.GIFT_CARD: 5}),
    postings.overpayment("r", "m", "SEK", 70),
    postings.deduction(REFUND, "m", "SEK", 100),
)


@pytest.mark.parametrize("booked", BOOKED)
def test_a_reversal_is_the_mirror_of_what_was_booked_under_a_name_of_its_own(
    booked: Entry | None,
) -> None:
    kind = EntryKind.REPAYMENT_REVERSAL
    taken_back = postings.reversal(booked, kind, "repayment:r")
    assert booked is not None
    assert taken_back is not None
    assert legs(taken_back) == {account: -amount for account, amount in legs(booked).items()}
    assert (taken_back.kind, taken_back.source) == (kind, "repayment:r")
    assert (taken_back.merchant_id, taken_back.currency) == ("m", "SEK")
    # Both may be booked: no other entry has the name of either.
    assert (taken_back.kind, taken_back.source) != (booked.kind, booked.source)
    again = postings.reversal(taken_back, booked.kind, booked.source)
    assert again == booked


def test_of_what_was_not_booked_nothing_is_taken_back() -> None:
    nothing = postings.repayment("r", "m", "EUR", 0, 0)
    assert postings.reversal(nothing, EntryKind.REPAYMENT_REVERSAL, "repayment:r") is None


def test_a_refund_that_came_back_leaves_the_books_as_they_were() -> None:
    """Repaid, deducted, and both taken back: the merchant's next payout has it again."""
    books = dict.fromkeys(Account, 0)
    repaid = postings.repayment("r", "m", "EUR", 100, 40)
    deducted = postings.deduction(REFUND, "m", "EUR", 100)
    for entry in (
        repaid,
        deducted,
        postings.reversal(deducted, EntryKind.DEDUCTION_REVERSAL, "repayment:r"),
        postings.reversal(repaid, EntryKind.REPAYMENT_REVERSAL, "repayment:r"),
    ):
        for account, amount in legs(entry).items():
            books[account] += amount
    assert not any(books.values())


def test_an_entry_is_named_by_kind_and_source() -> None:
    totals = total(1, 0, 0)
    made = (
        postings.sale(5, "m", "SEK", 1, 1),
        postings.repayment("r-1", "m", "SEK", 1, 1),
        postings.deduction(REFUND, "m", "SEK", 1),
        postings.payout(5, "m", "SEK", totals),
    )
    found = [(one.kind, one.source, one.merchant_id, one.currency) for one in made if one]
    assert found == [
        (EntryKind.SALE, "capture:5", "m", "SEK"),
        (EntryKind.REPAYMENT, "repayment:r-1", "m", "SEK"),
        (EntryKind.DEDUCTION, f"refund:{REFUND}", "m", "SEK"),
        (EntryKind.PAYOUT, "payout:5", "m", "SEK"),
    ]


def test_where_nothing_moves_there_is_no_entry() -> None:
    assert postings.sale(1, "m", "EUR", 0, 0) is None
    assert postings.repayment("r", "m", "EUR", 0, 0) is None
    assert postings.deduction("r", "m", "EUR", 0) is None
    assert postings.payout(1, "m", "EUR", total(0, 0, 9)) is None


@settings(deadline=None)
@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_every_entry_is_balanced_whatever_is_booked(
    amount: int, cash: int, sales: int, returns: int, debt: int, reversals: int
) -> None:
    """Also where cash exceeds the amount: wrong figures must not unbalance the books too."""
    for entry in (
        postings.sale(1, "m", "EUR", amount, cash),
        postings.payment(1, "m", "EUR", amount),
        postings.overpayment("r", "m", "EUR", cash),
        postings.repayment("r", "m", "EUR", amount, cash),
        postings.deduction("r", "m", "EUR", amount),
        postings.payout(1, "m", "EUR", total(sales, returns, debt, reversals)),
    ):
        legs(entry)
        legs(postings.reversal(entry, EntryKind.REPAYMENT_REVERSAL, "repayment:r"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**6), st.data()), min_size=1, max_size=6))
def test_after_all_is_repaid_deducted_and_paid_out_only_what_is_true_is_left_on_the_books(
    captures: list[tuple[int, st.DataObject]],
) -> None:
    books = dict.fromkeys(Account, 0)

    def post(entry: Entry | None) -> None:
        for account, amount in legs(entry).items():
            books[account] += amount

    debt = held = owed = settled = tendered = 0
    for pk, (captured, data) in enumerate(captures):
        paid = data.draw(st.integers(0, captured))
        cards = data.draw(st.dictionaries(st.sampled_from(TENDERS), st.integers(0, 500)))
        post(postings.sale(pk, "m", "EUR", captured, paid, cards))
        taken = cash = 0
        for _ in range(data.draw(st.integers(0, 3))):
            if taken == captured:
                break
            amount = data.draw(st.integers(1, captured - taken))
            now = Capture(
                pk, "c", datetime(2026, 1, 1, tzinfo=UTC), "p", captured, paid, taken, cash
            )
            money = cash_of(now, amount)
            back = {kind: data.draw(st.integers(0, left)) for kind, left in cards.items()}
            cards = {kind: left - back[kind] for kind, left in cards.items()}
            post(postings.repayment("r", "m", "EUR", amount, money, back))
            post(postings.deduction("f", "m", "EUR", amount))
            taken, cash = taken + amount, cash + money
            # The customer pays of what is owed, or all the invoice, and the surplus goes back.
            later = data.draw(st.integers(0, captured - paid))
            if later:
                post(postings.payment(1, "m", "EUR", later))
                paid += later
                surplus = max(paid + (taken - cash) - captured, 0)
                post(postings.overpayment("o", "m", "EUR", surplus))
                cash += surplus
        totals = total(captured, taken, debt)
        post(postings.payout(pk, "m", "EUR", totals))
        debt = totals.closing_debt_minor
        settled += totals.settlement_minor
        held += paid - cash
        owed += captured - paid - (taken - cash)
        tendered += sum(cards.values())
    assert books == {
        A.PROVIDER_CLEARING: held,
        A.CUSTOMER_RECEIVABLE: owed,
        A.MERCHANT_PAYABLE: 0,
        A.REPAYMENTS_IN_TRANSIT: 0,
        A.MERCHANT_DEBT: debt,
        A.BANK: -settled,
        A.GIFT_CARD_LIABILITY: books[A.GIFT_CARD_LIABILITY],
        A.STORE_CREDIT_LIABILITY: books[A.STORE_CREDIT_LIABILITY],
        A.MERCHANT_TENDERS: -tendered,
    }
    assert books[A.GIFT_CARD_LIABILITY] + books[A.STORE_CREDIT_LIABILITY] == tendered
    assert held >= 0
    assert owed >= 0
