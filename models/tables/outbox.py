"""Events written in the transaction that they tell of; published and then deleted by the relay.

What they tell is in the other tables; here is only what is still to be published.
"""

from sqlalchemy import Column, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

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
    one_of("topic", Topic),
)
