"""The tables of repaying, complete: every state x outcome x error, beside `test_repaying.py`."""

from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind, Transition
from models.values.retries import EXPONENTIAL, THREE_STEPS, ErrorClass, RetryProfile
from models.values.states import (
    FINAL_REPAYMENT_STATES,
    OPEN_REPAYMENT_STATES,
    RepaymentKind,
    RepaymentState,
)
from worker.rules.repaying import (
    ATTEMPTS_EXHAUSTED,
    DECLINED_OVERPAYMENT,
    KEY_EXPIRED,
    PENDING_TOO_LONG,
    REJECTED,
    ProviderFacts,
    after,
    next_action,
    parking_code,
)

S, Kind = RepaymentState, OutcomeKind
HOUR = timedelta(hours=1)
LIFETIME, MARGIN, MOMENT = 24 * HOUR, timedelta(minutes=3), timedelta(microseconds=1)
ATTEMPTS_MAX = 12
PROFILES = {"exponential": EXPONENTIAL, "three steps": THREE_STEPS}
ERRORS = (None, *ErrorClass)

AGES: dict[str, timedelta | None] = {
    "never sent": None,
    "new": timedelta(0),
    "alive": LIFETIME - MARGIN - MOMENT,
    "within the margin": LIFETIME - MARGIN,
    "dead": LIFETIME,
    "pending for long": timedelta(days=45),
    "pending for too long": timedelta(days=45) + MOMENT,
}
SURELY_ALIVE = ("new", "alive")


def facts(
    *, can_look_up: bool = True, splits: bool = False, retries: RetryProfile = EXPONENTIAL
) -> ProviderFacts:
    return ProviderFacts(LIFETIME, can_look_up, splits, retries=retries)


def due(
    state: RepaymentState,
    age: timedelta | None,
    attempts: int = 1,
    cash: int = 100,
    *,
    amount: int = 10**12,
    error: ErrorClass | None = None,
) -> DueRepayment:
    return DueRepayment(UUID(int=1), state, attempts, cash, age, amount, error=error)


def expected_action(
    state: RepaymentState, age: str, attempts: int, limit: int, *, can_look_up: bool
) -> Action:
    """The table of what goes through a provider: read it, it is the rule in other words."""
    instead = Action.ASK if can_look_up else Action.PARK
    if state is S.PENDING:
        return Action.PARK if age == "pending for too long" else Action.ASK
    if attempts > limit:
        return Action.PARK
    if attempts == limit:
        return instead if state is S.UNKNOWN else Action.PARK
    return Action.SEND if state is S.DUE or age in SURELY_ALIVE else instead


def expected_code(state: RepaymentState, attempts: int, limit: int) -> str:
    if state is S.PENDING:
        return PENDING_TOO_LONG
    return ATTEMPTS_EXHAUSTED if attempts >= limit else KEY_EXPIRED


