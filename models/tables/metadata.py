"""The metadata that all tables share, and the column kinds they are made of."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, MetaData, Text, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def key() -> Column[int]:
    """A primary key that the database numbers."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def text(name: str, **options: Any) -> Column[str]:
    """A text that is always there."""
    return Column(name, Text, nullable=False, **options)


def minor(name: str, *, default: int | None = None) -> Column[int]:
    """An integer amount (minor units) or quantity. NULL would slip through every CHECK."""
    server_default = None if default is None else str(default)
    return Column(name, BigInteger, nullable=False, server_default=server_default)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> Column[Any]:
    """A point in time with time zone; `now` is the transaction's start by the database's clock."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.now() if now else None,
    )


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """The column holds one of the enumeration's texts."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
