"""Make provider calls for claimed repayments, many at once, and turn what happens into outcomes."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from models.values.repayments import Action, Claim, Outcome, OutcomeKind
from worker.providers.contract import BatchProvider, Provider
from worker.providers.registry import provider_named
from worker.settings import settings

log = structlog.get_logger()

DEBT_ONLY = Outcome(OutcomeKind.SETTLED, code="debt_only", evidence={"reduces": "debt"})


def call_all(claims: Sequence[Claim]) -> list[Outcome]:
    """The outcome of each claim, in order. Never raises: what goes wrong is an outcome."""
    outcomes: list[Outcome] = [DEBT_ONLY] * len(claims)
    by_call: dict[tuple[str, Action], list[int]] = defaultdict(list)
    for position, claim in enumerate(claims):
        if claim.action is not Action.NONE:
            by_call[claim.provider, claim.action].append(position)
    for (name, action), positions in by_call.items():
        answers = _call_provider(name, action, [claims[position] for position in positions])
        for position, answer in zip(positions, answers, strict=True):
            outcomes[position] = answer
    return outcomes


def _call_provider(name: str, action: Action, claims: Sequence[Claim]) -> Sequence[Outcome]:
    try:
        provider = provider_named(name)
    except Exception as error:  # noqa: BLE001 - nothing was sent, whatever the adapter's fault
        log.warning("provider.unavailable", provider=name, error=type(error).__name__)
        return [Outcome(OutcomeKind.NOT_SENT, code="provider_unavailable")] * len(claims)
    if action is Action.SEND and isinstance(provider, BatchProvider):
        return _send_batch(provider, claims)
    if len(claims) == 1:
        return [_call_one(provider, claims[0])]
    with ThreadPoolExecutor(min(len(claims), settings().calls_at_once)) as pool:
        return list(pool.map(lambda claim: _call_one(provider, claim), claims))


def _send_batch(provider: BatchProvider, claims: Sequence[Claim]) -> Sequence[Outcome]:
    try:
        outcomes = provider.repay_many([claim.order for claim in claims])
        if len(outcomes) == len(claims):
            return outcomes
        error: Exception = ValueError(f"{len(outcomes)} answers to {len(claims)} orders")
    except Exception as raised:  # noqa: BLE001 - what an adapter raises is an unknown outcome
        error = raised
    return [_unknown(provider, error)] * len(claims)


def _call_one(provider: Provider, claim: Claim) -> Outcome:
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
    return Outcome(OutcomeKind.UNKNOWN, code=code, evidence={"error": type(error).__name__})
