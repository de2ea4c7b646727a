"""Instructions about what is stored already, with their answers; and customers' payments."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from models.tables.metadata import key, metadata, minor, moment, one_of, text
from models.values.states import Decision

instructions = Table(
    "instructions",
    metadata,
    key(),
    text("task"),
    text("merchant_id"),
    text("idempotency_key"),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("body", JSONB, nullable=False),
    text("decision"),
    Column("refusal_code", Text, nullable=True),
    Column("refusal_message", Text, nullable=True),
    Column("refusal_field", Text, nullable=True),
    moment("received_at", now=True),
    UniqueConstraint("task", "merchant_id", "idempotency_key"),
    one_of("decision", Decision),
    CheckConstraint("(decision = 'refused') = (refusal_code IS NOT NULL)", name="refused"),
)

payments = Table(
    "payments",
    metadata,
    key(),
    Column("capture_pk", BigInteger, ForeignKey("captures.id"), nullable=False, index=True),
    text("merchant_id"),
    text("idempotency_key"),
    minor("amount_minor"),
    # What of it was owed no longer, since refunds had reduced the debt: it goes back as money.
    minor("overpaid_minor"),
    moment("paid_at", nullable=True),
    moment("recorded_at", now=True),
    UniqueConstraint("merchant_id", "idempotency_key"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("overpaid_minor BETWEEN 0 AND amount_minor", name="overpaid"),
)
