"""Habits beside `test_layout.py`: of what is nested, imported, tested, or no Python at all."""

import ast
import io
import re
import shutil
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("worker", "models", "tasks")
GENERATED = ROOT / "models/migrations/versions"
SOURCES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if GENERATED not in path.parents
)
SETTINGS = ROOT / "celeryconfig.py"
EVERYTHING = [
    *SOURCES,
    SETTINGS,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
]
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "service"}
CANVAS = {"chain", "chord", "group"}
MONEY = [path for path in SOURCES if path.parts[-2] in {"rules", "values"}]
FLOATS_ALLOWED = {
    ("worker/rules/repaying.py", "chance"): "spreads waits over time; it touches no money",
    ("models/values/retries.py", "chance"): "spreads waits over time; it touches no money",
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Public classes and functions, and the public ones within classes."""
    for node in body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{prefix}{node.name}.")


def overrides(node: ast.AST) -> bool:
    """A method that says `@override` is documented where it is declared."""
    decorators = getattr(node, "decorator_list", [])
    return any(getattr(one, "id", getattr(one, "attr", "")) == "override" for one in decorators)


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 50
    assert len(MONEY) > 8


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_module_and_no_folder_has_a_name_that_says_nothing(path: Path) -> None:
    assert not VAGUE & {*path.relative_to(ROOT).with_suffix("").parts}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_methods_and_classes_within_classes_have_docstrings_too(path: Path) -> None:
    missing = [
        told
        for told, node in public(tree(path).body)
        if isinstance(node, (*FUNCTIONS, ast.ClassDef))
        and not ast.get_docstring(node)
        and not overrides(node)
    ]
    assert not missing


@pytest.mark.parametrize("path", [*SOURCES, SETTINGS], ids=name)
def test_nothing_is_imported_from_celery_that_chains_tasks(path: Path) -> None:
    """One message a request (design decision 3): a canvas lives in the broker alone."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "celery":
            assert (node.module or "") != "celery.canvas", f"line {node.lineno}"
            assert not CANVAS & {one.name for one in node.names}, f"line {node.lineno}"
        if isinstance(node, ast.Import):
            assert not {"celery.canvas"} & {one.name for one in node.names}, f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert not (getattr(node.value, "id", "") == "celery" and node.attr in CANVAS)


def floats(path: Path) -> Iterator[str]:
    """Float literals and annotations of a module, by what they annotate."""
    module = tree(path)
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"literal {node.value}"
        annotation, told = None, ""
        if isinstance(node, ast.arg):
            annotation, told = node.annotation, node.arg
        elif isinstance(node, ast.AnnAssign):
            annotation, told = node.annotation, ast.unparse(node.target)
        elif isinstance(node, FUNCTIONS):
            annotation, told = node.returns, f"{node.name}()"
        inner = ast.walk(annotation) if annotation is not None else ()
        if any(isinstance(one, ast.Name) and one.id == "float" for one in inner):
            yield told


@pytest.mark.parametrize("path", MONEY, ids=name)
def test_no_float_is_taken_given_or_written_where_money_is(path: Path) -> None:
    assert not [one for one in floats(path) if (name(path), one) not in FLOATS_ALLOWED]


def test_every_float_that_is_allowed_is_there_and_has_a_reason() -> None:
    for (path, told), reason in FLOATS_ALLOWED.items():
        assert told in set(floats(ROOT / path))
        assert len(reason.split()) > 3


@pytest.mark.parametrize("path", MONEY, ids=name)
def test_no_money_is_divided_or_rounded_by_other_names(path: Path) -> None:
    forbidden = {"round", "float", "truediv", "ceil", "floor", "quantize"}
    for node in ast.walk(tree(path)):
        assert not isinstance(node, ast.Div), "use //, on purpose"
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert called not in forbidden, f"line {node.lineno}"


NOQA = re.compile(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \w.*")
IGNORE = re.compile(r"# type: ignore\[[\w-]+(, ?[\w-]+)*\]  # \w.*")


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """The comments of a module: a text that only tells of `noqa` is none."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.parametrize("path", EVERYTHING, ids=name)
def test_every_exception_from_a_check_says_which_and_why_also_in_tests(path: Path) -> None:
    for line, comment in comments(path):
        if "noqa" in comment:
            assert NOQA.fullmatch(comment), f"line {line}: {comment}"
        if "type: ignore" in comment:
            assert IGNORE.fullmatch(comment), f"line {line}: {comment}"
        assert not re.search(r"#\s*(mypy|ruff|pyright):", comment), f"line {line}: {comment}"


@pytest.mark.parametrize(
    ("comment", "fits"),
    [
        ("# noqa: E731 - a key function", True),
        ("# noqa", False),
        ("# noqa: E731", False),
        ("# noqa - because", False),
        ("# type: ignore[arg-type]  # celery ships no types", True),
        ("# type: ignore[arg-type]", False),
        ("# type: ignore", False),
    ],
)
def test_the_form_of_an_exception(comment: str, *, fits: bool) -> None:
    pattern = NOQA if "noqa" in comment else IGNORE
    assert bool(pattern.fullmatch(comment)) is fits


HOSTS = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js")


def tracked() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / one for one in listed.stdout.decode().split("\0") if one]


def test_no_tracked_file_names_a_package_index_in_any_case() -> None:
    hosts = [one.encode() for one in HOSTS]
    for path in tracked():
        if path.is_file():
            text = path.read_bytes().lower()
            assert not [host for host in hosts if host in text], name(path)


def test_nothing_that_is_made_is_tracked() -> None:
    for path in tracked():
        parts = set(path.relative_to(ROOT).parts)
        assert not parts & {"__pycache__", ".venv", ".local", ".hypothesis", "build"}, name(path)
        assert path.suffix not in {".pyc", ".so", ".whl", ".log"}, name(path)
