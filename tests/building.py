"""Valid messages, to be changed by tests."""

from typing import Any

from models.messages.captures import CaptureRecordV1
from models.messages.parsing import parse
from models.messages.refunds import RefundRequestV1
from worker.steps.capturing import record_captures


def capture(order_id: str = "o-1", **changed: Any) -> CaptureRecordV1:
    """A capture of three units for 100 minor units, with tax 20 and discount 5."""
    body: dict[str, Any] = {
        "merchant_id": "m",
        "order_id": order_id,
        "capture_id": f"{order_id}-c",
        "captured_at": "2026-11-01T10:00:00Z",
        "market": "DE",
        "currency": "EUR",
        "provider": "sandbox",
        "lines": [line()],
    }
    return parse(CaptureRecordV1, body | changed)


def line(line_id: str = "l-1", **changed: Any) -> dict[str, Any]:
    """A captured line."""
    return {
        "line_id": line_id,
        "quantity": 3,
        "total_amount_minor": 100,
        "total_tax_minor": 20,
        "total_discount_minor": 5,
    } | changed


def request(key: str = "k-1", order_id: str = "o-1", **changed: Any) -> RefundRequestV1:
    """A request for one unit of line l-1."""
    body: dict[str, Any] = {
        "merchant_id": "m",
        "idempotency_key": key,
        "order_id": order_id,
        "kind": "lines",
        "lines": [{"line_id": "l-1", "quantity": 1}],
    }
    return parse(RefundRequestV1, body | changed)


def full(key: str = "k-1", order_id: str = "o-1", **changed: Any) -> RefundRequestV1:
    """A request for the complete order."""
    return request(key, order_id, kind="full", lines=[], **changed)


def record(*captures: CaptureRecordV1) -> None:
    """Record captures, which must be accepted."""
    answers = record_captures(captures or [capture()])
    assert all(str(answer).startswith("accepted") for answer in answers), answers
