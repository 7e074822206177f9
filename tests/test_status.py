"""`status`: one look, from what was last seen of each part, in ten lines and few modules."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import openclaw_install
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.problems import Problem
from openclaw_install.runtime.report import ComponentReport, LogReport, RuntimeReport
from openclaw_install.setup.last_verdict import recalled, remember, verdict_path
from openclaw_install.setup.removal import uninstall
from openclaw_install.setup.status import HostStatus, host_status
from openclaw_install.surfaces.views import view
from tests.pingagent_rig import Profile
from tests.schemas import assert_valid
from tests.setup_rig import PLAIN, PlainHost, WholeHost
from tests.test_setup_message_path import _bridge_says
from tests.test_setup_runtime import TwinRuntime

RELAY = "https://relay.example"
NOW = 1_800_000_000.0
RUNNING = RuntimeReport(
    "running",
    "it runs",
    LogReport("/logs/runtime.log"),
    version=openclaw_install.__version__,
    components=(ComponentReport("bridge", "ready"),),
)


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WholeHost:
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    host = PlainHost(tmp_path / "host")
    host.write(PLAIN)
    return WholeHost(host, TwinRuntime(now=RUNNING, work=("bridge",)), {"PINGAGENT_SERVER_URL": RELAY})


def look(whole: WholeHost, now: float = NOW + 180) -> HostStatus:
    env = {**whole.host.env, **(whole.env or {})}
    found = host_status(whole.host.location, env, whole.runtime, "openclaw-install", now)
    assert_valid(jsonable(found), "status")
    assert len(view(found).lines) <= 10
    return found


def states(found: HostStatus) -> dict[str, str]:
    return {line.area: line.state for line in found.lines}


def test_a_host_that_nobody_looked_at_is_not_called_well(whole: WholeHost) -> None:
    found = look(whole)
    assert states(found)["host"] == states(found)["gateway"] == states(found)["skills"] == "unknown"
    assert found.exit_code == 1
    assert found.next_step == "openclaw-install verify-runtime"


def test_a_host_that_is_well_says_so_with_the_age_of_each_verdict(whole: WholeHost) -> None:
    with _bridge_says(whole.host, "connected"):
        report = whole.set_up().report
        assert report.activation_state == "ready_waiting_inbound"
        quiet = replace(report, warnings=())
        remember(whole.host.location, quiet, NOW)
        found = look(whole)
    assert set(states(found).values()) == {"well"}
    assert (found.exit_code, found.waits, found.next_step) == (0, (), "")
    text = view(found).lines
    assert "last full look 3 minutes ago" in text[0]
    assert f"version {openclaw_install.__version__}" in "\n".join(text)
    assert text[-1].split() == ["next", "nothing", "has", "to", "be", "done"]


def test_the_next_command_is_that_of_the_first_part_that_is_blocked(whole: WholeHost) -> None:
    with _bridge_says(whole.host, "connected"):
        report = whole.set_up().report
        broken = Problem("gateway.unreachable", "no gateway listens", "openclaw gateway run")
        remember(whole.host.location, replace(report, blockers=(broken,), activation_state="blocked"), NOW)
        found = look(whole)
    assert states(found)["gateway"] == "blocked"
    assert found.next_step == "openclaw gateway run"
    assert found.exit_code == 1


def test_a_verdict_older_than_a_day_is_looked_at_anew(whole: WholeHost) -> None:
    with _bridge_says(whole.host, "connected"):
        remember(whole.host.location, replace(whole.set_up().report, warnings=()), NOW)
        found = look(whole, NOW + 2 * 86400)
    assert "2 days ago" in found.looked
    assert found.next_step == "openclaw-install verify-runtime"


def test_a_verdict_of_a_time_to_come_is_looked_at_anew(whole: WholeHost) -> None:
    with _bridge_says(whole.host, "connected"):
        remember(whole.host.location, replace(whole.set_up().report, warnings=()), NOW + 86400)
        assert look(whole).next_step == "openclaw-install verify-runtime"


def test_a_pipe_in_the_place_of_the_last_verdict_is_not_waited_on(whole: WholeHost) -> None:
    path = verdict_path(whole.host.location)
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert recalled(whole.host.location) is None


def test_a_runtime_of_another_version_is_worth_a_look(whole: WholeHost) -> None:
    old = replace(whole, runtime=TwinRuntime(now=replace(RUNNING, version="0.1.9"), work=("bridge",)))
    [line] = [line for line in look(old).lines if line.area == "runtime"]
    assert (line.state, line.next_step) == ("look", "openclaw-install runtime restart")
    assert "0.1.9" in line.message


def test_what_waits_for_a_person_is_counted(whole: WholeHost) -> None:
    profile = Profile.make(whole.host.home)
    profile.meet("stranger", state="pending")
    found = look(whole)
    assert found.waits[0] == "1 contact waits for your decision"
    assert states(found)["contacts"] == "look"


def test_a_damaged_verdict_counts_as_none_and_uninstall_removes_it(whole: WholeHost) -> None:
    whole.set_up()
    remember(whole.host.location, whole.verify().report, NOW)
    path = verdict_path(whole.host.location)
    assert recalled(whole.host.location) is not None
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"version": 1}')
    assert recalled(whole.host.location) is None
    uninstall(whole.context())
    assert not path.exists()


_COUNT = "import sys; import click, httpx; print(len(sys.modules))"
_STATUS = """
import sys
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
run_command(cli, ["status"])
heavy = {"httpx", "mcp", "pydantic", "jsonschema", "yaml", "starlette", "uvicorn"}
print(len(sys.modules), sorted(heavy & {name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_status_loads_few_modules_and_none_that_is_heavy(tmp_path: Path) -> None:
    profile = Profile.make(tmp_path / "home")
    profile.meet("baker")
    env = {"HOME": str(profile.home)}

    def run(script: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True)

    base = int(run(_COUNT).stdout)
    count, _, heavy = run(_STATUS).stderr.strip().partition(" ")
    assert heavy == "[]"
    assert int(count) <= 2.5 * base
