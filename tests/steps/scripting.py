"""Providers for tests of steps: the scripted sandbox, and its late news."""

from sqlalchemy import text

from models.values.repayments import News
from models.values.states import NewsKind
from worker.arrays import execute
from worker.database import transact

_REVERSE = text("UPDATE sandbox.movements SET state = 'reversed' WHERE key = :key")
_KEYS = text("SELECT provider_key, provider_refund_id FROM repayments ORDER BY id")


def keys() -> list[tuple[str, str | None]]:
    """The provider keys of all repayments, with the provider's own ids as far as they are known."""
    return transact(lambda connection: [(row[0], row[1]) for row in connection.execute(_KEYS)])


def take_back(key: str) -> None:
    """The sandbox's book says that a settled movement came back."""
    transact(lambda connection: execute(connection, _REVERSE, {"key": key}))


def news(
    kind: NewsKind, key: str | None = None, event: str = "e-1", code: str | None = None
) -> News:
    """What the sandbox would tell of a repayment, by default of the only one."""
    return News("sandbox", event, kind, key or keys()[0][0], code=code)
