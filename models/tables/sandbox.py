"""The sandbox provider's own book, in a schema of its own.

Only the sandbox adapter touches it. It is what the provider did, apart from what we believe.
"""

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text

from models.tables.metadata import metadata, minor, moment, text

SCHEMA = "sandbox"

movements = Table(
    "movements",
    metadata,
    Column("key", Text, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    text("merchant_id"),
    text("reference", index=True),
    text("capture_reference"),
    text("currency"),
    minor("amount_minor"),
    text("state"),
    Column("code", Text, nullable=True),
    moment("created_at", now=True),
    CheckConstraint("state IN ('settled', 'pending', 'declined', 'reversed')", name="state"),
    CheckConstraint("amount_minor > 0", name="amount"),
    schema=SCHEMA,
)

calls = Table(
    "calls",
    metadata,
    Column("key", Text, primary_key=True),
    Column("sent", Integer, nullable=False),
    schema=SCHEMA,
)
