"""Cases: what waits for a person, with owner, deadline and history."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import text as sql

from models.tables.metadata import key, metadata, moment, one_of, text
from models.values.states import CaseKind, NewsKind

cases = Table(
    "cases",
    metadata,
    key(),
    text("kind"),
    text("merchant_id"),
    Column("refund_id", Uuid, ForeignKey("refunds.id"), nullable=True, index=True),
    Column("repayment_id", Uuid, ForeignKey("repayments.id"), nullable=True),
    text("code"),
    text("summary"),
    text("owner", server_default="operations"),
    moment("opened_at", now=True),
    moment("deadline_at"),
    moment("closed_at", nullable=True),
    Column("resolution", Text, nullable=True),
    one_of("kind", CaseKind),
    CheckConstraint("(closed_at IS NULL) = (resolution IS NULL)", name="closed"),
    # One open case of a kind a repayment: what happens again is added to its history.
    Index(
        "uq_cases_open",
        "kind",
        "repayment_id",
        unique=True,
        postgresql_where=sql("closed_at IS NULL AND repayment_id IS NOT NULL"),
    ),
)

case_events = Table(
    "case_events",
    metadata,
    key(),
    Column("case_id", BigInteger, ForeignKey("cases.id"), nullable=False, index=True),
    moment("happened_at", now=True),
    text("what"),
    text("by"),
    Column("details", JSONB, nullable=False),
)

provider_news = Table(
    "provider_news",
    metadata,
    key(),
    text("provider"),
    text("event_id"),
    text("kind"),
    Column("repayment_id", Uuid, ForeignKey("repayments.id"), nullable=True, index=True),
    # What it came to: applied, known already, or a contradiction.
    text("effect"),
    Column("evidence", JSONB, nullable=False),
    moment("received_at", now=True),
    UniqueConstraint("provider", "event_id"),
    one_of("kind", NewsKind),
)
