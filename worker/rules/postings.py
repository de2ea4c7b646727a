"""The ledger entries of each event. Legs that come to zero are left out."""

from models.values.booking import Entry, PayoutTotals, Posting
from models.values.states import Account, EntryKind


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


def sale(
    capture_pk: int, merchant_id: str, currency: str, captured_minor: int, paid_minor: int
) -> Entry | None:
    """A capture: the provider holds what is paid, the customer owes the rest, all is payable."""
    return _entry(
        EntryKind.SALE,
        f"capture:{capture_pk}",
        merchant_id,
        currency,
        provider_clearing=paid_minor,
        customer_receivable=captured_minor - paid_minor,
        merchant_payable=-captured_minor,
    )


def repayment(
    repayment_id: object, merchant_id: str, currency: str, amount_minor: int, cash_minor: int
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


def payout(payout_id: int, merchant_id: str, currency: str, totals: PayoutTotals) -> Entry | None:
    """A closed payout: the balance is paid out, or carried forward as debt."""
    return _entry(
        EntryKind.PAYOUT,
        f"payout:{payout_id}",
        merchant_id,
        currency,
        merchant_payable=totals.sales_minor - totals.returns_minor,
        merchant_debt=totals.new_debt_minor - totals.repaid_debt_minor,
        bank=-totals.settlement_minor,
    )
