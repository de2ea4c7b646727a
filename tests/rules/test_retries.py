"""How long a repayment waits before it is tried again, by what went wrong."""

from datetime import timedelta
from itertools import pairwise, product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind
from models.values.retries import (
    EXPONENTIAL,
    LONGEST_WISH,
    THREE_STEPS,
    ErrorClass,
    RetryProfile,
    RetryRule,
)
from models.values.states import RepaymentState
from worker.rules.repaying import ProviderFacts, after, next_action

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))
E = ErrorClass
STEPPED = (E.NETWORK, E.TIMEOUT, E.PROVIDER_ERROR)

EXPONENTIAL_BOUNDS = {
    E.NETWORK: (SECOND, 10 * MINUTE),
    E.TIMEOUT: (5 * SECOND, HOUR),
    E.RATE_LIMITED: (2 * SECOND, 10 * MINUTE),
    E.PROVIDER_ERROR: (5 * SECOND, HOUR),
    E.IN_PROGRESS: (SECOND, MINUTE),
    E.BALANCE: (15 * MINUTE, 12 * HOUR),
    E.REJECTED: (5 * SECOND, HOUR),
    None: (5 * SECOND, HOUR),
}
"""Floor and ceiling of every class of error."""

BOUNDS: list[tuple[RetryRule, timedelta, timedelta]] = [
    *((EXPONENTIAL.rule(error), *bounds) for error, bounds in EXPONENTIAL_BOUNDS.items()),
    *(
        (THREE_STEPS.rule(error), *bounds)
        for error, bounds in EXPONENTIAL_BOUNDS.items()
        if error not in (*STEPPED, None)
    ),
    *((THREE_STEPS.rule(error), 5 * SECOND, 5 * HOUR) for error in (*STEPPED, None)),
    (EXPONENTIAL.pending, 30 * SECOND, 6 * HOUR),
    (THREE_STEPS.pending, 30 * SECOND, 6 * HOUR),
]

RULES = st.sampled_from([rule for rule, _, _ in BOUNDS])
ATTEMPTS = st.integers(1, 20) | st.integers(1, 10**9)
CHANCES = st.floats(0, 1)


def test_every_class_of_error_has_its_bounds() -> None:
    assert set(EXPONENTIAL_BOUNDS) == {None, *ErrorClass}


@given(st.sampled_from(BOUNDS), ATTEMPTS, CHANCES)
def test_a_wait_lies_between_its_floor_and_its_ceiling(
    bounds: tuple[RetryRule, timedelta, timedelta], attempt: int, chance: float
) -> None:
    rule, floor, ceiling = bounds
    assert floor <= rule.wait(attempt, chance) <= ceiling


@st.composite
def any_rules(draw: st.DrawFn) -> RetryRule:
    floor = draw(st.timedeltas(timedelta(milliseconds=1), 12 * HOUR))
    return RetryRule(floor, draw(st.timedeltas(floor, 10 * DAY)))


@given(any_rules(), ATTEMPTS, CHANCES)
def test_that_holds_for_the_rules_of_any_adapter(
    rule: RetryRule, attempt: int, chance: float
) -> None:
    assert rule.floor <= rule.wait(attempt, chance) <= rule.ceiling


@pytest.mark.parametrize(("rule", "floor", "ceiling"), [one for one in BOUNDS if not one[0].steps])
def test_waits_double_until_the_ceiling_and_jitter_is_full(
    rule: RetryRule, floor: timedelta, ceiling: timedelta
) -> None:
    """From the floor to the longest that the attempt allows, evenly: retries do not meet again."""
    for attempt in range(1, 20):
        longest = min(ceiling, floor * 2**attempt)
        assert rule.wait(attempt, 0.0) == floor
        assert rule.wait(attempt, 1.0) == longest
        for chance in (0.25, 0.5, 0.75):
            assert rule.wait(attempt, chance) == floor + (longest - floor) * chance
    assert rule.wait(19, 1.0) == ceiling


@given(RULES, ATTEMPTS, st.tuples(CHANCES, CHANCES))
def test_more_chance_is_never_a_shorter_wait(
    rule: RetryRule, attempt: int, chances: tuple[float, float]
) -> None:
    assert rule.wait(attempt, min(chances)) <= rule.wait(attempt, max(chances))


@pytest.mark.parametrize("attempt", [1, 2, 10, 30, 31, 1000, 10**18])
def test_no_number_of_attempts_is_too_large_to_be_computed(attempt: int) -> None:
    for rule, floor, ceiling in BOUNDS:
        assert floor <= rule.wait(attempt, 1.0) <= ceiling


def test_a_long_floor_is_doubled_as_safely_as_a_short_one() -> None:
    assert RetryRule(DAY, 30 * DAY).wait(30, 1.0) == 30 * DAY


def test_one_wait_told_in_numbers() -> None:
    rule = RetryRule(floor=5 * SECOND, ceiling=60 * SECOND)
    tops = [rule.wait(attempt, 1.0).total_seconds() for attempt in range(1, 7)]
    assert tops == [10, 20, 40, 60, 60, 60]
    # The ceiling is no multiple of the floor.
    assert RetryRule(10 * SECOND, 25 * SECOND).wait(1, 1.0) == 20 * SECOND
    assert [rule.wait(3, chance).total_seconds() for chance in (0, 0.5, 1)] == [5, 22.5, 40]


