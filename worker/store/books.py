"""The books of orders: captures and lines with what is left of them, as the rules see them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, text

from models.values.orders import Capture, CapturedLine, OrderBook, Portion
from models.values.states import LineType
from worker.arrays import execute
from worker.store.orders import OrderKey, OrderRow

_CAPTURES = text("""
    SELECT order_pk, accompanied,
           ARRAY(SELECT d.id FROM disputes d WHERE d.order_pk = c.order_pk AND d.state = 'open'
                 AND coalesce(d.capture_pk, c.id) = c.id),
           id, capture_id, captured_at, provider, captured_minor, paid_minor,
           reserved_minor + refunded_minor, cash_minor, provider_references, order_amount_minor
    FROM captures c WHERE order_pk = ANY(CAST(:orders AS bigint[]))
    ORDER BY order_pk, captured_at DESC, id DESC
""")

_LINES = text("""
    SELECT id, capture_pk, line_id, type, tax_rate_basis_points,
           basis_quantity, basis_amount_minor, basis_discount_minor,
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


@dataclass(frozen=True, slots=True)
class Books:
    """Books by order, and the open disputes (pks) by capture."""

    by_order: dict[OrderKey, OrderBook]
    disputes: dict[int, list[int]]


def read_books(
    connection: Connection,
    rows: Collection[OrderRow],
    whole: Collection[OrderKey],
    line_ids: Collection[str],
) -> Books:
    """The books of orders: all lines of those in `whole`, else lines of these ids only.

    Orders with lines that go along with others are always read whole.
    """
    captures: dict[int, list[Capture]] = defaultdict(list)
    disputes: dict[int, list[int]] = {}
    keyed = {row.pk: (row.merchant_id, row.order_id) for row in rows}
    all_of = {pk for pk, key in keyed.items() if key in whole}
    for order_pk, accompanied, disputed_by, *columns in execute(
        connection, _CAPTURES, {"orders": list(keyed)}
    ):
        capture = Capture(*columns)
        captures[order_pk].append(capture)
        if disputed_by:
            disputes[capture.pk] = disputed_by
        if accompanied:
            all_of.add(order_pk)
    lines = _read_lines(connection, all_of, keyed.keys() - all_of, line_ids)
    return Books(
        {
            keyed[row.pk]: OrderBook(
                row.pk,
                row.merchant_id,
                row.order_id,
                row.currency,
                captures[row.pk],
                {capture.pk: lines[capture.pk] for capture in captures[row.pk]},
                row.market,
            )
            for row in rows
        },
        disputes,
    )


def _read_lines(
    connection: Connection,
    whole: Collection[int],
    partly: Collection[int],
    line_ids: Collection[str],
) -> dict[int, dict[str, CapturedLine]]:
    lines: dict[int, dict[str, CapturedLine]] = defaultdict(dict)
    found = execute(
        connection,
        _LINES,
        {"whole": list(whole), "partly": list(partly), "line_ids": sorted(set(line_ids))},
    )
    for row in found:
        lines[row[1]][row[2]] = CapturedLine(
            pk=row[0],
            capture_pk=row[1],
            line_id=row[2],
            type=LineType(row[3]),
            captured=Portion(*row[8:12]),
            taken=Portion(*row[12:16]),
            tax_rate_basis_points=row[4],
            basis=Portion(row[5], row[6], 0, row[7]),
        )
    return lines


_COUNT = text("""
    SELECT order_pk, count(*) FROM refunds
    WHERE order_pk = ANY(CAST(:orders AS bigint[])) AND state NOT IN ('failed', 'cancelled')
      AND reason IS DISTINCT FROM 'chargeback'
    GROUP BY order_pk
""")


def count_refunds(connection: Connection, order_pks: Collection[int]) -> dict[int, int]:
    """How many refunds orders have that neither failed nor were cancelled."""
    if not order_pks:
        return {}
    rows = execute(connection, _COUNT, {"orders": sorted(order_pks)})
    return {row[0]: row[1] for row in rows}
