"""The tables of repaying, complete: every state x outcome x fact, beside `test_repaying.py`."""

from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind, Transition
from models.values.states import (
    FINAL_REPAYMENT_STATES,
    OPEN_REPAYMENT_STATES,
    RepaymentKind,
    RepaymentState,
)
from worker.rules.repaying import (
    DECLINED_OVERPAYMENT,
    ProviderFacts,
    RetryPolicy,
    after,
    next_action,
)

S, Kind = RepaymentState, OutcomeKind
HOUR = timedelta(hours=1)
LIFETIME, MARGIN, MOMENT = 24 * HOUR, timedelta(minutes=3), timedelta(microseconds=1)
ATTEMPTS_MAX = 12

AGES = {
    "new": timedelta(0),
    "alive": LIFETIME - MARGIN - MOMENT,
    "within the margin": LIFETIME - MARGIN,
    "dead": LIFETIME,
    "long dead": 400 * LIFETIME,
}
SURELY_ALIVE = ("new", "alive")


def action_of(
    state: RepaymentState,
    age: timedelta | None,
    *,
    attempts: int = 1,
    cash: int = 100,
    can_look_up: bool = True,
    splits: bool = False,
    amount: int = 10**12,
) -> Action:
    facts = ProviderFacts(LIFETIME, can_look_up, splits)
    due = DueRepayment(UUID(int=1), state, attempts, cash, age, amount)
    return next_action(due, facts, ATTEMPTS_MAX, MARGIN)


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("can_look_up", [True, False], ids=["can-look-up", "cannot"])
@pytest.mark.parametrize("splits", [True, False], ids=["splits", "does-not"])
@pytest.mark.parametrize("attempts", [0, 1, 11, 12, 13, 10**6])
@pytest.mark.parametrize("cash", [0, 1, 10**12])
def test_the_next_action_of_every_state_is_the_one_in_the_table(
    age: str, attempts: int, cash: int, *, can_look_up: bool, splits: bool
) -> None:
    table = {
        S.DUE: Action.SEND,
        S.PENDING: Action.ASK,
        S.UNKNOWN: Action.SEND
        if age in SURELY_ALIVE
        else Action.ASK
        if can_look_up
        else Action.PARK,
    }
    for state in OPEN_REPAYMENT_STATES:
        expected = table[state]
        if attempts >= ATTEMPTS_MAX:
            expected = Action.PARK
        if cash == 0 and not splits:
            expected = Action.NONE
        found = action_of(
            state, AGES[age], attempts=attempts, cash=cash, can_look_up=can_look_up, splits=splits
        )
        assert found is expected, state


@settings(deadline=None)
@given(
    age=st.timedeltas(timedelta(0), timedelta(days=3)),
    lifetime=st.timedeltas(timedelta(0), timedelta(days=2)),
    margin=st.timedeltas(timedelta(0), timedelta(hours=2)),
    can_look_up=st.booleans(),
    attempts=st.integers(0, 20),
)
def test_an_unknown_is_sent_again_only_while_the_longest_call_ends_before_the_key(
    age: timedelta, lifetime: timedelta, margin: timedelta, attempts: int, *, can_look_up: bool
) -> None:
    facts = ProviderFacts(lifetime, can_look_up, splits_debt_itself=False)
    due = DueRepayment(UUID(int=1), S.UNKNOWN, attempts, 100, age, 100)
    found = next_action(due, facts, ATTEMPTS_MAX, margin)
    if found is Action.SEND:
        assert age + margin < lifetime
    if found is Action.ASK:
        assert can_look_up
    assert found is not Action.NONE


@pytest.mark.parametrize("attempts", range(ATTEMPTS_MAX))
def test_a_pending_repayment_is_asked_for_and_never_sent(attempts: int) -> None:
    for age, can_look_up, splits in product([None, *AGES.values()], [True, False], [True, False]):
        found = action_of(S.PENDING, age, attempts=attempts, can_look_up=can_look_up, splits=splits)
        assert found is Action.ASK


def test_a_due_repayment_that_was_never_sent_is_sent() -> None:
    assert action_of(S.DUE, None, attempts=0) is Action.SEND


@pytest.mark.parametrize("can_look_up", [True, False])
def test_an_unknown_of_unknown_age_is_not_sent_again(*, can_look_up: bool) -> None:
    found = action_of(S.UNKNOWN, None, can_look_up=can_look_up)
    assert found is (Action.ASK if can_look_up else Action.PARK)


