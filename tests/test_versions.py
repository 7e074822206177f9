"""After an upgrade, whatever still runs as it was before is named with its cure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import openclaw_install
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.gateway.settings import RESTART
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.runtime.process_id import ProcessName
from openclaw_install.runtime.programs import RunningProgram, noted, running_programs
from openclaw_install.runtime.report import LogReport, RuntimeReport
from openclaw_install.setup.checks import versions
from openclaw_install.setup.facts import Facts, RuntimeFacts
from openclaw_install.surfaces.views import view
from tests.setup_rig import PLAIN, PlainHost, WholeHost
from tests.test_setup_runtime import TwinRuntime

RUNNING = RuntimeReport("running", "it runs", LogReport("/logs/runtime.log"), version="0.1.9")


def test_case_as_a_new_user_an_old_runtime_after_an_upgrade_is_named_with_its_cure(tmp_path: Path) -> None:
    host = PlainHost(tmp_path)
    host.write(PLAIN)
    whole = WholeHost(host, TwinRuntime(now=RUNNING))
    whole.set_up()
    [found] = [one for one in whole.verify().report.warnings if one.code == "runtime.version_differs"]
    assert found.next_step == "openclaw-install runtime restart"
    assert "0.1.9" in found.message
    same = replace(RUNNING, version=openclaw_install.__version__)
    assert not list(versions.look(Facts(None, runtime=RuntimeFacts(("bridge",), same))))


def test_runtime_status_tells_the_version_and_the_way_to_the_installed_one() -> None:
    text = "\n".join(view(RUNNING).lines)
    assert f"version 0.1.9, and {openclaw_install.__version__} is installed" in text
    assert "next: openclaw-install runtime restart" in text
    same = "\n".join(view(replace(RUNNING, version=openclaw_install.__version__)).lines)
    assert f"  version {openclaw_install.__version__}" in same.splitlines()
    assert "next:" not in same


def test_a_server_says_its_version_as_long_as_it_lives(tmp_path: Path) -> None:
    with noted(tmp_path, "mcp pingagent"):
        [own] = running_programs(tmp_path)
        assert (own.process.pid, own.version) == (os.getpid(), openclaw_install.__version__)
        [note] = (tmp_path / "programs").iterdir()
        assert note.stat().st_mode & 0o777 == 0o600
    assert running_programs(tmp_path) == ()
    assert list((tmp_path / "programs").iterdir()) == []


def test_where_there_is_no_profile_nothing_is_written(tmp_path: Path) -> None:
    with noted(tmp_path / "missing", "mcp pingagent"):
        assert list(tmp_path.iterdir()) == []


def test_notes_of_processes_that_ended_and_damaged_ones_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    gone = RunningProgram(ProcessName(os.getpid(), "another birth"), "mcp pingagent", "0.1.0")
    (tmp_path / "programs" / "1.json").write_text(json.dumps(jsonable(gone)))
    (tmp_path / "programs" / "2.json").write_text("{")
    assert running_programs(tmp_path) == ()
    with noted(tmp_path, "mcp pingagent"):
        assert [path.name for path in (tmp_path / "programs").iterdir()] == [f"{os.getpid()}.json"]


def test_odd_and_many_notes_hide_no_server_that_runs(tmp_path: Path) -> None:
    place = tmp_path / "programs"
    (place / "0.json").mkdir(parents=True)
    os.mkfifo(place / "1.json")
    (place / "2.json").write_text(json.dumps({"process": {"pid": 10**40, "birth": "x"}}))
    for number in range(300):
        (place / f"3{number}.json").write_text("{")
    with noted(tmp_path, "mcp pingagent"):
        assert [one.process for one in running_programs(tmp_path)] == [ProcessName.own()]
        assert sorted(path.name for path in place.iterdir()) == ["0.json", f"{os.getpid()}.json"]


def test_an_old_mcp_server_that_the_gateway_runs_is_named(tmp_path: Path) -> None:
    old = RunningProgram(ProcessName.own(), "mcp pingagent", "0.1.9")
    new = replace(old, version=openclaw_install.__version__)
    [found] = versions.look(Facts(None, programs=(old, new)))
    assert (found.code, found.next_step) == ("mcp.version_differs", RESTART)
    assert not list(versions.look(Facts(None, programs=(new,))))


def test_the_real_server_leaves_its_note_and_takes_it_back(tmp_path: Path) -> None:
    paths = profile_paths({}, tmp_path)
    paths.folder.mkdir(parents=True, mode=0o700)
    command = [sys.executable, "-m", "openclaw_install", "mcp", "pingagent"]
    env = {**os.environ, "HOME": str(tmp_path)}
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(hello).encode() + b"\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        assert answer["result"]["serverInfo"]["version"] == openclaw_install.__version__
        [program] = running_programs(paths.folder)
        assert (program.process.pid, program.name) == (server.pid, "mcp pingagent")
        server.stdin.close()
        server.wait()
    assert running_programs(paths.folder) == ()
    assert list((paths.folder / "programs").iterdir()) == []
