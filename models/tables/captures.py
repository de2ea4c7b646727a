"""Captures and captured lines, with what of them is reserved and refunded.

The CHECK constraints here are the last line of defence: code that is wrong fails, it does not
overpay (design decision 9).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from models.tables.metadata import key, metadata, minor, moment, one_of, text
from models.values.states import LineType

captures = Table(
    "captures",
    metadata,
    key(),
    Column("order_pk", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    text("merchant_id"),
    text("capture_id"),
    moment("captured_at"),
    text("provider"),
    Column("provider_references", JSONB, nullable=False),
    minor("captured_minor"),
    minor("paid_minor"),
    # What the whole order came to at this capture, where the upstream told it.
    Column("order_amount_minor", BigInteger, nullable=True),
    # Whether it has lines that go along with others: then refunds of lines read all of them.
    Column("accompanied", Boolean, nullable=False, server_default="false"),
    minor("reserved_minor", default=0),
    minor("refunded_minor", default=0),
    # Of reserved and refunded: what goes back as money. The rest reduces the customer's debt.
    minor("cash_minor", default=0),
    Column("payout_id", BigInteger, ForeignKey("payouts.id"), nullable=False, index=True),
    Column("fingerprint", LargeBinary, nullable=False),
    moment("recorded_at", now=True),
    UniqueConstraint("merchant_id", "capture_id"),
    CheckConstraint("captured_minor > 0", name="captured"),
    CheckConstraint("order_amount_minor >= captured_minor", name="order_amount"),
    CheckConstraint("paid_minor BETWEEN 0 AND captured_minor", name="paid"),
    CheckConstraint("reserved_minor >= 0 AND refunded_minor >= 0", name="not_negative"),
    CheckConstraint("reserved_minor + refunded_minor <= captured_minor", name="never_above"),
    CheckConstraint(
        "cash_minor BETWEEN 0 AND paid_minor AND cash_minor <= reserved_minor + refunded_minor",
        name="cash_never_above_paid",
    ),
    # Room on the page, so that the counters are updated in place (HOT), without index work.
    postgresql_with={"fillfactor": 70},
)


def _never_above(component: str) -> CheckConstraint:
    """0 <= reserved + refunded <= captured, mirrored for the negative totals of discount lines."""
    return CheckConstraint(
        f"(captured_{component} >= 0 AND reserved_{component} >= 0 AND refunded_{component} >= 0"
        f" AND reserved_{component} + refunded_{component} <= captured_{component})"
        f" OR (captured_{component} < 0 AND reserved_{component} <= 0"
        f" AND refunded_{component} <= 0"
        f" AND reserved_{component} + refunded_{component} >= captured_{component})",
        name=f"{component}_never_above",
    )


captured_lines = Table(
    "captured_lines",
    metadata,
    key(),
    Column("capture_pk", BigInteger, ForeignKey("captures.id"), nullable=False),
    Column("order_pk", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    text("line_id"),
    text("type"),
    text("reference"),
    text("name"),
    Column("unit_price", Numeric, nullable=True),
    Column("tax_rate_basis_points", Integer, nullable=False),
    minor("captured_quantity"),
    minor("captured_amount_minor"),
    minor("captured_tax_minor"),
    minor("captured_discount_minor"),
    minor("reserved_quantity", default=0),
    minor("reserved_amount_minor", default=0),
    minor("reserved_tax_minor", default=0),
    minor("reserved_discount_minor", default=0),
    minor("refunded_quantity", default=0),
    minor("refunded_amount_minor", default=0),
    minor("refunded_tax_minor", default=0),
    minor("refunded_discount_minor", default=0),
    # What was taken when the line was last refunded by an amount: units share what was left then.
    minor("basis_quantity", default=0),
    minor("basis_amount_minor", default=0),
    minor("basis_discount_minor", default=0),
    UniqueConstraint("capture_pk", "line_id"),
    one_of("type", LineType),
    CheckConstraint("captured_quantity > 0", name="captured_quantity"),
    _never_above("quantity"),
    _never_above("amount_minor"),
    _never_above("tax_minor"),
    _never_above("discount_minor"),
    postgresql_with={"fillfactor": 70},
)
