"""A policy of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from worker.policy import reading
from worker.settings import settings


@pytest.fixture
def policy(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Gives a function that takes the text of a policy file (without its version)."""

    def use(text: str) -> None:
        path = tmp_path / "policy.toml"
        path.write_text("version = 1\n" + text)
        monkeypatch.setenv("REFUNDS_POLICY_FILE", str(path))
        _forget()

    yield use
    _forget()


def _forget() -> None:
    settings.cache_clear()
    reading._read_once.cache_clear()
    reading._resolved.cache_clear()
