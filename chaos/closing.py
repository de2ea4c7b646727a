"""The accountant: closes payouts while refunds are deducted from them."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field

import psycopg

from worker.errors import RefundWorkerError
from worker.steps.closing import close_payout

CLOSE_SECONDS = 3.0

_OPEN = "SELECT merchant_id, currency FROM payouts WHERE state = 'open' ORDER BY 1, 2"


@dataclass(slots=True)
class Accountant:
    """Closes a payout now and then, in a thread of its own."""

    database_url: str
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="accountant", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(CLOSE_SECONDS):
            try:
                with psycopg.connect(self.database_url, connect_timeout=5) as connection:
                    payouts = connection.execute(_OPEN).fetchall()
                if payouts:
                    close_payout(*self.chance.choice(payouts))
                    self.done["closed"] += 1
            except (psycopg.Error, RefundWorkerError) as error:
                self.done[type(error).__name__] += 1
