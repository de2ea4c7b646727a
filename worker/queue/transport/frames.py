"""Opening what lies in a queue: a message as kombu's virtual transports write it, or anything."""

from typing import Any

from worker.queue.transport.stock import loads

_OPTIONAL = {"headers": dict, "content-type": str, "content-encoding": str}
_OPTIONAL_PROPERTIES = {"delivery_info": dict, "body_encoding": str}


class FrameError(ValueError):
    """The bytes are no message. The text names what is wrong, and repeats none of it."""


def open_frame(frame: bytes, queue: str, tag: str) -> dict[str, Any]:
    """Parse a frame into the payload that kombu's `Message` takes, under our own delivery tag.

    The tag that the producer wrote is not used: it may be missing, and it may come twice.

    Raises:
        FrameError: it cannot be parsed, something is missing or of a wrong type.
    """
    try:
        payload = loads(frame)
    # Kombu's decoders of dates and the like raise anything; deep nesting ends the stack.
    except Exception as error:
        raise FrameError(f"no JSON that can be read: {type(error).__name__}") from error
    if not isinstance(payload, dict):
        raise FrameError("not a JSON object")
    properties = payload.get("properties")
    if not isinstance(properties, dict):
        raise FrameError("no properties")
    if not isinstance(payload.get("body"), str):
        raise FrameError("no body")
    for name, kind in _OPTIONAL.items():
        _check(payload.get(name), kind, name)
    for name, kind in _OPTIONAL_PROPERTIES.items():
        _check(properties.get(name), kind, name)
    if properties.get("delivery_info") is None:
        properties["delivery_info"] = {"exchange": "", "routing_key": queue}
    properties["delivery_tag"] = tag
    return payload


def _check(value: Any, kind: type, name: str) -> None:
    """Let nothing of a wrong type pass; null stands for what is left out."""
    if value is not None and not isinstance(value, kind):
        raise FrameError(f"{name} is of a wrong type")
