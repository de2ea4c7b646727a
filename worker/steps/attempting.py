"""Make attempts, provider by provider, so that a slow one holds up no other's refunds.

Each provider has lanes of its own in each process (threads for a few groups of calls). Whoever
asks for attempts waits for them with little patience; what takes longer goes on by itself, under
its leases, and is recorded when it comes back. A provider whose lanes are all taken is given no
more work until one is free.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog

from models.values.repayments import Action, Claim
from worker.providers.calling import call_all
from worker.settings import settings
from worker.steps.recording import record_outcomes

log = structlog.get_logger()

LANES = 2
"""How many groups of calls of one provider a process has under way at a time."""

_executors: dict[tuple[int, str], ThreadPoolExecutor] = {}
_under_way: dict[tuple[int, str], set[Future[int]]] = defaultdict(set)


def attempt(claims: Sequence[Claim], claimed_at_seconds: float) -> None:
    """Make the claimed attempts and record what comes of them; wait only so long for slow ones.

    `claimed_at_seconds` (of worker.clock) is from before the transaction that claimed them.

    Raises:
        DatabaseUnavailableError: some was not recorded; the leases expire and the sweep resumes.
    """
    groups: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        # What goes through no provider waits for none.
        groups["" if claim.action is Action.NONE else claim.provider].append(claim)
    own = groups.pop("", [])
    futures = [_submit(provider, group, claimed_at_seconds) for provider, group in groups.items()]
    _attempt_group(own, claimed_at_seconds)
    done, late = wait(futures, timeout=settings().patience_seconds)
    for future in done:
        future.result()
    if late:
        log.info("attempts.go_on", groups=len(late))


def busy_providers() -> list[str]:
    """The providers that all lanes of this process are taken for."""
    pid = os.getpid()
    return [
        provider
        for (owner, provider), futures in _under_way.items()
        if owner == pid and len(futures) >= LANES
    ]


def drain(seconds: float) -> bool:
    """Wait for the attempts under way in this process, within a bound; gives whether all ended."""
    pid = os.getpid()
    futures = [one for (owner, _), ones in _under_way.items() if owner == pid for one in ones]
    _, late = wait(futures, timeout=seconds)
    return not late


def _submit(provider: str, group: Sequence[Claim], claimed_at_seconds: float) -> Future[int]:
    key = os.getpid(), provider
    executor = _executors.get(key)
    if executor is None:
        executor = ThreadPoolExecutor(LANES, thread_name_prefix=f"lane-{provider}")
        _executors[key] = executor
    future = executor.submit(_attempt_group, group, claimed_at_seconds)
    _under_way[key].add(future)
    future.add_done_callback(lambda done: _under_way[key].discard(done))
    return future


def _attempt_group(group: Sequence[Claim], claimed_at_seconds: float) -> int:
    return record_outcomes(group, call_all(group, claimed_at_seconds))
