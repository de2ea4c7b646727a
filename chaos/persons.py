"""The person who looks after parked work: tries it again, or asks the provider's book."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

from chaos.behaviours import BEHAVIOURS, behaviour_of
from worker.rules.selecting import Condition
from worker.steps.casework import NothingParkedError, resolve, try_again
from worker.steps.unparking import unpark_messages

NAME = "ann"
MISJUDGED = ("poison_message", "internal_error")
"""Parked messages with nothing wrong in them: they came to be parked by what happened."""

# The book's state of each parked repayment, and how long it has been parked.
_PARKED = """
    SELECT r.id::text, m.state, extract(epoch FROM now() - c.opened_at)::float8,
           o.order_id, r.attempts_forgiven > 0
    FROM repayments r JOIN refunds f ON f.id = r.refund_id JOIN orders o ON o.id = f.order_pk
    LEFT JOIN sandbox.movements m ON m.key = r.provider_key
    LEFT JOIN cases c ON c.repayment_id = r.id AND c.kind = 'parked' AND c.closed_at IS NULL
    WHERE r.state = 'parked' ORDER BY r.id
"""


@dataclass(slots=True)
class Person:
    """Decides on parked work. Says what became of it only `lease_seconds` after the last call."""

    database_url: str
    chance: random.Random
    lease_seconds: float
    done: Counter[str] = field(default_factory=Counter)

    def work(self, *, finally_: bool) -> None:
        """Let some of it be tried again; `finally_`: decide on all, once no call is under way.

        Raises:
            psycopg.Error, RefundWorkerError: the database is away.
        """
        self._messages()
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            parked = connection.execute(_PARKED).fetchall()
        for name, booked, waited_seconds, order_id, was_retried in parked:
            # Whoever knows that a provider will not answer does not ask it again.
            hopeful = not was_retried and not BEHAVIOURS[behaviour_of(order_id)].lasting
            try:
                self._decide(name, booked, waited_seconds or 0.0, hopeful=hopeful, end=finally_)
            except NothingParkedError:
                self.done["gone"] += 1

    def _decide(
        self, name: str, booked: Any, waited_seconds: float, *, hopeful: bool, end: bool
    ) -> None:
        if hopeful and self.chance.random() < 1 / 2:
            try_again(name, NAME, "tried again")
            self.done["retried"] += 1
        elif (
            end and waited_seconds > self.lease_seconds and booked in (None, "settled", "declined")
        ):
            evidence = f"the provider's book says {booked or 'nothing'}"
            resolve(name, paid=booked == "settled", evidence=evidence, by=NAME)
            self.done["resolved paid" if booked == "settled" else "resolved not paid"] += 1

    def _messages(self) -> None:
        for code in MISJUDGED:
            for _, line in unpark_messages(Condition(code=code), 1000):
                self.done[f"{code}: {line.split()[0]}"] += 1
