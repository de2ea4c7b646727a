"""Errors of the worker: small, named, and able to survive pickle and JSON."""


class RefundWorkerError(Exception):
    """The base of all errors that the worker raises on purpose. Its text is for people."""


class NotConfiguredError(RefundWorkerError):
    """A setting is missing or wrong."""


class DatabaseUnavailableError(RefundWorkerError):
    """PostgreSQL cannot be reached or is restarting. Nothing was decided; try again."""


class RaceLostError(RefundWorkerError):
    """Another transaction stored the same key first. Run the transaction again."""


class MigrationsPendingError(RefundWorkerError):
    """The database's schema is not the one that this code needs."""
