"""What is done next with a repayment, and what an outcome makes of it: every case."""

from datetime import timedelta
from itertools import product
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind
from models.values.states import RepaymentKind, RepaymentState
from worker.rules.repaying import ProviderFacts, RetryPolicy, after, next_action

LIFETIME = timedelta(hours=24)
MARGIN = timedelta(minutes=3)
OPEN = (RepaymentState.DUE, RepaymentState.UNKNOWN, RepaymentState.PENDING)


def facts(*, can_look_up: bool = True, splits: bool = False) -> ProviderFacts:
    return ProviderFacts(LIFETIME, can_look_up, splits)


def due(
    state: RepaymentState,
    attempts: int = 1,
    cash: int = 100,
    sent: timedelta | None = timedelta(hours=1),
    amount: int = 100,
    kind: RepaymentKind = RepaymentKind.REFUND,
) -> DueRepayment:
    return DueRepayment(UUID(int=1), state, attempts, cash, sent, amount, kind)


def action(one: DueRepayment, known: ProviderFacts | None = None) -> Action:
    return next_action(one, known or facts(), 12, MARGIN)


def test_an_unknown_is_resent_only_while_its_key_is_surely_alive() -> None:
    alive = LIFETIME - MARGIN - timedelta(seconds=1)
    assert action(due(RepaymentState.UNKNOWN, sent=alive)) is Action.SEND
    for dead in (LIFETIME - MARGIN, LIFETIME, LIFETIME * 10):
        assert action(due(RepaymentState.UNKNOWN, sent=dead)) is Action.ASK
        unable = facts(can_look_up=False)
        assert action(due(RepaymentState.UNKNOWN, sent=dead), unable) is Action.PARK


def test_a_pending_repayment_is_never_sent_again() -> None:
    for attempts, sent in product(range(12), (None, timedelta(0), LIFETIME * 2)):
        assert action(due(RepaymentState.PENDING, attempts, sent=sent)) is Action.ASK


def test_after_the_last_attempt_a_person_decides() -> None:
    for state in OPEN:
        assert action(due(state, attempts=12)) is Action.PARK
        assert action(due(state, attempts=11)) is not Action.PARK


def test_what_only_reduces_debt_needs_no_provider_unless_it_splits_itself() -> None:
    for state in OPEN:
        assert action(due(state, cash=0)) is Action.NONE
    splitting = facts(splits=True)
    assert action(due(RepaymentState.DUE, cash=0), splitting) is Action.SEND


EXPECTED = {
    (OutcomeKind.SETTLED, None): RepaymentState.SETTLED,
    (OutcomeKind.DECLINED, None): RepaymentState.DECLINED,
    (OutcomeKind.PENDING, None): RepaymentState.PENDING,
    (OutcomeKind.NOT_SENT, RepaymentState.DUE): RepaymentState.DUE,
    (OutcomeKind.NOT_SENT, RepaymentState.UNKNOWN): RepaymentState.UNKNOWN,
    (OutcomeKind.NOT_SENT, RepaymentState.PENDING): RepaymentState.PENDING,
    (OutcomeKind.UNKNOWN, RepaymentState.DUE): RepaymentState.UNKNOWN,
    (OutcomeKind.UNKNOWN, RepaymentState.UNKNOWN): RepaymentState.UNKNOWN,
    (OutcomeKind.UNKNOWN, RepaymentState.PENDING): RepaymentState.PENDING,
}


def test_every_outcome_makes_the_one_right_state() -> None:
    for kind, before in product(OutcomeKind, OPEN):
        expected = EXPECTED.get((kind, before)) or EXPECTED[kind, None]
        transition = after(Outcome(kind), before, 1, RetryPolicy(), 0.5)
        assert transition.state is expected, (kind, before)
        assert (transition.wait is None) == (expected not in OPEN), (kind, before)


@given(
    st.integers(1, 10_000),
    st.floats(0, 1),
    st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(days=2))),
)
def test_waits_lie_between_floor_and_ceiling_and_honour_the_providers_wish(
    attempt: int, chance: float, least: timedelta | None
) -> None:
    policy = RetryPolicy()
    waited = policy.wait(attempt, chance, least)
    assert waited >= policy.floor
    assert waited >= (least or timedelta(0))
    assert waited <= max(policy.ceiling, least or timedelta(0))


def test_waits_grow_until_the_ceiling() -> None:
    policy = RetryPolicy()
    longest = [policy.wait(attempt, 1.0) for attempt in range(1, 40)]
    assert longest == sorted(longest)
    assert longest[-1] == policy.ceiling
