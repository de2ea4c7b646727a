"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA sandbox")
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "code IN ('provider_clearing', 'customer_receivable', 'merchant_payable', 'repayments_in_transit', 'merchant_debt', 'bank')",
            name=op.f("ck_ledger_accounts_code"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint(
            "merchant_id",
            "currency",
            "code",
            name=op.f("uq_ledger_accounts_merchant_id_currency_code"),
        ),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "kind IN ('sale', 'repayment', 'deduction', 'payout')",
            name=op.f("ck_ledger_entries_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("source", "kind", name=op.f("uq_ledger_entries_source_kind")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("merchant_id", "order_id", name=op.f("uq_orders_merchant_id_order_id")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "topic IN ('refund.accepted', 'refund.refused', 'refund.repaid', 'refund.deducted', 'refund.failed', 'refund.parked')",
            name=op.f("ck_outbox_topic"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "parked_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("faults", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column("owner", sa.Text(), server_default="operations", nullable=False),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_messages")),
        sa.UniqueConstraint(
            "task", "code", "sha256", name=op.f("uq_parked_messages_task_code_sha256")
        ),
    )
    op.create_table(
        "payouts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sales_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("returns_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opening_debt_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("repaid_debt_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("new_debt_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("closing_debt_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("settlement_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "(state = 'open') = (closed_at IS NULL)", name=op.f("ck_payouts_closed")
        ),
        sa.CheckConstraint(
            "state = 'open' OR closing_debt_minor = opening_debt_minor - repaid_debt_minor + new_debt_minor",
            name=op.f("ck_payouts_debt"),
        ),
        sa.CheckConstraint("state IN ('open', 'closed', 'paid')", name=op.f("ck_payouts_state")),
        sa.CheckConstraint(
            "sales_minor >= 0 AND returns_minor >= 0 AND opening_debt_minor >= 0 AND repaid_debt_minor >= 0 AND new_debt_minor >= 0 AND closing_debt_minor >= 0 AND settlement_minor >= 0",
            name=op.f("ck_payouts_not_negative"),
        ),
        sa.CheckConstraint(
            "settlement_minor = sales_minor - returns_minor - repaid_debt_minor + new_debt_minor",
            name=op.f("ck_payouts_settlement"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
    )
    op.create_index(
        "uq_payouts_open",
        "payouts",
        ["merchant_id", "currency"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "refused_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("message_key", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "refused_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_messages")),
        sa.UniqueConstraint(
            "task",
            "merchant_id",
            "message_key",
            "fingerprint",
            name=op.f("uq_refused_messages_task_merchant_id_message_key_fingerprint"),
        ),
    )
    op.create_table(
        "calls",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_calls")),
        schema="sandbox",
    )
    op.create_table(
        "movements",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("capture_reference", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('settled', 'pending', 'declined')", name=op.f("ck_movements_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_movements_amount")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_movements")),
        sa.UniqueConstraint("number", name=op.f("uq_movements_number")),
        schema="sandbox",
    )
    op.create_index(
        op.f("ix_movements_reference"), "movements", ["reference"], unique=False, schema="sandbox"
    )
    op.create_table(
        "captures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_pk", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("capture_id", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_references", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("reserved_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cash_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("payout_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("captured_minor > 0", name=op.f("ck_captures_captured")),
        sa.CheckConstraint(
            "cash_minor BETWEEN 0 AND paid_minor AND cash_minor <= reserved_minor + refunded_minor",
            name=op.f("ck_captures_cash_never_above_paid"),
        ),
        sa.CheckConstraint(
            "paid_minor BETWEEN 0 AND captured_minor", name=op.f("ck_captures_paid")
        ),
        sa.CheckConstraint(
            "reserved_minor + refunded_minor <= captured_minor",
            name=op.f("ck_captures_never_above"),
        ),
        sa.CheckConstraint(
            "reserved_minor >= 0 AND refunded_minor >= 0", name=op.f("ck_captures_not_negative")
        ),
        sa.ForeignKeyConstraint(["order_pk"], ["orders.id"], name=op.f("fk_captures_order_pk")),
        sa.ForeignKeyConstraint(["payout_id"], ["payouts.id"], name=op.f("fk_captures_payout_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captures")),
        sa.UniqueConstraint(
            "merchant_id", "capture_id", name=op.f("uq_captures_merchant_id_capture_id")
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_captures_order_pk"), "captures", ["order_pk"], unique=False)
    op.create_index(op.f("ix_captures_payout_id"), "captures", ["payout_id"], unique=False)
    op.create_table(
        "ledger_postings",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_ledger_postings_amount")),
        sa.PrimaryKeyConstraint("entry_id", "account_id", name=op.f("pk_ledger_postings")),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_pk", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("settled_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "accepted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('full', 'lines', 'amount')", name=op.f("ck_refunds_kind")),
        sa.CheckConstraint(
            "state IN ('accepted', 'repaid', 'deducted', 'failed')", name=op.f("ck_refunds_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refunds_amount")),
        sa.CheckConstraint(
            "settled_minor BETWEEN 0 AND amount_minor", name=op.f("ck_refunds_settled_never_above")
        ),
        sa.ForeignKeyConstraint(["order_pk"], ["orders.id"], name=op.f("fk_refunds_order_pk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(op.f("ix_refunds_order_pk"), "refunds", ["order_pk"], unique=False)
    op.create_table(
        "captured_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("capture_pk", sa.BigInteger(), nullable=False),
        sa.Column("order_pk", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(), nullable=True),
        sa.Column("tax_rate_basis_points", sa.Integer(), nullable=False),
        sa.Column("captured_quantity", sa.BigInteger(), nullable=False),
        sa.Column("captured_amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_discount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reserved_quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_amount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_discount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_amount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_discount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "type IN ('physical', 'digital', 'shipping_fee', 'surcharge', 'gift_card', 'store_credit', 'sales_tax', 'discount', 'return_fee')",
            name=op.f("ck_captured_lines_type"),
        ),
        sa.CheckConstraint(
            "(captured_amount_minor >= 0 AND reserved_amount_minor >= 0 AND refunded_amount_minor >= 0 AND reserved_amount_minor + refunded_amount_minor <= captured_amount_minor) OR (captured_amount_minor < 0 AND reserved_amount_minor <= 0 AND refunded_amount_minor <= 0 AND reserved_amount_minor + refunded_amount_minor >= captured_amount_minor)",
            name=op.f("ck_captured_lines_amount_minor_never_above"),
        ),
        sa.CheckConstraint(
            "(captured_discount_minor >= 0 AND reserved_discount_minor >= 0 AND refunded_discount_minor >= 0 AND reserved_discount_minor + refunded_discount_minor <= captured_discount_minor) OR (captured_discount_minor < 0 AND reserved_discount_minor <= 0 AND refunded_discount_minor <= 0 AND reserved_discount_minor + refunded_discount_minor >= captured_discount_minor)",
            name=op.f("ck_captured_lines_discount_minor_never_above"),
        ),
        sa.CheckConstraint(
            "(captured_quantity >= 0 AND reserved_quantity >= 0 AND refunded_quantity >= 0 AND reserved_quantity + refunded_quantity <= captured_quantity) OR (captured_quantity < 0 AND reserved_quantity <= 0 AND refunded_quantity <= 0 AND reserved_quantity + refunded_quantity >= captured_quantity)",
            name=op.f("ck_captured_lines_quantity_never_above"),
        ),
        sa.CheckConstraint(
            "(captured_tax_minor >= 0 AND reserved_tax_minor >= 0 AND refunded_tax_minor >= 0 AND reserved_tax_minor + refunded_tax_minor <= captured_tax_minor) OR (captured_tax_minor < 0 AND reserved_tax_minor <= 0 AND refunded_tax_minor <= 0 AND reserved_tax_minor + refunded_tax_minor >= captured_tax_minor)",
            name=op.f("ck_captured_lines_tax_minor_never_above"),
        ),
        sa.CheckConstraint(
            "captured_quantity > 0", name=op.f("ck_captured_lines_captured_quantity")
        ),
        sa.ForeignKeyConstraint(
            ["capture_pk"], ["captures.id"], name=op.f("fk_captured_lines_capture_pk")
        ),
        sa.ForeignKeyConstraint(
            ["order_pk"], ["orders.id"], name=op.f("fk_captured_lines_order_pk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captured_lines")),
        sa.UniqueConstraint(
            "capture_pk", "line_id", name=op.f("uq_captured_lines_capture_pk_line_id")
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        op.f("ix_captured_lines_order_pk"), "captured_lines", ["order_pk"], unique=False
    )
    op.create_table(
        "deductions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payout_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("kind IN ('refund')", name=op.f("ck_deductions_kind")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_deductions_amount")),
        sa.ForeignKeyConstraint(
            ["payout_id"], ["payouts.id"], name=op.f("fk_deductions_payout_id")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refunds.id"], name=op.f("fk_deductions_refund_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deductions")),
        sa.UniqueConstraint("refund_id", "kind", name=op.f("uq_deductions_refund_id_kind")),
    )
    op.create_index(op.f("ix_deductions_payout_id"), "deductions", ["payout_id"], unique=False)
    op.create_table(
        "refund_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("refusal_code", sa.Text(), nullable=True),
        sa.Column("refusal_message", sa.Text(), nullable=True),
        sa.Column("refusal_field", sa.Text(), nullable=True),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(decision = 'accepted') = (refund_id IS NOT NULL)",
            name=op.f("ck_refund_requests_accepted"),
        ),
        sa.CheckConstraint(
            "(decision = 'refused') = (refusal_code IS NOT NULL)",
            name=op.f("ck_refund_requests_refused"),
        ),
        sa.CheckConstraint(
            "decision IN ('accepted', 'refused')", name=op.f("ck_refund_requests_decision")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refunds.id"], name=op.f("fk_refund_requests_refund_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_requests")),
        sa.UniqueConstraint(
            "merchant_id",
            "idempotency_key",
            name=op.f("uq_refund_requests_merchant_id_idempotency_key"),
        ),
        sa.UniqueConstraint("refund_id", name=op.f("uq_refund_requests_refund_id")),
    )
    op.create_table(
        "repayments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("capture_pk", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("cash_minor", sa.BigInteger(), nullable=False),
        sa.Column("provider_key", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_refund_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('due', 'unknown', 'pending')) = (next_attempt_at IS NOT NULL)",
            name=op.f("ck_repayments_open_is_scheduled"),
        ),
        sa.CheckConstraint(
            "state IN ('due', 'unknown', 'pending', 'settled', 'declined', 'parked')",
            name=op.f("ck_repayments_state"),
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_repayments_amount")),
        sa.CheckConstraint(
            "cash_minor BETWEEN 0 AND amount_minor", name=op.f("ck_repayments_cash")
        ),
        sa.ForeignKeyConstraint(
            ["capture_pk"], ["captures.id"], name=op.f("fk_repayments_capture_pk")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refunds.id"], name=op.f("fk_repayments_refund_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repayments")),
        sa.UniqueConstraint("provider_key", name=op.f("uq_repayments_provider_key")),
        sa.UniqueConstraint(
            "refund_id", "capture_pk", name=op.f("uq_repayments_refund_id_capture_pk")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(op.f("ix_repayments_capture_pk"), "repayments", ["capture_pk"], unique=False)
    op.create_index(
        "ix_repayments_due",
        "repayments",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('due', 'unknown', 'pending')"),
    )
    op.create_index(
        "uq_repayments_provider_refund_id",
        "repayments",
        ["provider", "provider_refund_id"],
        unique=True,
        postgresql_where=sa.text("provider_refund_id IS NOT NULL"),
    )
    op.create_table(
        "attempts",
        sa.Column("repayment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("action IN ('send', 'ask', 'none')", name=op.f("ck_attempts_action")),
        sa.CheckConstraint(
            "outcome IN ('settled', 'pending', 'declined', 'unknown', 'not_sent')",
            name=op.f("ck_attempts_outcome"),
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (finished_at IS NULL)", name=op.f("ck_attempts_finished")
        ),
        sa.ForeignKeyConstraint(
            ["repayment_id"], ["repayments.id"], name=op.f("fk_attempts_repayment_id")
        ),
        sa.PrimaryKeyConstraint("repayment_id", "number", name=op.f("pk_attempts")),
    )
    op.create_table(
        "refund_lines",
        sa.Column("repayment_id", sa.Uuid(), nullable=False),
        sa.Column("line_pk", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_pk"], ["captured_lines.id"], name=op.f("fk_refund_lines_line_pk")
        ),
        sa.ForeignKeyConstraint(
            ["repayment_id"], ["repayments.id"], name=op.f("fk_refund_lines_repayment_id")
        ),
        sa.PrimaryKeyConstraint("repayment_id", "line_pk", name=op.f("pk_refund_lines")),
    )


def downgrade() -> None:
    op.drop_table("refund_lines")
    op.drop_table("attempts")
    op.drop_index(
        "uq_repayments_provider_refund_id",
        table_name="repayments",
        postgresql_where=sa.text("provider_refund_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_repayments_due",
        table_name="repayments",
        postgresql_where=sa.text("state IN ('due', 'unknown', 'pending')"),
    )
    op.drop_index(op.f("ix_repayments_capture_pk"), table_name="repayments")
    op.drop_table("repayments")
    op.drop_table("refund_requests")
    op.drop_index(op.f("ix_deductions_payout_id"), table_name="deductions")
    op.drop_table("deductions")
    op.drop_index(op.f("ix_captured_lines_order_pk"), table_name="captured_lines")
    op.drop_table("captured_lines")
    op.drop_index(op.f("ix_refunds_order_pk"), table_name="refunds")
    op.drop_table("refunds")
    op.drop_table("ledger_postings")
    op.drop_index(op.f("ix_captures_payout_id"), table_name="captures")
    op.drop_index(op.f("ix_captures_order_pk"), table_name="captures")
    op.drop_table("captures")
    op.drop_index(op.f("ix_movements_reference"), table_name="movements", schema="sandbox")
    op.drop_table("movements", schema="sandbox")
    op.drop_table("calls", schema="sandbox")
    op.drop_table("refused_messages")
    op.drop_index(
        "uq_payouts_open", table_name="payouts", postgresql_where=sa.text("state = 'open'")
    )
    op.drop_table("payouts")
    op.drop_table("parked_messages")
    op.drop_table("outbox")
    op.drop_table("orders")
    op.drop_table("ledger_entries")
    op.drop_table("ledger_accounts")
    op.execute("DROP SCHEMA sandbox")
