"""Orders: store, find and lock them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, TextClause, text

from models.tables.orders import orders
from worker.arrays import execute
from worker.store.setwise import insert_rows

OrderKey = tuple[str, str]
"""merchant_id, order_id"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as stored, and when it was read, by the database's clock."""

    pk: int
    merchant_id: str
    order_id: str
    currency: str
    market: str
    read_at: datetime


_FIND = """
    SELECT o.id, o.merchant_id, o.order_id, o.currency, o.market, now()
    FROM orders o
    JOIN unnest(CAST(:merchants AS text[]), CAST(:orders AS text[])) AS k(merchant_id, order_id)
      ON o.merchant_id = k.merchant_id AND o.order_id = k.order_id
"""
_FIND_ORDERS = text(_FIND)
_LOCK_ORDERS = text(_FIND + "ORDER BY o.id FOR UPDATE OF o")


def lock_orders(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, OrderRow]:
    """Lock the orders of these keys, in the order of their ids. Unknown keys are left out."""
    return _orders(connection, _LOCK_ORDERS, keys)


def find_orders(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, OrderRow]:
    """The orders of these keys, not locked. Unknown keys are left out."""
    return _orders(connection, _FIND_ORDERS, keys)


def _orders(
    connection: Connection, query: TextClause, keys: Collection[OrderKey]
) -> dict[OrderKey, OrderRow]:
    distinct = sorted(set(keys))
    rows = execute(
        connection,
        query,
        {"merchants": [k[0] for k in distinct], "orders": [k[1] for k in distinct]},
    )
    return {(row[1], row[2]): OrderRow(*row) for row in rows}


_LOCK_BY_PK = text("""
    SELECT o.id, o.merchant_id, o.order_id, o.currency, o.market, now() FROM orders o
    WHERE o.id = ANY(CAST(:orders AS bigint[])) ORDER BY o.id FOR UPDATE OF o
""")


def lock_orders_by_pk(connection: Connection, pks: Collection[int]) -> dict[int, OrderRow]:
    """Lock these orders, in the order of their ids."""
    rows = execute(connection, _LOCK_BY_PK, {"orders": sorted(set(pks))})
    return {row[0]: OrderRow(*row) for row in rows}


_LOCK_OF_REPAYMENTS = text("""
    SELECT o.id FROM orders o
    WHERE o.id IN (
        SELECT f.order_pk FROM repayments r JOIN refunds f ON f.id = r.refund_id
        WHERE r.id = ANY(CAST(:repayments AS uuid[]))
    )
    ORDER BY o.id FOR UPDATE OF o
""")


def lock_orders_of_repayments(connection: Connection, repayment_ids: Sequence[object]) -> None:
    """Lock the orders that these repayments belong to, in the order of their ids."""
    execute(connection, _LOCK_OF_REPAYMENTS, {"repayments": list(repayment_ids)})


def insert_orders(connection: Connection, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Store orders (merchant_id, order_id, market, currency) that are not there yet."""
    insert_rows(
        connection,
        orders,
        ("merchant_id", "order_id", "market", "currency"),
        # Sorted, so that two transactions that bring the same orders do not wait for each other.
        sorted(rows),
        tail="ON CONFLICT (merchant_id, order_id) DO NOTHING",
    )


_MARKET = text("""
    SELECT o.market FROM orders o JOIN refunds f ON f.order_pk = o.id
    JOIN repayments r ON r.refund_id = f.id WHERE r.id = :repayment
""")


def market_of_repayment(connection: Connection, repayment_id: object) -> str:
    """The market of the order that a repayment belongs to."""
    return str(execute(connection, _MARKET, {"repayment": repayment_id}).scalar_one())
