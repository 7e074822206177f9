"""Writes `tests/scenarios.tsv`: for each test at an older revision, the test that holds its scenario now.

`python -m tools.test_map OLD_REV` takes the older tests from Git; without a revision they are those that the
file lists already. A test that kept its name needs no word; one that was renamed, merged or taken back has a
line in `tests/scenarios_by_hand.tsv`: the older test, the present one, and why. Parametrised tests count by
function; a case of one may have a line of its own, with its name in brackets.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "tests" / "scenarios.tsv"
BY_HAND = ROOT / "tests" / "scenarios_by_hand.tsv"


def ids_in(file: str, source: str) -> Iterator[str]:
    """The ids of the test functions and methods of one file."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{file}::{node.name}"
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            names = (one.name for one in node.body if isinstance(one, ast.FunctionDef))
            yield from (f"{file}::{node.name}::{name}" for name in names if name.startswith("test_"))


@cache
def present_tests(root: Path = ROOT) -> frozenset[str]:
    """The ids of all tests in the working tree."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return frozenset(
        name for file in files for name in ids_in(file.relative_to(root).as_posix(), file.read_text("utf-8"))
    )


def ids_at(revision: str) -> list[str]:
    """The ids of all tests at a revision, in the order of files and lines.

    Raises:
        CalledProcessError: Git does not know it.
    """
    files = _git("ls-tree", "-r", "--name-only", revision, "tests").splitlines()
    wanted = [name for name in files if name.endswith(".py") and Path(name).name.startswith("test_")]
    return [name for file in wanted for name in ids_in(file, _git("show", f"{revision}:{file}"))]


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def rows(path: Path) -> list[list[str]]:
    """The lines of one of the two files, without the head."""
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]


def mapped(older: list[str], present: frozenset[str], by_hand: list[list[str]]) -> list[list[str]]:
    """Each older test with the one that holds its scenario now; an empty name where nobody said which.

    Args:
        older: ids of the older tests.
        present: ids of the tests that are there.
        by_hand: older id, present id and reason; where an older test has several lines, several hold it.
    """
    named: defaultdict[str, list[str]] = defaultdict(list)
    for one in present:
        named[one.rpartition("::")[2]].append(one)
    said: defaultdict[str, list[list[str]]] = defaultdict(list)
    for line in by_hand:
        said[line[0]].append(line)
    cases = [line for line in by_hand if "[" in line[0]]
    result = []
    for one in older:
        moved = named[one.rpartition("::")[2]]
        if one in present:
            result.append([one, one, "as it was"])
        elif said[one]:
            result += said[one]
        elif len(moved) == 1:
            result.append([one, moved[0], "moved"])
        else:
            result.append([one, "", ""])
    return [*result, *cases]


def written(lines: list[list[str]]) -> str:
    """The text of the map."""
    head = ["the test of the older revision", "the test that holds its scenario", "how"]
    return "".join("\t".join(line) + "\n" for line in [head, *lines])


def main() -> int:
    """Writes the map; the exit code is 1 where an older test is held by none."""
    older = ids_at(sys.argv[1]) if len(sys.argv) > 1 else older_tests()
    lines = mapped(older, present_tests(), rows(BY_HAND))
    MAP.write_text(written(lines), "utf-8")
    lost = [line[0] for line in lines if not line[1]]
    print(f"{len(lines)} scenarios", *(f"held by no test: {name}" for name in lost), sep="\n")
    return 1 if lost else 0


def older_tests() -> list[str]:
    """The older tests that the map lists."""
    return list(dict.fromkeys(line[0] for line in rows(MAP) if "[" not in line[0]))


if __name__ == "__main__":
    sys.exit(main())
