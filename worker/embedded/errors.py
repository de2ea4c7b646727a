"""The one exception of this package."""

from worker.errors import RefundWorkerError


class EmbeddedServersError(RefundWorkerError):
    """The embedded servers cannot be used; the text is a sentence meant for the user."""
