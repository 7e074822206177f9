"""Every printed cure is done as it says, and the fault is gone."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.ports import free_port
from openclaw_install.host.boot.verdict import VALIDATE
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from tests.cure_rows import ON_A_REAL_GATEWAY, PAGE, ROWS, CureBench, Row, page
from tests.setup_rig import SOUND
from tests.support.codes import written_codes

_EXECUTED = [row for row in ROWS if row.fault is not None]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CureBench]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    made = CureBench(home, free_port())
    made.gateway.start()
    yield made
    made.gateway.stop()


def _told(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    run_command(cli, ["verify-runtime", "--json"])
    findings = json.loads(capsys.readouterr().out)["result"]["findings"]
    return {one["code"]: one for one in findings}


def _done(step: str, bench: CureBench, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs what a next step says, word for word; `openclaw` itself is the stand-in's."""
    for command in re.split("; | && ", step):
        words = shlex.split(command)
        match words:
            case ["openclaw-install", *rest]:
                assert run_command(cli, [*rest, "--yes"]) in (0, 1), capsys.readouterr()
                capsys.readouterr()
            case ["openclaw", "gateway", "restart" | "run"]:
                bench.gateway.start()
            case ["openclaw", "onboard"]:
                bench.write(SOUND.replace("19999", str(bench.port)))
            case ["openclaw", "config", "validate"]:
                pass  # the bench's file is one that starts
            case ["sleep", "60"]:
                bench.gateway.says = None  # the minute is over
            case ["chmod", *_]:
                subprocess.run(words, check=True)
            case _:
                raise AssertionError(f"nobody can run this: {command}")


@pytest.mark.parametrize("row", _EXECUTED, ids=lambda row: row.code)
def test_the_printed_cure_cures(row: Row, bench: CureBench, capsys: pytest.CaptureFixture[str]) -> None:
    assert row.fault is not None
    row.fault(bench)
    found = _told(capsys)
    assert row.code in found, sorted(found)
    step = found[row.code]["next_step"]
    # Whether OpenClaw was asked about the file is no part of the cure.
    said = step.removeprefix(f"{VALIDATE} && ").replace(str(bench.home), "HOME")
    assert said.replace(str(bench.port), "PORT") == row.cure
    if row.edit is None:
        _done(step, bench, capsys)
    else:
        row.edit(bench)
    assert row.code not in _told(capsys)


def test_a_sound_host_has_none_of_the_faults(bench: CureBench, capsys: pytest.CaptureFixture[str]) -> None:
    families = ("gateway.", "hooks.ingress", "hooks.boot", "fs.")
    assert {code for code in _told(capsys) if code.startswith(families)} == set()


def test_every_code_that_the_report_can_have_is_in_the_table() -> None:
    listed = [row.code for row in ROWS]
    assert len(listed) == len(set(listed))
    assert written_codes() - set(listed) == set()
    executed = {row.code for row in ROWS if row.fault is not None} | set(ON_A_REAL_GATEWAY)
    assert {row.code for row in ROWS if not row.why} == executed


def test_the_page_of_cures_is_that_of_the_table() -> None:
    assert PAGE.read_text() == page()
