"""What is asked of a provider, what it answers, and who holds a repayment meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from models.values.retries import ErrorClass
from models.values.states import NewsKind, RepaymentKind, RepaymentState


class Action(StrEnum):
    """What an attempt does."""

    SEND = "send"
    """Repay under the stored key (again, if the key is surely alive)."""
    ASK = "ask"
    """Ask the provider what became of it, under our own reference."""
    NONE = "none"
    """Nothing goes through the provider: the refund only reduces the customer's debt."""
    PARK = "park"
    """Set it aside for a person."""


class OutcomeKind(StrEnum):
    """What an attempt came to."""

    SETTLED = "settled"
    PENDING = "pending"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    """The provider surely did not execute it: connection refused, rate limited, or the like."""


NO_TIME_LEFT = "no_time_left"
"""The code of a call that was not begun, since its lease was half over: no provider's answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A provider's answer in our words.

    `evidence` is what the provider said, redacted; `retry_after` its wish for the next attempt;
    `error` decides when to try again.
    """

    kind: OutcomeKind
    code: str | None = None
    provider_refund_id: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    retry_after: timedelta | None = None
    error: ErrorClass | None = None


@dataclass(frozen=True, slots=True)
class RepaymentOrder:
    """What an adapter needs in order to repay, or to look a repayment up.

    `amount_minor` is what is to go back as money, in minor units of `currency`. `reference` is
    ours: the refund's id, shown in the provider's reports. `key` is the idempotency key.
    `unallocated` is a bare amount for a provider that wants those without lines; our own books
    allocate it all the same.
    """

    key: str
    reference: str
    merchant_id: str
    order_id: str
    capture_id: str
    currency: str
    amount_minor: int
    provider_references: Mapping[str, str]
    unallocated: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed repayment: whoever presents its fence may record the attempt's outcome.

    `before` is the state it was claimed from. `attempt` numbers all attempts, `tries` those since a
    person last let it be tried again.
    """

    repayment_id: UUID
    fence: int
    attempt: int
    action: Action
    before: RepaymentState
    provider: str
    order: RepaymentOrder
    kind: RepaymentKind = RepaymentKind.REFUND
    tries: int = 1


@dataclass(frozen=True, slots=True)
class DueRepayment:
    """A due repayment before its next action is decided. Times are by the database's clock.

    `cash_minor` of `amount_minor` goes back as money, the rest reduces the customer's debt.
    `error` is what went wrong with the attempt before.
    """

    repayment_id: UUID
    state: RepaymentState
    attempts: int
    cash_minor: int
    since_first_sent: timedelta | None
    amount_minor: int
    kind: RepaymentKind = RepaymentKind.REFUND
    error: ErrorClass | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """What an outcome makes of a repayment: the next state, and when to try again if open."""

    state: RepaymentState
    wait: timedelta | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What a provider tells later of a repayment, named by our key or by its own id.

    `event_id` names the news: the same again is the same news.
    """

    provider: str
    event_id: str
    kind: NewsKind
    key: str | None = None
    provider_refund_id: str | None = None
    code: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
