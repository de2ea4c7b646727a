"""Find a refund by its id or its request's key, and give its timeline."""

from sqlalchemy import Connection

from models.messages.names import REFUNDS_REQUEST
from worker.database import transact
from worker.errors import RefundWorkerError
from worker.store import timeline


class NotFoundError(RefundWorkerError):
    """Nothing of this name is stored."""


class AmbiguousError(RefundWorkerError):
    """Several merchants have used this key."""


def show(name: str, merchant_id: str | None = None) -> timeline.Timeline:
    """The timeline of the refund of this id, or of the request of this key.

    Raises:
        NotFoundError: there is none.
        AmbiguousError: several merchants have one; say which.
    """
    return transact(lambda connection: _show(connection, name, merchant_id))


def _show(connection: Connection, name: str, merchant_id: str | None) -> timeline.Timeline:
    found = timeline.find_requests(connection, name, merchant_id)
    if not found:
        raise NotFoundError(f"no refund or refund request {name!r} is stored")
    if len(found) > 1:
        merchants = ", ".join(merchant for merchant, _ in found)
        raise AmbiguousError(f"several merchants used {name!r}: {merchants}; name one")
    return timeline.read_timeline(connection, *found[0], REFUNDS_REQUEST)
