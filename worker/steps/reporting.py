"""Reports: what was asked, decided, repaid and deducted, and whether all the books agree."""

from typing import Any

from sqlalchemy import Connection

from models.values.states import Account
from worker.database import transact
from worker.store import reporting


def report(merchant_id: str) -> dict[str, Any]:
    """The merchant's figures; amounts in minor units.

    `ledger_balanced` holds when every entry sums to zero, nothing is in transit that is not an
    unfinished refund's, and ledger, captures, deductions and refunds tell the same sums.
    """
    return transact(lambda connection: _report(connection, merchant_id))


def _report(connection: Connection, merchant_id: str) -> dict[str, Any]:
    found = reporting.figures(connection, merchant_id)
    balances = reporting.account_balances(connection, merchant_id)
    in_transit = sum(
        total for (_, code), total in balances.items() if code == Account.REPAYMENTS_IN_TRANSIT
    )
    found["in_transit_minor"] = in_transit
    found["ledger_balanced"] = (
        reporting.unbalanced_entries(connection) == 0
        and sum(balances.values()) == 0
        and (in_transit == 0 or found["unfinished"] > 0)
        and found["refunded_of_captures_minor"] - in_transit == found["deducted_minor"]
        and found["refunded_minor"] == found["deducted_minor"]
    )
    return found


def count_open(merchant_id: str) -> int:
    """How many refunds will go on by themselves: not final, and not waiting for a person."""
    return transact(lambda connection: reporting.count_open(connection, merchant_id))


def payouts_of(merchant_id: str) -> list[dict[str, Any]]:
    """The merchant's payouts, oldest first; amounts in minor units."""
    return transact(lambda connection: reporting.payouts_of(connection, merchant_id))
