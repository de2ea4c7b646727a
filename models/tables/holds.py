"""What held refunds wait for, and disputes of payments."""

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
from sqlalchemy.sql import text as sql

from models.tables.metadata import key, metadata, minor, moment, one_of, text
from models.values.states import DisputeState, HoldKind

disputes = Table(
    "disputes",
    metadata,
    key(),
    text("merchant_id"),
    text("dispute_id"),
    Column("order_pk", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    # Without a capture the dispute is about the whole order.
    Column("capture_pk", BigInteger, ForeignKey("captures.id"), nullable=True),
    text("state"),
    minor("amount_minor"),
    # What a lost dispute paid back beyond what was left: a refund had paid it already.
    minor("paid_twice_minor", default=0),
    Column("refund_id", Uuid, ForeignKey("refunds.id"), nullable=True),
    moment("opened_at", now=True),
    moment("closed_at", nullable=True),
    UniqueConstraint("merchant_id", "dispute_id"),
    one_of("state", DisputeState),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("paid_twice_minor >= 0", name="paid_twice"),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed"),
)

holds = Table(
    "holds",
    metadata,
    key(),
    Column("refund_id", Uuid, ForeignKey("refunds.id"), nullable=False),
    text("kind"),
    Column("dispute_pk", BigInteger, ForeignKey("disputes.id"), nullable=True, index=True),
    moment("placed_at", now=True),
    moment("released_at", nullable=True),
    Column("released_by", Text, nullable=True),
    Column("note", Text, nullable=True),
    one_of("kind", HoldKind),
    CheckConstraint("(kind = 'dispute') = (dispute_pk IS NOT NULL)", name="dispute"),
    CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="released"),
    Index(
        "uq_holds_placed",
        "refund_id",
        "kind",
        sql("coalesce(dispute_pk, 0)"),
        unique=True,
        postgresql_where=sql("released_at IS NULL"),
    ),
)
