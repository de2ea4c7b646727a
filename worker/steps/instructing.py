"""Follow instructions about what is stored: one answer each, the same for every repeat.

Like requests they are decided under the lock of their order, and stored with their answer in the
same transaction.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from models.messages.instructions import Instruction
from models.messages.parsing import fingerprint
from models.values.refusals import Refusal
from worker.database import transact
from worker.errors import RaceLostError
from worker.steps.answers import (
    Answer,
    accepted,
    answer_again,
    refused,
    refused_row,
    stored_answer,
)
from worker.store import inbox, instructions, orders
from worker.store.requests import StoredAnswer

I = TypeVar("I", bound=Instruction)  # noqa: E741 - the usual name of an instruction's type
I_contra = TypeVar("I_contra", bound=Instruction, contravariant=True)


class Kind(Protocol[I_contra]):
    """What a task's instructions do."""

    def find_order(self, connection: Connection, message: I_contra) -> int | Refusal:
        """The pk of the order that the instruction is about."""
        ...

    def follow(
        self, connection: Connection, message: I_contra, order: orders.OrderRow
    ) -> Refusal | None:
        """Do what it says, or refuse it. The order is locked."""
        ...


def follow_instructions(task: str, kind: Kind[I], messages: Sequence[I]) -> list[Answer]:
    """Follow instructions; one answer each.

    Raises:
        DatabaseUnavailableError: none was followed.
    """
    return transact(lambda connection: _follow_all(connection, task, kind, messages))


def _follow_all(
    connection: Connection, task: str, kind: Kind[I], messages: Sequence[I]
) -> list[Answer]:
    found = [kind.find_order(connection, message) for message in messages]
    locked = orders.lock_orders_by_pk(connection, {pk for pk in found if isinstance(pk, int)})
    keys = [(m.merchant_id, m.idempotency_key) for m in messages]
    stored = instructions.find_instructions(connection, task, sorted(set(keys)))
    answers = []
    for message, order, key in zip(messages, found, keys, strict=True):
        print_ = fingerprint(message)
        known = stored.get(key)
        if known is not None:
            answers.append(_answer_again(connection, task, message, print_, known))
            continue
        refusal = (
            order if isinstance(order, Refusal) else kind.follow(connection, message, locked[order])
        )
        answer = (
            accepted(message.idempotency_key)
            if refusal is None
            else refused(message.idempotency_key, refusal)
        )
        stored[key] = stored_answer(answer, print_)
        _store(connection, task, message, stored[key])
        answers.append(answer)
    return answers


def _store(connection: Connection, task: str, message: Instruction, stored: StoredAnswer) -> None:
    row = (
        task,
        message.merchant_id,
        message.idempotency_key,
        stored.fingerprint,
        message.model_dump_json(exclude_defaults=True),
        stored.decision,
        stored.refusal_code,
        stored.refusal_message,
        stored.refusal_field,
    )
    # Two of one key about different orders meet here: the second finds the first one's answer.
    if instructions.insert_instructions(connection, [row]) != 1:
        raise RaceLostError("an instruction was stored by another transaction")


def _answer_again(
    connection: Connection, task: str, message: Instruction, print_: bytes, stored: StoredAnswer
) -> Answer:
    key = message.idempotency_key
    answer = answer_again(key, print_, stored, "instruction")
    if answer.refusal is not None and not answer.replayed:
        row = refused_row(task, message, key, print_, answer.refusal)
        inbox.insert_refused(connection, [row])
    return answer
