"""The schedule of faults: drawn from the seed alone, so that the same seed plays it again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

KILLS = {
    "kill_worker": 35,
    "kill_child": 35,
    "terminate_worker": 20,
    "terminate_child": 10,
}
"""Faults that count as kills, by how often of a hundred."""

OTHERS = {
    "kill_beat": 8,
    "freeze_worker": 5,
    "valkey_restart": 4,
    "valkey_crash": 4,
    "valkey_flush": 6,
    "valkey_full": 5,
    "valkey_disconnect": 8,
    "valkey_freeze": 5,
    "postgres_restart": 4,
    "postgres_crash": 4,
    "postgres_disconnect": 8,
    "garbage": 6,
}
"""All other faults, by how many come with a hundred kills; each comes once at the least."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at its moment. `chance` (0 to 1) chooses its victim, it lasts for `seconds`."""

    at_seconds: float
    name: str
    chance: float
    seconds: float

    @property
    def is_kill(self) -> bool:
        """Whether it counts as a kill."""
        return self.name in KILLS


def draw_schedule(seed: int, kills: int, seconds: float) -> Sequence[Fault]:
    """So many kills, and other faults in proportion, within so many seconds."""
    chance = random.Random(f"faults {seed}")
    # Each kind in its share, and not by luck: a small run has all of them as well.
    names = [name for name, share in KILLS.items() for _ in range(-(-share * kills // 100))]
    chance.shuffle(names)
    names = names[:kills]
    for name, share in OTHERS.items():
        names.extend([name] * max(share * kills // 100, 1))
    faults = [
        Fault(chance.uniform(0.04, 1.0) * seconds, name, chance.random(), _lasting(chance, name))
        for name in names
    ]
    return sorted(faults, key=lambda fault: fault.at_seconds)


def _lasting(chance: random.Random, name: str) -> float:
    longest = {"valkey_full": 4.0, "valkey_freeze": 8.0, "freeze_worker": 25.0}.get(name, 0.0)
    return chance.uniform(longest / 4, longest)
