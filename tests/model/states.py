"""What a moment of the protocol's model is made of, and the laws that hold at every moment."""

from enum import StrEnum
from typing import NamedTuple

from models.values.repayments import Action
from models.values.states import RepaymentState
from tests.model.provider import Movement, Provider

S = RepaymentState
NOBODY = -1
PAID = (Movement.PENDING, Movement.SETTLED)


class Phase(StrEnum):
    """How far a worker is with its claim."""

    CLAIMED = "claimed"
    CALLING = "calling"
    ANSWERED = "answered"


class Made(NamedTuple):
    """What the rules make of an outcome, still to be recorded."""

    state: RepaymentState
    wait: int = 0
    parked_from: RepaymentState | None = None


class Row(NamedTuple):
    """The repayment as it is stored. `holder` is the worker whose fence is the current one.

    `wait` and `age` are ticks: until it is due, and since it was first sent. `booked` counts how
    often it was booked as settled.
    """

    state: RepaymentState = S.DUE
    attempts: int = 0
    wait: int = 0
    age: int | None = None
    holder: int = NOBODY
    parked_from: RepaymentState | None = None
    booked: int = 0


class Work(NamedTuple):
    """What a worker is at. `since` is ticks by its own clock, `before` the state it claimed."""

    phase: Phase
    action: Action | None = None
    before: RepaymentState = S.DUE
    key: int = 0
    since: int = 0
    made: Made | None = None


class Request(NamedTuple):
    """A request on its way to the provider, and who waits for the answer."""

    owner: int
    key: int
    left: int


Works = tuple[Work | None, Work | None]


class State(NamedTuple):
    """All there is at a moment."""

    row: Row = Row()
    works: Works = (None, None)
    requests: tuple[Request, ...] = ()
    book: Provider = Provider()

    def with_work(self, who: int, work: Work | None) -> Works:
        """What the workers are at once this one is at something else."""
        return (work, self.works[1]) if who == 0 else (self.works[0], work)

    def __str__(self) -> str:
        row, book = self.row, self.book
        works = [
            str(work.made.state if work.made else work.phase) if work else "idle"
            for work in self.works
        ]
        keys = [f"key {key} for {left} ticks" for key, left in book.keys] or ["no key"]
        return (
            f"stored: {row.state}, {row.attempts} attempts, sent {row.age} ticks ago, "
            f"booked {row.booked} times; workers: {', '.join(works)}; on the way: "
            f"{len(self.requests)}; the provider has it {book.movement} and knows "
            f"{', '.join(keys)}"
        )


def paid_at_most_once(state: State) -> bool:
    """The provider never executes what it has executed or is executing."""
    return not state.book.paid_twice


def declined_is_not_paid(state: State) -> bool:
    """What ends as declined is not paid, and never will be."""
    return state.row.state is not S.DECLINED or state.book.movement not in PAID


def declined_was_declined(state: State) -> bool:
    """Only the provider's own no ends a repayment as declined: no silence does."""
    return state.row.state is not S.DECLINED or state.book.movement is Movement.DECLINED


def settled_is_paid_and_booked_once(state: State) -> bool:
    """What ends as settled has been paid, is booked once, and never is anything else again."""
    settled = state.row.state is S.SETTLED
    paid = state.book.movement is Movement.SETTLED
    return state.row.booked == settled and (paid or not settled)


def due_is_surely_not_executed(state: State) -> bool:
    """What is due may be cancelled: it was not executed, and nobody is about to send it."""
    if state.row.state is not S.DUE:
        return True
    sending = any(work and work.action is Action.SEND for work in state.works)
    return state.book.movement is Movement.NONE and not state.requests and not sending


LAWS = {
    "the customer is paid at most once": paid_at_most_once,
    "what is declined is not paid": declined_is_not_paid,
    "what is declined was declined by the provider": declined_was_declined,
    "what is settled is paid, and booked once": settled_is_paid_and_booked_once,
    "what is due was surely not executed": due_is_surely_not_executed,
}
