"""How commands print: tables and progress for people, JSON for programs."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from models.messages.fields import exponent_of

EXIT_ERROR = 1
EXIT_REJECTS = 3
"""Some rows of a file were not sent."""
EXIT_UNFINISHED = 4
"""Something is not finished, or the books do not agree."""

console = Console(soft_wrap=False)
errors = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
MerchantOption = Annotated[str, typer.Option("--merchant", help="The merchant's id.")]


def print_json(value: Any) -> None:
    """Print a value as JSON, whatever the terminal's width."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain, ensure_ascii=False) + "\n")


def money(amount_minor: int, currency: str) -> str:
    """An amount for people: 1234, GBP → '12.34 GBP'. Exact."""
    digits = exponent_of(currency)
    return f"{Decimal(amount_minor).scaleb(-digits):,.{digits}f} {currency}"


def percent(basis_points: int) -> str:
    """A rate for people: 2550 → '25.5 %'. Exact."""
    return f"{Decimal(basis_points).scaleb(-2).normalize():f} %"


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Any]:
    """A progress bar on standard error; yields a function that takes how many are newly done."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
    ) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.update(task, advance=count)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
