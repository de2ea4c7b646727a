"""Orders: the row that is locked before anything of the order is decided or moved."""

from sqlalchemy import Table, UniqueConstraint

from models.tables.metadata import key, metadata, moment, text

orders = Table(
    "orders",
    metadata,
    key(),
    text("merchant_id"),
    text("order_id"),
    text("market"),
    text("currency"),
    moment("recorded_at", now=True),
    UniqueConstraint("merchant_id", "order_id"),
)
