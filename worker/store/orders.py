"""Orders: lock them, and read their books."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from models.tables.orders import orders
from models.values.orders import Capture, CapturedLine, OrderBook, Portion
from models.values.states import LineType
from worker.arrays import execute
from worker.store.setwise import insert_rows

OrderKey = tuple[str, str]
"""merchant_id, order_id"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as stored."""

    pk: int
    merchant_id: str
    order_id: str
    currency: str
    market: str


_LOCK = text("""
    SELECT o.id, o.merchant_id, o.order_id, o.currency, o.market
    FROM orders o
    JOIN unnest(CAST(:merchants AS text[]), CAST(:orders AS text[])) AS k(merchant_id, order_id)
      ON o.merchant_id = k.merchant_id AND o.order_id = k.order_id
    ORDER BY o.id FOR UPDATE OF o
""")


def lock_orders(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, OrderRow]:
    """Lock the orders of these keys, in the order of their ids. Unknown keys are left out."""
    distinct = sorted(set(keys))
    rows = execute(
        connection,
        _LOCK,
        {"merchants": [k[0] for k in distinct], "orders": [k[1] for k in distinct]},
    )
    return {(row[1], row[2]): OrderRow(*row) for row in rows}


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


_CAPTURES = text("""
    SELECT order_pk, id, capture_id, captured_at, provider, captured_minor, paid_minor,
           reserved_minor + refunded_minor, cash_minor, provider_references
    FROM captures WHERE order_pk = ANY(CAST(:orders AS bigint[]))
    ORDER BY order_pk, captured_at DESC, id DESC
""")

_LINES = text("""
    SELECT id, capture_pk, line_id, type,
           captured_quantity, captured_amount_minor, captured_tax_minor, captured_discount_minor,
           reserved_quantity + refunded_quantity,
           reserved_amount_minor + refunded_amount_minor,
           reserved_tax_minor + refunded_tax_minor,
           reserved_discount_minor + refunded_discount_minor
    FROM captured_lines
    WHERE order_pk = ANY(CAST(:whole AS bigint[]))
       OR (order_pk = ANY(CAST(:partly AS bigint[])) AND line_id = ANY(CAST(:line_ids AS text[])))
    ORDER BY id
""")


def read_books(
    connection: Connection,
    rows: Collection[OrderRow],
    whole: Collection[OrderKey],
    line_ids: Collection[str],
) -> dict[OrderKey, OrderBook]:
    """The books of locked orders: all lines of those in `whole`, else lines of these ids only."""
    captures: dict[int, list[Capture]] = defaultdict(list)
    for order_pk, *columns in execute(connection, _CAPTURES, {"orders": [row.pk for row in rows]}):
        captures[order_pk].append(Capture(*columns))
    lines: dict[int, dict[str, CapturedLine]] = defaultdict(dict)
    keyed = {row.pk: (row.merchant_id, row.order_id) for row in rows}
    found = execute(
        connection,
        _LINES,
        {
            "whole": [pk for pk, key in keyed.items() if key in whole],
            "partly": [pk for pk, key in keyed.items() if key not in whole],
            "line_ids": sorted(set(line_ids)),
        },
    )
    for pk, capture_pk, line_id, line_type, *amounts in found:
        lines[capture_pk][line_id] = CapturedLine(
            pk,
            capture_pk,
            line_id,
            LineType(line_type),
            Portion(*amounts[:4]),
            Portion(*amounts[4:]),
        )
    return {
        (row.merchant_id, row.order_id): OrderBook(
            row.pk,
            row.merchant_id,
            row.order_id,
            row.currency,
            captures[row.pk],
            {capture.pk: lines[capture.pk] for capture in captures[row.pk]},
        )
        for row in rows
    }
