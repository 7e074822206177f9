"""`kill -9` at any moment, journal included: the next run brings the old or the new state, no third one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.setup_rig import PLAIN, PlainHost, Tree, tree_of, without_ours


def _fresh(host: PlainHost) -> None:
    host.write(PLAIN, mode=0o644)


def _installed(host: PlainHost) -> None:
    _fresh(host)
    host.setup()


def _installed_twice(host: PlainHost) -> None:
    _installed(host)
    host.edit('level: "info"', 'level: "debug"')
    host.edit('["hook:im:", "hook:ingress"]', '["hook:im:"]')
    host.fix_hooks()


@pytest.mark.parametrize(
    ("command", "prepare", "standing"),
    [("setup", _fresh, (0, 1)), ("undo", _installed, (1, 0)), ("uninstall", _installed_twice, (2, 0))],
)
def test_a_killed_run_is_settled_by_the_next_one(
    tmp_path: Path, command: str, prepare: Callable[[PlainHost], None], standing: tuple[int, int]
) -> None:
    work, template = tmp_path / "work", tmp_path / "template"
    host = PlainHost(work)
    prepare(host)
    old = tree_of(host.home)
    shutil.copytree(work, template, symlinks=True)
    said = {"template": str(template), "work": str(work), "command": command}
    done = subprocess.run(
        [sys.executable, "-m", "tests.setup_killer"],
        input=json.dumps(said),
        env=without_ours({"HOME": str(tmp_path)}),
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    *deaths, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert not last["died"]
    assert len(deaths) > 50
    new = _without_tokens(last["tree"])
    seen = set()
    for number, death in enumerate(deaths):
        tree = _without_tokens(death["tree"])
        expected = _without_tokens(old) if death["standing"] == standing[0] else new
        assert tree == expected, f"killed at change {number}"
        assert death["standing"] in standing
        assert death["interrupted"] == 0
        assert death["stray"] == []
        seen.add(death["standing"])
    assert seen == set(standing)


def _without_tokens(tree: Tree | dict[str, Any]) -> dict[str, Any]:
    """The tree without the config's hash where a fresh token makes each one different."""
    found = {name: list(entry) for name, entry in tree.items()}
    config = found[".openclaw/openclaw.json"]
    return {**found, ".openclaw/openclaw.json": config[1:]}
