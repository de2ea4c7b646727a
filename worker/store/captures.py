"""Captures and captured lines: record them, reserve, settle and release what is refunded."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.captures import captured_lines, captures
from models.values.identifiers import RETURN_FEE_PREFIX
from models.values.orders import CaptureShare
from worker.arrays import execute
from worker.store.setwise import insert_rows

CAPTURE_COLUMNS = (
    "order_pk",
    "merchant_id",
    "capture_id",
    "captured_at",
    "provider",
    "provider_references",
    "captured_minor",
    "paid_minor",
    "order_amount_minor",
    "accompanied",
    "payout_id",
    "fingerprint",
)

LINE_COLUMNS = (
    "capture_pk",
    "order_pk",
    "line_id",
    "type",
    "reference",
    "name",
    "unit_price",
    "tax_rate_basis_points",
    "captured_quantity",
    "captured_amount_minor",
    "captured_tax_minor",
    "captured_discount_minor",
)

_FIND = text("""
    SELECT c.merchant_id, c.capture_id, c.fingerprint
    FROM captures c
    JOIN unnest(CAST(:merchants AS text[]), CAST(:captures AS text[])) AS k(merchant_id, capture_id)
      ON c.merchant_id = k.merchant_id AND c.capture_id = k.capture_id
""")


def find_fingerprints(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], bytes]:
    """The fingerprints of recorded captures by (merchant_id, capture_id)."""
    rows = execute(
        connection, _FIND, {"merchants": [k[0] for k in keys], "captures": [k[1] for k in keys]}
    )
    return {(merchant, capture): bytes(print_) for merchant, capture, print_ in rows}


def insert_captures(
    connection: Connection, rows: Iterable[tuple[Any, ...]]
) -> dict[tuple[str, str], int]:
    """Store captures; gives the pk of those stored now, by (merchant_id, capture_id)."""
    stored = insert_rows(
        connection,
        captures,
        CAPTURE_COLUMNS,
        rows,
        tail="ON CONFLICT (merchant_id, capture_id) DO NOTHING"
        " RETURNING merchant_id, capture_id, id",
    )
    return {(row.merchant_id, row.capture_id): row.id for row in stored}


def insert_lines(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Store captured lines."""
    insert_rows(connection, captured_lines, LINE_COLUMNS, rows)


_RESERVE_LINES = text("""
    UPDATE captured_lines l SET
        reserved_quantity = reserved_quantity + u.quantity,
        reserved_amount_minor = reserved_amount_minor + u.amount,
        reserved_tax_minor = reserved_tax_minor + u.tax,
        reserved_discount_minor = reserved_discount_minor + u.discount
    FROM (
        SELECT id, sum(quantity) AS quantity, sum(amount) AS amount, sum(tax) AS tax,
               sum(discount) AS discount
        FROM unnest(CAST(:ids AS bigint[]), CAST(:quantities AS bigint[]),
                    CAST(:amounts AS bigint[]), CAST(:taxes AS bigint[]),
                    CAST(:discounts AS bigint[])) AS t(id, quantity, amount, tax, discount)
        GROUP BY id
    ) u WHERE l.id = u.id
""")

_SET_BASES = text("""
    UPDATE captured_lines l SET basis_quantity = u.quantity, basis_amount_minor = u.amount,
                                basis_discount_minor = u.discount
    FROM unnest(CAST(:ids AS bigint[]), CAST(:quantities AS bigint[]), CAST(:amounts AS bigint[]),
                CAST(:discounts AS bigint[])) AS u(id, quantity, amount, discount)
    WHERE l.id = u.id
""")

_RESERVE_CAPTURES = text("""
    UPDATE captures c SET
        reserved_minor = reserved_minor + u.amount,
        cash_minor = cash_minor + u.cash
    FROM (
        SELECT id, sum(amount) AS amount, sum(cash) AS cash
        FROM unnest(CAST(:ids AS bigint[]), CAST(:amounts AS bigint[]),
                    CAST(:cash AS bigint[])) AS t(id, amount, cash)
        GROUP BY id
    ) u WHERE c.id = u.id
""")


def reserve(connection: Connection, shares: Sequence[CaptureShare]) -> None:
    """Reserve what accepted refunds take. The orders are locked by the caller.

    Raises:
        IntegrityError: more than is captured, whatever the rules said.
    """
    if not shares:
        return
    lines = [line for share in shares for line in share.lines]
    execute(
        connection,
        _RESERVE_LINES,
        {
            "ids": [line.line_pk for line in lines],
            "quantities": [line.portion.quantity for line in lines],
            "amounts": [line.portion.amount_minor for line in lines],
            "taxes": [line.portion.tax_minor for line in lines],
            "discounts": [line.portion.discount_minor for line in lines],
        },
    )
    # Of several shares of a line in a batch the last one's basis counts.
    bases = {line.line_pk: line.basis for line in lines if line.basis is not None}
    if bases:
        execute(
            connection,
            _SET_BASES,
            {
                "ids": list(bases),
                "quantities": [basis.quantity for basis in bases.values()],
                "amounts": [basis.amount_minor for basis in bases.values()],
                "discounts": [basis.discount_minor for basis in bases.values()],
            },
        )
    execute(
        connection,
        _RESERVE_CAPTURES,
        {
            "ids": [share.capture_pk for share in shares],
            "amounts": [share.amount_minor for share in shares],
            "cash": [share.cash_minor for share in shares],
        },
    )


