"""When a repayment is tried again: a table by what went wrong, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class ErrorClass(StrEnum):
    """What kept an attempt from settling, as far as it matters for trying again."""

    NETWORK = "network"
    """The provider could not be reached."""
    TIMEOUT = "timeout"
    """The provider was reached and did not answer in time."""
    RATE_LIMITED = "rate_limited"
    """Too many calls: HTTP 429 and the like."""
    PROVIDER_ERROR = "provider_error"
    """The provider itself failed: HTTP 5xx, or an answer that cannot be read."""
    IN_PROGRESS = "in_progress"
    """The same key is being worked on: HTTP 409 and the like."""
    BALANCE = "balance"
    """The merchant's balance at the provider is too low."""
    REJECTED = "rejected"
    """Our own fault (credentials, a malformed call): trying again cannot help."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Waits after attempts: exponential with full jitter, or a fixed list of steps.

    `attempts_max` is the number of attempts after which a person is asked.
    """

    floor: timedelta = timedelta(seconds=5)
    ceiling: timedelta = timedelta(hours=1)
    steps: tuple[timedelta, ...] = ()
    attempts_max: int = 12

    def wait(self, attempt: int, chance: float, least: timedelta | None = None) -> timedelta:
        """The wait after attempt number `attempt` (from 1); `chance` is in 0..1.

        `least` is the provider's own wish (Retry-After); it is honoured up to the longest wish.
        """
        if self.steps:
            waited = self.steps[min(attempt, len(self.steps)) - 1]
        else:
            # Capped before it is computed: 2**1000 is no duration, nor are 30 doublings of a day.
            doubled: int = 2 ** min(attempt, 30)
            far = not self.floor or doubled > self.ceiling // self.floor
            upper = self.ceiling if far else min(self.ceiling, self.floor * doubled)
            waited = self.floor + (upper - self.floor) * chance
        return max(waited, min(least, LONGEST_WISH)) if least is not None else waited


LONGEST_WISH = timedelta(days=1)
"""No provider may put a repayment off for longer at a time."""


@dataclass(frozen=True, slots=True)
class RetryProfile:
    """A rule for each class of error, one for all others, and one for asking after pending ones.

    A pending repayment is asked after for `pending_max` from its first call, however often that is.
    """

    rules: Mapping[ErrorClass, RetryRule] = field(default_factory=dict)
    other: RetryRule = RetryRule()
    pending: RetryRule = RetryRule(timedelta(seconds=30), timedelta(hours=6))
    pending_max: timedelta = timedelta(days=45)

    def rule(self, error: ErrorClass | None) -> RetryRule:
        """The rule for an error."""
        return self.other if error is None else self.rules.get(error, self.other)


_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

EXPONENTIAL = RetryProfile(
    {
        ErrorClass.NETWORK: RetryRule(_SECOND, 10 * _MINUTE),
        ErrorClass.TIMEOUT: RetryRule(5 * _SECOND, _HOUR),
        ErrorClass.RATE_LIMITED: RetryRule(2 * _SECOND, 10 * _MINUTE),
        ErrorClass.PROVIDER_ERROR: RetryRule(5 * _SECOND, _HOUR),
        ErrorClass.IN_PROGRESS: RetryRule(_SECOND, _MINUTE),
        ErrorClass.BALANCE: RetryRule(15 * _MINUTE, 12 * _HOUR),
        ErrorClass.REJECTED: RetryRule(attempts_max=1),
    }
)
"""For providers that ask for nothing else."""

_THREE_STEPS = RetryRule(steps=(5 * _SECOND, 5 * _MINUTE, 5 * _HOUR), attempts_max=4)

THREE_STEPS = RetryProfile(
    {
        **EXPONENTIAL.rules,
        ErrorClass.NETWORK: _THREE_STEPS,
        ErrorClass.TIMEOUT: _THREE_STEPS,
        ErrorClass.PROVIDER_ERROR: _THREE_STEPS,
    },
    other=_THREE_STEPS,
)
"""Klarna, "Integration resilience": after 5 s, 5 min and 5 h, then a person. All within the 24
hours for which a key is alive."""
