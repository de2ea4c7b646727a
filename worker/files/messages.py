"""From rows to messages: rows of one capture or one idempotency key make one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.messages.captures import CaptureRecordV1
from models.messages.parsing import InvalidMessageError, parse
from models.messages.refunds import RefundRequestV1
from worker.files.rows import Row, RowFault, grouped, read_rows, whole_number

CAPTURE_REQUIRED = (
    "order_id",
    "capture_id",
    "captured_at",
    "market",
    "line_id",
    "quantity",
    "total_amount",
)
CAPTURE_OPTIONAL = (
    "merchant_id",
    "provider",
    "currency",
    "type",
    "reference",
    "name",
    "unit_price",
    "total_discount_amount",
    "tax_rate",
    "total_tax_amount",
    "customer_paid_amount",
    "order_amount",
    "customer_id",  # personal data: read over, never sent
)
REFUND_REQUIRED = ("idempotency_key", "order_id")
REFUND_OPTIONAL = (
    "merchant_id",
    "requested_at",
    "currency",
    "capture_id",
    "line_id",
    "quantity",
    "line_amount",
    "amount",
    "return_fee",
    "reason",
    "reason_text",
    "requested_by",
    "reference",  # the line's; told for people
)
OF_THE_REQUEST = (
    "order_id",
    "merchant_id",
    "currency",
    "amount",
    "return_fee",
    "reason",
    "reason_text",
    "requested_by",
)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What rows without the column are given."""

    merchant_id: str = "demo"
    provider: str = "sandbox"
    currency: str | None = None


def read_captures(path: Path, defaults: Defaults) -> Iterator[CaptureRecordV1 | RowFault]:
    """The captures of a file, each a message or the fault that keeps it from being one.

    Amounts are integer minor units; `unit_price` is in major units.

    Raises:
        FileFaultError: the file cannot be used.
    """
    rows = read_rows(path, CAPTURE_REQUIRED, CAPTURE_OPTIONAL)
    for group in grouped(rows, "capture_id", path):
        yield _capture(group, defaults)


def read_requests(path: Path, defaults: Defaults) -> Iterator[RefundRequestV1 | RowFault]:
    """The refund requests of a file, each a message or the fault that keeps it from being one.

    A request whose rows name lines asks for those: `quantity` or `line_amount` of each. Without
    lines `amount` asks for a bare amount, and nothing at all for the complete order (or the capture
    that is named). Rows of a request that name the same line add up. Amounts are minor units.

    Raises:
        FileFaultError: the file cannot be used.
    """
    rows = read_rows(path, REFUND_REQUIRED, REFUND_OPTIONAL)
    for group in grouped(rows, "idempotency_key", path):
        yield _request(group, defaults)


def _capture(group: list[Row], defaults: Defaults) -> CaptureRecordV1 | RowFault:
    first = group[0]
    # Real exports give each line the moment it was scanned: the capture's is the first row's.
    shared = ("order_id", "market", "currency", "merchant_id", "provider")
    differing = _differing(group, (*shared, "customer_paid_amount", "order_amount"))
    if differing is not None:
        return differing
    body: dict[str, Any] = {
        "merchant_id": first["merchant_id"] or defaults.merchant_id,
        "order_id": first["order_id"],
        "capture_id": first["capture_id"],
        "captured_at": first["captured_at"],
        "market": first["market"],
        "currency": first["currency"] or defaults.currency or "",
        "provider": first["provider"] or defaults.provider,
        "lines": [_captured_line(row) for row in group],
    }
    if first["customer_paid_amount"]:
        body["customer_paid_minor"] = whole_number(first, "customer_paid_amount")
    if first["order_amount"]:
        body["order_amount_minor"] = whole_number(first, "order_amount")
    try:
        return parse(CaptureRecordV1, body)
    except InvalidMessageError as error:
        return _row_fault(group, error)


def _captured_line(row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {
        "line_id": row["line_id"],
        "reference": row["reference"],
        "name": row["name"],
        "quantity": whole_number(row, "quantity"),
        "total_amount_minor": whole_number(row, "total_amount"),
    }
    if row["type"]:
        line["type"] = row["type"]
    if row["unit_price"]:
        line["unit_price"] = row["unit_price"]
    for column, field in (
        ("total_discount_amount", "total_discount_minor"),
        ("tax_rate", "tax_rate"),
        ("total_tax_amount", "total_tax_minor"),
    ):
        if row[column]:
            line[field] = whole_number(row, column)
    return line


def _request(group: list[Row], defaults: Defaults) -> RefundRequestV1 | RowFault:
    first = group[0]
    lines = [row for row in group if row["line_id"]]
    if lines and len(lines) < len(group):
        return RowFault(first.line, "line_id", "some rows of the request name a line, some do not")
    differing = _differing(group, OF_THE_REQUEST if lines else (*OF_THE_REQUEST, "capture_id"))
    if differing is not None:
        return differing
    if not lines and (first["quantity"] or first["line_amount"]):
        return RowFault(first.line, "line_id", "a quantity or line_amount needs a line")
    body: dict[str, Any] = {
        "merchant_id": first["merchant_id"] or defaults.merchant_id,
        "idempotency_key": first["idempotency_key"],
        "order_id": first["order_id"],
        "kind": "lines" if lines else "amount" if first["amount"] else "full",
        "currency": first["currency"] or defaults.currency,
        "lines": [_asked_line(row) for row in lines],
    }
    if first["amount"]:
        body["amount_minor"] = whole_number(first, "amount")
    if first["return_fee"]:
        body["return_fee_minor"] = whole_number(first, "return_fee")
    if not lines:
        body["capture_id"] = first["capture_id"] or None
    for column in ("requested_at", "reason", "reason_text", "requested_by"):
        body[column] = first[column] or None
    try:
        return parse(RefundRequestV1, body)
    except InvalidMessageError as error:
        return _row_fault(group, error)


def _asked_line(row: Row) -> dict[str, Any]:
    return {
        "line_id": row["line_id"],
        "quantity": whole_number(row, "quantity") if row["quantity"] else None,
        "amount_minor": whole_number(row, "line_amount") if row["line_amount"] else None,
        "capture_id": row["capture_id"] or None,
    }


def _differing(group: list[Row], columns: tuple[str, ...]) -> RowFault | None:
    first = group[0]
    for row in group[1:]:
        for column in columns:
            if row[column] != first[column]:
                return RowFault(
                    row.line,
                    column,
                    f"is {row[column]!r}, was {first[column]!r} in line {first.line}",
                )
    return None


def _row_fault(group: list[Row], error: InvalidMessageError) -> RowFault:
    """The first fault, at the row that it is about."""
    fault = error.faults[0]
    line = group[0].line
    if fault.field.startswith("lines["):
        line = group[int(fault.field[len("lines[") : fault.field.index("]")])].line
    return RowFault(line, fault.field, fault.message)
