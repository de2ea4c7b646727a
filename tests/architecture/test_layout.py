"""Habits of the code that no linter knows: names, sizes, docstrings, forbidden calls."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("worker", "models", "tasks")
SOURCES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "versions" not in path.parts
)
VAGUE = {"utils", "helpers", "common", "misc", "manager", "service"}
LINES_MAX = 320
# Retries that live in the broker are lost with it (docs/decisions/0001).
FORBIDDEN_KEYWORDS = {"countdown", "eta", "expires", "autoretry_for", "compression", "exchange"}
FORBIDDEN_CALLS = {"retry", "apply_async", "chain", "chord", "group"}
# The pool of the batching strategy is no task: its apply_async hands a batch to a process.
POOL_CALLER = "worker/queue/batching.py"
PURE = [path for path in SOURCES if path.parts[-2] in {"rules", "values"}]
# The back-off's jitter is a share of time, no money.
TIME_ONLY = {"repaying.py", "retries.py"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_a_module_is_small_says_what_it_is_and_has_a_telling_name(path: Path) -> None:
    assert path.stem not in VAGUE
    assert len(path.read_text().splitlines()) <= LINES_MAX
    if path.name == "__init__.py" and not path.read_text().strip():
        return
    assert ast.get_docstring(tree(path)), "needs a docstring"


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_whatever_is_public_has_a_docstring(path: Path) -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    missing = [
        node.name
        for node in tree(path).body
        if isinstance(node, kinds) and node.name[0] != "_" and not ast.get_docstring(node)
    ]
    assert not missing


def calls(path: Path) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", [*SOURCES, ROOT / "celeryconfig.py"], ids=names)
def test_no_wait_and_no_retry_is_left_to_the_broker(path: Path) -> None:
    for call in calls(path):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        given = {keyword.arg for keyword in call.keywords}
        assert not given & FORBIDDEN_KEYWORDS, f"line {call.lineno}"
        if names(path) != POOL_CALLER:
            assert name not in FORBIDDEN_CALLS, f"line {call.lineno}"


@pytest.mark.parametrize("path", PURE, ids=names)
def test_money_knows_no_floats_no_division_and_no_round(path: Path) -> None:
    for node in ast.walk(tree(path)):
        line = f"line {getattr(node, 'lineno', 0)}"
        assert not isinstance(node, ast.Div), line
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") not in {"round", "float"}, line
        if isinstance(node, ast.Constant) and path.name not in TIME_ONLY:
            assert not isinstance(node.value, float), line


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_every_lint_exception_has_a_code_and_a_reason(path: Path) -> None:
    for line in path.read_text().splitlines():
        if "noqa" in line:
            assert re.search(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \w", line), line
        if "type: ignore" in line:
            assert re.search(r"# type: ignore\[[\w-]+(, ?[\w-]+)*\]  # \w", line), line


def test_nothing_names_a_package_index() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "npm" + "js"]
    for name in listed.stdout.splitlines():
        text = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        assert not any(host.encode() in text for host in hosts), name
