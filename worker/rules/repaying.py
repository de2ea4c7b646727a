"""What to do next with a repayment, and what an outcome makes of it. Design decision 5."""

from dataclasses import dataclass
from datetime import timedelta

from models.values.gates import RateLimit
from models.values.policies import FeeSupport
from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind, Transition
from models.values.retries import EXPONENTIAL, ErrorClass, RetryProfile
from models.values.states import RepaymentKind, RepaymentState

ATTEMPTS_EXHAUSTED = "attempts_exhausted"
DECLINED_OVERPAYMENT = "overpayment_declined"
KEY_EXPIRED = "key_expired_and_provider_cannot_tell"
PENDING_TOO_LONG = "pending_too_long"
REJECTED = "rejected_by_provider"


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
    retries: RetryProfile = EXPONENTIAL
    rate_limit: RateLimit | None = None

    def amount_to_send(self, amount_minor: int, cash_minor: int) -> int:
        """What the provider is asked to repay: all, if it splits off the debt itself."""
        return amount_minor if self.splits_debt_itself else cash_minor


def next_action(
    due: DueRepayment, facts: ProviderFacts, attempts_max: int, call_margin: timedelta
) -> Action:
    """What the next attempt does.

    A key is resent only while it is certainly alive: longer alive than a call can take
    (`call_margin`), since the check comes before the call. After the last attempt the provider is
    asked once more what became of an unknown one, if it can tell, before a person is.
    """
    if due.kind is RepaymentKind.CHARGEBACK:
        return Action.NONE
    if facts.amount_to_send(due.amount_minor, due.cash_minor) == 0:
        return Action.NONE
    if due.state is RepaymentState.PENDING:
        return Action.PARK if _pending_too_long(due, facts) else Action.ASK
    limit = _limit(due, facts, attempts_max)
    if due.attempts >= limit:
        last = due.attempts == limit and due.state is RepaymentState.UNKNOWN
        return Action.ASK if last and facts.can_look_up else Action.PARK
    if due.state is RepaymentState.DUE:
        return Action.SEND
    sent = due.since_first_sent
    if sent is not None and sent + call_margin < facts.key_lifetime:
        return Action.SEND
    return Action.ASK if facts.can_look_up else Action.PARK


def parking_code(due: DueRepayment, facts: ProviderFacts, attempts_max: int) -> str:
    """Why a repayment is set aside for a person."""
    if due.state is RepaymentState.PENDING:
        return PENDING_TOO_LONG
    exhausted = due.attempts >= _limit(due, facts, attempts_max)
    return ATTEMPTS_EXHAUSTED if exhausted else KEY_EXPIRED


def _limit(due: DueRepayment, facts: ProviderFacts, attempts_max: int) -> int:
    return min(attempts_max, facts.retries.rule(due.error).attempts_max)


def _pending_too_long(due: DueRepayment, facts: ProviderFacts) -> bool:
    sent = due.since_first_sent
    return sent is not None and sent > facts.retries.pending_max


def after(
    outcome: Outcome,
    before: RepaymentState,
    attempt: int,
    profile: RetryProfile,
    chance: float,
    kind: RepaymentKind = RepaymentKind.REFUND,
) -> Transition:
    """The repayment's next state, from the one `before` the attempt. `chance` spreads retries."""
    rule = profile.rule(outcome.error)
    wait = rule.wait(attempt, chance, outcome.retry_after)
    match outcome.kind:
        case OutcomeKind.SETTLED:
            return Transition(RepaymentState.SETTLED, code=outcome.code)
        case OutcomeKind.DECLINED if kind is RepaymentKind.OVERPAYMENT:
            # The customer paid what was not owed: it stays theirs, and a person finds the way.
            return Transition(RepaymentState.PARKED, code=outcome.code or DECLINED_OVERPAYMENT)
        case OutcomeKind.DECLINED:
            return Transition(RepaymentState.DECLINED, code=outcome.code)
        case OutcomeKind.PENDING:
            poll = profile.pending.wait(attempt, chance, outcome.retry_after)
            return Transition(RepaymentState.PENDING, poll, outcome.code)
        case _ if outcome.error is ErrorClass.REJECTED and before is not RepaymentState.PENDING:
            return Transition(RepaymentState.PARKED, code=outcome.code or REJECTED)
        case OutcomeKind.NOT_SENT if before is RepaymentState.DUE:
            return Transition(RepaymentState.DUE, wait, outcome.code)
        case _ if before is RepaymentState.PENDING:
            return Transition(RepaymentState.PENDING, wait, outcome.code)
        case _:
            # An earlier attempt may have been executed: 'not sent now' proves nothing.
            return Transition(RepaymentState.UNKNOWN, wait, outcome.code)
