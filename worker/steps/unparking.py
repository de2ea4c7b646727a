"""Handle parked messages again: what was wrong may have been mended since.

Safe by construction: they go the way of any message, and one that was handled meanwhile is
answered with what is stored.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from models.messages.captures import CaptureRecordV1
from models.messages.names import CAPTURES_RECORD, REFUNDS_REQUEST
from models.messages.refunds import RefundRequestV1
from worker.database import transact
from worker.queue.envelopes import Envelope
from worker.rules.selecting import Condition
from worker.steps.capturing import record_captures
from worker.steps.handling import handle_requests
from worker.steps.instructions import KINDS, follow, message_of
from worker.steps.parking import BODY_MAX_LENGTH
from worker.steps.unpacking import handle_envelopes
from worker.store import parked


def unpark_messages(
    condition: Condition, at_most: int, *, dry_run: bool = False
) -> list[tuple[int, str]]:
    """Handle parked messages that fit again; gives each one's number and what came of it.

    What fails again stays parked, and its count goes up.
    """
    found: Sequence[parked.ParkedMessage] = []
    if condition.provider is None:
        found = transact(
            lambda connection: parked.parked_messages_where(
                connection,
                at_most,
                task=condition.task,
                code=condition.code,
                merchant=condition.merchant,
                older_than=condition.older_than,
            )
        )
    if dry_run:
        return [(one.pk, one.code) for one in found]
    return [(one.pk, _handle(one)) for one in found]


def _handle(message: parked.ParkedMessage) -> str:
    if message.size_bytes > BODY_MAX_LENGTH:
        return f"too large to keep: {message.size_bytes} bytes"
    try:
        body = json.loads(message.body)
    except ValueError:
        return "cannot be read"
    line = _again(message.task, Envelope(str(message.pk), body))
    if not line.startswith("parked"):
        transact(lambda connection: parked.close_message(connection, message.pk, line))
    return line


def _again(task: str, envelope: Envelope) -> str:
    if task == CAPTURES_RECORD:
        return handle_envelopes(task, CaptureRecordV1, record_captures, [envelope])[0]
    if task == REFUNDS_REQUEST:
        return handle_envelopes(task, RefundRequestV1, handle_requests, [envelope])[0]
    if task in KINDS:
        step: Any = partial(follow, task)
        return handle_envelopes(task, message_of(task), step, [envelope])[0]
    return f"parked: no task {task!r}"
