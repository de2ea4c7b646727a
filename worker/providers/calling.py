"""Make provider calls for claimed repayments, many at once, and turn what happens into outcomes."""

import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from models.values.repayments import Action, Claim, Outcome, OutcomeKind
from models.values.retries import ErrorClass
from worker.providers.contract import BatchProvider, Provider
from worker.providers.registry import provider_named
from worker.settings import settings

log = structlog.get_logger()

DEBT_ONLY = Outcome(OutcomeKind.SETTLED, code="debt_only", evidence={"reduces": "debt"})


def call_all(claims: Sequence[Claim]) -> list[Outcome]:
    """The outcome of each claim, in order. Never raises: what goes wrong is an outcome.

    Calls are begun only in the first half of the lease, so that the last of them ends, and is
    recorded, while the lease still runs. What is not begun was surely not sent.
    """
    outcomes: list[Outcome] = [DEBT_ONLY] * len(claims)
    deadline_seconds = time.monotonic() + settings().lease_seconds / 2
    by_provider: dict[str, list[int]] = defaultdict(list)
    for position, claim in enumerate(claims):
        if claim.action is not Action.NONE:
            by_provider[claim.provider].append(position)
    for name, positions in by_provider.items():
        answers = _call_provider(name, [claims[n] for n in positions], deadline_seconds)
        for position, answer in zip(positions, answers, strict=True):
            outcomes[position] = answer
    return outcomes


def _call_provider(
    name: str, claims: Sequence[Claim], deadline_seconds: float
) -> Sequence[Outcome]:
    try:
        provider = provider_named(name)
    except Exception as error:  # noqa: BLE001 - nothing was sent, whatever the adapter's fault
        log.warning("provider.unavailable", provider=name, error=type(error).__name__)
        gone = Outcome(OutcomeKind.NOT_SENT, code="provider_unavailable", error=ErrorClass.NETWORK)
        return [gone] * len(claims)
    outcomes: dict[int, Outcome] = {}
    if isinstance(provider, BatchProvider):
        together = [
            position
            for position, claim in enumerate(claims)
            if claim.action is Action.SEND and provider.takes_in_batch(claim.order)
        ]
        sent = _send_batch(provider, [claims[position] for position in together])
        outcomes = dict(zip(together, sent, strict=True))
    single = [position for position in range(len(claims)) if position not in outcomes]
    if single:
        with ThreadPoolExecutor(min(len(single), settings().calls_at_once)) as pool:
            answers = pool.map(lambda n: _call_one(provider, claims[n], deadline_seconds), single)
            outcomes.update(zip(single, answers, strict=True))
    return [outcomes[position] for position in range(len(claims))]


def _send_batch(provider: BatchProvider, claims: Sequence[Claim]) -> Sequence[Outcome]:
    if not claims:
        return ()
    try:
        outcomes = provider.repay_many([claim.order for claim in claims])
        if len(outcomes) == len(claims):
            return outcomes
        error: Exception = ValueError(f"{len(outcomes)} answers to {len(claims)} orders")
    except Exception as raised:  # noqa: BLE001 - what an adapter raises is an unknown outcome
        error = raised
    return [_unknown(provider, error)] * len(claims)


def _call_one(provider: Provider, claim: Claim, deadline_seconds: float) -> Outcome:
    if time.monotonic() > deadline_seconds:
        return Outcome(OutcomeKind.NOT_SENT, code="no_time_left", error=ErrorClass.IN_PROGRESS)
    call = provider.repay if claim.action is Action.SEND else provider.look_up
    try:
        return call(claim.order)
    except Exception as error:  # noqa: BLE001 - what an adapter raises is an unknown outcome
        return _unknown(provider, error)


def _unknown(provider: Provider, error: Exception) -> Outcome:
    timed_out = isinstance(error, TimeoutError)
    code = "provider_timeout" if timed_out else "provider_error"
    # The error's text is not kept: it may quote a request with secrets.
    log.warning(
        "provider.unknown_outcome", provider=provider.name, code=code, error=type(error).__name__
    )
    return Outcome(
        OutcomeKind.UNKNOWN,
        code=code,
        evidence={"error": type(error).__name__},
        error=ErrorClass.TIMEOUT if timed_out else ErrorClass.PROVIDER_ERROR,
    )
