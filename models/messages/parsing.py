"""From decoded JSON to a message, or to what is wrong with it, field by field."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
FAULTS_MAX = 20
SHOWN_MAX_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """A field (path such as `lines[2].quantity`) and what is wrong with it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidMessageError(ValueError):
    """A message that the contract does not allow. `faults` name each field at fault."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


def parse(model: type[M], value: Any) -> M:
    """The message that decoded JSON holds.

    Raises:
        InvalidMessageError: with every fault (the first 20).
    """
    if not isinstance(value, dict):
        raise InvalidMessageError(
            [Fault("", f"the message must be a JSON object, not {_type_name(value)}")]
        )
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = []
        for detail in error.errors(include_url=False):
            # A check over a whole model names the field at fault in its context.
            field = detail.get("ctx", {}).get("field")
            location = (*detail["loc"], field) if field else detail["loc"]
            faults.append(Fault(_path(location), _sentence(detail["msg"], detail["input"])))
        # A container without its faulty items is "too short": the items' own faults say it better.
        raise InvalidMessageError(
            [
                fault
                for fault in faults
                if not any(other.field.startswith(fault.field + "[") for other in faults)
            ][:FAULTS_MAX]
        ) from None


def fingerprint(message: BaseModel, *, without: frozenset[str] = frozenset()) -> bytes:
    """SHA-256 of the message's content, independent of field order and of absent defaults."""
    content = message.model_dump(mode="json", exclude=set(without), exclude_defaults=True)
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    ).digest()


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        name = step or "''"
        path += f"[{step}]" if isinstance(step, int) else f".{name}" if path else str(name)
    return path


def _sentence(message: str, value: object) -> str:
    if isinstance(value, int) and value.bit_length() > SHOWN_MAX_LENGTH:
        return f"{message} (got a number of {value.bit_length()} bits)"
    if isinstance(value, str | int | float) or value is None:
        shown = repr(value)
        if len(shown) > SHOWN_MAX_LENGTH:
            shown = shown[:SHOWN_MAX_LENGTH] + "…"
        return f"{message} (got {shown})"
    return message


def _type_name(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number" if isinstance(value, int | float) else "value")
