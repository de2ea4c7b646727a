"""The docs say what the code does."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.values.refusals import MEANINGS
from models.values.states import Topic
from worker.cli import app
from worker.cli.schemas import schemas
from worker.settings import Settings

ROOT = Path(__file__).parents[2]


def test_upstream_lists_every_refusal_with_its_meaning() -> None:
    text = (ROOT / "docs/upstream.md").read_text()
    table = text.split("<!-- refusals:")[1].split("## ")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE))
    assert listed == {str(code): meaning for code, meaning in MEANINGS.items()}


def test_upstream_lists_every_event() -> None:
    text = (ROOT / "docs/upstream.md").read_text()
    assert set(re.findall(r"`(refund\.\w+)`", text)) == {str(topic) for topic in Topic}


def test_operate_lists_every_setting_with_its_default() -> None:
    text = (ROOT / "docs/operate.md").read_text()
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^`|]+?)`? \|", text, re.MULTILINE))
    told = {
        "DATABASE_URL": "embedded",
        "REDIS_URL": "embedded",
        "REFUNDS_POLICY_FILE": "none",
        "REFUNDS_SANDBOX_SCRIPT": "none",
    }
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"REFUNDS_{name.upper()}")
        default = field.default
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        if isinstance(default, bool):
            shown = shown.lower()
        told.setdefault(variable, shown)
    assert listed == told


def test_the_published_schemas_are_the_models() -> None:
    published = {path.name: path.read_text() for path in (ROOT / "docs/schemas").iterdir()}
    assert published == schemas(), "run: make schemas"


def test_the_readme_names_real_commands() -> None:
    block = (ROOT / "README.md").read_text().split("## Everyday commands")[1].split("```")[1]
    runner = CliRunner()
    for line in block.strip().splitlines():
        words = re.sub(r" {2,}.*| FILE| ID\|KEY", "", line).split()[1:]
        for word in words[-1].split("|"):
            result = runner.invoke(app, [*words[:-1], word, "--help"])
            assert result.exit_code == 0, line


@pytest.mark.parametrize("document", [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"])
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"
