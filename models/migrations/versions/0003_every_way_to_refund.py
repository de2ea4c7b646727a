"""Every way to refund: amounts, fees, tenders, holds, disputes, payments, credit records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# table, constraint, before, now
CHECKS = (
    (
        "refunds",
        "state",
        "state IN ('accepted', 'repaid', 'deducted', 'failed')",
        "state IN ('held', 'accepted', 'repaid', 'deducted', 'failed', 'cancelled')",
    ),
    (
        "repayments",
        "state",
        "state IN ('due', 'unknown', 'pending', 'settled', 'declined', 'parked')",
        "state IN ('held', 'due', 'unknown', 'pending', 'settled', 'declined', 'cancelled', 'parked')",
    ),
    (
        "ledger_accounts",
        "code",
        "code IN ('provider_clearing', 'customer_receivable', 'merchant_payable', 'repayments_in_transit', 'merchant_debt', 'bank')",
        "code IN ('provider_clearing', 'customer_receivable', 'merchant_payable', 'repayments_in_transit', 'merchant_debt', 'bank', 'gift_card_liability', 'store_credit_liability', 'merchant_tenders')",
    ),
    (
        "ledger_entries",
        "kind",
        "kind IN ('sale', 'repayment', 'deduction', 'payout')",
        "kind IN ('sale', 'payment', 'repayment', 'overpayment', 'deduction', 'payout')",
    ),
    (
        "outbox",
        "topic",
        "topic IN ('refund.accepted', 'refund.refused', 'refund.repaid', 'refund.deducted', 'refund.failed', 'refund.parked')",
        "topic IN ('refund.accepted', 'refund.refused', 'refund.held', 'refund.released', 'refund.cancelled', 'refund.repaid', 'refund.deducted', 'refund.failed', 'refund.overpayment_repaid', 'refund.disputed', 'refund.parked')",
    ),
)

NEW_CHECKS = (
    ("captures", "order_amount", "order_amount_minor >= captured_minor"),
    ("refunds", "fee", "fee_minor >= 0"),
    ("refunds", "cancelled", "(state = 'cancelled') = (cancel_code IS NOT NULL)"),
    ("repayments", "kind", "kind IN ('refund', 'overpayment', 'chargeback')"),
    ("repayments", "source", "(kind = 'overpayment') = (source <> '')"),
    ("repayments", "fee", "fee_minor >= 0 AND fee_tax_minor BETWEEN 0 AND fee_minor"),
    ("repayments", "tenders", "gift_card_minor >= 0 AND store_credit_minor >= 0"),
)

APPEND_ONLY = ("instructions", "payments", "credit_records", "credit_taxes")

FUNCTIONS = {
    # A record and its taxes come in one statement, so that both can be checked at its end.
    "credits_add_up": """
        DECLARE faulty bigint;
        BEGIN
          SELECT c.id INTO faulty FROM credit_records c
            JOIN (SELECT DISTINCT credit_id FROM new_taxes) n ON n.credit_id = c.id
            JOIN credit_taxes t ON t.credit_id = c.id
            GROUP BY c.id, c.amount_minor, c.tender_minor, c.tax_minor
            HAVING sum(t.amount_minor) <> c.amount_minor + c.tender_minor
              OR sum(t.tax_minor) <> c.tax_minor LIMIT 1;
          IF FOUND THEN
            RAISE EXCEPTION 'credit record % is not the sum of its taxes', faulty
              USING ERRCODE = 'integrity_constraint_violation';
          END IF;
          RETURN NULL;
        END
    """,
    "credits_have_taxes": """
        DECLARE faulty bigint;
        BEGIN
          SELECT n.id INTO faulty FROM new_credits n
            WHERE NOT EXISTS (SELECT FROM credit_taxes t WHERE t.credit_id = n.id) LIMIT 1;
          IF FOUND THEN
            RAISE EXCEPTION 'credit record % has no taxes', faulty
              USING ERRCODE = 'integrity_constraint_violation';
          END IF;
          RETURN NULL;
        END
    """,
    "counter_only_grows": """
        BEGIN
          IF TG_OP = 'DELETE' OR NEW.last_number <= OLD.last_number
             OR NEW.merchant_id <> OLD.merchant_id THEN
            RAISE EXCEPTION 'the credit numbers of % only grow', OLD.merchant_id
              USING ERRCODE = 'integrity_constraint_violation';
          END IF;
          RETURN NEW;
        END
    """,
}

TRIGGERS = (
    "CREATE TRIGGER add_up AFTER INSERT ON credit_taxes REFERENCING NEW TABLE AS new_taxes"
    " FOR EACH STATEMENT EXECUTE FUNCTION credits_add_up()",
    "CREATE TRIGGER have_taxes AFTER INSERT ON credit_records"
    " REFERENCING NEW TABLE AS new_credits FOR EACH STATEMENT"
    " EXECUTE FUNCTION credits_have_taxes()",
    "CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE ON credit_counters"
    " FOR EACH ROW EXECUTE FUNCTION counter_only_grows()",
)


def upgrade() -> None:
    _columns_and_tables()
    for table, name, _, now in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, now)
    for table, name, condition in NEW_CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    # Until now only discount lines could be negative.
    op.execute(
        "UPDATE captures SET accompanied = true WHERE id IN (SELECT capture_pk FROM captured_lines"
        " WHERE type = 'sales_tax' OR (type = 'discount' AND captured_amount_minor < 0))"
    )
    for name, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
    for statement in TRIGGERS:
        op.execute(statement)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER not_truncated BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for table, name, _ in NEW_CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    for table, name, before, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, before)
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}() CASCADE")
    op.drop_constraint(
        op.f("uq_repayments_refund_id_capture_pk_source"), "repayments", type_="unique"
    )
    op.create_unique_constraint(
        op.f("uq_repayments_refund_id_capture_pk"),
        "repayments",
        ["refund_id", "capture_pk"],
        postgresql_nulls_not_distinct=False,
    )
    op.drop_column("repayments", "store_credit_minor")
    op.drop_column("repayments", "gift_card_minor")
    op.drop_column("repayments", "fee_tax_rate_basis_points")
    op.drop_column("repayments", "fee_tax_minor")
    op.drop_column("repayments", "fee_minor")
    op.drop_column("repayments", "source")
    op.drop_column("repayments", "kind")
    op.drop_index(
        "ix_refunds_due",
        table_name="refunds",
        postgresql_where=sa.text("state IN ('held', 'accepted')"),
    )
    op.drop_column("refunds", "cancelled_by")
    op.drop_column("refunds", "cancel_code")
    op.drop_column("refunds", "due_at")
    op.drop_column("refunds", "requested_by")
    op.drop_column("refunds", "reason_text")
    op.drop_column("refunds", "fee_minor")
    op.drop_column("captures", "accompanied")
    op.drop_column("captures", "order_amount_minor")
    op.drop_column("captured_lines", "basis_discount_minor")
    op.drop_column("captured_lines", "basis_amount_minor")
    op.drop_column("captured_lines", "basis_quantity")
    op.drop_table("credit_taxes")
    op.drop_index(
        "uq_holds_placed", table_name="holds", postgresql_where=sa.text("released_at IS NULL")
    )
    op.drop_index(op.f("ix_holds_dispute_pk"), table_name="holds")
    op.drop_table("holds")
    op.drop_index(op.f("ix_credit_records_capture_pk"), table_name="credit_records")
    op.drop_table("credit_records")
    op.drop_index(op.f("ix_payments_capture_pk"), table_name="payments")
    op.drop_table("payments")
    op.drop_index(op.f("ix_disputes_order_pk"), table_name="disputes")
    op.drop_table("disputes")
    op.drop_table("instructions")
    op.drop_table("credit_counters")


def _columns_and_tables() -> None:
    op.create_table(
        "credit_counters",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_credit_counters")),
    )
    op.create_table(
        "instructions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
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
            "(decision = 'refused') = (refusal_code IS NOT NULL)",
            name=op.f("ck_instructions_refused"),
        ),
        sa.CheckConstraint(
            "decision IN ('accepted', 'refused')", name=op.f("ck_instructions_decision")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instructions")),
        sa.UniqueConstraint(
            "task",
            "merchant_id",
            "idempotency_key",
            name=op.f("uq_instructions_task_merchant_id_idempotency_key"),
        ),
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("order_pk", sa.BigInteger(), nullable=False),
        sa.Column("capture_pk", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_twice_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (closed_at IS NULL)", name=op.f("ck_disputes_closed")
        ),
        sa.CheckConstraint("state IN ('open', 'won', 'lost')", name=op.f("ck_disputes_state")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_disputes_amount")),
        sa.CheckConstraint("paid_twice_minor >= 0", name=op.f("ck_disputes_paid_twice")),
        sa.ForeignKeyConstraint(
            ["capture_pk"], ["captures.id"], name=op.f("fk_disputes_capture_pk")
        ),
        sa.ForeignKeyConstraint(["order_pk"], ["orders.id"], name=op.f("fk_disputes_order_pk")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_disputes_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint(
            "merchant_id", "dispute_id", name=op.f("uq_disputes_merchant_id_dispute_id")
        ),
    )
    op.create_index(op.f("ix_disputes_order_pk"), "disputes", ["order_pk"], unique=False)
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("capture_pk", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("overpaid_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint(
            "overpaid_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_overpaid")
        ),
        sa.ForeignKeyConstraint(
            ["capture_pk"], ["captures.id"], name=op.f("fk_payments_capture_pk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "merchant_id", "idempotency_key", name=op.f("uq_payments_merchant_id_idempotency_key")
        ),
    )
    op.create_index(op.f("ix_payments_capture_pk"), "payments", ["capture_pk"], unique=False)
    op.create_table(
        "credit_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("repayment_id", sa.Uuid(), nullable=False),
        sa.Column("capture_pk", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tender_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column(
            "issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "amount_minor >= 0 AND tender_minor >= 0", name=op.f("ck_credit_records_amount")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_credit_records_number")),
        sa.ForeignKeyConstraint(
            ["capture_pk"], ["captures.id"], name=op.f("fk_credit_records_capture_pk")
        ),
        sa.ForeignKeyConstraint(
            ["repayment_id"], ["repayments.id"], name=op.f("fk_credit_records_repayment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_records")),
        sa.UniqueConstraint(
            "merchant_id", "number", name=op.f("uq_credit_records_merchant_id_number")
        ),
        sa.UniqueConstraint("repayment_id", name=op.f("uq_credit_records_repayment_id")),
    )
    op.create_index(
        op.f("ix_credit_records_capture_pk"), "credit_records", ["capture_pk"], unique=False
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dispute_pk", sa.BigInteger(), nullable=True),
        sa.Column(
            "placed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'dispute') = (dispute_pk IS NOT NULL)", name=op.f("ck_holds_dispute")
        ),
        sa.CheckConstraint("kind IN ('approval', 'goods', 'dispute')", name=op.f("ck_holds_kind")),
        sa.CheckConstraint(
            "(released_at IS NULL) = (released_by IS NULL)", name=op.f("ck_holds_released")
        ),
        sa.ForeignKeyConstraint(["dispute_pk"], ["disputes.id"], name=op.f("fk_holds_dispute_pk")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_holds_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index(op.f("ix_holds_dispute_pk"), "holds", ["dispute_pk"], unique=False)
    op.create_index(
        "uq_holds_placed",
        "holds",
        ["refund_id", "kind", sa.literal_column("coalesce(dispute_pk, 0)")],
        unique=True,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "credit_taxes",
        sa.Column("credit_id", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate_basis_points", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credit_id"], ["credit_records.id"], name=op.f("fk_credit_taxes_credit_id")
        ),
        sa.PrimaryKeyConstraint("credit_id", "tax_rate_basis_points", name=op.f("pk_credit_taxes")),
    )
    op.add_column(
        "captured_lines",
        sa.Column("basis_quantity", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "captured_lines",
        sa.Column("basis_amount_minor", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "captured_lines",
        sa.Column("basis_discount_minor", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column("captures", sa.Column("order_amount_minor", sa.BigInteger(), nullable=True))
    op.add_column(
        "captures", sa.Column("accompanied", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column(
        "refunds", sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("refunds", sa.Column("reason_text", sa.Text(), nullable=True))
    op.add_column("refunds", sa.Column("requested_by", sa.Text(), nullable=True))
    op.add_column("refunds", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("refunds", sa.Column("cancel_code", sa.Text(), nullable=True))
    op.add_column("refunds", sa.Column("cancelled_by", sa.Text(), nullable=True))
    op.create_index(
        "ix_refunds_due",
        "refunds",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('held', 'accepted')"),
    )
    op.add_column(
        "repayments", sa.Column("kind", sa.Text(), server_default="refund", nullable=False)
    )
    op.add_column("repayments", sa.Column("source", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "repayments", sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "repayments",
        sa.Column("fee_tax_minor", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "repayments",
        sa.Column("fee_tax_rate_basis_points", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column(
        "repayments",
        sa.Column("gift_card_minor", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "repayments",
        sa.Column("store_credit_minor", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.drop_constraint(op.f("uq_repayments_refund_id_capture_pk"), "repayments", type_="unique")
    op.create_unique_constraint(
        op.f("uq_repayments_refund_id_capture_pk_source"),
        "repayments",
        ["refund_id", "capture_pk", "source"],
    )