STATES: dict[tuple[RepaymentState, OutcomeKind], RepaymentState] = {
    (S.DUE, Kind.SETTLED): S.SETTLED,
    (S.DUE, Kind.DECLINED): S.DECLINED,
    (S.DUE, Kind.PENDING): S.PENDING,
    (S.DUE, Kind.UNKNOWN): S.UNKNOWN,
    (S.DUE, Kind.NOT_SENT): S.DUE,
    (S.UNKNOWN, Kind.SETTLED): S.SETTLED,
    (S.UNKNOWN, Kind.DECLINED): S.DECLINED,
    (S.UNKNOWN, Kind.PENDING): S.PENDING,
    (S.UNKNOWN, Kind.UNKNOWN): S.UNKNOWN,
    (S.UNKNOWN, Kind.NOT_SENT): S.UNKNOWN,
    (S.PENDING, Kind.SETTLED): S.SETTLED,
    (S.PENDING, Kind.DECLINED): S.DECLINED,
    (S.PENDING, Kind.PENDING): S.PENDING,
    (S.PENDING, Kind.UNKNOWN): S.PENDING,
    (S.PENDING, Kind.NOT_SENT): S.PENDING,
}
POLICY = RetryPolicy()


def test_the_table_of_outcomes_is_complete() -> None:
    assert set(STATES) == set(product(OPEN_REPAYMENT_STATES, OutcomeKind))
    assert set(OPEN_REPAYMENT_STATES) | set(FINAL_REPAYMENT_STATES) == set(S) - {
        S.PARKED,
        S.HELD,
        S.CANCELLED,
    }


@pytest.mark.parametrize(("before", "kind"), STATES, ids=[f"{b}-{k}" for b, k in STATES])
def test_an_outcome_makes_the_state_in_the_table_and_keeps_its_code(
    before: RepaymentState, kind: OutcomeKind
) -> None:
    for attempt, chance, code in product((1, 12, 500), (0.0, 0.5, 1.0), (None, "why")):
        found = after(Outcome(kind, code), before, attempt, POLICY, chance)
        assert (found.state, found.code) == (STATES[before, kind], code)
        if found.state in FINAL_REPAYMENT_STATES:
            assert found.wait is None
        else:
            assert found.wait is not None
            assert POLICY.floor <= found.wait <= POLICY.ceiling


@pytest.mark.parametrize("before", OPEN_REPAYMENT_STATES)
def test_a_declined_overpayment_goes_to_a_person_and_is_no_refunds_decline(
    before: RepaymentState,
) -> None:
    over = RepaymentKind.OVERPAYMENT
    found = after(Outcome(Kind.DECLINED, "closed"), before, 1, POLICY, 0.5, over)
    assert found == Transition(S.PARKED, code="closed")
    unnamed = after(Outcome(Kind.DECLINED), before, 1, POLICY, 0.5, over)
    assert unnamed.code == DECLINED_OVERPAYMENT
    for kind in set(Kind) - {Kind.DECLINED}:
        like = after(Outcome(kind), before, 1, POLICY, 0.5)
        assert after(Outcome(kind), before, 1, POLICY, 0.5, over) == like


@pytest.mark.parametrize("state", OPEN_REPAYMENT_STATES)
@pytest.mark.parametrize("attempts", [0, ATTEMPTS_MAX])
def test_a_chargeback_is_never_sent_whatever_else_is_stored(
    state: RepaymentState, attempts: int
) -> None:
    due = DueRepayment(
        UUID(int=1), state, attempts, 100, timedelta(0), 100, RepaymentKind.CHARGEBACK
    )
    for splits in (True, False):
        facts = ProviderFacts(LIFETIME, can_look_up=True, splits_debt_itself=splits)
        assert next_action(due, facts, ATTEMPTS_MAX, MARGIN) is Action.NONE


@pytest.mark.parametrize("splits", [True, False])
def test_what_is_worth_nothing_goes_through_no_provider(*, splits: bool) -> None:
    for state in OPEN_REPAYMENT_STATES:
        assert action_of(state, None, cash=0, amount=0, splits=splits) is Action.NONE


