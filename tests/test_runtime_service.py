"""The service: unit and agent files, the private file of variables, sessions with and without systemd."""

from __future__ import annotations

import os
import plistlib
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.errors import FileError, HostError, UsageError
from openclaw_install.runtime.control import RuntimeControl
from openclaw_install.runtime.environment import (
    Variables,
    allowed,
    environment_text,
    parse_environment,
    read_environment,
    write_environment,
)
from openclaw_install.runtime.services import Launchd, Systemd, service_manager
from openclaw_install.runtime.units import ServiceSpec, launchd_plist, systemd_unit, uses_common_tmp
from openclaw_install.runtime.worker import notify_systemd
from tests.runtime_rig import KEY, Bench, bench_in

HARD = 'a b $HOME %h "q" \\ ; # \x07'
SPEC = ServiceSpec(
    label="openclaw-install-abc.service",
    description="the runtime of /home/ann\n[Service]\nExecStart=/bin/evil",
    command=("/usr/bin/python3", "-P", "-m", "openclaw_install", HARD),
    environment={"XDG_STATE_HOME": "/home/ann b/%state"},
    writes=(Path("/home/ann b/state"),),
    reads=(Path("/home/ann b"),),
)
AGENT = replace(SPEC, command=("/usr/bin/python3", "a <b> & c"))


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, capsys) as made:
        yield made


def test_a_unit_limits_what_the_service_may_do() -> None:
    lines = systemd_unit(SPEC).splitlines()
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        'ReadWritePaths="-/home/ann b/state"',
        "Restart=on-failure",
        "UMask=0077",
        "LimitCORE=0",
        "WantedBy=default.target",
    ):
        assert line in lines


def test_no_text_of_others_becomes_a_setting_of_the_unit() -> None:
    lines = systemd_unit(SPEC).splitlines()
    assert [line for line in lines if line.startswith("ExecStart=")] == [
        'ExecStart="/usr/bin/python3" "-P" "-m" "openclaw_install" "a b $$HOME %%h \\"q\\" \\\\ ; # \\x07"'
    ]
    assert lines.count("[Service]") == 1
    assert 'Environment="XDG_STATE_HOME=/home/ann b/%%state"' in lines


