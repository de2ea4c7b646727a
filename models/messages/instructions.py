"""Instructions about what is stored already: approve, deny, cancel, goods, disputes, payments.

All are named for ever by their task, merchant and idempotency key, as refund requests are.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from models.messages import fields
from models.values.states import DisputeOutcome


class Instruction(fields.Message):
    """What all instructions have."""

    version: fields.Version1 = 1
    merchant_id: fields.Identifier
    idempotency_key: fields.Identifier


class RefundInstruction(Instruction):
    """An instruction about a refund, by a person."""

    refund_id: fields.RefundId
    by: fields.Person
    note: fields.Note | None = None


class RefundApproveV1(RefundInstruction):
    """`refunds.approve`, version 1: another person than the requester lets a held refund go on."""


class RefundDenyV1(RefundInstruction):
    """`refunds.deny`, version 1: a refund that awaits approval is given up."""


class RefundCancelV1(RefundInstruction):
    """`refunds.cancel`, version 1: a refund is given up, if its provider has not been called."""


class GoodsReceivedV1(RefundInstruction):
    """`refunds.goods_received`, version 1: the goods are back that a refund waited for."""


class CapturePaymentV1(Instruction):
    """`captures.payment`, version 1: the customer has paid (part of) what was still owed.

    `amount_minor` is this payment alone, in minor units of the order's currency.
    """

    capture_id: fields.Identifier
    amount_minor: fields.PositiveMinor
    paid_at: fields.Moment | None = None


class DisputeOpenedV1(Instruction):
    """`disputes.opened`, version 1: the customer disputes a payment at their bank or provider.

    Refunds of the capture (of the whole order, without `capture_id`) wait until it is closed.
    """

    dispute_id: fields.Identifier
    order_id: fields.Identifier
    capture_id: fields.Identifier | None = None
    amount_minor: fields.PositiveMinor
    opened_at: fields.Moment | None = None


class DisputeClosedV1(Instruction):
    """`disputes.closed`, version 1: the merchant won or lost it.

    A lost one has paid the customer back: `amount_minor` of it, or all that was disputed.
    """

    dispute_id: fields.Identifier
    outcome: Annotated[DisputeOutcome, Field(strict=False), BeforeValidator(fields.text_only)]
    amount_minor: fields.PositiveMinor | None = None
    closed_at: fields.Moment | None = None
