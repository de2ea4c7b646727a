"""The migrations make what the tables say."""

from alembic import command
from sqlalchemy import text

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
