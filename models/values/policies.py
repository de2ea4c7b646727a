"""What merchants, markets and providers allow, and what else a decision looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from models.values.limits import AMOUNT_MAX_MINOR


class FeeSupport(StrEnum):
    """When a provider takes a refund of which a return fee is kept."""

    NONE = "none"
    ANY = "any"
    SINGLE_FULL_CAPTURE = "single_full_capture"
    """Klarna: the order is fully captured, in one capture, and the refund names its lines."""


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """A return fee may be kept, up to the caps that are set, with this tax contained in it.

    `cap_basis_points` is of the refunded amount before the fee.
    """

    cap_minor: int | None = None
    cap_basis_points: int | None = None
    tax_rate_basis_points: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for one merchant, market and currency. Amounts in minor units.

    `return_fee` is None where none may be kept. `window` counts from the capture,
    `due_within` from the request (EU directive 2011/83, article 13(1): 14 days).
    """

    return_fee: FeePolicy | None = None
    window: timedelta | None = None
    refunds_max: int | None = None
    amount_min_minor: int = 0
    amount_max_minor: int = AMOUNT_MAX_MINOR
    approval_above_minor: int | None = None
    returns_await_goods: bool = False
    due_within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What bears on a decision beside the order's book.

    `at` is now, by the database's clock. `disputed` holds the captures under an open dispute.
    """

    at: datetime
    policy: Policy = field(default_factory=Policy)
    fee_support: Mapping[str, FeeSupport] = field(default_factory=dict)
    disputed: frozenset[int] = frozenset()