@given(RULES | any_rules(), ATTEMPTS, CHANCES, st.timedeltas(-DAY, 30 * DAY))
def test_a_providers_wish_is_honoured_up_to_the_longest_and_never_shortens_a_wait(
    rule: RetryRule, attempt: int, chance: float, wish: timedelta
) -> None:
    own = rule.wait(attempt, chance)
    asked = rule.wait(attempt, chance, wish)
    assert asked == max(own, min(wish, LONGEST_WISH))


@pytest.mark.parametrize(
    ("wish", "waited"),
    [
        (None, 5 * SECOND),
        (timedelta(0), 5 * SECOND),
        (-HOUR, 5 * SECOND),
        (5 * SECOND, 5 * SECOND),
        (6 * SECOND, 6 * SECOND),
        (2 * HOUR, 2 * HOUR),
        (DAY, DAY),
        (DAY + SECOND, DAY),
        (timedelta.max, DAY),
    ],
)
def test_a_wish_in_numbers(wish: timedelta | None, waited: timedelta) -> None:
    assert RetryRule().wait(1, 0.0, wish) == waited
    assert timedelta(days=1) == LONGEST_WISH


def test_a_wish_reaches_the_transition_of_whatever_stays_open() -> None:
    kinds = (OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT, OutcomeKind.PENDING)
    for kind, before, error in product(kinds, (RepaymentState.DUE, RepaymentState.PENDING), E):
        outcome = Outcome(kind, retry_after=20 * HOUR, error=error)
        found = after(outcome, before, 1, EXPONENTIAL, 1.0)
        assert found.wait == (None if found.state is RepaymentState.PARKED else 20 * HOUR)


def test_an_error_without_a_rule_of_its_own_has_the_rule_for_all_others() -> None:
    other = RetryRule(HOUR)
    profile = RetryProfile({E.TIMEOUT: RetryRule(MINUTE)}, other)
    assert profile.rule(E.TIMEOUT) == RetryRule(MINUTE)
    for error in {None, *ErrorClass} - {E.TIMEOUT}:
        assert profile.rule(error) == other


@pytest.mark.parametrize("error", [E.RATE_LIMITED, E.IN_PROGRESS, E.BALANCE, E.REJECTED])
def test_three_steps_are_for_what_is_broken_and_not_for_what_the_provider_says(
    error: ErrorClass,
) -> None:
    assert THREE_STEPS.rule(error) == EXPONENTIAL.rule(error)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("error", [*STEPPED, None])
def test_three_steps_wait_five_seconds_five_minutes_and_five_hours(
    error: ErrorClass | None, chance: float
) -> None:
    rule = THREE_STEPS.rule(error)
    waits = [rule.wait(attempt, chance) for attempt in range(1, rule.attempts_max)]
    assert waits == [5 * SECOND, 5 * MINUTE, 5 * HOUR]


def lived(
    profile: RetryProfile, error: ErrorClass | None, kind: OutcomeKind, *, can_look_up: bool
) -> list[tuple[timedelta, Action]]:
    """When a repayment is taken up, and for what, if every attempt comes to the same."""
    facts = ProviderFacts(DAY, can_look_up, splits_debt_itself=False, retries=profile)
    state, attempts, now, known = RepaymentState.DUE, 0, timedelta(0), None
    story: list[tuple[timedelta, Action]] = []
    while not story or story[-1][1] is not Action.PARK:
        due = DueRepayment(UUID(int=1), state, attempts, 100, now, 100, error=known)
        story.append((now, next_action(due, facts, 12, 3 * MINUTE)))
        attempts += 1
        transition = after(Outcome(kind, error=error), state, attempts, profile, 1.0)
        state, known = transition.state, error
        now += transition.wait or timedelta(0)
    return story


@pytest.mark.parametrize("error", [*STEPPED, None])
@pytest.mark.parametrize("kind", [OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT])
@pytest.mark.parametrize("can_look_up", [True, False])
def test_three_steps_send_four_times_and_then_ask_a_person_while_the_key_is_alive(
    error: ErrorClass | None, kind: OutcomeKind, *, can_look_up: bool
) -> None:
    story = lived(THREE_STEPS, error, kind, can_look_up=can_look_up)
    sent = [at for at, action in story if action is Action.SEND]
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert gaps == [5 * SECOND, 5 * MINUTE, 5 * HOUR]
    asked = kind is OutcomeKind.UNKNOWN and can_look_up
    assert [action for _, action in story[4:]] == [Action.ASK] * asked + [Action.PARK]
    assert story[-1][0] < DAY


@pytest.mark.parametrize("error", [error for error in E if error is not E.REJECTED])
def test_an_exponential_one_is_given_to_a_person_after_its_last_attempt(error: ErrorClass) -> None:
    story = lived(EXPONENTIAL, error, OutcomeKind.NOT_SENT, can_look_up=True)
    assert [action for _, action in story] == [Action.SEND] * 12 + [Action.PARK]
    waits = [later - earlier for (earlier, _), (later, _) in pairwise(story)]
    assert waits == sorted(waits)
