"""The monkey: plays the schedule of faults."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg
import redis

from chaos.fleet import Fleet, Member
from chaos.schedule import KILLS, Fault
from chaos.servers import Postgres, ServerGoneError, Valkey

VICTIM_SECONDS = 20.0
"""So long it waits for a process that can be killed; then another kill comes at the end."""
RETRY_SECONDS = 0.1


@dataclass(slots=True)
class Monkey:
    """Plays kills and other faults in a thread each, so that they meet each other.

    It does not stop before there were `kills_min` kills.
    """

    schedule: Sequence[Fault]
    fleet: Fleet
    valkey: Valkey
    postgres: Postgres
    say: Callable[[str], None]
    kills_min: int
    litters: bool = True
    """Whether garbage may be put into the queue: kombu's own transport dies of it."""
    done: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    failure: BaseException | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _started_at: float = 0.0

    def start(self) -> None:
        """Begin."""
        self._started_at = time.monotonic()
        kills = [fault for fault in self.schedule if fault.is_kill]
        others = [fault for fault in self.schedule if not fault.is_kill]
        for name, faults in (("killer", kills), ("breaker", others)):
            thread = threading.Thread(target=self._play, args=(faults,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def is_alive(self) -> bool:
        """Whether faults are still to come."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Cut the schedule short."""
        self.stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def kills(self) -> int:
        """How many workers and pool processes were killed."""
        return sum(self.done[name] for name in KILLS)

    def _play(self, faults: Sequence[Fault]) -> None:
        try:
            for fault in self._and_more(faults):
                wait = self._started_at + fault.at_seconds - time.monotonic()
                if self.stopped.wait(max(wait, 0)):
                    return
                self._do(fault)
        except BaseException as error:
            self.failure = error
            raise

    def _and_more(self, faults: Sequence[Fault]) -> Iterator[Fault]:
        yield from faults
        # Some found no victim, or one that was dead already.
        while faults and faults[0].is_kill and self.kills < self.kills_min:
            yield from faults[: self.kills_min - self.kills]

    def _do(self, fault: Fault) -> None:
        act: Callable[[Fault], str | None] = getattr(self, f"_{fault.name}")
        try:
            told = act(fault)
        except ServerGoneError:
            raise
        # What it wants to break may be broken already.
        except (redis.RedisError, psycopg.Error, OSError) as error:
            told = None
            self.say(f"{fault.name} missed: {type(error).__name__}: {error}")
        if told is None:
            self.missed[fault.name] += 1
            return
        self.done[fault.name] += 1
        self.say(f"{fault.name} {told}".rstrip())

    def _victim(
        self, fault: Fault, members: Sequence[Member], *, pool: bool = False
    ) -> Member | None:
        """One of those that are at work, waited for if there is none."""
        deadline = time.monotonic() + VICTIM_SECONDS
        while not self.stopped.is_set() and time.monotonic() < deadline:
            able = [one for one in members if one.is_settled and (not pool or one.children())]
            if able:
                return able[int(fault.chance * len(able))]
            time.sleep(RETRY_SECONDS)
        return None

    def _kill_worker(self, fault: Fault) -> str | None:
        return self._end(fault, self.fleet.workers, signal.SIGKILL)

    def _terminate_worker(self, fault: Fault) -> str | None:
        return self._end(fault, self.fleet.workers, signal.SIGTERM)

    def _kill_beat(self, fault: Fault) -> str | None:
        return self._end(fault, self.fleet.beats, signal.SIGKILL)

    def _end(self, fault: Fault, members: Sequence[Member], number: signal.Signals) -> str | None:
        victim = self._victim(fault, members)
        if victim is None:
            return None
        victim.end(number)
        return victim.name

    def _kill_child(self, fault: Fault) -> str | None:
        return self._end_child(fault, signal.SIGKILL)

    def _terminate_child(self, fault: Fault) -> str | None:
        return self._end_child(fault, signal.SIGTERM)

    def _end_child(self, fault: Fault, number: signal.Signals) -> str | None:
        victim = self._victim(fault, self.fleet.workers, pool=True)
        children = victim.children() if victim else []
        if victim is None or not children:
            return None
        os.kill(children[int(fault.chance * 7) % len(children)], number)
        return victim.name

    def _freeze_worker(self, fault: Fault) -> str | None:
        victim = self._victim(fault, self.fleet.workers)
        if victim is None:
            return None
        victim.send_all(signal.SIGSTOP)
        thaw = threading.Timer(fault.seconds, victim.send_all, (signal.SIGCONT,))
        thaw.daemon = True
        thaw.start()
        return f"{victim.name} for {fault.seconds:.1f} s"

    def _valkey_restart(self, _: Fault) -> str:
        self.valkey.restart()
        return ""

    def _valkey_crash(self, _: Fault) -> str:
        self.valkey.crash()
        return ""

    def _valkey_flush(self, _: Fault) -> str:
        self.valkey.flush()
        return ""

    def _valkey_full(self, fault: Fault) -> str:
        self.valkey.fill(fault.seconds)
        return f"for {fault.seconds:.1f} s"

    def _valkey_disconnect(self, fault: Fault) -> str:
        self.valkey.disconnect(fault.chance)
        return ""

    def _valkey_freeze(self, fault: Fault) -> str:
        self.valkey.freeze(fault.seconds)
        return f"for {fault.seconds:.1f} s"

    def _postgres_restart(self, _: Fault) -> str:
        self.postgres.restart()
        return ""

    def _postgres_crash(self, _: Fault) -> str:
        self.postgres.crash()
        return ""

    def _postgres_disconnect(self, fault: Fault) -> str:
        self.postgres.disconnect(fault.chance)
        return ""

    def _garbage(self, fault: Fault) -> str | None:
        if not self.litters:
            return None
        self.valkey.litter(random.Random(fault.chance))
        return ""
