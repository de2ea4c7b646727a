"""What was submitted, as the producers noted it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Body = dict[str, Any]
Key = tuple[str, str]
"""merchant_id, idempotency key or capture id"""


@dataclass(slots=True)
class Submitted:
    """Captures by merchant and id; requests by merchant and key, with each one's nature."""

    captures: dict[Key, Body] = field(default_factory=dict)
    requests: dict[Key, list[tuple[str, Body]]] = field(default_factory=dict)
    messages: int = 0

    def add(self, nature: str, body: Body) -> None:
        """Add a message."""
        self.messages += 1
        if nature == "capture":
            self.captures[body["merchant_id"], body["capture_id"]] = body
        else:
            key = body["merchant_id"], body["idempotency_key"]
            self.requests.setdefault(key, []).append((nature, body))


def read_submitted(path: Path) -> Submitted:
    """Read the list."""
    with path.open(encoding="utf-8") as lines:
        return collect(json.loads(line) for line in lines)


def collect(entries: Iterable[dict[str, Any]]) -> Submitted:
    """The list from its entries."""
    submitted = Submitted()
    for entry in entries:
        submitted.add(entry["nature"], entry["body"])
    return submitted


def essence(body: Body) -> tuple[Any, ...]:
    """What a request asks for, apart from how it is written down."""
    lines = tuple(
        (
            line.get("line_id"),
            line.get("quantity"),
            line.get("amount_minor"),
            line.get("capture_id"),
        )
        for line in body.get("lines") or ()
    )
    return (
        body.get("order_id"),
        body.get("kind"),
        body.get("amount_minor"),
        body.get("capture_id"),
        body.get("with_shares", True),
        body.get("return_fee_minor", 0),
        body.get("reason"),
        lines,
    )
