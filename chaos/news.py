"""The provider's news: told early, twice, out of order, and of money that came back later.

Whoever tells has its own memory: what could not be told, since the database was away, is told
again until it was heard.
"""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from chaos.behaviours import BOUNCED, HANGING
from models.values.repayments import News
from models.values.states import NewsKind
from worker.errors import RefundWorkerError
from worker.steps.hearing import hear_news

TELL_SECONDS = 0.5
RECENT = 6
"""So many of the newest movements are told of at each look."""
REVERSED = 1
"""Of so many the money comes back at each look."""

_RECENT = """
    SELECT key, number FROM sandbox.movements
    WHERE state = 'settled' AND created_at > now() - interval '15 seconds'
    ORDER BY random() LIMIT %s
"""
# What was settled comes back: in the provider's book first, and then it is told.
_REVERSE = """
    UPDATE sandbox.movements SET state = 'reversed' WHERE key IN (
        SELECT key FROM sandbox.movements WHERE state = 'settled' ORDER BY random() LIMIT %s)
    RETURNING key, number
"""
# What it would never answer, and in the end whatever it has not been asked after for long.
_PENDING = """
    UPDATE sandbox.movements m
    SET state = CASE WHEN o.order_id LIKE %(declined)s OR hashtext(m.key) %% 5 = 0
                     THEN 'declined' ELSE 'settled' END
    FROM repayments r JOIN refunds f ON f.id = r.refund_id JOIN orders o ON o.id = f.order_pk
    WHERE r.provider_key = m.key AND m.state = 'pending'
      AND m.created_at < now() - make_interval(secs => CASE WHEN o.order_id LIKE %(hanging)s
                                                       THEN %(hanging_seconds)s
                                                       ELSE %(other_seconds)s END)
    RETURNING m.key, m.state
"""
_REVERSED = "SELECT key FROM sandbox.movements WHERE state = 'reversed'"
HANGING_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
NEVER_SECONDS = 1e6


@dataclass(slots=True)
class Teller:
    """Tells news in a thread of its own. `quietly` only ends what is pending."""

    database_url: str
    chance: random.Random
    quietly: bool = False
    told: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    _untold: list[News] = field(default_factory=list)
    _reversed: set[str] = field(default_factory=set)
    _numbers: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def has_told_all(self) -> bool:
        """Whether all that it knows was heard."""
        return not self._untold

    def _run(self) -> None:
        while not self._stopping.wait(TELL_SECONDS):
            try:
                self._look()
                self._tell()
            except (psycopg.Error, RefundWorkerError) as error:
                self.failures[type(error).__name__] += 1

    def _look(self) -> None:
        with psycopg.connect(self.database_url, connect_timeout=5, autocommit=True) as connection:
            bound = {
                "hanging": f"%-{HANGING}",
                "declined": f"%-{BOUNCED}",
                "hanging_seconds": 0.0 if self.quietly else HANGING_SECONDS,
                "other_seconds": PATIENCE_SECONDS if self.quietly else NEVER_SECONDS,
            }
            for key, state in connection.execute(_PENDING, bound):
                self._note(NewsKind(state), key)
            if self.quietly:
                # Of what came back as the connection broke we know by looking again only.
                for (key,) in connection.execute(_REVERSED):
                    if key not in self._reversed:
                        self._note(NewsKind.REVERSED, key)
                return
            for key, number in connection.execute(_RECENT, [RECENT]):
                self._note(NewsKind.SETTLED, key, number)
            if self.chance.random() < 1 / 2:
                for key, _ in connection.execute(_REVERSE, [REVERSED]):
                    # Late: that it had settled is told after it has come back.
                    late = self.chance.random() < 1 / 3
                    self._note(NewsKind.REVERSED, key)
                    if late:
                        self._note(NewsKind.SETTLED, key)

    def _note(self, kind: NewsKind, key: str, number: str | None = None) -> None:
        self._numbers += 1
        if kind is NewsKind.REVERSED:
            self._reversed.add(key)
        # By the provider's own number too, which we know only once its answer is recorded.
        by_number = number is not None and self.chance.random() < 1 / 5
        news = News(
            provider="sandbox",
            event_id=f"event-{self._numbers}",
            kind=kind,
            key=None if by_number else key,
            provider_refund_id=number if by_number else None,
            code="told_later",
        )
        self._untold.append(news)
        if self.chance.random() < 1 / 4:
            self._untold.append(news)
        elif self.chance.random() < 1 / 6:
            self._note(kind, key)

    def _tell(self) -> None:
        told: Sequence[News] = self._untold[:20]
        if not told:
            return
        for one, effect in zip(told, hear_news(told), strict=True):
            self.told[f"{one.kind}: {effect}"] += 1
        del self._untold[: len(told)]
