"""The host is found where OpenClaw itself would find it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from openclaw_install.common.errors import HostError, UsageError
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.host.home import home_folder, user_path
from openclaw_install.host.locate import gateway_port, locate
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli


def test_the_default_host_lies_in_the_home_folder(tmp_path: Path) -> None:
    location = locate({"HOME": str(tmp_path)})
    assert location.state_dir == tmp_path / ".openclaw"
    assert location.config_path == tmp_path / ".openclaw" / "openclaw.json"
    assert location.profile is None
    assert location.is_default_state
    assert location.default_workspace() == tmp_path / ".openclaw" / "workspace"
    assert location.port({}) == 18789


def test_variables_move_state_config_and_workspace(tmp_path: Path) -> None:
    env = {
        "HOME": str(tmp_path),
        "OPENCLAW_STATE_DIR": "~/state",
        "OPENCLAW_CONFIG_PATH": "~/elsewhere.json",
        "OPENCLAW_WORKSPACE_DIR": str(tmp_path / "work"),
    }
    location = locate(env)
    assert location.state_dir == tmp_path / "state"
    assert location.config_path == tmp_path / "elsewhere.json"
    assert location.default_workspace() == tmp_path / "work"
    assert not location.is_default_state


def test_options_win_over_variables_and_drop_the_inherited_config(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "OPENCLAW_STATE_DIR": "/a", "OPENCLAW_CONFIG_PATH": "/a/openclaw.json"}
    assert locate(env, state_dir=tmp_path / "b").config_path == tmp_path / "b" / "openclaw.json"
    assert locate(env, config=tmp_path / "c.json").config_path == tmp_path / "c.json"


def test_a_profile_has_a_state_folder_and_a_port_of_its_own(tmp_path: Path) -> None:
    location = locate({"HOME": str(tmp_path)}, profile="work")
    assert location.state_dir == tmp_path / ".openclaw-work"
    assert location.config_path == tmp_path / ".openclaw-work" / "openclaw.json"
    assert location.profile == "work"
    assert 20000 <= location.port({}) < 60000
    assert locate({"HOME": str(tmp_path)}, profile="default").state_dir == tmp_path / ".openclaw"
    assert locate({"HOME": str(tmp_path)}, profile="dev").port({}) == 19001


@pytest.mark.parametrize("name", ["", "../up", "a b", "-x", "x" * 65])
def test_an_odd_profile_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="profile"):
        locate({"HOME": str(tmp_path)}, profile=name)


def test_a_state_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / ".openclaw").write_text("")
    with pytest.raises(HostError, match="is a file"):
        locate({"HOME": str(tmp_path)})


def test_names_of_the_product_s_past_are_found_where_there_are_no_new_ones(tmp_path: Path) -> None:
    old = tmp_path / ".clawdbot"
    old.mkdir()
    (old / "clawdbot.json").write_text("{}")
    location = locate({"HOME": str(tmp_path)})
    assert (location.state_dir, location.config_path) == (old, old / "clawdbot.json")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("4000", 4000), ("127.0.0.1:4001", 4001), ("[::1]:4002", 4002), ("nonsense", 5000), ("99999", 5000)],
)
def test_the_port_comes_from_the_variable_before_the_config(variable: str, expected: int) -> None:
    assert gateway_port({"gateway": {"port": 5000}}, {"OPENCLAW_GATEWAY_PORT": variable}) == expected


@pytest.mark.parametrize(
    "config", [{}, {"gateway": None}, {"gateway": {"port": True}}, {"gateway": {"port": 0}}]
)
def test_a_config_without_a_usable_port_means_the_default(config: dict[str, object]) -> None:
    assert gateway_port(config, {}) == 18789


def test_the_home_is_openclaw_s_own_where_one_is_named(tmp_path: Path) -> None:
    assert home_folder({"HOME": str(tmp_path), "OPENCLAW_HOME": "~/oc"}) == tmp_path / "oc"
    assert home_folder({"HOME": str(tmp_path), "OPENCLAW_HOME": "undefined"}) == tmp_path
    assert user_path(" ~/x ", tmp_path) == tmp_path / "x"


@pytest.mark.parametrize("variable", ["OPENCLAW_CONFIG_READONLY", "OPENCLAW_NIX_MODE"])
def test_a_host_that_is_managed_from_outside_is_read_only(variable: str, tmp_path: Path) -> None:
    assert locate({"HOME": str(tmp_path), variable: "1"}).read_only
    assert not locate({"HOME": str(tmp_path), variable: "0"}).read_only


_PLACES = ("", "/.openclaw", "/.openclaw-other", "/.openclaw-work", "/.clawdbot")
_SERVICE = {"OPENCLAW_SERVICE_MARKER": "openclaw", "OPENCLAW_GATEWAY_PORT": "19999"}
_SERVICES: tuple[dict[str, str], ...] = (
    {},
    _SERVICE,
    {**_SERVICE, "OPENCLAW_SERVICE_KIND": "node"},
    {**_SERVICE, "OPENCLAW_SERVICE_KIND": "gateway", "OPENCLAW_SYSTEMD_UNIT": "openclaw-gateway.service"},
    {"OPENCLAW_LAUNCHD_LABEL": "ai.openclaw.other", "OPENCLAW_WINDOWS_TASK_NAME": "OpenClaw Gateway"},
)


def _combinations(home: str) -> Iterator[tuple[dict[str, str], str | None]]:
    """Every option with every inherited profile, state folder, config and service."""
    states = (None, " ", "~/.openclaw", "/x/../.openclaw-other", *(f"{home}{place}" for place in _PLACES))
    configs = (None, "~/c.json", *(f"{home}{place}/openclaw.json" for place in _PLACES))
    options = (None, "work", "default", "Default", "dev", "other")
    profiles = (None, " ", "default", "other", "Work", "bad name")
    for option, profile, state, config, service in product(options, profiles, states, configs, _SERVICES):
        variables = {
            "OPENCLAW_PROFILE": profile,
            "OPENCLAW_STATE_DIR": f"{home}{state}" if state and state.startswith("/x") else state,
            "OPENCLAW_CONFIG_PATH": config,
        }
        named = {key: value for key, value in variables.items() if value is not None}
        yield {"HOME": home, **named, **service}, option


def _odd_places(home: str) -> Iterator[tuple[dict[str, str], str | None]]:
    """Other homes, and ports of all spellings."""
    for option in (None, "work"):
        yield {"HOME": home, "OPENCLAW_HOME": "~/other", "OPENCLAW_STATE_DIR": f"{home}/.openclaw"}, option
        yield {"HOME": home, "OPENCLAW_HOME": "~/other", "OPENCLAW_STATE_DIR": "~/.openclaw"}, option
        yield {"HOME": home, "OPENCLAW_HOME": "undefined"}, option
        yield {"USERPROFILE": home}, option
        yield {"HOME": home, "OPENCLAW_PROFILE": "Team_A-1"}, option
        yield {"HOME": home, "OPENCLAW_STATE_DIR": "  ~/s  ", "OPENCLAW_CONFIG_PATH": "~\\c.json"}, option
        for port in ("[::1]:4100", "host:4100", "::1:4100", "4100", "0", "99999"):
            yield {"HOME": home, "OPENCLAW_GATEWAY_PORT": port}, option


def _found(env: dict[str, str], profile: str | None) -> dict[str, object] | None:
    try:
        location = locate(env, profile=profile)
    except UsageError:
        return None
    return {
        "env": dict(location.env),
        "state": str(location.state_dir),
        "config": str(location.config_path),
        "port": location.port({}),
    }


@pytest.mark.gateway
@pytest.mark.parametrize("legacy", [False, True])
def test_every_combination_of_profile_and_variables_means_the_host_that_openclaw_means(
    openclaw: OpenClaw, tmp_path: Path, legacy: bool
) -> None:
    if legacy:
        (tmp_path / ".clawdbot").mkdir()
        (tmp_path / ".clawdbot" / "clawdbot.json").write_text("{}")
    cases = [*_combinations(str(tmp_path)), *_odd_places(str(tmp_path))]
    script = Path(__file__).with_name("profile_oracle.mjs")
    question = {
        "package": str(openclaw.package),
        "cases": [{"env": env, "profile": profile} for env, profile in cases],
    }
    done = subprocess.run(
        [str(openclaw.node), str(script)],
        env={"HOME": str(tmp_path)},
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    differing = [
        (env, profile, ours, real)
        for (env, profile), real in zip(cases, theirs, strict=True)
        if (ours := _found(env, profile)) != real
    ]
    assert differing[:3] == []
    assert len(cases) > 10_000
    assert {real["state"] for real in theirs if real} >= {
        str(tmp_path / f".openclaw{n}") for n in ("", "-work")
    }


def test_case_profile_inherited_state_means_the_profile_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own, work = tmp_path / ".openclaw", tmp_path / ".openclaw-work"
    for folder, port in ((own, 18001), (work, 18004)):
        folder.mkdir()
        (folder / "openclaw.json").write_text(f'{{gateway:{{mode:"local",port:{port}}}}}')
    inherited = {
        "HOME": str(tmp_path),
        "OPENCLAW_STATE_DIR": str(own),
        "OPENCLAW_CONFIG_PATH": str(own / "openclaw.json"),
        "OPENCLAW_PROFILE": "default",
    }
    for name, value in inherited.items():
        monkeypatch.setenv(name, value)
    run_command(cli, ["--profile", "work", "verify-runtime", "--offline", "--json"])
    host = json.loads(capsys.readouterr().out)["result"]["host"]
    assert (host["state_dir"], host["port"], host["profile"]) == (str(work), 18004, "work")
    foreign = {**inherited, "OPENCLAW_STATE_DIR": str(tmp_path / "elsewhere")}
    assert locate(foreign, profile="work").state_dir == tmp_path / "elsewhere"


def test_an_option_names_the_host_whatever_the_profile_and_the_environment_say(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "OPENCLAW_CONFIG_PATH": "~/.openclaw/openclaw.json"}
    own = tmp_path / ".openclaw"
    location = locate(env, profile="work", state_dir=own)
    assert (location.state_dir, location.config_path) == (own, own / "openclaw.json")
    location = locate(env, profile="work", config=tmp_path / "c.json")
    assert (location.state_dir, location.config_path) == (tmp_path / ".openclaw-work", tmp_path / "c.json")
