"""The instructions that there are: each task's message and what it does."""

from collections.abc import Sequence
from typing import Any

from models.messages import instructions as messages
from models.messages import names
from models.values.states import HoldKind
from worker.steps.answers import Answer
from worker.steps.disputing import Closed, Opened
from worker.steps.instructing import Kind, follow_instructions
from worker.steps.paying import Paid
from worker.steps.releasing import CANCELLED, DENIED, GiveUp, Release

KINDS: dict[str, tuple[type[messages.Instruction], Kind[Any]]] = {
    names.REFUNDS_APPROVE: (messages.RefundApproveV1, Release(HoldKind.APPROVAL)),
    names.REFUNDS_DENY: (messages.RefundDenyV1, GiveUp(DENIED)),
    names.REFUNDS_CANCEL: (messages.RefundCancelV1, GiveUp(CANCELLED)),
    names.REFUNDS_GOODS_RECEIVED: (messages.GoodsReceivedV1, Release(HoldKind.GOODS)),
    names.CAPTURES_PAYMENT: (messages.CapturePaymentV1, Paid()),
    names.DISPUTES_OPENED: (messages.DisputeOpenedV1, Opened()),
    names.DISPUTES_CLOSED: (messages.DisputeClosedV1, Closed()),
}


def message_of(task: str) -> type[messages.Instruction]:
    """The message that a task takes."""
    return KINDS[task][0]


def follow(task: str, instructions: Sequence[Any]) -> list[Answer]:
    """Follow instructions of a task; one answer each.

    Raises:
        DatabaseUnavailableError: none was followed.
    """
    return follow_instructions(task, KINDS[task][1], instructions)
