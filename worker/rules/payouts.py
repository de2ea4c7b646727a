"""What a payout comes to. A shortfall is never a negative payout: it is carried as debt.

Source: Klarna's settlements, closing_debt = opening_debt - repay + deposit.
"""

from models.values.booking import PayoutTotals


def total(
    sales_minor: int, returns_minor: int, opening_debt_minor: int, reversals_minor: int = 0
) -> PayoutTotals:
    """Total a payout, in minor units: repay old debt from a surplus, add a shortfall to it.

    Reversals are what earlier payouts were reduced by for refunds that have come back.

    Raises:
        ValueError: a negative amount.
    """
    if min(sales_minor, returns_minor, opening_debt_minor, reversals_minor) < 0:
        raise ValueError("sales, returns, reversals and debt are never negative")
    net = sales_minor - returns_minor + reversals_minor
    repaid = min(max(net, 0), opening_debt_minor)
    new_debt = max(-net, 0)
    return PayoutTotals(
        sales_minor=sales_minor,
        returns_minor=returns_minor,
        reversals_minor=reversals_minor,
        opening_debt_minor=opening_debt_minor,
        repaid_debt_minor=repaid,
        new_debt_minor=new_debt,
        closing_debt_minor=opening_debt_minor - repaid + new_debt,
        settlement_minor=net - repaid + new_debt,
    )
