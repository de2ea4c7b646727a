"""Bring the database's schema to what this code needs."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from worker.errors import MigrationsPendingError

# Two starters must not migrate at once. The number is arbitrary and must never change.
ADVISORY_LOCK = 7_236_114


def migrate(engine: Engine) -> str:
    """Run all outstanding migrations, one runner at a time, and give the revision reached."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        command.upgrade(alembic_config(connection), "head")
        return current_revision(connection) or ""


def require_migrated(engine: Engine) -> None:
    """Refuse to work on a schema of another version.

    Raises:
        MigrationsPendingError: says what to run.
    """
    with engine.connect() as connection:
        current = current_revision(connection)
    head = head_revision()
    if current != head:
        raise MigrationsPendingError(
            f"the database is at revision {current or 'none'}, this code needs {head}: "
            "run `refunds migrate`"
        )


def current_revision(connection: Connection) -> str | None:
    """The revision that the database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """The revision that this code needs."""
    return ScriptDirectory.from_config(alembic_config(None)).get_current_head()


def alembic_config(connection: Connection | None) -> Config:
    """Alembic's configuration in code: there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(files("models.migrations")))
    config.attributes["connection"] = connection
    return config
