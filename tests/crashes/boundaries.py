"""Every boundary at which a process can die: around commits, provider calls and publishing.

A boundary is passed before and after each commit (ours and the provider's own) and each publish.
A plan says at which of them what happens: the process dies, or the reply gets lost.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from redis.client import Pipeline
from sqlalchemy import Engine, event

from worker import database as db

WRITES = re.compile(r"\b(INSERT|DELETE|(?<!FOR )UPDATE)\b")


class Died(BaseException):
    """The process is dead: nothing may catch it and go on."""


@dataclass(slots=True)
class Plan:
    """What happens at which boundary, counted from 0. `seen` names those that were passed."""

    dies_at: int | None = None
    loses_reply_at: int | None = None
    seen: list[str] = field(default_factory=list)

    def before(self, name: str) -> None:
        """A boundary before something is done: only death matters here."""
        self.seen.append(f"before {name}")
        if self._here() == self.dies_at:
            raise Died(self.seen[-1])

    def after(self, name: str) -> None:
        """A boundary after something is done: the process dies, or is told that it failed."""
        self.seen.append(f"after {name}")
        if self._here() == self.dies_at:
            raise Died(self.seen[-1])
        if self._here() == self.loses_reply_at:
            raise psycopg.OperationalError("the reply was lost")

    def _here(self) -> int:
        return len(self.seen) - 1


class Watch:
    """Follows one plan after another. Connections are kept: making them is what takes time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._plan: Plan | None = None
        real_execute = Pipeline.execute

        def execute(pipe: Any, *arguments: Any, **options: Any) -> Any:
            self._pass("publish", before=True)
            result = real_execute(pipe, *arguments, **options)
            self._pass("publish", before=False)
            return result

        monkeypatch.setattr(Pipeline, "execute", execute)

    def watch_engines(self) -> None:
        """Watch the commits of the engines that this process has by now."""
        for (_, purpose), engine in db._engines.items():
            self._watch(engine, purpose.split()[0])

    @contextmanager
    def following(self, plan: Plan) -> Iterator[None]:
        """Follow a plan while the context lasts. What was not committed is rolled back."""
        self._plan = plan
        try:
            yield
        finally:
            self._plan = None

    def _pass(self, name: str, *, before: bool) -> None:
        if self._plan is not None:
            (self._plan.before if before else self._plan.after)(name)

    def _watch(self, engine: Engine, purpose: str) -> None:
        dialect: Any = engine.dialect
        if getattr(dialect, "is_watched", False):
            return
        real: Callable[[Any], None] = dialect.do_commit
        name = f"commit ({purpose})"
        wrote: set[int] = set()

        @event.listens_for(engine, "before_cursor_execute")
        def _note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if WRITES.search(statement):
                wrote.add(id(cursor.connection))

        def do_commit(connection: Any) -> None:
            # A transaction that wrote nothing is no boundary: dying there is dying before or after.
            writes = id(connection.driver_connection) in wrote
            wrote.discard(id(connection.driver_connection))
            if writes:
                self._pass(name, before=True)
            real(connection)
            if writes:
                self._pass(name, before=False)

        dialect.do_commit = do_commit
        dialect.is_watched = True
