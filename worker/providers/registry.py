"""Find adapters by name, among the entry points of group `refund_worker.providers`."""

from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from worker.errors import RefundWorkerError
from worker.providers.contract import Provider

GROUP = "refund_worker.providers"


class UnknownProviderError(RefundWorkerError):
    """No adapter of this name is installed. The text says what is near."""


class BrokenProviderError(RefundWorkerError):
    """An adapter is installed that does not keep the contract."""


def provider_named(name: str) -> Provider:
    """The adapter of this name, made once a process.

    Raises:
        UnknownProviderError: none is installed.
        BrokenProviderError: what is installed is no adapter.
    """
    return _load(name)


def is_known(name: str) -> bool:
    """Whether an adapter of this name is installed."""
    return name in _installed()


def known_names() -> list[str]:
    """The names of all installed adapters."""
    return sorted(_installed())


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def _load(name: str) -> Provider:
    point = _installed().get(name)
    if point is None:
        near = get_close_matches(name, known_names(), n=3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known_names())}"
        )
        raise UnknownProviderError(f"no provider {name!r} is installed; {hint}")
    adapter = point.load()()
    if not isinstance(adapter, Provider):
        raise BrokenProviderError(f"{point.value} of provider {name!r} keeps no provider contract")
    return adapter
