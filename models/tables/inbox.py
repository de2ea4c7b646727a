"""Messages that could not become what they asked for: parked ones and refused conflicts."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from models.tables.metadata import key, metadata, moment, text

parked_messages = Table(
    "parked_messages",
    metadata,
    key(),
    text("task"),
    text("code"),
    text("message"),
    Column("faults", JSONB, nullable=False),
    # The message as it came, cut at a limit: enough to mend and send it again.
    text("body"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("merchant_id", Text, nullable=True),
    Column("idempotency_key", Text, nullable=True),
    Column("times", Integer, nullable=False, server_default="1"),
    text("owner", server_default="operations"),
    moment("first_seen_at", now=True),
    moment("last_seen_at", now=True),
    moment("deadline_at"),
    # When it was handled after all, or given up, and what came of it.
    moment("closed_at", nullable=True),
    Column("resolution", Text, nullable=True),
    UniqueConstraint("task", "code", "sha256"),
    CheckConstraint("(closed_at IS NULL) = (resolution IS NULL)", name="closed"),
)

refused_messages = Table(
    "refused_messages",
    metadata,
    key(),
    text("task"),
    text("merchant_id"),
    text("message_key"),
    text("code"),
    text("message"),
    text("field"),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("body", JSONB, nullable=False),
    moment("refused_at", now=True),
    UniqueConstraint("task", "merchant_id", "message_key", "fingerprint"),
)
