"""Refund requests with their decisions, refunds, and what each takes of which captured line."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import text as sql

from models.tables.metadata import key, metadata, minor, moment, one_of, text
from models.values.states import Decision, RefundKind, RefundState

refund_requests = Table(
    "refund_requests",
    metadata,
    key(),
    text("merchant_id"),
    text("idempotency_key"),
    text("order_id"),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("body", JSONB, nullable=False),
    text("decision"),
    Column("refund_id", Uuid, ForeignKey("refunds.id"), nullable=True, unique=True),
    Column("refusal_code", Text, nullable=True),
    Column("refusal_message", Text, nullable=True),
    Column("refusal_field", Text, nullable=True),
    moment("received_at", now=True),
    # Idempotency key 1 of 4: the request.
    UniqueConstraint("merchant_id", "idempotency_key"),
    one_of("decision", Decision),
    CheckConstraint("(decision = 'accepted') = (refund_id IS NOT NULL)", name="accepted"),
    CheckConstraint("(decision = 'refused') = (refusal_code IS NOT NULL)", name="refused"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_pk", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    text("merchant_id"),
    text("currency"),
    text("kind"),
    text("state"),
    minor("amount_minor"),
    # What the merchant keeps beside it.
    minor("fee_minor", default=0),
    minor("settled_minor", default=0),
    Column("reason", Text, nullable=True),
    Column("reason_text", Text, nullable=True),
    Column("requested_by", Text, nullable=True),
    Column("reference", Text, nullable=True),
    moment("requested_at", nullable=True),
    moment("accepted_at", now=True),
    # Until when it must have been repaid, by law or by the merchant's policy.
    moment("due_at", nullable=True),
    # Why it was cancelled, and by whom.
    Column("cancel_code", Text, nullable=True),
    Column("cancelled_by", Text, nullable=True),
    moment("finished_at", nullable=True),
    one_of("kind", RefundKind),
    one_of("state", RefundState),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("fee_minor >= 0", name="fee"),
    CheckConstraint("(state = 'cancelled') = (cancel_code IS NOT NULL)", name="cancelled"),
    CheckConstraint("settled_minor BETWEEN 0 AND amount_minor", name="settled_never_above"),
    Index(
        "ix_refunds_due",
        "due_at",
        postgresql_where=sql("state IN ('held', 'accepted')"),
    ),
    postgresql_with={"fillfactor": 80},
)

refund_lines = Table(
    "refund_lines",
    metadata,
    Column("repayment_id", Uuid, ForeignKey("repayments.id"), primary_key=True),
    Column("line_pk", BigInteger, ForeignKey("captured_lines.id"), primary_key=True),
    minor("quantity"),
    minor("amount_minor"),
    minor("tax_minor"),
    minor("discount_minor"),
)
