"""Payouts and deductions."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, text

from models.tables.payouts import deductions, payouts
from models.values.booking import PayoutTotals
from worker.arrays import execute
from worker.errors import RaceLostError
from worker.store.setwise import insert_rows

PayoutKey = tuple[str, str]
"""merchant_id, currency"""

TURNS_MAX = 10

_LOCK_OPEN = """
    SELECT p.merchant_id, p.currency, p.id FROM payouts p
    JOIN unnest(CAST(:merchants AS text[]), CAST(:currencies AS text[])) AS k(merchant_id, currency)
      ON p.merchant_id = k.merchant_id AND p.currency = k.currency
    WHERE p.state = 'open' ORDER BY p.id
"""
_SHARE_OPEN = text(_LOCK_OPEN + "FOR SHARE OF p")
_CLAIM_OPEN = text(_LOCK_OPEN + "FOR UPDATE OF p")


def lock_open_payouts(connection: Connection, keys: Collection[PayoutKey]) -> dict[PayoutKey, int]:
    """The open payouts of these merchants and currencies, opened where there is none.

    They are locked FOR SHARE: many may add to a payout at once, and closing it waits for them.

    Raises:
        RaceLostError: run the transaction again.
    """
    found: dict[PayoutKey, int] = {}
    missing = sorted(set(keys))
    # Each turn a payout may be closed after it was opened and before it was locked.
    for _ in range(TURNS_MAX):
        found.update(_open_payouts(connection, missing))
        missing = [key for key in missing if key not in found]
        if not missing:
            return found
        insert_rows(
            connection,
            payouts,
            ("merchant_id", "currency", "state"),
            [(*key, "open") for key in missing],
            tail="ON CONFLICT (merchant_id, currency) WHERE state = 'open' DO NOTHING",
        )
    raise RaceLostError("payouts are closed as fast as they are opened")


def _open_payouts(connection: Connection, keys: Collection[PayoutKey]) -> dict[PayoutKey, int]:
    rows = execute(
        connection,
        _SHARE_OPEN,
        {"merchants": [k[0] for k in keys], "currencies": [k[1] for k in keys]},
    )
    return {(row[0], row[1]): row[2] for row in rows}


def insert_deductions(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Store deductions (refund_id, kind, source, payout_id, amount_minor)."""
    columns = ("refund_id", "kind", "source", "payout_id", "amount_minor")
    insert_rows(connection, deductions, columns, rows)


def claim_open_payout(connection: Connection, key: PayoutKey) -> int | None:
    """Lock the open payout against additions, for closing it."""
    row = execute(
        connection, _CLAIM_OPEN, {"merchants": [key[0]], "currencies": [key[1]]}
    ).one_or_none()
    return None if row is None else int(row[2])


_CONTENT = text("""
    SELECT (SELECT coalesce(sum(captured_minor), 0) FROM captures WHERE payout_id = :payout),
           (SELECT coalesce(sum(amount_minor), 0) FROM deductions
            WHERE payout_id = :payout AND kind = 'refund'),
           (SELECT coalesce(sum(amount_minor), 0) FROM deductions
            WHERE payout_id = :payout AND kind = 'reversal'),
           coalesce((SELECT closing_debt_minor FROM payouts q
                     WHERE q.merchant_id = :merchant AND q.currency = :currency
                       AND q.state <> 'open' ORDER BY q.id DESC LIMIT 1), 0)
""")


def content_of(connection: Connection, payout_id: int, key: PayoutKey) -> tuple[int, int, int, int]:
    """Sales, returns, reversals and opening debt of a payout, in minor units."""
    row = execute(
        connection, _CONTENT, {"payout": payout_id, "merchant": key[0], "currency": key[1]}
    ).one()
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


_CLOSE = text("""
    UPDATE payouts SET state = 'closed', closed_at = now(),
        sales_minor = :sales_minor, returns_minor = :returns_minor,
        reversals_minor = :reversals_minor,
        opening_debt_minor = :opening_debt_minor, repaid_debt_minor = :repaid_debt_minor,
        new_debt_minor = :new_debt_minor, closing_debt_minor = :closing_debt_minor,
        settlement_minor = :settlement_minor
    WHERE id = :payout
""")


def close(connection: Connection, payout_id: int, totals: PayoutTotals) -> None:
    """Write the totals and close. The payout is locked by the caller."""
    execute(
        connection,
        _CLOSE,
        {
            "payout": payout_id,
            **{name: getattr(totals, name) for name in PayoutTotals.__dataclass_fields__},
        },
    )
