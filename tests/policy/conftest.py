"""Policy files of a test, and settings that are read anew."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from worker.settings import settings

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the settings of another one, or those of whoever runs it."""
    monkeypatch.delenv("REFUNDS_POLICY_FILE", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a policy file. What it says is read once: each has a path of its own."""

    def written(text: str) -> Path:
        path = tmp_path / f"policy-{len(list(tmp_path.iterdir()))}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written
