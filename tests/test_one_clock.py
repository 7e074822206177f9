"""The package reads the wall clock in one place: whoever else did would not notice that it was set."""

from __future__ import annotations

import ast
from pathlib import Path

import openclaw_install

ROOT = Path(openclaw_install.__file__).parent
THE_CLOCK = "common/clock.py"
# What reads the wall clock, by module. Times of files come from the file system, and are no reading of ours.
READERS = {
    "time": {"time", "time_ns", "gmtime", "localtime", "ctime", "asctime", "strftime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def readings(source: str) -> list[str]:
    """The names by which a module reads the wall clock, called or handed on."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in READERS.get(_name(node.value), ()):
            found.append(f"{_name(node.value)}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"time.{one.name}" for one in node.names if one.name in READERS["time"]]
    return found


def test_the_wall_clock_is_read_in_one_module() -> None:
    readers = {
        path.relative_to(ROOT).as_posix(): found
        for path in sorted(ROOT.rglob("*.py"))
        if (found := readings(path.read_text(encoding="utf-8")))
    }
    assert readers == {THE_CLOCK: ["time.time"]}


def test_no_way_to_read_it_is_overlooked() -> None:
    source = """
import time, datetime
from time import time_ns
a = time.time
b = datetime.datetime.now(None)
c = datetime.date.today()
d = time.monotonic()
"""
    assert sorted(readings(source)) == ["date.today", "datetime.now", "time.time", "time.time_ns"]
