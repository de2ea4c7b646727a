"""What to do next with a repayment, and what an outcome makes of it. Design decision 5."""

from dataclasses import dataclass
from datetime import timedelta

from models.values.policies import FeeSupport
from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind, Transition
from models.values.states import RepaymentKind, RepaymentState

ATTEMPTS_EXHAUSTED = "attempts_exhausted"
DECLINED_OVERPAYMENT = "overpayment_declined"
KEY_EXPIRED = "key_expired_and_provider_cannot_tell"


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What the engine needs to know of a provider in order to decide.

    `key_lifetime` is how long the provider surely remembers an idempotency key.
    """

    key_lifetime: timedelta
    can_look_up: bool
    splits_debt_itself: bool
    fee_support: FeeSupport = FeeSupport.NONE
    amounts_unallocated: bool = False

    def amount_to_send(self, amount_minor: int, cash_minor: int) -> int:
        """What the provider is asked to repay: all, if it splits off the debt itself."""
        return amount_minor if self.splits_debt_itself else cash_minor


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter between a floor and a ceiling."""

    floor: timedelta = timedelta(seconds=5)
    ceiling: timedelta = timedelta(hours=1)
    poll: timedelta = timedelta(seconds=30)
    attempts_max: int = 12

    def wait(self, attempt: int, chance: float, least: timedelta | None = None) -> timedelta:
        """The wait after attempt number `attempt` (from 1); `chance` is in 0..1."""
        # Doubling is capped before it is computed: 2**1000 is no duration.
        doubled: int = 2 ** min(attempt, 30)
        upper = min(self.ceiling, self.floor * doubled)
        waited = self.floor + (upper - self.floor) * chance
        return max(waited, least) if least is not None else waited


def next_action(
    due: DueRepayment, facts: ProviderFacts, attempts_max: int, call_margin: timedelta
) -> Action:
    """What the next attempt does.

    A key is resent only while it is certainly alive: longer alive than a call can take
    (`call_margin`), since the check comes before the call.
    """
    if due.kind is RepaymentKind.CHARGEBACK:
        return Action.NONE
    if facts.amount_to_send(due.amount_minor, due.cash_minor) == 0:
        return Action.NONE
    if due.attempts >= attempts_max:
        return Action.PARK
    if due.state is RepaymentState.DUE:
        return Action.SEND
    if due.state is RepaymentState.PENDING:
        return Action.ASK
    sent = due.since_first_sent
    if sent is not None and sent + call_margin < facts.key_lifetime:
        return Action.SEND
    return Action.ASK if facts.can_look_up else Action.PARK


def after(
    outcome: Outcome,
    before: RepaymentState,
    attempt: int,
    policy: RetryPolicy,
    chance: float,
    kind: RepaymentKind = RepaymentKind.REFUND,
) -> Transition:
    """The repayment's next state, from the one `before` the attempt. `chance` spreads retries."""
    wait = policy.wait(attempt, chance, outcome.retry_after)
    match outcome.kind:
        case OutcomeKind.SETTLED:
            return Transition(RepaymentState.SETTLED, code=outcome.code)
        case OutcomeKind.DECLINED if kind is RepaymentKind.OVERPAYMENT:
            # The customer paid what was not owed: it stays theirs, and a person finds the way.
            return Transition(RepaymentState.PARKED, code=outcome.code or DECLINED_OVERPAYMENT)
        case OutcomeKind.DECLINED:
            return Transition(RepaymentState.DECLINED, code=outcome.code)
        case OutcomeKind.PENDING:
            poll = max(policy.poll, outcome.retry_after or policy.poll)
            return Transition(RepaymentState.PENDING, poll, outcome.code)
        case OutcomeKind.NOT_SENT if before is RepaymentState.DUE:
            return Transition(RepaymentState.DUE, wait, outcome.code)
        case _ if before is RepaymentState.PENDING:
            return Transition(RepaymentState.PENDING, wait, outcome.code)
        case _:
            # An earlier attempt may have been executed: 'not sent now' proves nothing.
            return Transition(RepaymentState.UNKNOWN, wait, outcome.code)
