"""What late news does: the whole table, and every order in which news may come."""

from collections.abc import Sequence
from itertools import permutations, product

import pytest

from models.values.states import NewsKind, RepaymentState
from worker.rules.news import Effect, effect_of

N, S, E = NewsKind, RepaymentState, Effect
OPEN = (S.DUE, S.UNKNOWN, S.PENDING, S.PARKED)
TABLE: dict[RepaymentState, tuple[Effect, Effect, Effect]] = {
    # state: what is done on news that it settled, was declined, was reversed
    S.HELD: (E.CONTRADICTION, E.CONTRADICTION, E.CONTRADICTION),
    S.DUE: (E.SETTLE, E.DECLINE, E.SETTLE_AND_REVERSE),
    S.UNKNOWN: (E.SETTLE, E.DECLINE, E.SETTLE_AND_REVERSE),
    S.PENDING: (E.SETTLE, E.DECLINE, E.SETTLE_AND_REVERSE),
    S.PARKED: (E.SETTLE, E.DECLINE, E.SETTLE_AND_REVERSE),
    S.SETTLED: (E.NOTHING, E.REVERSE, E.REVERSE),
    S.DECLINED: (E.CONTRADICTION, E.NOTHING, E.NOTHING),
    S.CANCELLED: (E.CONTRADICTION, E.NOTHING, E.CONTRADICTION),
    S.REVERSED: (E.NOTHING, E.NOTHING, E.NOTHING),
}
STORIES = ((N.SETTLED, N.REVERSED), (N.SETTLED, N.DECLINED), (N.DECLINED,), (N.SETTLED,))
"""What providers tell of one repayment, in the order in which it happens there."""

NEXT = {
    E.SETTLE: S.SETTLED,
    E.DECLINE: S.DECLINED,
    E.REVERSE: S.REVERSED,
    E.SETTLE_AND_REVERSE: S.REVERSED,
}
SETTLING = (E.SETTLE, E.SETTLE_AND_REVERSE)


def heard(
    state: RepaymentState, news: Sequence[NewsKind]
) -> tuple[RepaymentState, tuple[Effect, ...]]:
    """Where a repayment stands after news, and what each did; no event's name is remembered."""
    effects = []
    for kind in news:
        effects.append(effect_of(kind, state))
        state = NEXT.get(effects[-1], state)
    return state, tuple(effects)


def orders(story: Sequence[NewsKind], times: int) -> set[tuple[NewsKind, ...]]:
    """Every order of the story's news, each told at least once and up to so many times."""
    told: set[tuple[NewsKind, ...]] = set()
    for counts in product(range(1, times + 1), repeat=len(story)):
        repeated = [kind for kind, count in zip(story, counts, strict=True) for _ in range(count)]
        told |= set(permutations(repeated))
    return told


@pytest.mark.parametrize(("state", "kind"), list(product(RepaymentState, NewsKind)))
def test_news_does_what_the_table_says(state: RepaymentState, kind: NewsKind) -> None:
    expected = dict(zip((N.SETTLED, N.DECLINED, N.REVERSED), TABLE[state], strict=True))
    assert effect_of(kind, state) is expected[kind]


def test_the_table_is_complete_and_every_effect_is_in_it() -> None:
    assert set(TABLE) == set(RepaymentState)
    assert {effect for row in TABLE.values() for effect in row} == set(Effect)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize(
    ("story", "final"),
    [
        ((N.SETTLED, N.REVERSED), S.REVERSED),
        ((N.DECLINED,), S.DECLINED),
        ((N.SETTLED,), S.SETTLED),
    ],
)
def test_news_in_any_order_and_number_ends_in_one_state(
    state: RepaymentState, story: tuple[NewsKind, ...], final: RepaymentState
) -> None:
    found = {order: heard(state, order) for order in orders(story, 3)}
    assert {ended for ended, _ in found.values()} == {final}
    assert not any(E.CONTRADICTION in effects for _, effects in found.values())


@pytest.mark.parametrize("state", OPEN)
def test_settled_and_then_declined_never_leaves_money_with_the_customer_and_is_never_hidden(
    state: RepaymentState,
) -> None:
    """Told in order it is a reversal. Told the other way round nobody can know which came last.

    Then a late repeat and a settlement after a decline look the same, so a person is asked.
    """
    for order in orders((N.SETTLED, N.DECLINED), 3):
        ended, effects = heard(state, order)
        if order[0] is N.SETTLED:
            assert ended is S.REVERSED
            assert E.CONTRADICTION not in effects
        else:
            assert ended is S.DECLINED
            assert effects.count(E.CONTRADICTION) == order.count(N.SETTLED)


@pytest.mark.parametrize("state", RepaymentState)
def test_nothing_settles_or_comes_back_twice_whatever_is_told(state: RepaymentState) -> None:
    for length in range(1, 7):
        for news in product(NewsKind, repeat=length):
            _, effects = heard(state, news)
            booked = sum(effect in SETTLING for effect in effects) + (state is S.SETTLED)
            taken_back = sum(effect in (E.REVERSE, E.SETTLE_AND_REVERSE) for effect in effects)
            assert booked <= 1
            assert taken_back <= booked, "only what had settled comes back"
            assert effects.count(E.DECLINE) <= 1
            assert booked == 0 or E.DECLINE not in effects


@pytest.mark.parametrize("kind", NewsKind)
@pytest.mark.parametrize("state", RepaymentState)
def test_the_same_news_again_changes_no_state(state: RepaymentState, kind: NewsKind) -> None:
    once, _ = heard(state, [kind])
    again, effects = heard(state, [kind, kind, kind])
    assert again is once
    assert not set(effects[1:]) & set(NEXT)


@pytest.mark.parametrize("kind", NewsKind)
def test_what_was_never_sent_is_never_moved_by_news(kind: NewsKind) -> None:
    """A held or cancelled repayment has no news: if there is some, something is badly wrong."""
    for state in (S.HELD, S.CANCELLED):
        assert heard(state, [kind])[0] is state


def test_every_story_ends_the_work() -> None:
    for state, story in product(OPEN, STORIES):
        assert heard(state, story)[0] in (S.SETTLED, S.DECLINED, S.REVERSED)
