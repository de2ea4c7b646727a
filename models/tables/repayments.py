"""Repayments (one a refund and capture) and the attempts made at their provider."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import text as sql

from models.tables.metadata import metadata, minor, moment, one_of, text
from models.values.states import OPEN_REPAYMENT_STATES, RepaymentKind, RepaymentState

_OPEN = ", ".join(f"'{state}'" for state in OPEN_REPAYMENT_STATES)

repayments = Table(
    "repayments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("refund_id", Uuid, ForeignKey("refunds.id"), nullable=False),
    Column("capture_pk", BigInteger, ForeignKey("captures.id"), nullable=False, index=True),
    text("kind", server_default="refund"),
    # The payment that was overpaid; empty for the refund itself.
    text("source", server_default=""),
    text("provider"),
    minor("amount_minor"),
    minor("cash_minor"),
    minor("fee_minor", default=0),
    minor("fee_tax_minor", default=0),
    Column("fee_tax_rate_basis_points", Integer, nullable=False, server_default="0"),
    # What goes back to these tenders beside the amount.
    minor("gift_card_minor", default=0),
    minor("store_credit_minor", default=0),
    # Idempotency key 2 of 4: the provider call. Stored before the first call.
    text("provider_key", unique=True),
    Column("generation", Integer, nullable=False, server_default="1"),
    text("state"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Attempts that count no longer, since a person let it be tried again.
    Column("attempts_forgiven", Integer, nullable=False, server_default="0"),
    # What went wrong with the last attempt: decides when and how often to try again.
    Column("error", Text, nullable=True),
    # The state in which it was set aside, and to which a person's retry brings it back.
    Column("parked_from", Text, nullable=True),
    # The fencing token: every change names the token that it claimed the repayment with.
    Column("fence", BigInteger, nullable=False, server_default="0"),
    # When it may be claimed. A claim moves it to the end of its lease: one column, one condition.
    moment("next_attempt_at", nullable=True),
    moment("first_sent_at", nullable=True),
    Column("provider_refund_id", Text, nullable=True),
    Column("code", Text, nullable=True),
    moment("finished_at", nullable=True),
    UniqueConstraint("refund_id", "capture_pk", "source"),
    one_of("state", RepaymentState),
    one_of("kind", RepaymentKind),
    CheckConstraint("(state = 'parked') = (parked_from IS NOT NULL)", name="parked"),
    CheckConstraint(f"parked_from IN ({_OPEN})", name="parked_from"),
    CheckConstraint("attempts_forgiven BETWEEN 0 AND attempts", name="forgiven"),
    CheckConstraint("(kind = 'overpayment') = (source <> '')", name="source"),
    CheckConstraint("fee_minor >= 0 AND fee_tax_minor BETWEEN 0 AND fee_minor", name="fee"),
    CheckConstraint("gift_card_minor >= 0 AND store_credit_minor >= 0", name="tenders"),
    # Zero where a free line goes back along with what was paid: no call, but its units count.
    CheckConstraint("amount_minor >= 0", name="amount"),
    CheckConstraint("cash_minor BETWEEN 0 AND amount_minor", name="cash"),
    CheckConstraint(
        f"(state IN ({_OPEN})) = (next_attempt_at IS NOT NULL)", name="open_is_scheduled"
    ),
    Index(
        "ix_repayments_due",
        "next_attempt_at",
        postgresql_where=sql(f"state IN ({_OPEN})"),
    ),
    Index(
        "uq_repayments_provider_refund_id",
        "provider",
        "provider_refund_id",
        unique=True,
        postgresql_where=sql("provider_refund_id IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": 80},
)

attempts = Table(
    "attempts",
    metadata,
    Column("repayment_id", Uuid, ForeignKey("repayments.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    text("action"),
    moment("started_at", now=True),
    moment("finished_at", nullable=True),
    Column("outcome", Text, nullable=True),
    Column("code", Text, nullable=True),
    Column("evidence", JSONB, nullable=True),
    CheckConstraint("action IN ('send', 'ask', 'none')", name="action"),
    CheckConstraint(
        "outcome IN ('settled', 'pending', 'declined', 'unknown', 'not_sent')", name="outcome"
    ),
    CheckConstraint("(outcome IS NULL) = (finished_at IS NULL)", name="finished"),
)
