"""SQLAlchemy tables, one aggregate a file. Import this package to have them all."""

from models.tables import (
    captures,
    cases,
    crediting,
    gates,
    holds,
    inbox,
    instructions,
    ledger,
    orders,
    outbox,
    payouts,
    refunds,
    repayments,
    sandbox,
)
from models.tables.metadata import metadata

__all__ = [
    "captures",
    "cases",
    "crediting",
    "gates",
    "holds",
    "inbox",
    "instructions",
    "ledger",
    "metadata",
    "orders",
    "outbox",
    "payouts",
    "refunds",
    "repayments",
    "sandbox",
]