def test_systemd_itself_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    for own_view in (True, False):
        unit = tmp_path / SPEC.label
        unit.write_text(systemd_unit(replace(SPEC, own_view=own_view, command=("/bin/true", HARD))))
        if program is not None:
            env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
            command = [program, "--user", "verify", "--man=no", str(unit)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
            assert (done.returncode, done.stderr) == (0, "")
        assert ("ProtectSystem" in unit.read_text()) is own_view


@pytest.mark.parametrize("field", ["reads", "writes"])
def test_a_private_tmp_hides_nothing_that_the_service_needs(field: str) -> None:
    needs = replace(SPEC, reads=(Path("/tmp/skills"),)) if field == "reads" else SPEC
    needs = replace(needs, writes=(Path("/var/tmp/state"),)) if field == "writes" else needs
    assert uses_common_tmp(needs)
    assert "PrivateTmp=no" in systemd_unit(needs)
    assert not uses_common_tmp(SPEC)


def test_an_agent_for_launchd_is_a_property_list() -> None:
    with pytest.raises(HostError) as raised:
        launchd_plist(SPEC, Path("/logs/stderr"))
    assert raised.value.error_code == "runtime.odd_path"
    found = plistlib.loads(launchd_plist(AGENT, Path("/logs/stderr")))
    assert found["ProgramArguments"] == list(AGENT.command)
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    assert (found["RunAtLoad"], found["Umask"]) == (True, 0o077)
    assert found["SoftResourceLimits"] == found["HardResourceLimits"] == {"Core": 0}
    assert found["EnvironmentVariables"] == SPEC.environment


def test_only_variables_of_the_list_are_taken() -> None:
    env = {
        "MYSTA_API_KEY": KEY,
        "MYSTA_MCP_URL": "https://example.invalid",
        "OPENCLAW_STATE_DIR": "/state",
        "PINGAGENT_PROFILE": "openclaw",
        "IM_INGRESS_SESSION_ROUTE_MODE": "",
        "MYSTA_OTHER": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "LD_PRELOAD": "x",
        "OPENCLAW_lower": "x",
        "PATH": "/bin",
    }
    names = ["MYSTA_API_KEY", "MYSTA_MCP_URL", "OPENCLAW_STATE_DIR", "PINGAGENT_PROFILE"]
    assert list(allowed(env)) == names


_values = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f\x85\u2028\u2029", codec="utf-8"))


@given(st.dictionaries(st.sampled_from(["MYSTA_API_KEY", "OPENCLAW_X", "PINGAGENT_Y"]), _values))
def test_variables_come_back_as_they_were_written(values: Mapping[str, str]) -> None:
    assert parse_environment(environment_text(allowed(values))) == allowed(values)


def test_a_shell_reads_the_file_as_we_do(tmp_path: Path) -> None:
    path, value = tmp_path / "deep" / "runtime.env", 'it\'s $HOME `x` \\ "q" # ; ä'
    write_environment(path, {"OPENCLAW_X": value})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = subprocess.run(
        ["/bin/sh", "-c", f'. "{path}"; printf %s "$OPENCLAW_X"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == value
    assert read_environment(path) == {"OPENCLAW_X": value}


@pytest.mark.parametrize("text", ["OPENCLAW_X='open", "no equals", "lower=1", "OPENCLAW_X=a b"])
def test_a_damaged_file_of_variables_is_an_error_without_its_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "runtime.env"
    path.write_text(text)
    with pytest.raises(FileError) as raised:
        read_environment(path)
    assert raised.value.error_code == "runtime.env_file"
    assert text not in raised.value.message


def test_a_value_that_no_line_can_hold_is_refused() -> None:
    with pytest.raises(FileError) as raised:
        environment_text({"OPENCLAW_X": "two\nlines"})
    assert raised.value.error_code == "runtime.variable"


def test_variables_follow_their_file(tmp_path: Path) -> None:
    path = tmp_path / "runtime.env"
    write_environment(path, {"MYSTA_API_KEY": "one"})
    variables = Variables({"HOME": "/home/ann", "MYSTA_API_KEY": "zero"}, path)
    assert variables.current() == {"HOME": "/home/ann", "MYSTA_API_KEY": "one"}
    write_environment(path, {"MYSTA_API_KEY": "other"})
    assert variables.current()["MYSTA_API_KEY"] == "other"
    path.write_text("damaged by an editor")
    assert variables.current()["MYSTA_API_KEY"] == "other"
    path.unlink()
    assert variables.current()["MYSTA_API_KEY"] == "other"
    with pytest.raises(FileError, match="not there"):
        Variables({}, path)
    assert Variables({"A": "b"}, None).current() == {"A": "b"}


def test_without_systemd_there_is_a_clear_refusal_and_nothing_is_written(bench: Bench) -> None:
    bench.monkeypatch.setenv("PATH", str(bench.folder))
    document = bench.ask("enable", "--yes")
    assert document["exit_code"] == 1
    (error,) = document["errors"]
    assert error["code"] == "runtime.no_user_session"
    assert error["next_step"] == "openclaw-install runtime start, which needs no service manager"
    assert not (Path.home() / ".config").exists()


def test_a_systemd_without_a_session_is_refused_too(bench: Bench) -> None:
    folder = bench.service_manager()
    (folder / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    with pytest.raises(HostError) as raised:
        RuntimeControl(bench.location, os.environ).enable(lambda _question: True)
    assert raised.value.error_code == "runtime.no_user_session"


def test_enable_asks_names_the_variables_and_never_their_values(bench: Bench) -> None:
    bench.service_manager()
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(UsageError):
        RuntimeControl(bench.location, os.environ).enable(refuse)
    assert "MYSTA_API_KEY" in asked[0]
    assert KEY not in asked[0]
    assert bench.ask("enable")["errors"][0]["code"] == "usage.consent"
    assert not bench.places.env_file.exists()
    assert not bench.report.enabled


def test_an_enabled_service_runs_has_its_variables_and_goes_without_a_trace(bench: Bench) -> None:
    folder = bench.service_manager()
    bench.run("start")
    detached = bench.pid()
    enabled = bench.ask("enable", "--yes")
    result, runtime = enabled["result"], enabled["result"]["runtime"]
    assert enabled["exit_code"] == 0
    assert (runtime["kept_by"], runtime["enabled"], runtime["state"]) == ("systemd", True, "running")
    assert runtime["pid"] != detached
    assert result["variables"] == ["MYSTA_API_KEY"]
    assert any("enable-linger" in note for note in result["notes"])
    env_file, unit = Path(result["env_file"]), Path(result["service"])
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert KEY in env_file.read_text()
    assert KEY not in unit.read_text()
    pid = runtime["pid"]
    for kept in ("cmdline", "environ"):
        assert KEY.encode() not in Path(f"/proc/{pid}/{kept}").read_bytes()
    stopped = bench.ask("stop")
    assert (stopped["exit_code"], stopped["result"]["runtime"]["enabled"]) == (0, True)
    assert bench.ask("restart")["result"]["runtime"]["kept_by"] == "systemd"
    disabled = bench.ask("disable")
    assert (disabled["exit_code"], disabled["result"]["removed"]) == (0, [str(unit), str(env_file)])
    assert not unit.exists()
    assert not env_file.exists()
    assert RuntimeControl(bench.location, os.environ).disable().changed is False
    calls = (folder / "calls").read_text()
    assert "mysta" not in calls
    assert f"disable --now {unit.name}" in calls


def test_where_the_kernel_refuses_a_view_of_its_own_the_service_runs_without(bench: Bench) -> None:
    folder = bench.service_manager()
    (folder / "refuse-view").touch()
    enabled = bench.ask("enable", "--yes")
    assert enabled["exit_code"] == 0
    own_view = "this machine does not let a user's service have its own view of the file system"
    assert any(note.startswith(own_view) for note in enabled["result"]["notes"])
    unit = Path(enabled["result"]["service"]).read_text()
    assert "NoNewPrivileges=yes" in unit
    assert "ProtectSystem" not in unit


def test_a_service_that_does_not_come_up_is_taken_back(bench: Bench) -> None:
    folder = bench.service_manager()
    script = (folder / "systemctl").read_text()
    refuse = 'case "$*" in *" start "*) echo "Job failed" >&2; exit 1;; esac\nexec'
    (folder / "systemctl").write_text(script.replace("exec", refuse, 1))
    document = bench.ask("enable", "--yes")
    assert document["errors"][0]["code"] == "runtime.service_manager"
    assert "Job failed" in document["errors"][0]["message"]
    assert not bench.places.env_file.exists()
    assert not bench.report.enabled


def test_an_enabled_service_without_its_manager_runs_detached_and_can_be_disabled(bench: Bench) -> None:
    folder = bench.service_manager()
    bench.ask("enable", "--yes")
    bench.ask("stop")
    (folder / "systemctl").unlink()
    bench.monkeypatch.setenv("PATH", str(folder))
    started = bench.ask("start")
    assert started["result"]["runtime"]["kept_by"] == "guardian"
    assert any(note.startswith("systemd does not answer here") for note in started["result"]["notes"])
    assert bench.ask("disable")["exit_code"] == 0
    assert bench.report.state == "stopped"


def test_launchd_is_spoken_to_by_its_own_command(bench: Bench) -> None:
    program = bench.folder / "launchctl"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {bench.folder}/calls\n'
        f'case "$*" in "print "*invalid*) test -e {bench.folder}/loaded;; '
        f"bootstrap*) touch {bench.folder}/loaded;; bootout*) rm {bench.folder}/loaded;; esac\n"
    )
    program.chmod(0o755)
    manager = service_manager(bench.places, {"PATH": f"{bench.folder}:/bin:/usr/bin"}, "darwin")
    assert isinstance(manager, Launchd)
    assert manager.is_usable()
    manager.install(AGENT)
    manager.start()
    manager.start()
    assert manager.file.exists()
    manager.remove()
    assert not manager.file.exists()
    manager.stop()
    verbs = [line.split()[0] for line in (bench.folder / "calls").read_text().splitlines()]
    assert [verb for verb in verbs if verb != "print"] == ["bootstrap", "kickstart", "bootout"]
    assert not Launchd(bench.places, {"PATH": "/nowhere"}).is_usable()
    assert isinstance(service_manager(bench.places, {}, "linux"), Systemd)


def test_systemd_is_told_when_it_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (str(tmp_path / "notify"), f"@openclaw-install-test-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            ear.bind("\0" + address[1:] if address.startswith("@") else address)
            ear.settimeout(30)
            monkeypatch.setenv("NOTIFY_SOCKET", address)
            notify_systemd("READY=1")
            assert ear.recv(100) == b"READY=1"
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify_systemd("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify_systemd("READY=1")
