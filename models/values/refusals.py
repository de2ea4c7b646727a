"""Refusals: a recorded no, with a stable code, a sentence and the field at fault."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Stable codes. Upstream services branch on them, so none is ever renamed or reused."""

    ORDER_NOT_FOUND = "order_not_found"
    CAPTURE_NOT_FOUND = "capture_not_found"
    LINE_NOT_CAPTURED = "line_not_captured"
    EXCEEDS_CAPTURED = "exceeds_captured"
    NOTHING_LEFT_TO_REFUND = "nothing_left_to_refund"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    CURRENCY_MISMATCH = "currency_mismatch"
    MARKET_MISMATCH = "market_mismatch"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    CAPTURE_CONFLICT = "capture_conflict"
    PROVIDER_UNKNOWN = "provider_unknown"
    KIND_NOT_SUPPORTED = "kind_not_supported"
    LINE_AMOUNT_NOT_SUPPORTED = "line_amount_not_supported"
    RETURN_FEE_NOT_SUPPORTED = "return_fee_not_supported"


MEANINGS: dict[RefusalCode, str] = {
    RefusalCode.ORDER_NOT_FOUND: "The merchant has no captured order of this id.",
    RefusalCode.CAPTURE_NOT_FOUND: "The order has no capture of the id that the line names.",
    RefusalCode.LINE_NOT_CAPTURED: "No capture of the order has this line.",
    RefusalCode.EXCEEDS_CAPTURED: "More is asked than is captured and not yet refunded.",
    RefusalCode.NOTHING_LEFT_TO_REFUND: "All that was captured has been refunded or is being so.",
    RefusalCode.AMOUNT_NOT_POSITIVE: "What is asked comes to zero or less.",
    RefusalCode.CURRENCY_MISMATCH: "The currency is not the order's.",
    RefusalCode.MARKET_MISMATCH: "The market is not the order's.",
    RefusalCode.IDEMPOTENCY_CONFLICT: "The idempotency key was used for another request.",
    RefusalCode.CAPTURE_CONFLICT: "The capture id was recorded with other content.",
    RefusalCode.PROVIDER_UNKNOWN: "No adapter of this provider is installed.",
    RefusalCode.KIND_NOT_SUPPORTED: "Refunds of this kind are not built yet.",
    RefusalCode.LINE_AMOUNT_NOT_SUPPORTED: "Refunds of an amount of a line are not built yet.",
    RefusalCode.RETURN_FEE_NOT_SUPPORTED: "Return fees are not built yet.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no that is stored with its request and given again to every replay of it.

    `field` is the path in the message, such as `lines[2].quantity`, or empty for the whole.
    """

    code: RefusalCode
    message: str
    field: str = ""
