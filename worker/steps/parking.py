"""Park messages that cannot become what they ask for. Nothing that comes in is dropped."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.messages.parsing import Fault
from models.values.limits import ID_MAX_LENGTH
from worker.database import transact
from worker.settings import settings
from worker.store import inbox

BODY_MAX_LENGTH = 100_000

INVALID_MESSAGE = "invalid_message"
UNREADABLE_MESSAGE = "unreadable_message"
POISON_MESSAGE = "poison_message"
INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A message that is to be parked, with why. `body` is decoded JSON, or text."""

    task: str
    code: str
    body: Any
    faults: Sequence[Fault]


def park_messages(misfits: Sequence[Misfit]) -> None:
    """Park messages; the same one again is counted, not stored again.

    Raises:
        DatabaseUnavailableError: nothing was parked.
    """
    rows = {}
    for misfit in misfits:
        text = _text_of(misfit.body)
        digest = hashlib.sha256(text.encode(errors="replace")).digest()
        rows[misfit.task, misfit.code, digest] = (
            misfit.task,
            misfit.code,
            "; ".join(map(str, misfit.faults))[:2000],
            _storable(
                json.dumps([{"field": f.field, "message": f.message} for f in misfit.faults])
            ),
            # PostgreSQL stores neither NUL nor lone surrogates.
            _storable(text)[:BODY_MAX_LENGTH],
            len(text.encode(errors="replace")),
            digest,
            _id_in(misfit.body, "merchant_id"),
            _id_in(misfit.body, "idempotency_key"),
        )
    hours = settings().parked_deadline_hours
    transact(lambda connection: inbox.park_messages(connection, rows.values(), hours))


def _text_of(body: Any) -> str:
    if isinstance(body, str):
        return body
    try:
        return json.dumps(body)
    except RecursionError:
        return "(nested too deeply to be written)"


def _storable(text: str) -> str:
    return text.replace("\x00", "�").encode(errors="replace").decode()


def _id_in(body: Any, name: str) -> str | None:
    value = body.get(name) if isinstance(body, dict) else None
    return _storable(value)[:ID_MAX_LENGTH] if isinstance(value, str) else None
