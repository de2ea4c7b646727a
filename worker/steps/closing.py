"""Close a payout: total it, book it, carry a shortfall forward, and open the next."""

from sqlalchemy import Connection

from models.values.booking import PayoutTotals
from worker.database import transact
from worker.rules import payouts as rules
from worker.rules import postings
from worker.store import ledger, payouts


def close_payout(merchant_id: str, currency: str) -> PayoutTotals | None:
    """Close the merchant's open payout of a currency; None when there is none.

    Whatever is added meanwhile waits, and goes to the next payout.
    """
    return transact(lambda connection: _close(connection, merchant_id, currency))


def _close(connection: Connection, merchant_id: str, currency: str) -> PayoutTotals | None:
    key = merchant_id, currency
    payout_id = payouts.claim_open_payout(connection, key)
    if payout_id is None:
        return None
    sales, returns, reversals, debt = payouts.content_of(connection, payout_id, key)
    totals = rules.total(sales, returns, debt, reversals)
    payouts.close(connection, payout_id, totals)
    ledger.post(connection, [postings.payout(payout_id, merchant_id, currency, totals)])
    payouts.lock_open_payouts(connection, {key})
    return totals
