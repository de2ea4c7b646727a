"""The repayment protocol as a model: one repayment, two workers, a clock, a network, a provider.

What is decided is decided by the real rules (`next_action`, `after`, `effect_of`). Around them
stands what the database, the workers and the network do: claim, pause, call, crash, record, lose.
A worker that does nothing while the clock ticks is one that is paused.

Time is a few ticks that keep the real relations. Take a tick for 45 seconds: a lease of 90, calls
begun in its first half, keys resent only if alive for two leases more. A request may reach the
provider for `call_longest` after it was begun, also when its sender has given up or is dead: a
pause between a worker's last look at its clock and the call is a part of that time. All other
pauses may be of any length.

Two things are assumed of workers: that their own clocks run on while they are paused, and that the
time within which a call must be begun is counted from before the claim.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from uuid import UUID

from models.values.repayments import Action, DueRepayment, Outcome, OutcomeKind
from models.values.retries import ErrorClass, RetryProfile, RetryRule
from models.values.states import (
    FINAL_REPAYMENT_STATES,
    OPEN_REPAYMENT_STATES,
    NewsKind,
    RepaymentState,
)
from tests.model.provider import (
    NOT_FOUND,
    TIMED_OUT,
    Movement,
    arrivals,
    goes_on,
    looked_up,
    older,
)
from tests.model.states import NOBODY, Made, Phase, Request, Row, State, Work
from worker.rules.news import Effect, effect_of
from worker.rules.repaying import ProviderFacts, after, next_action

S = RepaymentState
TICK = timedelta(seconds=45)
NEVER = 10**6
ONE_TICK = RetryRule(TICK, TICK)
WORKERS = ("A", "B")
NO_TIME_LEFT = Outcome(OutcomeKind.NOT_SENT, error=ErrorClass.IN_PROGRESS)
DECLINED = Outcome(OutcomeKind.DECLINED)

PERSON = "a person lets it be tried again"
NEWS = {kind: f"news: {kind}" for kind in (NewsKind.SETTLED, NewsKind.DECLINED)}
TOLD = {Movement.SETTLED: NewsKind.SETTLED, Movement.DECLINED: NewsKind.DECLINED}
NOT_RELIED_ON = {PERSON, *NEWS.values()}
Step = tuple[str, State]


@dataclass(frozen=True)
class Protocol:
    """The figures, in ticks, and the guards: each can be taken away to see what it is for."""

    lease: int = 2
    begun_within: int = 1
    call_longest: int = 2
    margin: int = 4
    lifetime: int = 7
    attempts_max: int = 2
    pending_max: int = 8
    can_look_up: bool = True
    """What the provider can do, and no guard."""

    fenced: bool = True
    """A worker whose claim was overtaken records nothing."""
    unknown_from_claim: bool = True
    """The claim itself says that nobody knows what became of it."""
    age_checked: bool = True
    """A key is resent only while it is surely alive."""
    begun_in_time: bool = True
    """No call is begun when too much time has passed since its claim."""
    key_persisted: bool = True
    """Every attempt has the same key."""
    timeout_is_unknown: bool = True
    """A call without an answer may have been executed."""
    not_found_is_unknown: bool = True
    """What the provider does not find may still be on its way to it."""
    lease_ends: bool = True
    """Whatever a dead worker had claimed is taken up by another."""
    pending_ends: bool = True
    """What is pending for too long becomes a person's work."""

    def steps(self, state: State) -> Iterator[Step]:
        """All that may happen next."""
        row, works, requests, book = state
        if row.state in FINAL_REPAYMENT_STATES and not requests and works == (None, None):
            return
        yield "a tick passes", self._later(state)
        for who, work in enumerate(works):
            if work is not None:
                yield f"{WORKERS[who]} crashes", _gives_up(state, who, None)
                yield from self._work(state, who, work)
            elif row.state in OPEN_REPAYMENT_STATES and not row.wait and (not who or works[0]):
                # The two are alike: where both are idle, it is the first that claims.
                yield self._claim(state, who)
        for request in set(requests):
            yield from self._arrive(state, request)
        for label, later in goes_on(book):
            yield label, State(row, works, requests, later)
        yield from _heard(state)
        if row.state is S.PARKED and row.parked_from is not None:
            again = Row(row.parked_from, age=row.age, booked=row.booked)
            yield PERSON, State(again, works, requests, book)

    def _later(self, state: State) -> State:
        row, works, requests, book = state
        age = None if row.age is None else min(row.age + 1, self.pending_max + 1)
        waits = row.wait if row.holder != NOBODY and not self.lease_ends else row.wait - 1
        return State(
            Row(row.state, row.attempts, max(waits, 0), age, *row[4:]),
            (self._waited(works[0]), self._waited(works[1])),
            tuple(Request(owner, key, left - 1) for owner, key, left in requests if left),
            older(book),
        )

    def _waited(self, work: Work | None) -> Work | None:
        if work is None or work.phase is not Phase.CLAIMED or work.action is not Action.SEND:
            return work
        return work._replace(since=min(work.since + 1, self.begun_within + 1))

    def _claim(self, state: State, who: int) -> Step:
        row, _, requests, book = state
        action = self._action(row)
        if action is Action.PARK:
            parked = Row(S.PARKED, age=row.age, parked_from=row.state, booked=row.booked)
            return "it is parked", State(parked, state.works, requests, book)
        attempts = min(row.attempts + 1, self.attempts_max + 1)
        claimed, age, key = row.state, row.age, 0
        if action is Action.SEND:
            claimed = S.UNKNOWN if self.unknown_from_claim else row.state
            age = row.age or 0
            key = 0 if self.key_persisted else attempts
        after_claim = Row(claimed, attempts, self.lease, age, who, None, row.booked)
        work = Work(Phase.CLAIMED, action, row.state, key)
        label = f"{WORKERS[who]} claims it to {action}"
        return label, State(after_claim, state.with_work(who, work), requests, book)

    def _action(self, row: Row) -> Action:
        age = row.age if self.age_checked or row.age is None else 0
        pending_max = self.pending_max if self.pending_ends else NEVER
        figures = self.margin, self.lifetime, self.attempts_max, pending_max
        return _next(row.state, row.attempts, age, *figures, can_look_up=self.can_look_up)

    def _work(self, state: State, who: int, work: Work) -> Iterator[Step]:
        name = WORKERS[who]
        if work.made is not None:
            yield f"{name} records {work.made.state}", self._record(state, who, work.made)
        elif work.phase is Phase.CALLING:
            outcome = TIMED_OUT if self.timeout_is_unknown else NO_TIME_LEFT
            yield f"{name}'s call times out", _gives_up(state, who, _made(outcome, work.before))
        elif work.action is Action.ASK:
            for answer in looked_up(state.book):
                guessed = answer is NOT_FOUND and not self.not_found_is_unknown
                made = _made(DECLINED if guessed else answer, work.before)
                yield f"{name} asks, and it is {answer.kind}", _gives_up(state, who, made)
        elif self.begun_in_time and work.since > self.begun_within:
            made = _made(NO_TIME_LEFT, work.before)
            yield f"{name} has no time left to call", _gives_up(state, who, made)
        else:
            calling = state.with_work(who, Work(Phase.CALLING, Action.SEND, work.before))
            sent = Request(who, work.key, self.call_longest)
            requests = tuple(sorted([*state.requests, sent]))
            yield f"{name} calls", State(state.row, calling, requests, state.book)

    def _arrive(self, state: State, request: Request) -> Iterator[Step]:
        row, works, requests, book = state
        rest = list(requests)
        rest.remove(request)
        waiting = None if request.owner == NOBODY else works[request.owner]
        whose = f"{WORKERS[request.owner]}'s request" if waiting else "an abandoned request"
        for label, later, answer in arrivals(book, request.key, self.lifetime):
            # The answer may get lost: then the request is gone, and the call times out.
            yield f"{whose} {label}", State(row, works, tuple(rest), later)
            if waiting is not None:
                told = Work(Phase.ANSWERED, made=_made(answer, waiting.before))
                heard = state.with_work(request.owner, told)
                yield f"{whose} {label}, it hears", State(row, heard, tuple(rest), later)

    def _record(self, state: State, who: int, made: Made) -> State:
        row = state.row
        if row.holder == who or not self.fenced:
            row = _made_of(row, made)
        return State(row, state.with_work(who, None), state.requests, state.book)


