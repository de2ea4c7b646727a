"""A valid message of every kind with every field told, and what the tests do with them."""

import copy
from typing import Any

from pydantic import BaseModel

from models.messages import instructions, names
from models.messages.captures import CaptureRecordV1
from models.messages.parsing import FAULTS_MAX, Fault, InvalidMessageError, parse
from models.messages.refunds import RefundRequestV1

Json = dict[str, Any]
Spot = tuple[str | int, ...]
"""A place in a message, such as ("lines", 0, "quantity")."""

MODELS: dict[str, type[BaseModel]] = {
    names.CAPTURES_RECORD: CaptureRecordV1,
    names.REFUNDS_REQUEST: RefundRequestV1,
    names.REFUNDS_APPROVE: instructions.RefundApproveV1,
    names.REFUNDS_DENY: instructions.RefundDenyV1,
    names.REFUNDS_CANCEL: instructions.RefundCancelV1,
    names.REFUNDS_GOODS_RECEIVED: instructions.GoodsReceivedV1,
    names.CAPTURES_PAYMENT: instructions.CapturePaymentV1,
    names.DISPUTES_OPENED: instructions.DisputeOpenedV1,
    names.DISPUTES_CLOSED: instructions.DisputeClosedV1,
}
"""The contract: what each task takes."""

CAPTURE: Json = {
    "version": 1,
    "merchant_id": "merchant",
    "order_id": "order",
    "capture_id": "capture",
    "captured_at": "2026-11-24T09:30:00Z",
    "market": "SE",
    "currency": "SEK",
    "provider": "sandbox",
    "provider_references": {"order_id": "ord-9"},
    "lines": [
        {
            "line_id": "1",
            "type": "physical",
            "reference": "SKU",
            "name": "Tea cup",
            "quantity": 3,
            "unit_price": "40.00",
            "total_amount_minor": 11_000,
            "total_discount_minor": 1_000,
            "tax_rate": 2_500,
            "total_tax_minor": 2_200,
        },
        {"line_id": "2", "type": "discount", "quantity": 1, "total_amount_minor": -500},
    ],
    "customer_paid_minor": 10_000,
    "order_amount_minor": 20_000,
}
REQUEST: Json = {
    "version": 1,
    "merchant_id": "merchant",
    "idempotency_key": "key",
    "order_id": "order",
    "kind": "lines",
    "currency": "SEK",
    "lines": [
        {"line_id": "1", "quantity": 2, "capture_id": "capture"},
        {"line_id": "1", "amount_minor": 7},
    ],
    "with_shares": False,
    "return_fee_minor": 3,
    "reason": "return",
    "reason_text": "Too small.\nSent back on Monday.",
    "reference": "RMA 7",
    "requested_by": "user-7",
    "requested_at": "2026-11-24T09:30:00+01:00",
    "awaits_goods": True,
}
FULL: Json = {
    "merchant_id": "merchant",
    "idempotency_key": "key",
    "order_id": "order",
    "kind": "full",
    "currency": "SEK",
    "capture_id": "capture",
    "return_fee_minor": 3,
    "reason": "cancelled",
    "reason_text": "Never sent",
    "reference": "RMA 8",
    "requested_by": "user-8",
    "requested_at": "2026-11-24T09:30:00Z",
    "awaits_goods": False,
}
AMOUNT: Json = {
    "merchant_id": "merchant",
    "idempotency_key": "key",
    "order_id": "order",
    "kind": "amount",
    "amount_minor": 7,
}
REFUND_ID = "0f8fad5b-d9cb-569f-a165-70867728950e"
ABOUT_A_REFUND: Json = {
    "merchant_id": "merchant",
    "idempotency_key": "key",
    "refund_id": REFUND_ID,
    "by": "user-9",
    "note": "Seen.\nFine.",
}
INSTRUCTIONS: dict[str, Json] = {
    names.REFUNDS_APPROVE: ABOUT_A_REFUND,
    names.REFUNDS_DENY: ABOUT_A_REFUND,
    names.REFUNDS_CANCEL: ABOUT_A_REFUND,
    names.REFUNDS_GOODS_RECEIVED: ABOUT_A_REFUND,
    names.CAPTURES_PAYMENT: {
        "merchant_id": "merchant",
        "idempotency_key": "key",
        "capture_id": "capture",
        "amount_minor": 500,
        "paid_at": "2026-11-24T09:30:00Z",
    },
    names.DISPUTES_OPENED: {
        "merchant_id": "merchant",
        "idempotency_key": "key",
        "dispute_id": "dispute",
        "order_id": "order",
        "capture_id": "capture",
        "amount_minor": 500,
        "opened_at": "2026-11-24T09:30:00Z",
    },
    names.DISPUTES_CLOSED: {
        "merchant_id": "merchant",
        "idempotency_key": "key",
        "dispute_id": "dispute",
        "outcome": "lost",
        "amount_minor": 500,
        "closed_at": "2026-11-24T09:30:00Z",
    },
}
"""An instruction of each task, with all but its version."""


def bare(model: type[BaseModel], message: Json) -> Json:
    """The message with nothing but what it must have."""
    return {
        name: value for name, value in message.items() if model.model_fields[name].is_required()
    }


SAMPLES: dict[str, tuple[type[BaseModel], Json]] = {
    "capture": (CaptureRecordV1, CAPTURE),
    "request": (RefundRequestV1, REQUEST),
    "full": (RefundRequestV1, FULL),
    "amount": (RefundRequestV1, AMOUNT),
    **{task: (MODELS[task], message) for task, message in INSTRUCTIONS.items()},
    **{
        f"bare {task}": (MODELS[task], bare(MODELS[task], message))
        for task, message in INSTRUCTIONS.items()
    },
}


def faults_of(model: type[BaseModel], value: Any) -> list[Fault]:
    """The faults; none when the message parses."""
    try:
        parse(model, value)
    except InvalidMessageError as error:
        found = error
    else:
        return []
    assert 0 < len(found.faults) <= FAULTS_MAX
    str(found).encode()  # can be logged and stored
    return found.faults


def named(model: type[BaseModel], value: Any) -> list[str]:
    """The fields at fault; none when the message parses."""
    faults = faults_of(model, value)
    assert all(fault.message for fault in faults)
    return [fault.field for fault in faults]


def changed(message: Json, spot: Spot, value: Any) -> Json:
    """A copy with another value at the spot."""
    copied = copy.deepcopy(message)
    inner: Any = copied
    for step in spot[:-1]:
        inner = inner[step]
    inner[spot[-1]] = value
    return copied


def shown(spot: Spot) -> str:
    """The spot as a fault names it."""
    text = ""
    for step in spot:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
