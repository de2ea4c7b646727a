"""INSERT many rows in one statement, from arrays: `INSERT ... SELECT * FROM unnest(...)`."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Table, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB, dialect

from worker.arrays import execute

_POSTGRES = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    *,
    tail: str = "",
) -> Sequence[Row[Any]]:
    """Insert rows of values for `columns`; `tail` may hold ON CONFLICT and RETURNING.

    JSONB values are given as JSON text. No rows, no statement.
    """
    arrays = list(zip(*rows, strict=True))
    if not arrays:
        return ()
    result = execute(
        connection,
        _statement(table, columns, tail),
        {name: list(values) for name, values in zip(columns, arrays, strict=True)},
    )
    return result.all() if result.returns_rows else ()


@cache
def _statement(table: Table, columns: tuple[str, ...], tail: str) -> TextClause:
    taken, given = [], []
    for number, name in enumerate(columns):
        kind = table.c[name].type
        if isinstance(kind, JSONB):
            given.append(f"CAST(:{name} AS text[])")
            taken.append(f"CAST(u.c{number} AS jsonb)")
        else:
            given.append(f"CAST(:{name} AS {kind.compile(_POSTGRES)}[])")
            taken.append(f"u.c{number}")
    aliases = ", ".join(f"c{number}" for number in range(len(columns)))
    # Only names from our own tables are put into the text; values are bound.
    return text(
        f"INSERT INTO {table.fullname} ({', '.join(columns)}) "
        f"SELECT {', '.join(taken)} FROM unnest({', '.join(given)}) AS u({aliases}) {tail}"
    )
