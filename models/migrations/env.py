"""Alembic's environment: runs on the connection that `worker.migrating` hands over."""

from alembic import context

from models.tables import metadata
from models.tables.sandbox import SCHEMA

OUR_SCHEMAS = (None, "public", SCHEMA)


def _is_ours(name: str | None, type_: str, _parents: object) -> bool:
    return type_ != "schema" or name in OUR_SCHEMAS


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=True,
    include_name=_is_ours,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
