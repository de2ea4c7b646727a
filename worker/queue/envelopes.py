"""A message as the pool gets it, opened as far as its one argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RAW_MAX_LENGTH = 100_000
SHOWN_MAX_LENGTH = 60
SHOWN_IDS = ("merchant_id", "order_id", "idempotency_key", "capture_id", "refund_id", "dispute_id")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as the pool gets it: its one argument, or the fault that keeps it from having one.

    `raw` is the body as text, only given with a fault.
    """

    task_id: str
    body: Any = None
    fault: str | None = None
    raw: str = ""
    poison: bool = False


def open_message(message: Any, body: Any) -> Envelope:
    """Parse a message of Celery's protocol 1 or 2 as far as its one argument."""
    headers = message.headers or {}
    task_id = str(headers.get("id") or "")
    try:
        payload = message.payload if body is None else body
        if isinstance(payload, dict):  # protocol 1
            task_id = task_id or str(payload.get("id") or "")
            args, kwargs = payload.get("args") or (), payload.get("kwargs")
        else:
            args, kwargs = payload[0], payload[1]
        if kwargs or not isinstance(args, list | tuple) or len(args) != 1:
            return _faulty(message, task_id, "the task takes exactly one positional argument")
    except Exception as error:  # noqa: BLE001 - any bytes may come in
        return _faulty(message, task_id, f"the body cannot be read: {type(error).__name__}")
    return Envelope(task_id, args[0])


def _faulty(message: Any, task_id: str, fault: str) -> Envelope:
    body = message.body
    raw = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    return Envelope(task_id, fault=fault, raw=raw[:RAW_MAX_LENGTH])


def as_poison(envelope: Envelope) -> Envelope:
    """The same message, marked as one that kills the process that handles it."""
    return Envelope(envelope.task_id, envelope.body, envelope.fault, envelope.raw, poison=True)


def shown_ids(envelope: Envelope) -> str:
    """What Flower shows of the message: the ids only, no personal data."""
    return ids_in(envelope.body) if isinstance(envelope.body, dict) else "(unreadable)"


def ids_in(body: Mapping[str, Any]) -> str:
    """The ids in a message's body, each cut to a length that a person reads."""
    return " ".join(
        f"{name}={str(body[name])[:SHOWN_MAX_LENGTH]}" for name in SHOWN_IDS if name in body
    )