LIMITS = {
    "exponential": {**dict.fromkeys(ERRORS, 12), ErrorClass.REJECTED: 1},
    "three steps": {
        **dict.fromkeys((None, ErrorClass.NETWORK, ErrorClass.TIMEOUT), 4),
        ErrorClass.PROVIDER_ERROR: 4,
        **dict.fromkeys((ErrorClass.RATE_LIMITED, ErrorClass.IN_PROGRESS, ErrorClass.BALANCE), 12),
        ErrorClass.REJECTED: 1,
    },
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("can_look_up", [True, False], ids=["can-look-up", "cannot"])
@pytest.mark.parametrize("splits", [True, False], ids=["splits", "does-not"])
def test_the_next_action_of_every_state_is_the_one_in_the_table(
    error: ErrorClass | None, profile: str, *, can_look_up: bool, splits: bool
) -> None:
    known = facts(can_look_up=can_look_up, splits=splits, retries=PROFILES[profile])
    limit = LIMITS[profile][error]
    for state, age, attempts, cash in product(
        OPEN_REPAYMENT_STATES, AGES, (*range(14), 10**6), (0, 1, 10**12)
    ):
        one = due(state, AGES[age], attempts, cash, error=error)
        expected = expected_action(state, age, attempts, limit, can_look_up=can_look_up)
        if cash == 0 and not splits:
            expected = Action.NONE
        found = next_action(one, known, ATTEMPTS_MAX, MARGIN)
        assert found is expected, (state, age, attempts, cash)
        if found is Action.PARK:
            code = parking_code(one, known, ATTEMPTS_MAX)
            assert code == expected_code(state, attempts, limit), (state, age, attempts)


@settings(deadline=None)
@given(
    age=st.timedeltas(timedelta(0), timedelta(days=3)),
    lifetime=st.timedeltas(timedelta(0), timedelta(days=2)),
    margin=st.timedeltas(timedelta(0), timedelta(hours=2)),
    can_look_up=st.booleans(),
    attempts=st.integers(0, 20),
    error=st.sampled_from(ERRORS),
    profile=st.sampled_from(list(PROFILES.values())),
)
def test_an_unknown_is_sent_again_only_while_the_longest_call_ends_before_the_key(
    age: timedelta,
    lifetime: timedelta,
    margin: timedelta,
    attempts: int,
    error: ErrorClass | None,
    profile: RetryProfile,
    *,
    can_look_up: bool,
) -> None:
    known = ProviderFacts(lifetime, can_look_up, splits_debt_itself=False, retries=profile)
    one = due(S.UNKNOWN, age, attempts, error=error)
    found = next_action(one, known, ATTEMPTS_MAX, margin)
    if found is Action.SEND:
        assert age + margin < lifetime
    if found is Action.ASK:
        assert can_look_up
    assert found is not Action.NONE


def test_a_due_repayment_that_was_never_sent_is_sent() -> None:
    assert next_action(due(S.DUE, None, 0), facts(), ATTEMPTS_MAX, MARGIN) is Action.SEND


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
UNCLEAR = (Kind.UNKNOWN, Kind.NOT_SENT)
CASES = list(product(STATES, ERRORS))


def expected_state(
    before: RepaymentState, kind: OutcomeKind, error: ErrorClass | None
) -> RepaymentState:
    """The table, and what it leaves out: our own fault is a person's work at once.

    But not that of a question after a pending one, which the provider surely has.
    """
    ours = error is ErrorClass.REJECTED and kind in UNCLEAR
    return S.PARKED if ours and before is not S.PENDING else STATES[before, kind]


def test_the_table_of_outcomes_is_complete() -> None:
    assert set(STATES) == set(product(OPEN_REPAYMENT_STATES, OutcomeKind))
    assert set(OPEN_REPAYMENT_STATES) | set(FINAL_REPAYMENT_STATES) == set(S) - {
        S.PARKED,
        S.HELD,
        S.CANCELLED,
        S.REVERSED,
    }


@pytest.mark.parametrize(
    ("case", "error"), CASES, ids=[f"{before}-{kind}-{error}" for (before, kind), error in CASES]
)
def test_an_outcome_makes_the_state_in_the_table_keeps_its_code_and_waits_by_its_rule(
    case: tuple[RepaymentState, OutcomeKind], error: ErrorClass | None
) -> None:
    before, kind = case
    state = expected_state(before, kind, error)
    for profile, attempt, chance, code in product(
        PROFILES.values(), (1, 12, 500), (0.0, 0.5, 1.0), (None, "why")
    ):
        found = after(Outcome(kind, code, error=error), before, attempt, profile, chance)
        told = REJECTED if state is S.PARKED and code is None else code
        rule = profile.pending if kind is Kind.PENDING else profile.rule(error)
        wait = rule.wait(attempt, chance) if state in OPEN_REPAYMENT_STATES else None
        assert found == Transition(state, wait, told)


@pytest.mark.parametrize("before", OPEN_REPAYMENT_STATES)
@pytest.mark.parametrize("error", ERRORS)
def test_a_declined_overpayment_goes_to_a_person_and_is_no_refunds_decline(
    before: RepaymentState, error: ErrorClass | None
) -> None:
    over = RepaymentKind.OVERPAYMENT
    found = after(Outcome(Kind.DECLINED, "closed", error=error), before, 1, EXPONENTIAL, 0.5, over)
    assert found == Transition(S.PARKED, code="closed")
    unnamed = after(Outcome(Kind.DECLINED, error=error), before, 1, EXPONENTIAL, 0.5, over)
    assert unnamed.code == DECLINED_OVERPAYMENT
    for kind in set(Kind) - {Kind.DECLINED}:
        outcome = Outcome(kind, error=error)
        like = after(outcome, before, 1, EXPONENTIAL, 0.5)
        assert after(outcome, before, 1, EXPONENTIAL, 0.5, over) == like


def test_the_codes_of_what_is_parked_at_once_never_change() -> None:
    assert (REJECTED, DECLINED_OVERPAYMENT) == ("rejected_by_provider", "overpayment_declined")


@pytest.mark.parametrize("state", OPEN_REPAYMENT_STATES)
@pytest.mark.parametrize("attempts", [0, ATTEMPTS_MAX])
def test_a_chargeback_is_never_sent_whatever_else_is_stored(
    state: RepaymentState, attempts: int
) -> None:
    for splits, age, error in product((True, False), AGES.values(), ERRORS):
        one = DueRepayment(
            UUID(int=1), state, attempts, 100, age, 100, RepaymentKind.CHARGEBACK, error
        )
        assert next_action(one, facts(splits=splits), ATTEMPTS_MAX, MARGIN) is Action.NONE


@pytest.mark.parametrize("splits", [True, False])
def test_what_is_worth_nothing_goes_through_no_provider(*, splits: bool) -> None:
    for state in OPEN_REPAYMENT_STATES:
        one = due(state, None, cash=0, amount=0)
        assert next_action(one, facts(splits=splits), ATTEMPTS_MAX, MARGIN) is Action.NONE


def test_a_provider_that_splits_the_debt_itself_is_sent_all() -> None:
    assert facts(splits=True).amount_to_send(100, 40) == 100
    assert facts(splits=False).amount_to_send(100, 40) == 40


def test_only_a_settlement_settles_and_only_a_decline_declines() -> None:
    for (before, kind), error in CASES:
        for profile, overpaid in product(PROFILES.values(), RepaymentKind):
            outcome = Outcome(kind, error=error)
            state = after(outcome, before, 1, profile, 0.5, overpaid).state
            assert (kind is Kind.SETTLED) == (state is S.SETTLED), before
            if state is S.DECLINED:
                assert kind is Kind.DECLINED, before


def test_an_unknown_never_becomes_due_again() -> None:
    """Due means surely not executed: after an unknown no later outcome proves that."""
    for (before, kind), error in CASES:
        if before is not S.DUE:
            assert after(Outcome(kind, error=error), before, 1, EXPONENTIAL, 0.5).state is not S.DUE


def test_whatever_stays_open_says_when_it_goes_on_and_nothing_else_does() -> None:
    for (before, kind), error in CASES:
        found = after(Outcome(kind, error=error), before, 1, THREE_STEPS, 0.5)
        assert (found.wait is not None) == (found.state in OPEN_REPAYMENT_STATES)
        assert found.wait is None or found.wait > timedelta(0)


@settings(deadline=None)
@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from([Kind.UNKNOWN, Kind.NOT_SENT]),
            st.sampled_from([error for error in ERRORS if error is not ErrorClass.REJECTED]),
        ),
        min_size=20,
        max_size=20,
    ),
    ages=st.lists(st.sampled_from([HOUR, LIFETIME]), min_size=20, max_size=20),
    can_look_up=st.booleans(),
    profile=st.sampled_from(list(PROFILES.values())),
)
def test_a_repayment_of_which_nothing_is_heard_is_parked_soon_after_the_last_attempt(
    kinds: list[tuple[OutcomeKind, ErrorClass | None]],
    ages: list[timedelta],
    profile: RetryProfile,
    *,
    can_look_up: bool,
) -> None:
    known = facts(can_look_up=can_look_up, retries=profile)
    state, error = S.DUE, None
    for attempts, ((kind, went_wrong), age) in enumerate(zip(kinds, ages, strict=True)):
        found = next_action(due(state, age, attempts, error=error), known, ATTEMPTS_MAX, MARGIN)
        if found is Action.PARK:
            return
        # One more than the limit: the question that is asked before a person is.
        assert attempts < ATTEMPTS_MAX + (state is S.UNKNOWN and can_look_up)
        if found is Action.SEND:
            assert state is S.DUE or age + MARGIN < LIFETIME
        outcome = Outcome(kind, error=went_wrong)
        state, error = after(outcome, state, attempts + 1, profile, 0.5).state, went_wrong
    raise AssertionError("never parked")
