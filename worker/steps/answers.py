"""What steps answer, for the task's result, Flower and tests."""

from dataclasses import dataclass
from uuid import UUID

from models.values.refusals import Refusal, RefusalCode
from models.values.states import Decision


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


def refusal_of(code: str | None, message: str | None, field: str | None) -> Refusal:
    """A stored refusal. Codes are never removed, so every stored one is known."""
    return Refusal(RefusalCode(code or ""), message or "", field or "")
