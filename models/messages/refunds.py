"""`refunds.request`, version 1: a merchant asks for a refund."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StrictBool, field_validator, model_validator
from pydantic_core import PydanticCustomError

from models.messages import fields
from models.values import limits
from models.values.orders import LineAsk, RefundAsk
from models.values.states import Reason, RefundKind

CHARGEBACK_KEY_PREFIX = "chargeback:"
"""What a lost dispute took is stored like a request, under this and the dispute's id."""


class RefundLineV1(fields.Message):
    """A line to refund: a quantity of it, or an amount of it in minor units.

    Without `capture_id` a line that was captured in parts is taken from the newest capture that
    still has it.
    """

    line_id: fields.Identifier
    quantity: fields.Quantity | None = None
    amount_minor: fields.PositiveMinor | None = None
    capture_id: fields.Identifier | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.quantity is None) == (self.amount_minor is None):
            raise PydanticCustomError(
                "measure", "needs either quantity or amount_minor", {"field": "quantity"}
            )
        return self


class RefundRequestV1(fields.Message):
    """A refund request. Its merchant and idempotency key name it for ever.

    `capture_id` limits a complete order or a bare amount to one capture. `with_shares` takes the
    shares of sales tax, discounts, gift cards and store credit along with named lines.
    `requested_by` is who asked for it, and may not approve it. With `awaits_goods` it is repaid
    when the goods are back; without it the merchant's policy decides.

    The same key with the same content is answered with the stored answer; the same key with other
    content is refused as a conflict. `requested_at` is not part of that content: a producer that
    builds the message anew for a retry means the same request.
    """

    version: fields.Version1 = 1
    merchant_id: fields.Identifier
    idempotency_key: fields.Identifier
    order_id: fields.Identifier
    kind: Annotated[RefundKind, Field(strict=False), BeforeValidator(fields.text_only)]
    currency: fields.CurrencyCode | None = None
    lines: Annotated[
        tuple[RefundLineV1, ...], Field(strict=False, max_length=limits.LINES_MAX)
    ] = ()
    amount_minor: fields.PositiveMinor | None = None
    capture_id: fields.Identifier | None = None
    with_shares: StrictBool = True
    return_fee_minor: fields.NonNegativeMinor = 0
    reason: Annotated[Reason, Field(strict=False), BeforeValidator(fields.text_only)] | None = None
    reason_text: fields.Note | None = None
    reference: fields.Name | None = None
    requested_by: fields.Person | None = None
    requested_at: fields.Moment | None = None
    awaits_goods: StrictBool | None = None

    @field_validator("idempotency_key")
    @classmethod
    def _is_no_chargebacks(cls, key: str) -> str:
        if key.startswith(CHARGEBACK_KEY_PREFIX):
            raise PydanticCustomError(
                "key",
                "begins with '{prefix}', which is kept for lost disputes",
                {"prefix": CHARGEBACK_KEY_PREFIX},
            )
        return key

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind is RefundKind.LINES) != bool(self.lines):
            raise PydanticCustomError(
                "kind", "kind 'lines' needs lines, and no other kind has them", {"field": "lines"}
            )
        if (self.kind is RefundKind.AMOUNT) != (self.amount_minor is not None):
            raise PydanticCustomError(
                "kind",
                "kind 'amount' needs amount_minor, and no other kind has it",
                {"field": "amount_minor"},
            )
        if self.kind is RefundKind.LINES and self.capture_id is not None:
            raise PydanticCustomError(
                "kind", "kind 'lines' names captures in its lines", {"field": "capture_id"}
            )
        if self.kind is not RefundKind.LINES and not self.with_shares:
            raise PydanticCustomError(
                "kind", "only kind 'lines' can leave shares out", {"field": "with_shares"}
            )
        return self

    def to_ask(self) -> RefundAsk:
        """The request as the rules see it."""
        return RefundAsk(
            merchant_id=self.merchant_id,
            idempotency_key=self.idempotency_key,
            order_id=self.order_id,
            kind=self.kind,
            currency=self.currency,
            lines=tuple(
                LineAsk(
                    f"lines[{n}]", line.line_id, line.quantity, line.amount_minor, line.capture_id
                )
                for n, line in enumerate(self.lines)
            ),
            amount_minor=self.amount_minor,
            return_fee_minor=self.return_fee_minor,
            capture_id=self.capture_id,
            with_shares=self.with_shares,
            reason=self.reason,
            awaits_goods=self.awaits_goods,
            requested_at=self.requested_at,
        )
