"""What the engine needs to know of a provider by its name."""

from datetime import timedelta

from worker.providers.registry import UnknownProviderError, provider_named
from worker.rules.repaying import ProviderFacts

# Of a provider whose adapter is missing nothing is sure: its keys may have expired already.
NOTHING_SURE = ProviderFacts(timedelta(0), can_look_up=True, splits_debt_itself=False)


def facts_of(provider: str) -> ProviderFacts:
    """The provider's capabilities as the rules need them."""
    try:
        capabilities = provider_named(provider).capabilities
    except UnknownProviderError:
        return NOTHING_SURE
    return ProviderFacts(
        capabilities.key_lifetime,
        capabilities.can_look_up,
        capabilities.splits_debt_itself,
        capabilities.return_fees,
        capabilities.amounts_unallocated,
        capabilities.retries,
        capabilities.rate_limit,
    )
