"""What steps answer, for the task's result, Flower and tests."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.messages.captures import CaptureRecordV1
from models.messages.instructions import Instruction
from models.messages.refunds import RefundRequestV1
from models.values.refusals import Refusal, RefusalCode
from models.values.states import Decision
from worker.store.requests import StoredAnswer


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a message. `key` is the request's key or the capture's id."""

    key: str
    decision: Decision
    refund_id: UUID | None = None
    refusal: Refusal | None = None
    replayed: bool = False

    def __str__(self) -> str:
        """One line, without personal data: it is what Flower shows."""
        text = str(self.decision)
        if self.refund_id is not None:
            text += f" {self.refund_id}"
        if self.refusal is not None:
            text += f" {self.refusal.code}"
        return text + (" (replayed)" if self.replayed else "")


def accepted(key: str, refund_id: UUID | None = None, *, replayed: bool = False) -> Answer:
    """A yes."""
    return Answer(key, Decision.ACCEPTED, refund_id=refund_id, replayed=replayed)


def refused(key: str, refusal: Refusal, *, replayed: bool = False) -> Answer:
    """A no."""
    return Answer(key, Decision.REFUSED, refusal=refusal, replayed=replayed)


def stored_answer(answer: Answer, print_: bytes) -> StoredAnswer:
    """An answer as it is stored, with the fingerprint of what it answers."""
    refusal = answer.refusal
    if refusal is None:
        return StoredAnswer(print_, str(answer.decision), answer.refund_id)
    return StoredAnswer(
        print_,
        str(answer.decision),
        answer.refund_id,
        str(refusal.code),
        refusal.message,
        refusal.field,
    )


def answer_again(key: str, print_: bytes, stored: StoredAnswer, what: str) -> Answer:
    """The stored answer to a repeat of the same content; to other content a conflict.

    `what` is the kind of thing that the key names: a request or an instruction.
    """
    if stored.fingerprint != print_:
        conflict = Refusal(
            RefusalCode.IDEMPOTENCY_CONFLICT,
            f"idempotency key {key!r} was used for another {what}",
            "idempotency_key",
        )
        return refused(key, conflict)
    if stored.decision == Decision.ACCEPTED:
        return accepted(key, stored.refund_id, replayed=True)
    # Codes are never removed, so every stored one is known.
    refusal = Refusal(
        RefusalCode(stored.refusal_code or ""),
        stored.refusal_message or "",
        stored.refusal_field or "",
    )
    return refused(key, refusal, replayed=True)


def refused_row(
    task: str,
    message: CaptureRecordV1 | RefundRequestV1 | Instruction,
    key: str,
    print_: bytes,
    refusal: Refusal,
) -> tuple[Any, ...]:
    """A refused message that has no row of its own, for `inbox.insert_refused`."""
    return (
        task,
        message.merchant_id,
        key,
        str(refusal.code),
        refusal.message,
        refusal.field,
        print_,
        message.model_dump_json(),
    )
