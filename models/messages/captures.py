"""`captures.record`, version 1: funds were taken for (part of) an order."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from models.messages import fields
from models.values import limits
from models.values.identifiers import RETURN_FEE_PREFIX
from models.values.states import NEGATIVE_TYPES, LineType

ReferenceName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class CapturedLineV1(fields.Message):
    """A captured order line. Amounts are integer minor units and include tax.

    Discounts, and what was paid by gift card or store credit, are lines with negative totals.
    """

    line_id: fields.Identifier
    type: Annotated[LineType, Field(strict=False), BeforeValidator(fields.text_only)] = (
        LineType.PHYSICAL
    )
    reference: fields.Name = ""
    name: fields.Name = ""
    quantity: fields.Quantity
    unit_price: fields.UnitPrice | None = None
    total_amount_minor: fields.SignedMinor
    total_discount_minor: fields.NonNegativeMinor = 0
    tax_rate: fields.BasisPoints = 0
    total_tax_minor: fields.SignedMinor = 0


class CaptureRecordV1(fields.Message):
    """A capture: the ceiling of refunds, and one customer invoice.

    The total of its lines is the captured amount. `customer_paid_minor` is what the customer has
    paid of it (default: all). `order_amount_minor` is what the whole order comes to, as far as is
    known: some providers take return fees only on orders that are fully captured.
    """

    version: fields.Version1 = 1
    merchant_id: fields.Identifier
    order_id: fields.Identifier
    capture_id: fields.Identifier
    captured_at: fields.Moment
    market: fields.MarketCode
    currency: fields.CurrencyCode
    provider: fields.ProviderName
    provider_references: Annotated[
        dict[ReferenceName, fields.Identifier], Field(max_length=limits.REFERENCES_MAX)
    ] = Field(default_factory=dict)
    lines: Annotated[
        tuple[CapturedLineV1, ...],
        Field(strict=False, min_length=1, max_length=limits.LINES_MAX),
    ]
    customer_paid_minor: fields.NonNegativeMinor | None = None
    order_amount_minor: fields.PositiveMinor | None = None

    @property
    def captured_minor(self) -> int:
        """What was captured: the sum of the lines."""
        return sum(line.total_amount_minor for line in self.lines)

    @property
    def paid_minor(self) -> int:
        """What the customer has paid of it."""
        if self.customer_paid_minor is None:
            return self.captured_minor
        return self.customer_paid_minor

    @property
    def is_accompanied(self) -> bool:
        """Whether it has lines that go along with others when those are refunded."""
        return any(
            line.type is LineType.SALES_TAX
            or (line.type in NEGATIVE_TYPES and line.total_amount_minor < 0)
            for line in self.lines
        )

    def tendered_minor(self, tender: LineType) -> int:
        """What was paid by gift card or store credit, beside what was captured."""
        return -sum(min(line.total_amount_minor, 0) for line in self.lines if line.type is tender)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValidationError.from_exception_data(
                "CaptureRecordV1",
                [
                    InitErrorDetails(
                        type=PydanticCustomError("sum", text),
                        loc=location,
                        input=value,
                    )
                    for location, text, value in faults
                ],
            )
        return self

    def _faults(self) -> "list[tuple[tuple[str | int, ...], str, object]]":
        faults: list[tuple[tuple[str | int, ...], str, object]] = []
        seen: set[str] = set()
        scale = 10 ** fields.exponent_of(self.currency)
        for number, line in enumerate(self.lines):
            where = ("lines", number)
            if line.line_id in seen:
                faults.append(((*where, "line_id"), "names a line twice", line.line_id))
            seen.add(line.line_id)
            faults.extend(
                ((*where, name), text, value) for name, text, value in _line_faults(line, scale)
            )
        captured = self.captured_minor
        if not 0 < captured <= limits.AMOUNT_MAX_MINOR:
            faults.append(
                (("lines",), f"the lines come to {captured}, which is no captured amount", captured)
            )
        elif self.paid_minor > captured:
            faults.append(
                (
                    ("customer_paid_minor",),
                    f"is more than the {captured} captured",
                    self.paid_minor,
                )
            )
        if (
            0 < captured <= limits.AMOUNT_MAX_MINOR
            and self.order_amount_minor is not None
            and self.order_amount_minor < captured
        ):
            faults.append(
                (
                    ("order_amount_minor",),
                    f"is less than the {captured} captured",
                    self.order_amount_minor,
                )
            )
        return faults


def _line_faults(line: CapturedLineV1, scale: int) -> "list[tuple[str, str, object]]":
    """Faults of one line as (field, sentence, value)."""
    faults: list[tuple[str, str, object]] = []
    total, tax = line.total_amount_minor, line.total_tax_minor
    if line.line_id.startswith(RETURN_FEE_PREFIX):
        faults.append(
            ("line_id", f"begins with {RETURN_FEE_PREFIX!r}, which is kept for fees", line.line_id)
        )
    if total < 0 and line.type not in NEGATIVE_TYPES:
        faults.append(
            (
                "total_amount_minor",
                "is negative on a line that is no discount, gift card or store credit",
                total,
            )
        )
    if total > 0 and line.type is LineType.DISCOUNT:
        faults.append(("total_amount_minor", "is positive on a discount line", total))
    if abs(tax) > abs(total) or tax * total < 0:
        faults.append(("total_tax_minor", "is more than the line's total, or of other sign", tax))
    if line.unit_price is not None:
        due = line.unit_price * scale * line.quantity - line.total_discount_minor
        # A unit price that is itself rounded is off by at most half a minor unit a unit.
        if abs(due - total) > Decimal(line.quantity + 1) / 2:
            faults.append(
                (
                    "total_amount_minor",
                    f"quantity x unit_price - discount comes to {due.normalize():f}, not {total}",
                    total,
                )
            )
    return faults
