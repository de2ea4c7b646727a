"""Instructions for tests: built by their task's message, and followed."""

from itertools import count
from typing import Any

from models.messages.parsing import parse
from worker.steps.answers import Answer
from worker.steps.instructions import follow, message_of

_numbers = count(1)


def instruct(task: str, **fields: Any) -> Answer:
    """Follow one instruction of merchant m, under a key of its own unless one is given."""
    body = {"merchant_id": "m", "idempotency_key": f"instruction-{next(_numbers)}"} | fields
    (answer,) = follow(task, [parse(message_of(task), body)])
    return answer
