"""The bounds of the house: lengths, import circles, schemas by hand, and pages that name what is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_install.surfaces.snapshots import RESULTS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "installer" / "openclaw_install"
SCHEMAS = ROOT / "schemas"
FILES = sorted(PACKAGE.rglob("*.py"))
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *SCHEMAS.glob("*.md")} - {ROOT / "CHANGELOG.md"})
_ROOMS = "|".join(
    sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] not in "._")
)
_PATH = re.compile(rf"`((?:{_ROOMS}|schemas|docs|tests|benchmarks|chaos|tools)/[\w./*-]+)`")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_file_has_more_than_350_lines_and_no_function_more_than_55() -> None:
    too_long = [path.name for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 350]
    for path in FILES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                too_long += [f"{path.name}:{node.name}"] if length > 55 else []
    assert not too_long


def test_every_file_says_in_its_first_line_what_it_is_for() -> None:
    assert not [path for path in FILES if not ast.get_docstring(_tree(path))]


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {_name(path): set(_imported(path)) for path in FILES}
    finished: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " > ".join((*way[way.index(name) :], name))
        if name not in finished:
            for other in sorted(graph[name]):
                follow(other, (*way, name))
            finished.add(name)

    for name in graph:
        follow(name, ())


def test_no_file_but_one_makes_http_clients_or_asks_without_one() -> None:
    asking = {"Client", "AsyncClient", "get", "post", "put", "patch", "delete", "head", "request", "stream"}
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in FILES
        if path != PACKAGE / "common" / "http_client.py"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in asking
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"httpx", "httpx2", "requests", "urllib"}
    ]
    assert not found


def test_docstrings_describe_arguments_that_are_there() -> None:
    wrong = []
    for path in FILES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                described = (ast.get_docstring(node) or "").partition("Args:")[2].partition("\n\n")[0]
                named = re.findall(r"^    (\w+):", described, re.MULTILINE)
                wrong += [f"{path.name}:{node.name}: {one}" for one in named if one not in _arguments(node)]
    assert not wrong


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """Those of a function; of a class those of its `__init__`, or the fields of a record."""
    if isinstance(node, ast.ClassDef):
        makers = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
        if not makers:
            return {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
        node = makers[0]
    return {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> Iterator[str]:
    """What a file imports from the package when it is loaded."""
    known = {_name(one) for one in FILES} - {_name(path)}
    for node in _tree(path).body:
        if isinstance(node, ast.ImportFrom):
            for one in node.names:
                inner = f"{node.module}.{one.name}"
                yield from {inner if inner in known else str(node.module)} & known
        elif isinstance(node, ast.Import):
            yield from {one.name for one in node.names} & known


def test_the_schemas_that_are_written_by_hand_are_listed_and_few() -> None:
    by_hand = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json")} - RESULTS.keys()
    table = (SCHEMAS / "README.md").read_text(encoding="utf-8").split("**Written by hand**")[1]
    assert by_hand == set(re.findall(r"`([\w-]+)`", table))
    files = [SCHEMAS / f"{name}.schema.json" for name in by_hand]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= 2000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_of_the_repository_is_there(page: Path) -> None:
    for name in _PATH.findall(page.read_text(encoding="utf-8")):
        assert any(any(folder.glob(f"{name.rstrip('/')}*")) for folder in (ROOT, PACKAGE)), name