def _gives_up(state: State, who: int, made: Made | None) -> State:
    """The worker waits for no answer any more; its request may still arrive."""
    row, _, requests, book = state
    work = None if made is None else Work(Phase.ANSWERED, made=made)
    if requests:
        orphaned = (Request(NOBODY if one[0] == who else one[0], *one[1:]) for one in requests)
        requests = tuple(sorted(orphaned))
    return State(row, state.with_work(who, work), requests, book)


def _heard(state: State) -> Iterator[Step]:
    """News may come at any time after what it tells of, as often as it likes, or never."""
    row, works, requests, book = state
    kind = TOLD.get(book.movement)
    if kind is None:
        return
    effect = effect_of(kind, row.state)
    if effect in (Effect.SETTLE, Effect.DECLINE):
        made = Made(S.SETTLED if effect is Effect.SETTLE else S.DECLINED)
        yield NEWS[kind], State(_made_of(row, made), works, requests, book)


def _made_of(row: Row, made: Made) -> Row:
    """The row once something is recorded. The fence is spent by it."""
    booked = min(row.booked + (made.state is S.SETTLED), 2)
    attempts = row.attempts if made.state in OPEN_REPAYMENT_STATES else 0
    return Row(made.state, attempts, made.wait, row.age, NOBODY, made.parked_from, booked)


def _made(outcome: Outcome, before: RepaymentState) -> Made:
    return _after(outcome.kind, outcome.error, before)


@cache
def _after(kind: OutcomeKind, error: ErrorClass | None, before: RepaymentState) -> Made:
    profile = RetryProfile(other=ONE_TICK, pending=ONE_TICK)
    made = after(Outcome(kind, error=error), before, 1, profile, 1.0)
    if made.state is S.PARKED:
        # As it is stored: due only if surely nothing was executed.
        unsent = kind is OutcomeKind.NOT_SENT and before is S.DUE
        return Made(made.state, 0, S.DUE if unsent else S.UNKNOWN)
    return Made(made.state, (made.wait or timedelta(0)) // TICK)


@cache
def _next(
    state: RepaymentState,
    attempts: int,
    age: int | None,
    margin: int,
    lifetime: int,
    attempts_max: int,
    pending_max: int,
    *,
    can_look_up: bool,
) -> Action:
    sent = None if age is None else age * TICK
    due = DueRepayment(UUID(int=1), state, attempts, 100, sent, 100)
    retries = RetryProfile(pending_max=pending_max * TICK)
    facts = ProviderFacts(lifetime * TICK, can_look_up, splits_debt_itself=False, retries=retries)
    return next_action(due, facts, attempts_max, margin * TICK)
