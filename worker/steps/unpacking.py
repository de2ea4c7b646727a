"""From envelopes to messages and back: parse, park misfits, handle the rest, keep the order."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from pydantic import BaseModel
from sqlalchemy.exc import DataError, IntegrityError

from models.messages.parsing import Fault, InvalidMessageError, parse
from worker.queue.envelopes import Envelope
from worker.steps.answers import Answer
from worker.steps.parking import (
    INTERNAL_ERROR,
    INVALID_MESSAGE,
    POISON_MESSAGE,
    UNREADABLE_MESSAGE,
    Misfit,
    park_messages,
)

M = TypeVar("M", bound=BaseModel)
Handler = Callable[[Sequence[M]], Sequence[Answer]]

log = structlog.get_logger()

# Whatever else the database raises (a missing table, a full disk) is no message's fault.
FAULTS_OF_THE_MESSAGE = (
    IntegrityError,
    DataError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
)


def handle_envelopes(
    task: str, model: type[M], handler: Handler[M], envelopes: Sequence[Envelope]
) -> list[str]:
    """Handle a batch of envelopes; a line each, in their order.

    Raises:
        DatabaseUnavailableError: the batch must be tried again, as after any other error that is
            no message's fault.
    """
    lines = [""] * len(envelopes)
    misfits: list[Misfit] = []
    messages: list[M] = []
    positions: list[int] = []
    for position, envelope in enumerate(envelopes):
        parsed = _open(task, model, envelope)
        if isinstance(parsed, Misfit):
            misfits.append(parsed)
            lines[position] = f"parked {parsed.code}"
        else:
            messages.append(parsed)
            positions.append(position)
    for position, line in zip(positions, _handle(task, handler, messages, misfits), strict=True):
        lines[position] = line
    if misfits:
        park_messages(misfits)
        log.warning("messages.parked", task=task, count=len(misfits))
    return lines


def _open(task: str, model: type[M], envelope: Envelope) -> M | Misfit:
    if envelope.fault is not None:
        return Misfit(task, UNREADABLE_MESSAGE, envelope.raw, [Fault("", envelope.fault)])
    if envelope.poison:
        fault = Fault("", "the worker process died whenever it handled this message")
        return Misfit(task, POISON_MESSAGE, envelope.body, [fault])
    try:
        return parse(model, envelope.body)
    except InvalidMessageError as error:
        return Misfit(task, INVALID_MESSAGE, envelope.body, error.faults)
    except Exception as error:  # noqa: BLE001 - whatever a check stumbles over, its batch goes on
        fault = Fault("", f"the message cannot be checked: {type(error).__name__}")
        return Misfit(task, INVALID_MESSAGE, envelope.body, [fault])


def _handle(
    task: str, handler: Handler[M], messages: Sequence[M], misfits: list[Misfit]
) -> list[str]:
    """Handle messages together; if that fails for no passing reason, each by itself."""
    if not messages:
        return []
    try:
        return [str(answer) for answer in handler(messages)]
    except FAULTS_OF_THE_MESSAGE as error:
        if len(messages) > 1:
            return [line for one in messages for line in _handle(task, handler, [one], misfits)]
        log.exception("messages.internal_error", task=task)
        fault = Fault("", f"could not be handled: {type(error).__name__}")
        misfits.append(Misfit(task, INTERNAL_ERROR, messages[0].model_dump(mode="json"), [fault]))
        return [f"parked {INTERNAL_ERROR}"]