def test_a_provider_that_splits_the_debt_itself_is_sent_all() -> None:
    splitting = ProviderFacts(LIFETIME, can_look_up=True, splits_debt_itself=True)
    asking = ProviderFacts(LIFETIME, can_look_up=True, splits_debt_itself=False)
    assert splitting.amount_to_send(100, 40) == 100
    assert asking.amount_to_send(100, 40) == 40


def test_only_a_settlement_settles_and_only_a_decline_declines() -> None:
    for (before, kind), state in STATES.items():
        assert (kind is Kind.SETTLED) == (state is S.SETTLED), before
        assert (kind is Kind.DECLINED) == (state is S.DECLINED), before


def test_an_unknown_never_becomes_due_again() -> None:
    """Due means surely not executed: after an unknown no later outcome proves that."""
    assert S.DUE not in {STATES[S.UNKNOWN, kind] for kind in Kind}
    assert S.DUE not in {STATES[S.PENDING, kind] for kind in Kind}


@st.composite
def policies(draw: st.DrawFn) -> RetryPolicy:
    floor = draw(st.timedeltas(timedelta(milliseconds=1), HOUR))
    ceiling = draw(st.timedeltas(floor, 48 * HOUR))
    return RetryPolicy(floor, ceiling, poll=draw(st.timedeltas(floor, ceiling)))


@settings(deadline=None)
@given(policies(), st.integers(1, 10**6), st.floats(0, 1))
def test_every_wait_lies_within_floor_and_ceiling_of_any_policy(
    policy: RetryPolicy, attempt: int, chance: float
) -> None:
    assert policy.floor <= policy.wait(attempt, chance) <= policy.ceiling
    for before, kind in STATES:
        wait = after(Outcome(kind), before, attempt, policy, chance).wait
        assert wait is None or policy.floor <= wait <= policy.ceiling


@settings(deadline=None)
@given(
    policies(),
    st.integers(1, 100),
    st.floats(0, 1),
    st.timedeltas(timedelta(days=-1), timedelta(days=7)),
)
def test_a_providers_wish_is_the_least_wait_and_never_shortens_one(
    policy: RetryPolicy, attempt: int, chance: float, wish: timedelta
) -> None:
    for before, kind in STATES:
        own = after(Outcome(kind), before, attempt, policy, chance).wait
        asked = after(Outcome(kind, retry_after=wish), before, attempt, policy, chance).wait
        assert asked == (None if own is None else max(own, wish)), (before, kind)


def test_waits_double_from_the_floor_and_chance_spreads_them_evenly() -> None:
    policy = RetryPolicy(floor=timedelta(seconds=5), ceiling=timedelta(seconds=60))
    tops = [policy.wait(attempt, 1.0).total_seconds() for attempt in range(1, 7)]
    assert tops == [10, 20, 40, 60, 60, 60]
    assert [policy.wait(3, chance).total_seconds() for chance in (0, 0.5, 1)] == [5, 22.5, 40]


def test_a_pending_repayment_is_asked_for_at_the_poll_interval() -> None:
    for before, attempt in product(OPEN_REPAYMENT_STATES, (1, 11)):
        found = after(Outcome(Kind.PENDING), before, attempt, POLICY, 0.9)
        assert found == Transition(S.PENDING, POLICY.poll)


@settings(deadline=None)
@given(
    kinds=st.lists(
        st.sampled_from([Kind.PENDING, Kind.UNKNOWN, Kind.NOT_SENT]), min_size=20, max_size=20
    ),
    ages=st.lists(st.sampled_from(list(AGES.values())), min_size=20, max_size=20),
    can_look_up=st.booleans(),
)
def test_a_repayment_that_never_ends_is_parked_at_the_last_attempt_at_the_latest(
    kinds: list[OutcomeKind], ages: list[timedelta], *, can_look_up: bool
) -> None:
    state, sent = S.DUE, False
    for attempt, (kind, age) in enumerate(zip(kinds, ages, strict=True)):
        action = action_of(state, age, attempts=attempt, can_look_up=can_look_up)
        if action is Action.PARK:
            assert attempt == ATTEMPTS_MAX or not can_look_up
            return
        assert attempt < ATTEMPTS_MAX
        if action is Action.SEND and sent:
            assert state in (S.DUE, S.UNKNOWN)
            assert state is S.DUE or age + MARGIN < LIFETIME
        sent = sent or action is Action.SEND
        state = after(Outcome(kind), state, attempt + 1, POLICY, 0.5).state
    raise AssertionError("never parked")
