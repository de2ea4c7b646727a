"""The list of what was submitted: written before anything is sent, and read by the checker only."""

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from chaos.orders import Body

CAPTURE = "capture"


class SubmissionList:
    """A file of JSON lines that producers share."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, entries: Iterable[tuple[str, Body]]) -> None:
        """Note messages (nature, body); they are in the file when this returns."""
        lines = [json.dumps({"nature": nature, "body": body}) + "\n" for nature, body in entries]
        with self._lock:
            self._file.writelines(lines)
            self._file.flush()
