"""What rules see of an order: its captures and captured lines, and what is left of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from models.values.states import HoldKind, LineType, Reason, RefundKind


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
    """A capture's record of an order line. `taken` is reserved plus refunded.

    `basis` is what had been taken when the line was last refunded by an amount: the units that
    were left then share evenly what was left then.
    """

    pk: int
    capture_pk: int
    line_id: str
    type: LineType
    captured: Portion
    taken: Portion
    tax_rate_basis_points: int = 0
    basis: Portion = Portion()

    @property
    def left(self) -> Portion:
        """What is neither refunded nor reserved."""
        return self.captured.minus(self.taken)

    @property
    def is_return_fee(self) -> bool:
        """Whether it is a return fee that an earlier refund kept."""
        return self.type is LineType.RETURN_FEE

    def with_taken(self, portion: Portion, *, by_amount: bool = False) -> "CapturedLine":
        """The line after a refund of a portion of it."""
        taken = self.taken.plus(portion)
        return replace(self, taken=taken, basis=taken if by_amount else self.basis)


@dataclass(frozen=True, slots=True)
class Capture:
    """Funds taken for (part of) an order: the ceiling of refunds, and one customer invoice.

    `paid_minor` is what the customer has paid of it, `cash_minor` what of `taken_minor` goes back
    as money (the rest reduces the customer's debt). `order_amount_minor` is what the whole order
    came to at this capture, where it is known.
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
    order_amount_minor: int | None = None

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
    """An order with its captures, newest first, and their lines by capture.

    `refund_count` is how many refunds of it were accepted and neither failed nor were cancelled.
    """

    pk: int
    merchant_id: str
    order_id: str
    currency: str
    captures: Sequence[Capture]
    lines: dict[int, dict[str, CapturedLine]]
    """capture pk → line id → line"""
    market: str = ""
    refund_count: int = 0

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
                of_capture[line.line_id] = replace(
                    line,
                    taken=line.taken.plus(line_share.portion),
                    basis=line.basis if line_share.basis is None else line_share.basis,
                )
            lines[capture.pk] = of_capture
        return replace(
            self, captures=captures, lines=lines, refund_count=self.refund_count + bool(shares)
        )


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
    """A refund request as the rules see it.

    `capture_id` limits a complete order or a bare amount to one capture. `with_shares` takes the
    shares of sales tax, discounts and tenders along with the named lines. `awaits_goods` is None
    where the policy decides.
    """

    merchant_id: str
    idempotency_key: str
    order_id: str
    kind: RefundKind
    currency: str | None = None
    lines: Sequence[LineAsk] = ()
    amount_minor: int | None = None
    return_fee_minor: int = 0
    capture_id: str | None = None
    with_shares: bool = True
    reason: Reason | None = None
    awaits_goods: bool | None = None
    requested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LineShare:
    """What a refund takes of one captured line; `basis` is the line's new one, if it changes."""

    line_pk: int
    line_id: str
    portion: Portion
    basis: Portion | None = None


@dataclass(frozen=True, slots=True)
class KeptFee:
    """A return fee that is kept from a refund. Its tax is contained in its amount."""

    amount_minor: int
    tax_minor: int
    tax_rate_basis_points: int


@dataclass(frozen=True, slots=True)
class CaptureShare:
    """What a refund takes of one capture: one repayment, one credit on one invoice.

    `amount_minor` is what its lines come to, less the fee that is kept. `cash_minor` of it is
    repaid, the rest reduces the customer's debt. What negative gift card and store credit lines
    take goes back to those tenders beside it.
    """

    capture_pk: int
    provider: str
    amount_minor: int
    cash_minor: int
    lines: Sequence[LineShare]
    fee: KeptFee | None = None
    gift_card_minor: int = 0
    store_credit_minor: int = 0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A yes: what the refund takes, capture by capture. Amounts in minor units of the order.

    With holds it is reserved, and waits until they are released.
    """

    refund_id: UUID
    amount_minor: int
    shares: Sequence[CaptureShare] = field(default_factory=tuple)
    holds: Sequence[HoldKind] = ()
    due_at: datetime | None = None

    @property
    def fee_minor(self) -> int:
        """The return fee that is kept, in minor units."""
        return sum(share.fee.amount_minor for share in self.shares if share.fee)
