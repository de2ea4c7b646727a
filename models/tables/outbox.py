"""Events written in the transaction that they tell of, and published by the relay."""

from sqlalchemy import Column, Index, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import text as sql

from models.tables.metadata import key, metadata, moment, one_of, text
from models.values.states import Topic

outbox = Table(
    "outbox",
    metadata,
    key(),
    text("topic"),
    text("merchant_id"),
    Column("refund_id", Uuid, nullable=True),
    Column("payload", JSONB, nullable=False),
    moment("created_at", now=True),
    moment("published_at", nullable=True),
    one_of("topic", Topic),
    Index("ix_outbox_unpublished", "id", postgresql_where=sql("published_at IS NULL")),
    Index("ix_outbox_refund", "refund_id"),
)
