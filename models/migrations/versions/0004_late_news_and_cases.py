"""Late news, cases for persons, and what providers take: retries, breakers, reversals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# table, constraint, before, now
CHECKS = (
    (
        "refunds",
        "state",
        "state IN ('held', 'accepted', 'repaid', 'deducted', 'failed', 'cancelled')",
        "state IN ('held', 'accepted', 'repaid', 'deducted', 'failed', 'cancelled', 'reversed')",
    ),
    (
        "repayments",
        "state",
        "state IN ('held', 'due', 'unknown', 'pending', 'settled', 'declined', 'cancelled', 'parked')",
        "state IN ('held', 'due', 'unknown', 'pending', 'settled', 'declined', 'cancelled', 'parked', 'reversed')",
    ),
    ("deductions", "kind", "kind IN ('refund')", "kind IN ('refund', 'reversal')"),
    (
        "ledger_entries",
        "kind",
        "kind IN ('sale', 'payment', 'repayment', 'overpayment', 'deduction', 'payout')",
        "kind IN ('sale', 'payment', 'repayment', 'overpayment', 'deduction', 'repayment_reversal', 'deduction_reversal', 'payout')",
    ),
    (
        "outbox",
        "topic",
        "topic IN ('refund.accepted', 'refund.refused', 'refund.held', 'refund.released', 'refund.cancelled', 'refund.repaid', 'refund.deducted', 'refund.failed', 'refund.overpayment_repaid', 'refund.disputed', 'refund.parked')",
        "topic IN ('refund.accepted', 'refund.refused', 'refund.held', 'refund.released', 'refund.cancelled', 'refund.repaid', 'refund.deducted', 'refund.failed', 'refund.overpayment_repaid', 'refund.reversed', 'refund.disputed', 'refund.parked')",
    ),
    (
        "payouts",
        "not_negative",
        "sales_minor >= 0 AND returns_minor >= 0 AND opening_debt_minor >= 0 AND repaid_debt_minor >= 0 AND new_debt_minor >= 0 AND closing_debt_minor >= 0 AND settlement_minor >= 0",
        "sales_minor >= 0 AND returns_minor >= 0 AND reversals_minor >= 0 AND opening_debt_minor >= 0 AND repaid_debt_minor >= 0 AND new_debt_minor >= 0 AND closing_debt_minor >= 0 AND settlement_minor >= 0",
    ),
    (
        "payouts",
        "settlement",
        "settlement_minor = sales_minor - returns_minor - repaid_debt_minor + new_debt_minor",
        "settlement_minor = sales_minor - returns_minor + reversals_minor - repaid_debt_minor + new_debt_minor",
    ),
)

NEW_CHECKS = (
    ("repayments", "parked", "(state = 'parked') = (parked_from IS NOT NULL)"),
    ("repayments", "parked_from", "parked_from IN ('due', 'unknown', 'pending')"),
    ("repayments", "forgiven", "attempts_forgiven BETWEEN 0 AND attempts"),
    ("deductions", "source", "(kind = 'reversal') = (source <> '')"),
    ("credit_records", "kind", "kind IN ('credit', 'reversal')"),
    ("parked_messages", "closed", "(closed_at IS NULL) = (resolution IS NULL)"),
)

APPEND_ONLY = ("case_events", "provider_news")


def upgrade() -> None:
    _columns_and_tables()
    # Of what is parked already nobody knows more than that it may have been executed.
    op.execute("UPDATE repayments SET parked_from = 'unknown' WHERE state = 'parked'")
    for table, name, _, now in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, now)
    for table, name, condition in NEW_CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    op.execute("ALTER TABLE sandbox.movements DROP CONSTRAINT ck_movements_state")
    op.execute(
        "ALTER TABLE sandbox.movements ADD CONSTRAINT ck_movements_state"
        " CHECK (state IN ('settled', 'pending', 'declined', 'reversed'))"
    )
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
    op.execute("ALTER TABLE sandbox.movements DROP CONSTRAINT ck_movements_state")
    op.execute(
        "ALTER TABLE sandbox.movements ADD CONSTRAINT ck_movements_state"
        " CHECK (state IN ('settled', 'pending', 'declined'))"
    )
    for table, name, _ in NEW_CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    for table, name, before, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, before)
    op.drop_column("repayments", "parked_from")
    op.drop_column("repayments", "error")
    op.drop_column("repayments", "attempts_forgiven")
    op.drop_column("payouts", "reversals_minor")
    op.drop_column("parked_messages", "resolution")
    op.drop_column("parked_messages", "closed_at")
    op.drop_constraint(op.f("uq_deductions_refund_id_kind_source"), "deductions", type_="unique")
    op.create_unique_constraint(
        op.f("uq_deductions_refund_id_kind"),
        "deductions",
        ["refund_id", "kind"],
        postgresql_nulls_not_distinct=False,
    )
    op.drop_column("deductions", "source")
    op.drop_constraint(
        op.f("uq_credit_records_repayment_id_kind"), "credit_records", type_="unique"
    )
    op.create_unique_constraint(
        op.f("uq_credit_records_repayment_id"),
        "credit_records",
        ["repayment_id"],
        postgresql_nulls_not_distinct=False,
    )
    op.drop_column("credit_records", "kind")
    op.drop_index(op.f("ix_case_events_case_id"), table_name="case_events")
    op.drop_table("case_events")
    op.drop_index(op.f("ix_provider_news_repayment_id"), table_name="provider_news")
    op.drop_table("provider_news")
    op.drop_index(
        "uq_cases_open",
        table_name="cases",
        postgresql_where=sa.text("closed_at IS NULL AND repayment_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_cases_refund_id"), table_name="cases")
    op.drop_table("cases")
    op.drop_table("provider_gates")


def _columns_and_tables() -> None:
    op.create_table(
        "provider_gates",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("openings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("admitted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "failures >= 0 AND openings >= 0", name=op.f("ck_provider_gates_not_negative")
        ),
        sa.PrimaryKeyConstraint("provider", "merchant_id", name=op.f("pk_provider_gates")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("repayment_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), server_default="operations", nullable=False),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('parked', 'reversed', 'contradiction', 'paid_twice')",
            name=op.f("ck_cases_kind"),
        ),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (resolution IS NULL)", name=op.f("ck_cases_closed")
        ),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_cases_refund_id")),
        sa.ForeignKeyConstraint(
            ["repayment_id"], ["repayments.id"], name=op.f("fk_cases_repayment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index(op.f("ix_cases_refund_id"), "cases", ["refund_id"], unique=False)
    op.create_index(
        "uq_cases_open",
        "cases",
        ["kind", "repayment_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL AND repayment_id IS NOT NULL"),
    )
    op.create_table(
        "provider_news",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("repayment_id", sa.Uuid(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('settled', 'declined', 'reversed')", name=op.f("ck_provider_news_kind")
        ),
        sa.ForeignKeyConstraint(
            ["repayment_id"], ["repayments.id"], name=op.f("fk_provider_news_repayment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_news")),
        sa.UniqueConstraint(
            "provider", "event_id", name=op.f("uq_provider_news_provider_event_id")
        ),
    )
    op.create_index(
        op.f("ix_provider_news_repayment_id"), "provider_news", ["repayment_id"], unique=False
    )
    op.create_table(
        "case_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_events_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_events")),
    )
    op.create_index(op.f("ix_case_events_case_id"), "case_events", ["case_id"], unique=False)
    op.add_column(
        "credit_records", sa.Column("kind", sa.Text(), server_default="credit", nullable=False)
    )
    op.drop_constraint(op.f("uq_credit_records_repayment_id"), "credit_records", type_="unique")
    op.create_unique_constraint(
        op.f("uq_credit_records_repayment_id_kind"), "credit_records", ["repayment_id", "kind"]
    )
    op.add_column("deductions", sa.Column("source", sa.Text(), server_default="", nullable=False))
    op.drop_constraint(op.f("uq_deductions_refund_id_kind"), "deductions", type_="unique")
    op.create_unique_constraint(
        op.f("uq_deductions_refund_id_kind_source"), "deductions", ["refund_id", "kind", "source"]
    )
    op.add_column(
        "parked_messages", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("parked_messages", sa.Column("resolution", sa.Text(), nullable=True))
    op.add_column(
        "payouts", sa.Column("reversals_minor", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "repayments",
        sa.Column("attempts_forgiven", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column("repayments", sa.Column("error", sa.Text(), nullable=True))
    op.add_column("repayments", sa.Column("parked_from", sa.Text(), nullable=True))
