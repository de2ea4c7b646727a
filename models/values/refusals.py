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
    RETURN_FEE_NOT_ALLOWED = "return_fee_not_allowed"
    RETURN_FEE_NOT_POSSIBLE = "return_fee_not_possible"
    RETURN_FEE_ABOVE_CAP = "return_fee_above_cap"
    RETURN_FEE_EXCEEDS_REFUND = "return_fee_exceeds_refund"
    AMOUNT_BELOW_MINIMUM = "amount_below_minimum"
    AMOUNT_ABOVE_MAXIMUM = "amount_above_maximum"
    TOO_MANY_REFUNDS = "too_many_refunds"
    WINDOW_CLOSED = "window_closed"
    REFUND_NOT_FOUND = "refund_not_found"
    NOT_HELD = "not_held"
    SAME_PERSON = "same_person"
    TOO_LATE_TO_CANCEL = "too_late_to_cancel"
    PAYMENT_EXCEEDS_CAPTURED = "payment_exceeds_captured"
    DISPUTE_NOT_FOUND = "dispute_not_found"
    DISPUTE_NOT_OPEN = "dispute_not_open"
    # No longer given; stored requests may still hold them.
    KIND_NOT_SUPPORTED = "kind_not_supported"
    LINE_AMOUNT_NOT_SUPPORTED = "line_amount_not_supported"
    RETURN_FEE_NOT_SUPPORTED = "return_fee_not_supported"


RETIRED = (
    RefusalCode.KIND_NOT_SUPPORTED,
    RefusalCode.LINE_AMOUNT_NOT_SUPPORTED,
    RefusalCode.RETURN_FEE_NOT_SUPPORTED,
)

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
    RefusalCode.RETURN_FEE_NOT_ALLOWED: "No return fee may be kept in this market.",
    RefusalCode.RETURN_FEE_NOT_POSSIBLE: "The provider takes no return fee on such an order.",
    RefusalCode.RETURN_FEE_ABOVE_CAP: "The return fee is above the cap of the policy.",
    RefusalCode.RETURN_FEE_EXCEEDS_REFUND: "The return fee leaves nothing to refund.",
    RefusalCode.AMOUNT_BELOW_MINIMUM: "The refund is below the minimum of the policy.",
    RefusalCode.AMOUNT_ABOVE_MAXIMUM: "The refund is above the maximum of the policy.",
    RefusalCode.TOO_MANY_REFUNDS: "The order has as many refunds as the policy allows.",
    RefusalCode.WINDOW_CLOSED: "The capture is older than the policy's refund window.",
    RefusalCode.REFUND_NOT_FOUND: "The merchant has no refund of this id.",
    RefusalCode.NOT_HELD: "The refund waits for no such thing.",
    RefusalCode.SAME_PERSON: "Whoever asked for a refund may not approve it.",
    RefusalCode.TOO_LATE_TO_CANCEL: "The provider has been called, or the refund is finished.",
    RefusalCode.PAYMENT_EXCEEDS_CAPTURED: "More is paid than was captured.",
    RefusalCode.DISPUTE_NOT_FOUND: "The merchant has no dispute of this id.",
    RefusalCode.DISPUTE_NOT_OPEN: "The dispute is closed already.",
    RefusalCode.KIND_NOT_SUPPORTED: "No longer given (0.1: this kind was not built).",
    RefusalCode.LINE_AMOUNT_NOT_SUPPORTED: "No longer given (0.1: not built).",
    RefusalCode.RETURN_FEE_NOT_SUPPORTED: "No longer given (0.1: not built).",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no that is stored with its request and given again to every replay of it.

    `field` is the path in the message, such as `lines[2].quantity`, or empty for the whole.
    """

    code: RefusalCode
    message: str
    field: str = ""
