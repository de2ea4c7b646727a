"""Credit records: a document a refund and invoice (capture), numbered by merchant without gaps.

Source: VAT directive 2006/112, articles 219 and 226: what corrects an invoice has a sequential
number, refers to that invoice, and tells the tax by rate.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    Table,
    UniqueConstraint,
    Uuid,
)

from models.tables.metadata import key, metadata, minor, moment, one_of, text
from models.values.states import CreditKind

credit_counters = Table(
    "credit_counters",
    metadata,
    text("merchant_id", primary_key=True),
    Column("last_number", BigInteger, nullable=False),
)

credit_records = Table(
    "credit_records",
    metadata,
    key(),
    text("merchant_id"),
    Column("number", BigInteger, nullable=False),
    # The refund's repayment on the capture: the lines are those of refund_lines.
    Column("repayment_id", Uuid, ForeignKey("repayments.id"), nullable=False),
    text("kind", server_default="credit"),
    # The invoice that it corrects.
    Column("capture_pk", BigInteger, ForeignKey("captures.id"), nullable=False, index=True),
    text("currency"),
    minor("amount_minor"),
    # Beside the amount: what went back to gift cards and store credit.
    minor("tender_minor"),
    minor("tax_minor"),
    moment("issued_at", now=True),
    UniqueConstraint("merchant_id", "number"),
    UniqueConstraint("repayment_id", "kind"),
    one_of("kind", CreditKind),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("amount_minor >= 0 AND tender_minor >= 0", name="amount"),
)

credit_taxes = Table(
    "credit_taxes",
    metadata,
    Column("credit_id", BigInteger, ForeignKey("credit_records.id"), primary_key=True),
    Column("tax_rate_basis_points", Integer, primary_key=True),
    # Negative where a return fee of this rate was kept from goods of another.
    minor("amount_minor"),
    minor("tax_minor"),
)
