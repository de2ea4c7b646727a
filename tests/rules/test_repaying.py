"""What is done next with a repayment, and what an outcome makes of it: every case."""

from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind
from models.values.retries import EXPONENTIAL, THREE_STEPS, ErrorClass, RetryProfile
from models.values.states import RepaymentKind, RepaymentState
from worker.rules.repaying import (
    ATTEMPTS_EXHAUSTED,
    KEY_EXPIRED,
    PENDING_TOO_LONG,
    ProviderFacts,
    after,
    next_action,
    parking_code,
)

LIFETIME = timedelta(hours=24)
MARGIN = timedelta(minutes=3)
MOMENT = timedelta(microseconds=1)
OPEN = (RepaymentState.DUE, RepaymentState.UNKNOWN, RepaymentState.PENDING)


def facts(
    *, can_look_up: bool = True, splits: bool = False, retries: RetryProfile = EXPONENTIAL
) -> ProviderFacts:
    return ProviderFacts(LIFETIME, can_look_up, splits, retries=retries)


def due(
    state: RepaymentState,
    attempts: int = 1,
    cash: int = 100,
    sent: timedelta | None = timedelta(hours=1),
    kind: RepaymentKind = RepaymentKind.REFUND,
    error: ErrorClass | None = None,
) -> DueRepayment:
    return DueRepayment(UUID(int=1), state, attempts, cash, sent, 100, kind, error)


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
    for attempts, sent in product(range(1000), (None, timedelta(0), LIFETIME * 2)):
        assert action(due(RepaymentState.PENDING, attempts, sent=sent)) is Action.ASK


def test_after_the_last_attempt_a_person_decides() -> None:
    assert action(due(RepaymentState.DUE, attempts=11)) is Action.SEND
    assert action(due(RepaymentState.DUE, attempts=12)) is Action.PARK
    assert action(due(RepaymentState.UNKNOWN, attempts=11)) is Action.SEND
    assert action(due(RepaymentState.UNKNOWN, attempts=13)) is Action.PARK


def test_after_the_last_attempt_an_unknown_one_is_asked_after_once_if_the_provider_can_tell() -> (
    None
):
    """Also while its key is alive: it has been sent often enough."""
    for sent in (timedelta(0), LIFETIME * 2, None):
        last = due(RepaymentState.UNKNOWN, attempts=12, sent=sent)
        assert action(last) is Action.ASK
        assert action(last, facts(can_look_up=False)) is Action.PARK


@pytest.mark.parametrize("attempts", [0, 1, 12, 13, 10**6])
def test_a_pending_one_is_asked_after_for_as_long_as_its_profile_says(attempts: int) -> None:
    for days in (1, 45, 400):
        longest = timedelta(days=days)
        patient = facts(retries=RetryProfile(pending_max=longest))
        for sent, expected in ((longest, Action.ASK), (longest + MOMENT, Action.PARK)):
            one = due(RepaymentState.PENDING, attempts, sent=sent)
            assert action(one, patient) is expected
        # Of one that was never sent by us no age is known: it is not given up.
        assert action(due(RepaymentState.PENDING, attempts, sent=None), patient) is Action.ASK


@pytest.mark.parametrize(
    ("error", "profile", "configured", "limit"),
    [
        (None, EXPONENTIAL, 12, 12),
        (None, EXPONENTIAL, 3, 3),
        (None, EXPONENTIAL, 100, 12),
        (ErrorClass.TIMEOUT, EXPONENTIAL, 12, 12),
        (ErrorClass.REJECTED, EXPONENTIAL, 12, 1),
        (None, THREE_STEPS, 12, 4),
        (None, THREE_STEPS, 2, 2),
        (ErrorClass.NETWORK, THREE_STEPS, 12, 4),
        (ErrorClass.TIMEOUT, THREE_STEPS, 12, 4),
        (ErrorClass.PROVIDER_ERROR, THREE_STEPS, 12, 4),
        (ErrorClass.RATE_LIMITED, THREE_STEPS, 12, 12),
        (ErrorClass.IN_PROGRESS, THREE_STEPS, 12, 12),
        (ErrorClass.BALANCE, THREE_STEPS, 12, 12),
        (ErrorClass.REJECTED, THREE_STEPS, 12, 1),
    ],
)
def test_the_limit_is_the_smaller_of_what_is_configured_and_what_the_errors_rule_says(
    error: ErrorClass | None, profile: RetryProfile, configured: int, limit: int
) -> None:
    known = facts(retries=profile)

    def found(attempts: int) -> Action:
        one = due(RepaymentState.DUE, attempts, error=error)
        return next_action(one, known, configured, MARGIN)

    assert found(limit - 1) is Action.SEND
    assert found(limit) is Action.PARK


def test_what_only_reduces_debt_needs_no_provider_unless_it_splits_itself() -> None:
    for state in OPEN:
        assert action(due(state, cash=0)) is Action.NONE
    splitting = facts(splits=True)
    assert action(due(RepaymentState.DUE, cash=0), splitting) is Action.SEND


@pytest.mark.parametrize(
    ("one", "can_look_up", "code"),
    [
        (due(RepaymentState.DUE, 12), True, ATTEMPTS_EXHAUSTED),
        (due(RepaymentState.DUE, 1, error=ErrorClass.REJECTED), True, ATTEMPTS_EXHAUSTED),
        (due(RepaymentState.UNKNOWN, 12), False, ATTEMPTS_EXHAUSTED),
        (due(RepaymentState.UNKNOWN, 13), True, ATTEMPTS_EXHAUSTED),
        (due(RepaymentState.UNKNOWN, 1, sent=LIFETIME), False, KEY_EXPIRED),
        (due(RepaymentState.UNKNOWN, 1, sent=None), False, KEY_EXPIRED),
        # Both hold: that it was tried often enough is told.
        (due(RepaymentState.UNKNOWN, 12, sent=LIFETIME), False, ATTEMPTS_EXHAUSTED),
        (due(RepaymentState.PENDING, 1, sent=timedelta(days=46)), True, PENDING_TOO_LONG),
        (due(RepaymentState.PENDING, 99, sent=timedelta(days=46)), False, PENDING_TOO_LONG),
    ],
)
def test_whatever_is_set_aside_says_why(one: DueRepayment, code: str, *, can_look_up: bool) -> None:
    known = facts(can_look_up=can_look_up)
    assert action(one, known) is Action.PARK
    assert parking_code(one, known, 12) == code


def test_the_codes_that_persons_select_by_never_change() -> None:
    assert (ATTEMPTS_EXHAUSTED, KEY_EXPIRED, PENDING_TOO_LONG) == (
        "attempts_exhausted",
        "key_expired_and_provider_cannot_tell",
        "pending_too_long",
    )


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
        transition = after(Outcome(kind), before, 1, EXPONENTIAL, 0.5)
        assert transition.state is expected, (kind, before)
        assert (transition.wait is None) == (expected not in OPEN), (kind, before)
