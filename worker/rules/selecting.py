"""Conditions that operators write, such as `provider=klarna and older than 2h`."""

import re
from dataclasses import dataclass
from datetime import timedelta

FIELDS = ("code", "provider", "merchant", "task")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

_OLDER = re.compile(r"older than ([0-9]{1,6}) ?([mhd])")
_EQUALS = re.compile(r"([a-z]+) ?= ?(\S.*)")


class BadConditionError(ValueError):
    """The condition cannot be read. The text names the part at fault."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What of the parked work is meant; None means any."""

    code: str | None = None
    provider: str | None = None
    merchant: str | None = None
    task: str | None = None
    older_than: timedelta | None = None


def parse_condition(text: str) -> Condition:
    """Read a condition: `field=value` and `older than 3h`, joined by ` and `.

    Raises:
        BadConditionError: a part cannot be read, or is told twice.
    """
    told: dict[str, str] = {}
    older_than: timedelta | None = None
    for part in map(str.strip, re.split(" and ", text, flags=re.IGNORECASE)):
        older = _OLDER.fullmatch(part)
        if older and older_than is None:
            older_than = int(older[1]) * UNITS[older[2]]
            continue
        equals = _EQUALS.fullmatch(part)
        if equals is None or equals[1] not in FIELDS or equals[1] in told:
            raise BadConditionError(
                f"cannot read {part!r}: say {', '.join(f'{name}=…' for name in FIELDS)} or "
                "'older than 3h' (m, h, d), each once, joined by 'and'"
            )
        told[equals[1]] = equals[2].strip()
    return Condition(**told, older_than=older_than)
