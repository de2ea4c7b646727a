"""A payment provider as hostile as its contract allows, for the model of the protocol.

It executes a key that it does not remember, whatever it has executed before. It may lose requests
and answers, say no, take its time, and tell of the past: that something is still pending.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from models.values.repayments import Outcome, OutcomeKind
from models.values.retries import ErrorClass


class Movement(StrEnum):
    """What became of the money."""

    NONE = "none"
    PENDING = "pending"
    SETTLED = "settled"
    DECLINED = "declined"


class Provider(NamedTuple):
    """Its book: the movement, the keys that it remembers with their ticks left, and its shame."""

    movement: Movement = Movement.NONE
    keys: tuple[tuple[int, int], ...] = ()
    paid_twice: bool = False


TIMED_OUT = Outcome(OutcomeKind.UNKNOWN, error=ErrorClass.TIMEOUT)
BUSY = Outcome(OutcomeKind.NOT_SENT, error=ErrorClass.RATE_LIMITED)
NOT_LET_IN = Outcome(OutcomeKind.NOT_SENT, error=ErrorClass.REJECTED)
NOT_FOUND = Outcome(OutcomeKind.UNKNOWN, code="not_found")

ANSWERS = {
    Movement.PENDING: (Outcome(OutcomeKind.PENDING),),
    # An answer that was kept with the key, or a lagging look-up, may tell of what was before.
    Movement.SETTLED: (Outcome(OutcomeKind.SETTLED), Outcome(OutcomeKind.PENDING)),
    Movement.DECLINED: (Outcome(OutcomeKind.DECLINED), Outcome(OutcomeKind.PENDING)),
    Movement.NONE: (NOT_FOUND,),
}


def arrivals(book: Provider, key: int, lifetime: int) -> Iterator[tuple[str, Provider, Outcome]]:
    """All that may come of a request to repay: what is told, the book afterwards, the answer."""
    yield "is too busy", book, BUSY
    yield "is not let in", book, NOT_LET_IN
    if any(key == known for known, _ in book.keys):
        for answer in ANSWERS[book.movement]:
            yield f"is known and told {answer.kind}", book, answer
        return
    keys = tuple(sorted([*book.keys, (key, lifetime)]))
    if book.movement in (Movement.PENDING, Movement.SETTLED):
        yield "is executed AGAIN", Provider(book.movement, keys, paid_twice=True), TIMED_OUT
        return
    for movement in (Movement.SETTLED, Movement.PENDING, Movement.DECLINED):
        yield f"is {movement}", Provider(movement, keys), ANSWERS[movement][0]


def looked_up(book: Provider) -> Iterator[Outcome]:
    """All that may be answered to a question after the repayment, by our own reference."""
    yield TIMED_OUT
    yield from ANSWERS[book.movement]


def goes_on(book: Provider) -> Iterator[tuple[str, Provider]]:
    """What is pending is settled or declined, at any time or never."""
    if book.movement is Movement.PENDING:
        for movement in (Movement.SETTLED, Movement.DECLINED):
            yield f"the provider has it {movement}", book._replace(movement=movement)


def older(book: Provider) -> Provider:
    """The book a tick later: keys are forgotten when their time is over."""
    if not book.keys:
        return book
    return book._replace(keys=tuple((key, left - 1) for key, left in book.keys if left > 1))
