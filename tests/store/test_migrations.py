"""The migrations make what the tables say."""

from alembic import command
from sqlalchemy import text

from models.tables import metadata
from worker.database import engine
from worker.migrating import (
    alembic_config,
    current_revision,
    head_revision,
    migrate,
    require_migrated,
)


def test_migrated_schema_and_tables_do_not_differ(database: str) -> None:
    with engine().begin() as connection:
        command.check(alembic_config(connection))


_CHECKS = text("""
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'c' AND connamespace IN ('public'::regnamespace, 'sandbox'::regnamespace)
    ORDER BY 1, 2
""")


def test_migrated_checks_are_those_of_the_tables(database: str) -> None:
    """Alembic compares no CHECK constraints, and they are the last line of defence."""
    with engine().begin() as connection:
        migrated = connection.execute(_CHECKS).all()
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("DROP SCHEMA sandbox CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.execute(text("CREATE SCHEMA sandbox"))
        metadata.create_all(connection)
        told = connection.execute(_CHECKS).all()
    assert migrated == told
    assert len(migrated) > 50


def test_migrating_again_changes_nothing(database: str) -> None:
    assert migrate(engine()) == head_revision()
    require_migrated(engine())


def test_every_migration_can_be_taken_back(database: str) -> None:
    with engine().begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert current_revision(connection) is None
        left = connection.execute(
            text(
                "SELECT count(*) FROM information_schema.tables"
                " WHERE table_schema IN ('public', 'sandbox') AND table_name <> 'alembic_version'"
            )
        )
        assert left.scalar_one() == 0
    assert migrate(engine()) == head_revision()
