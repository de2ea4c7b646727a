"""Make provider calls for claimed repayments, many at once, and turn what happens into outcomes."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from models.values.repayments import NO_TIME_LEFT, Action, Claim, Outcome, OutcomeKind
from models.values.retries import ErrorClass
from worker.clock import elapsed_seconds
from worker.providers.contract import BatchProvider, Provider
from worker.providers.registry import provider_named
from worker.settings import settings

log = structlog.get_logger()

NOT_BEGUN = Outcome(OutcomeKind.NOT_SENT, code=NO_TIME_LEFT, error=ErrorClass.IN_PROGRESS)
DEBT_ONLY = Outcome(OutcomeKind.SETTLED, code="debt_only", evidence={"reduces": "debt"})


def call_all(claims: Sequence[Claim], claimed_at_seconds: float | None = None) -> list[Outcome]:
    """The outcome of each claim, in order. Never raises: what goes wrong is an outcome.

    Calls are begun only in the first half of the lease, so that the last of them ends, and is
    recorded, while the lease still runs. What is not begun was surely not sent. The lease counts
    from before the claim (`claimed_at_seconds` of worker.clock), not from this call: a process may
    have stood still in between, and the key may be dead by now.
    """
    outcomes: list[Outcome] = [DEBT_ONLY] * len(claims)
    since = elapsed_seconds() if claimed_at_seconds is None else claimed_at_seconds
    deadline_seconds = since + settings().lease_seconds / 2
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
        sent = _send_batch(provider, [claims[position] for position in together], deadline_seconds)
        outcomes = dict(zip(together, sent, strict=True))
    single = [position for position in range(len(claims)) if position not in outcomes]
    if single:
        with ThreadPoolExecutor(min(len(single), settings().calls_at_once)) as pool:
            answers = pool.map(lambda n: _call_one(provider, claims[n], deadline_seconds), single)
            outcomes.update(zip(single, answers, strict=True))
    return [outcomes[position] for position in range(len(claims))]


def _send_batch(
    provider: BatchProvider, claims: Sequence[Claim], deadline_seconds: float
) -> Sequence[Outcome]:
    if not claims:
        return ()
    if elapsed_seconds() > deadline_seconds:
        return [NOT_BEGUN] * len(claims)
    try:
        outcomes = provider.repay_many([claim.order for claim in claims])
        if len(outcomes) == len(claims):
            return outcomes
        error: Exception = ValueError(f"{len(outcomes)} answers to {len(claims)} orders")
    except Exception as raised:  # noqa: BLE001 - what an adapter raises is an unknown outcome
        error = raised
    return [_unknown(provider, error)] * len(claims)


def _call_one(provider: Provider, claim: Claim, deadline_seconds: float) -> Outcome:
    if elapsed_seconds() > deadline_seconds:
        return NOT_BEGUN
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
