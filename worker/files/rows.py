"""Read CSV files (plain or .gz) row by row, in bounded memory, with line numbers."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path

from worker.errors import RefundWorkerError


class FileFaultError(RefundWorkerError):
    """A file cannot be used as a whole. The text names the file, the line and the fault."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its line number in the file (the header is line 1)."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that makes no message, and why."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field + ': ' if self.field else ''}{self.message}"


def read_rows(path: Path, required: Sequence[str], allowed: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file with a header.

    Raises:
        FileFaultError: no such file, not CSV in UTF-8, or other columns than these.
    """
    try:
        with _open(path) as text:
            reader = csv.reader(text, strict=True)
            header = next(reader, [])
            _check_header(path, header, required, allowed)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise FileFaultError(
                        f"{path}, line {reader.line_num}: {len(cells)} cells under "
                        f"{len(header)} columns"
                    )
                yield Row(reader.line_num, dict(zip(header, cells, strict=True)))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise FileFaultError(f"{path} cannot be read: {error}") from error


def grouped(rows: Iterator[Row], column: str, path: Path) -> Iterator[list[Row]]:
    """Rows that follow each other with the same value in `column`, as groups.

    Raises:
        FileFaultError: a value comes back after another: its rows would be two messages.
    """
    seen: set[str] = set()
    key: Callable[[Row], str] = lambda row: row[column]  # noqa: E731 - a key function
    for value, group in groupby(rows, key):
        members = list(group)
        if value in seen:
            raise FileFaultError(
                f"{path}, line {members[0].line}: {column} {value!r} comes again; "
                "its rows must follow each other"
            )
        seen.add(value)
        yield members


def whole_number(row: Row, column: str) -> int | str:
    """The cell as an integer, or as its text, which the message's check then refuses."""
    cell = row[column].strip()
    digits = cell.removeprefix("-")
    # ASCII digits only, and few: int() takes other scripts' digits, and time for endless ones.
    return int(cell) if digits.isascii() and digits.isdigit() and len(digits) < 20 else cell


def _open(path: Path) -> io.TextIOWrapper:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _check_header(
    path: Path, header: Sequence[str], required: Sequence[str], allowed: Sequence[str]
) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise FileFaultError(f"{path}: column {missing[0]!r} is missing")
    for name in header:
        if name not in required and name not in allowed:
            near = get_close_matches(name, [*required, *allowed], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise FileFaultError(f"{path}: column {name!r} is not known{hint}")
    if len(set(header)) != len(header):
        raise FileFaultError(f"{path}: a column is there twice")
