"""What rules see of an order: its captures and captured lines, and what is left of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from models.values.states import LineType, RefundKind


@dataclass(frozen=True, slots=True)
class Portion:
    """A quantity with its amount, tax and discount, in minor units.

    Tax is contained in the amount. An amount is negative only on discount lines.
    """

    quantity: int = 0
    amount_minor: int = 0
    tax_minor: int = 0
    discount_minor: int = 0

    def plus(self, other: "Portion") -> "Portion":
        """The sum, component by component."""
        return Portion(
            self.quantity + other.quantity,
            self.amount_minor + other.amount_minor,
            self.tax_minor + other.tax_minor,
            self.discount_minor + other.discount_minor,
        )

    def minus(self, other: "Portion") -> "Portion":
        """The difference, component by component."""
        return Portion(
            self.quantity - other.quantity,
            self.amount_minor - other.amount_minor,
            self.tax_minor - other.tax_minor,
            self.discount_minor - other.discount_minor,
        )


@dataclass(frozen=True, slots=True)
class CapturedLine:
    """A capture's record of an order line. `taken` is reserved plus refunded."""

    pk: int
    capture_pk: int
    line_id: str
    type: LineType
    captured: Portion
    taken: Portion

    @property
    def left(self) -> Portion:
        """What is neither refunded nor reserved."""
        return self.captured.minus(self.taken)


@dataclass(frozen=True, slots=True)
class Capture:
    """Funds taken for (part of) an order: the ceiling of refunds, and one customer invoice.

    `paid_minor` is what the customer has paid of it, `cash_minor` what of `taken_minor` goes back
    as money (the rest reduces the customer's debt).
    """

    pk: int
    capture_id: str
    captured_at: datetime
    provider: str
    captured_minor: int
    paid_minor: int
    taken_minor: int
    cash_minor: int
    provider_references: Mapping[str, str] = field(default_factory=dict)

    @property
    def left_minor(self) -> int:
        """What is neither refunded nor reserved."""
        return self.captured_minor - self.taken_minor

    @property
    def debt_left_minor(self) -> int:
        """What the customer still owes of it, after what refunds have taken off that debt."""
        return self.captured_minor - self.paid_minor - (self.taken_minor - self.cash_minor)


@dataclass(frozen=True, slots=True)
class OrderBook:
    """An order with its captures, newest first, and their lines by capture."""

    pk: int
    merchant_id: str
    order_id: str
    currency: str
    captures: Sequence[Capture]
    lines: dict[int, dict[str, CapturedLine]]
    """capture pk → line id → line"""

    def capture(self, pk: int) -> Capture:
        """The capture of this pk."""
        return next(capture for capture in self.captures if capture.pk == pk)

    def with_taken(self, shares: Sequence["CaptureShare"]) -> "OrderBook":
        """The book after an acceptance: the next request of the order is decided on it."""
        by_capture = {share.capture_pk: share for share in shares}
        lines = dict(self.lines)
        captures = []
        for capture in self.captures:
            share = by_capture.get(capture.pk)
            if share is None:
                captures.append(capture)
                continue
            captures.append(
                replace(
                    capture,
                    taken_minor=capture.taken_minor + share.amount_minor,
                    cash_minor=capture.cash_minor + share.cash_minor,
                )
            )
            of_capture = dict(lines[capture.pk])
            for line_share in share.lines:
                line = of_capture[line_share.line_id]
                of_capture[line.line_id] = replace(line, taken=line.taken.plus(line_share.portion))
            lines[capture.pk] = of_capture
        return replace(self, captures=captures, lines=lines)


@dataclass(frozen=True, slots=True)
class LineAsk:
    """A line of a refund request: a quantity or an amount of it. `path` names it in errors."""

    path: str
    line_id: str
    quantity: int | None
    amount_minor: int | None
    capture_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """A refund request as the rules see it."""

    merchant_id: str
    idempotency_key: str
    order_id: str
    kind: RefundKind
    currency: str | None = None
    lines: Sequence[LineAsk] = ()
    amount_minor: int | None = None
    return_fee_minor: int = 0


@dataclass(frozen=True, slots=True)
class LineShare:
    """What a refund takes of one captured line."""

    line_pk: int
    line_id: str
    portion: Portion


@dataclass(frozen=True, slots=True)
class CaptureShare:
    """What a refund takes of one capture: one repayment, one credit on one invoice.

    `cash_minor` is repaid, the rest of `amount_minor` reduces the customer's debt.
    """

    capture_pk: int
    provider: str
    amount_minor: int
    cash_minor: int
    lines: Sequence[LineShare]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A yes: what the refund takes, capture by capture. Amounts in minor units of the order."""

    refund_id: UUID
    amount_minor: int
    shares: Sequence[CaptureShare] = field(default_factory=tuple)