_TAKEN_LINES = """
    FROM (
        SELECT line_pk, sum(quantity) AS quantity, sum(amount_minor) AS amount,
               sum(tax_minor) AS tax, sum(discount_minor) AS discount
        FROM refund_lines WHERE repayment_id = ANY(CAST(:repayments AS uuid[]))
        GROUP BY line_pk
    ) s WHERE l.id = s.line_pk
"""

_TAKEN_CAPTURES = """
    FROM (
        SELECT capture_pk, sum(amount_minor) AS amount, sum(cash_minor) AS cash
        FROM repayments WHERE id = ANY(CAST(:repayments AS uuid[])) GROUP BY capture_pk
    ) s WHERE c.id = s.capture_pk
"""

_RELEASE_LINES = (
    "UPDATE captured_lines l SET"
    " reserved_quantity = reserved_quantity - s.quantity,"
    " reserved_amount_minor = reserved_amount_minor - s.amount,"
    " reserved_tax_minor = reserved_tax_minor - s.tax,"
    " reserved_discount_minor = reserved_discount_minor - s.discount"
)

_SETTLE = (
    text(
        _RELEASE_LINES + ", refunded_quantity = refunded_quantity + s.quantity,"
        " refunded_amount_minor = refunded_amount_minor + s.amount,"
        " refunded_tax_minor = refunded_tax_minor + s.tax,"
        " refunded_discount_minor = refunded_discount_minor + s.discount" + _TAKEN_LINES
    ),
    text(
        "UPDATE captures c SET reserved_minor = reserved_minor - s.amount,"
        " refunded_minor = refunded_minor + s.amount" + _TAKEN_CAPTURES
    ),
)

_RELEASE = (
    text(_RELEASE_LINES + _TAKEN_LINES),
    text(
        "UPDATE captures c SET reserved_minor = reserved_minor - s.amount,"
        " cash_minor = cash_minor - s.cash" + _TAKEN_CAPTURES
    ),
)


_UNSETTLE = (
    text(
        "UPDATE captured_lines l SET refunded_quantity = refunded_quantity - s.quantity,"
        " refunded_amount_minor = refunded_amount_minor - s.amount,"
        " refunded_tax_minor = refunded_tax_minor - s.tax,"
        " refunded_discount_minor = refunded_discount_minor - s.discount" + _TAKEN_LINES
    ),
    text(
        "UPDATE captures c SET refunded_minor = refunded_minor - s.amount,"
        " cash_minor = cash_minor - s.cash" + _TAKEN_CAPTURES
    ),
    # No fee was kept after all. What of it was given back already stays given back.
    text("""
        UPDATE captured_lines l SET
            captured_amount_minor = reserved_amount_minor + refunded_amount_minor,
            captured_tax_minor = reserved_tax_minor + refunded_tax_minor
        FROM repayments r
        WHERE r.id = ANY(CAST(:repayments AS uuid[])) AND r.fee_minor > 0
          AND l.capture_pk = r.capture_pk AND l.line_id = :prefix || r.refund_id
    """),
)


def unsettle(connection: Connection, repayment_ids: Sequence[UUID]) -> None:
    """Give back what these settled repayments refunded, since they were reversed."""
    bound = {"repayments": list(repayment_ids), "prefix": RETURN_FEE_PREFIX}
    for statement in _UNSETTLE if repayment_ids else ():
        execute(connection, statement, bound)


def settle(connection: Connection, repayment_ids: Sequence[UUID]) -> None:
    """Turn what these repayments reserved into refunded. The orders are locked by the caller."""
    for statement in _SETTLE if repayment_ids else ():
        execute(connection, statement, {"repayments": list(repayment_ids)})


def release(connection: Connection, repayment_ids: Sequence[UUID]) -> None:
    """Give back what these declined repayments reserved. The orders are locked by the caller."""
    for statement in _RELEASE if repayment_ids else ():
        execute(connection, statement, {"repayments": list(repayment_ids)})


# What is kept can be refunded later, and only up to it: it becomes a line of the capture.
_ADD_FEES = text("""
    INSERT INTO captured_lines (capture_pk, order_pk, line_id, type, reference, name,
                                tax_rate_basis_points, captured_quantity, captured_amount_minor,
                                captured_tax_minor, captured_discount_minor)
    SELECT r.capture_pk, f.order_pk, :prefix || f.id, 'return_fee', '', 'Return fee',
           r.fee_tax_rate_basis_points, 1, r.fee_minor, r.fee_tax_minor, 0
    FROM repayments r JOIN refunds f ON f.id = r.refund_id
    WHERE r.id = ANY(CAST(:repayments AS uuid[])) AND r.fee_minor > 0
""")


def add_fee_lines(connection: Connection, repayment_ids: Sequence[UUID]) -> None:
    """Make lines of the return fees that these settled repayments kept. The orders are locked."""
    if repayment_ids:
        bound = {"repayments": list(repayment_ids), "prefix": RETURN_FEE_PREFIX}
        execute(connection, _ADD_FEES, bound)
