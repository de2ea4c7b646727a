"""The ledger entries of each event. Legs that come to zero are left out."""

from collections.abc import Mapping
from types import MappingProxyType

from models.values.booking import Entry, PayoutTotals, Posting
from models.values.states import Account, EntryKind, LineType

NO_TENDERS: Mapping[LineType, int] = MappingProxyType({})


def _entry(
    kind: EntryKind, source: str, merchant_id: str, currency: str, **legs: int
) -> Entry | None:
    """An entry of the legs (account name=minor units); None when nothing moves."""
    postings = tuple(
        Posting(Account(account), amount) for account, amount in legs.items() if amount
    )
    if not postings:
        return None
    return Entry(kind, source, merchant_id, currency, postings)


LIABILITIES = {
    LineType.GIFT_CARD: Account.GIFT_CARD_LIABILITY,
    LineType.STORE_CREDIT: Account.STORE_CREDIT_LIABILITY,
}


def _tenders(tendered: Mapping[LineType, int], sign: int) -> dict[str, int]:
    """Legs of what was paid by tenders (sign 1) or goes back to them (-1): outside of payouts."""
    legs = {str(LIABILITIES[kind]): sign * amount for kind, amount in tendered.items()}
    return {**legs, str(Account.MERCHANT_TENDERS): -sign * sum(tendered.values())}


def sale(
    capture_pk: int,
    merchant_id: str,
    currency: str,
    captured_minor: int,
    paid_minor: int,
    tendered: Mapping[LineType, int] = NO_TENDERS,
) -> Entry | None:
    """A capture: the provider holds what is paid, the customer owes the rest, all is payable.

    What was `tendered` beside it lowers what gift cards and store credit are good for.
    """
    return _entry(
        EntryKind.SALE,
        f"capture:{capture_pk}",
        merchant_id,
        currency,
        provider_clearing=paid_minor,
        customer_receivable=captured_minor - paid_minor,
        merchant_payable=-captured_minor,
        **_tenders(tendered, 1),
    )


def payment(payment_pk: int, merchant_id: str, currency: str, amount_minor: int) -> Entry | None:
    """A customer paid what was owed: the provider holds it now."""
    return _entry(
        EntryKind.PAYMENT,
        f"payment:{payment_pk}",
        merchant_id,
        currency,
        provider_clearing=amount_minor,
        customer_receivable=-amount_minor,
    )


def overpayment(
    repayment_id: object, merchant_id: str, currency: str, amount_minor: int
) -> Entry | None:
    """What was paid and not owed any more went back. No merchant's money: nothing is deducted."""
    return _entry(
        EntryKind.OVERPAYMENT,
        f"repayment:{repayment_id}",
        merchant_id,
        currency,
        customer_receivable=amount_minor,
        provider_clearing=-amount_minor,
    )


def repayment(
    repayment_id: object,
    merchant_id: str,
    currency: str,
    amount_minor: int,
    cash_minor: int,
    tendered: Mapping[LineType, int] = NO_TENDERS,
) -> Entry | None:
    """A settled repayment: money went back and debt was reduced, not yet deducted."""
    return _entry(
        EntryKind.REPAYMENT,
        f"repayment:{repayment_id}",
        merchant_id,
        currency,
        repayments_in_transit=amount_minor,
        provider_clearing=-cash_minor,
        customer_receivable=cash_minor - amount_minor,
        **_tenders(tendered, -1),
    )


def deduction(
    refund_id: object, merchant_id: str, currency: str, amount_minor: int
) -> Entry | None:
    """A refund's amount leaves what the merchant is paid next."""
    return _entry(
        EntryKind.DEDUCTION,
        f"refund:{refund_id}",
        merchant_id,
        currency,
        merchant_payable=amount_minor,
        repayments_in_transit=-amount_minor,
    )


def reversal(entry: Entry | None, kind: EntryKind, source: str) -> Entry | None:
    """The mirror of an entry: what was booked is never changed, only taken back."""
    if entry is None:
        return None
    postings = tuple(Posting(one.account, -one.amount_minor) for one in entry.postings)
    return Entry(kind, source, entry.merchant_id, entry.currency, postings)


def payout(payout_id: int, merchant_id: str, currency: str, totals: PayoutTotals) -> Entry | None:
    """A closed payout: the balance is paid out, or carried forward as debt."""
    return _entry(
        EntryKind.PAYOUT,
        f"payout:{payout_id}",
        merchant_id,
        currency,
        merchant_payable=totals.sales_minor - totals.returns_minor + totals.reversals_minor,
        merchant_debt=totals.new_debt_minor - totals.repaid_debt_minor,
        bank=-totals.settlement_minor,
    )
