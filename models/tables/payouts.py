"""Payouts and the deductions that refunds take off them.

settlement = sales - returns + reversals - repaid debt + new debt, and never negative.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.sql import text as sql

from models.tables.metadata import key, metadata, minor, moment, one_of, text
from models.values.states import DeductionKind, PayoutState

payouts = Table(
    "payouts",
    metadata,
    key(),
    text("merchant_id"),
    text("currency"),
    text("state"),
    moment("opened_at", now=True),
    moment("closed_at", nullable=True),
    # Totals are zero while the payout is open and never change once it is closed.
    minor("sales_minor", default=0),
    minor("returns_minor", default=0),
    minor("reversals_minor", default=0),
    minor("opening_debt_minor", default=0),
    minor("repaid_debt_minor", default=0),
    minor("new_debt_minor", default=0),
    minor("closing_debt_minor", default=0),
    minor("settlement_minor", default=0),
    one_of("state", PayoutState),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed"),
    CheckConstraint(
        "sales_minor >= 0 AND returns_minor >= 0 AND reversals_minor >= 0"
        " AND opening_debt_minor >= 0"
        " AND repaid_debt_minor >= 0 AND new_debt_minor >= 0 AND closing_debt_minor >= 0"
        " AND settlement_minor >= 0",
        name="not_negative",
    ),
    CheckConstraint(
        "settlement_minor = sales_minor - returns_minor + reversals_minor - repaid_debt_minor"
        " + new_debt_minor",
        name="settlement",
    ),
    CheckConstraint(
        "state = 'open'"
        " OR closing_debt_minor = opening_debt_minor - repaid_debt_minor + new_debt_minor",
        name="debt",
    ),
    Index(
        "uq_payouts_open",
        "merchant_id",
        "currency",
        unique=True,
        postgresql_where=sql("state = 'open'"),
    ),
)

deductions = Table(
    "deductions",
    metadata,
    key(),
    Column("refund_id", Uuid, ForeignKey("refunds.id"), nullable=False),
    text("kind"),
    # The reversed repayment; empty for the refund's own deduction.
    text("source", server_default=""),
    Column("payout_id", BigInteger, ForeignKey("payouts.id"), nullable=False, index=True),
    minor("amount_minor"),
    moment("posted_at", now=True),
    # Idempotency key 4 of 4: the deduction.
    UniqueConstraint("refund_id", "kind", "source"),
    CheckConstraint("(kind = 'reversal') = (source <> '')", name="source"),
    one_of("kind", DeductionKind),
    CheckConstraint("amount_minor > 0", name="amount"),
)
