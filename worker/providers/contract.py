"""What an adapter is asked and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from models.values.gates import RateLimit
from models.values.policies import FeeSupport
from models.values.repayments import Outcome, RepaymentOrder
from models.values.retries import EXPONENTIAL, RetryProfile


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do. The engine acts on these, never on a provider's name.

    `key_lifetime` is how long the provider surely remembers an idempotency key: the shortest
    time that it promises, or less. With `splits_debt_itself` it is sent the whole amount and
    itself repays what was paid and reduces what is owed (Klarna). `return_fees` says when a fee
    may be kept of a refund. With `amounts_unallocated` bare amounts are to be sent without lines.
    `retries` says when to try again after which error, `rate_limit` how many calls a merchant may
    make.
    """

    key_lifetime: timedelta
    can_look_up: bool
    splits_debt_itself: bool = False
    return_fees: FeeSupport = FeeSupport.NONE
    amounts_unallocated: bool = False
    retries: RetryProfile = EXPONENTIAL
    rate_limit: RateLimit | None = None


@runtime_checkable
class Provider(Protocol):
    """A payment provider's adapter.

    Adapters answer with outcomes and do not raise for what a provider says. What they do raise
    (a bug, a time-out) the engine takes for an unknown outcome.
    """

    name: str
    capabilities: Capabilities

    def repay(self, order: RepaymentOrder) -> Outcome:
        """Repay once under `order.key`, however often it is called with that key."""
        ...

    def look_up(self, order: RepaymentOrder) -> Outcome:
        """What became of `order`, found by our reference or key; Unknown if it cannot tell."""
        ...


@runtime_checkable
class BatchProvider(Provider, Protocol):
    """A provider that takes many repayments in one call."""

    def takes_in_batch(self, order: RepaymentOrder) -> bool:
        """Whether this repayment may go into `repay_many`; else it goes through `repay`."""
        ...

    def repay_many(self, orders: Sequence[RepaymentOrder]) -> Sequence[Outcome]:
        """The outcomes of repaying each, in the same order."""
        ...
