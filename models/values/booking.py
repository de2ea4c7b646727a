"""Ledger entries as the rules make them."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.values.states import Account, EntryKind


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg: debits positive, credits negative, in minor units of the entry's currency."""

    account: Account
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced booking of one merchant. `source` and `kind` are its idempotency key."""

    kind: EntryKind
    source: str
    merchant_id: str
    currency: str
    postings: Sequence[Posting]


@dataclass(frozen=True, slots=True)
class PayoutTotals:
    """What a payout comes to when it is closed, in minor units."""

    sales_minor: int
    returns_minor: int
    reversals_minor: int
    opening_debt_minor: int
    repaid_debt_minor: int
    new_debt_minor: int
    closing_debt_minor: int
    settlement_minor: int
