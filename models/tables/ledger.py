"""The append-only, double-entry ledger. Triggers (see the migrations) refuse entries that do not
balance and every update or deletion.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Table,
    UniqueConstraint,
)

from models.tables.metadata import key, metadata, minor, moment, one_of, text
from models.values.states import Account, EntryKind

ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    key(),
    text("merchant_id"),
    text("currency"),
    text("code"),
    UniqueConstraint("merchant_id", "currency", "code"),
    one_of("code", Account),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    key(),
    text("kind"),
    text("source"),
    text("currency"),
    moment("posted_at", now=True),
    # Idempotency key 3 of 4: the ledger entry.
    UniqueConstraint("source", "kind"),
    one_of("kind", EntryKind),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    # No foreign keys: the balance trigger joins both tables and refuses what it does not find, in
    # one query an INSERT instead of two a posting; nothing it refers to can ever be deleted.
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    minor("amount_minor"),
    CheckConstraint("amount_minor <> 0", name="amount"),
)
