"""How much a provider takes of a merchant's calls: a breaker and a rate limit."""

from dataclasses import dataclass
from datetime import datetime, timedelta

GateKey = tuple[str, str]
"""provider, merchant_id"""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `calls` in `per`, of which `burst` may come at once."""

    calls: int
    per: timedelta
    burst: int


@dataclass(frozen=True, slots=True)
class Gate:
    """What is known of a provider for a merchant, shared by all workers.

    `failures` counts calls in a row that showed it ill; `openings` how often in a row the breaker
    opened. `admitted_until` is when the calls admitted so far would have ended at the allowed rate.
    """

    failures: int = 0
    openings: int = 0
    opened_until: datetime | None = None
    admitted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """How many calls may be made now, and when the others may try again."""

    count: int
    retry_at: datetime
    gate: Gate
