"""Guards that no CHECK can express: balance, append-only rows, closed payouts.

All insert guards are statement-level with transition tables: one query an INSERT, however many
rows it brings. A deferred row-level constraint trigger would run one query a posting.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "ledger_accounts",
    "ledger_entries",
    "ledger_postings",
    "deductions",
    "refund_lines",
    "refund_requests",
    "refused_messages",
)

FUNCTIONS = {
    "refuse_change": """
        BEGIN
          RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'integrity_constraint_violation';
        END
    """,
    # An entry's postings come in one INSERT and sum to zero in it, so any later INSERT that adds
    # to the entry must sum to zero too.
    "postings_balance": """
        DECLARE faulty bigint;
        BEGIN
          SELECT n.entry_id INTO faulty FROM new_postings n
            LEFT JOIN ledger_entries e ON e.id = n.entry_id
            LEFT JOIN ledger_accounts a ON a.id = n.account_id
            GROUP BY n.entry_id
            HAVING sum(n.amount_minor) <> 0 OR bool_or(e.currency IS DISTINCT FROM a.currency)
              OR bool_or(e.currency IS NULL) LIMIT 1;
          IF FOUND THEN
            RAISE EXCEPTION 'ledger entry % does not balance in one currency on accounts', faulty
              USING ERRCODE = 'integrity_constraint_violation';
          END IF;
          RETURN NULL;
        END
    """,
    "entries_have_postings": """
        DECLARE faulty bigint;
        BEGIN
          SELECT n.id INTO faulty FROM new_entries n
            WHERE NOT EXISTS (SELECT FROM ledger_postings p WHERE p.entry_id = n.id) LIMIT 1;
          IF FOUND THEN
            RAISE EXCEPTION 'ledger entry % has no postings', faulty
              USING ERRCODE = 'integrity_constraint_violation';
          END IF;
          RETURN NULL;
        END
    """,
    "payout_must_be_open": """
        DECLARE faulty bigint;
        BEGIN
          SELECT n.payout_id INTO faulty FROM new_rows n
            JOIN payouts p ON p.id = n.payout_id WHERE p.state <> 'open' LIMIT 1;
          IF FOUND THEN
            RAISE EXCEPTION 'payout % is closed', faulty
              USING ERRCODE = 'integrity_constraint_violation';
          END IF;
          RETURN NULL;
        END
    """,
    "closed_payout_stays": """
        BEGIN
          IF OLD.state <> 'open' AND NOT (
            OLD.state = 'closed' AND NEW.state = 'paid'
            AND to_jsonb(NEW) - 'state' = to_jsonb(OLD) - 'state'
          ) THEN
            RAISE EXCEPTION 'payout % is %: it does not change any more', OLD.id, OLD.state
              USING ERRCODE = 'integrity_constraint_violation';
          END IF;
          RETURN NEW;
        END
    """,
}

TRIGGERS = (
    "CREATE TRIGGER balance AFTER INSERT ON ledger_postings REFERENCING NEW TABLE AS new_postings"
    " FOR EACH STATEMENT EXECUTE FUNCTION postings_balance()",
    "CREATE TRIGGER have_postings AFTER INSERT ON ledger_entries"
    " REFERENCING NEW TABLE AS new_entries FOR EACH STATEMENT"
    " EXECUTE FUNCTION entries_have_postings()",
    "CREATE TRIGGER payout_open AFTER INSERT ON deductions REFERENCING NEW TABLE AS new_rows"
    " FOR EACH STATEMENT EXECUTE FUNCTION payout_must_be_open()",
    "CREATE TRIGGER payout_open AFTER INSERT ON captures REFERENCING NEW TABLE AS new_rows"
    " FOR EACH STATEMENT EXECUTE FUNCTION payout_must_be_open()",
    "CREATE TRIGGER closed_stays BEFORE UPDATE ON payouts FOR EACH ROW"
    " EXECUTE FUNCTION closed_payout_stays()",
    "CREATE TRIGGER stays BEFORE DELETE ON payouts FOR EACH ROW EXECUTE FUNCTION refuse_change()",
)


def upgrade() -> None:
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
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}() CASCADE")
