"""Adapters are found by name."""

import pytest

from worker.providers.adapters.sandbox import SandboxProvider
from worker.providers.contract import BatchProvider, Provider
from worker.providers.registry import UnknownProviderError, known_names, provider_named


def test_the_sandbox_is_found_and_keeps_the_contract() -> None:
    found = provider_named("sandbox")
    assert isinstance(found, SandboxProvider)
    assert isinstance(found, Provider)
    assert isinstance(found, BatchProvider)
    assert provider_named("sandbox") is found
    assert "sandbox" in known_names()


def test_an_unknown_name_answers_with_what_is_near() -> None:
    with pytest.raises(UnknownProviderError, match="did you mean sandbox"):
        provider_named("sandbux")
