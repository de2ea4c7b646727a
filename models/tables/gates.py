"""How much providers take: breakers and rate limits, shared by all workers."""

from sqlalchemy import CheckConstraint, Column, Integer, Table

from models.tables.metadata import metadata, moment, text

provider_gates = Table(
    "provider_gates",
    metadata,
    text("provider", primary_key=True),
    text("merchant_id", primary_key=True),
    # Calls in a row that showed the provider to be ill.
    Column("failures", Integer, nullable=False, server_default="0"),
    # How often in a row the breaker has opened: each time it stays open for longer.
    Column("openings", Integer, nullable=False, server_default="0"),
    moment("opened_until", nullable=True),
    # The rate limit: when the calls admitted so far would have ended at the allowed rate.
    moment("admitted_until", nullable=True),
    moment("changed_at", now=True),
    CheckConstraint("failures >= 0 AND openings >= 0", name="not_negative"),
)
