"""A run: produce and break, then wait until nothing is open."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from chaos.closing import Accountant
from chaos.deafness import find_deaf
from chaos.fleet import Fleet
from chaos.logs import read_logs
from chaos.monkey import Monkey
from chaos.news import Teller
from chaos.options import Options
from chaos.persons import Person
from chaos.producing import Producer
from chaos.quiet import wait_until_quiet
from chaos.servers import Postgres, Valkey
from worker.embedded import ServerUrls
from worker.errors import RefundWorkerError

PERSON_SECONDS = 5.0
LOOK_SECONDS = 0.5
TELL_SECONDS = 30.0


class BrokenRunError(Exception):
    """The run itself failed: there is no verdict."""


@dataclass(slots=True)
class Run:
    """Everything that takes part."""

    options: Options
    folder: Path
    urls: ServerUrls
    valkey: Valkey
    postgres: Postgres
    fleet: Fleet
    producers: list[Producer]
    monkey: Monkey
    teller: Teller
    person: Person
    accountant: Accountant
    say: Callable[[str], None]

    def play(self) -> None:
        """Produce and break, until all is delivered and the schedule is played.

        Raises:
            BrokenRunError: a part failed.
        """
        started = time.monotonic()
        for producer in self.producers:
            producer.start()
        self.monkey.start()
        self.teller.start()
        self.accountant.start()
        looked_at = worked_at = 0.0
        while self.monkey.is_alive() or any(one.is_alive() for one in self.producers):
            time.sleep(LOOK_SECONDS)
            self._complain()
            now = time.monotonic()
            if now - worked_at > PERSON_SECONDS:
                worked_at = now
                with suppress(psycopg.Error, RefundWorkerError):
                    self.person.work(finally_=False)
            if now - started > self.options.seconds + self.options.finish_seconds:
                raise BrokenRunError("what was submitted is not decided in time")
            if now - looked_at > TELL_SECONDS:
                looked_at = now
                alive = sum(one.is_alive() for one in self.producers)
                self.say(f"{self.monkey.kills} kills so far, {alive} producers at work")

    def finish(self) -> None:
        """Break nothing more, and wait until nothing is open."""
        self.say("the monkey stops; waiting until nothing is open")
        self.monkey.stop()
        self.teller.quietly = True
        with suppress(redis.RedisError):
            self.valkey.unfill()
        wait_until_quiet(
            self.postgres.url,
            self.valkey,
            lambda: self.person.work(finally_=True),
            self.say,
            self.options.finish_seconds,
        )
        self.teller.stop()
        self.accountant.stop()

    def find_deaf(self) -> list[str]:
        """Workers that only look alive. Stopped consumers of kombu's transport take messages."""
        if self.options.transport == "stock":
            return []
        self.say("asking each worker alone")
        first = self.producers[0].workload
        refund = next(one.body for one in first.requests if one.nature == "request")
        return find_deaf(self.fleet, self.valkey, self.urls.redis_url, first.captures[0], refund)

    def _complain(self) -> None:
        if self.monkey.failure is not None:
            raise BrokenRunError(f"the monkey failed: {self.monkey.failure!r}")
        for producer in self.producers:
            if producer.failure is not None:
                raise BrokenRunError(f"{producer.name} failed: {producer.failure!r}")

    def figures(self) -> dict[str, Any]:
        """What happened, besides the verdict."""
        interruptions: dict[str, int] = {}
        for producer in self.producers:
            for name, count in producer.interruptions.items():
                interruptions[name] = interruptions.get(name, 0) + count
        return {
            "kills": self.monkey.kills,
            "faults": dict(sorted(self.monkey.done.items())),
            "faults_missed": dict(self.monkey.missed),
            "process_restarts": self.fleet.restarts,
            "own_deaths": dict(self.fleet.own_deaths),
            "resent": sum(one.resent for one in self.producers),
            "producer_interruptions": interruptions,
            "news": dict(sorted(self.teller.told.items())),
            "person": dict(sorted(self.person.done.items())),
            "payouts": dict(sorted(self.accountant.done.items())),
            "logs": read_logs(self.folder / "logs"),
        }
