"""The host is found where OpenClaw itself would find it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from openclaw_install.common.errors import HostError, UsageError
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.host.locate import gateway_port, home_folder, locate, user_path


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


_ASK_OPENCLAW = """
import fs from "node:fs";
import path from "node:path";
const dist = process.argv[2];
const file = fs.readdirSync(dist).find((name) => {
  if (!name.startsWith("paths-") || !name.endsWith(".mjs")) return false;
  return fs.readFileSync(path.join(dist, name), "utf8").includes("function resolveGatewayPort");
});
const text = fs.readFileSync(path.join(dist, file), "utf8");
const exported = (name) => text.match(new RegExp(`${name} as (\\\\w+)`))[1];
const paths = await import(path.join(dist, file));
const cases = JSON.parse(process.argv[3]);
console.log(JSON.stringify(cases.map((env) => ({
  state: paths[exported("resolveStateDir")](env),
  config: paths[exported("resolveConfigPathCandidate")](env),
  port: paths[exported("resolveGatewayPort")]({}, env),
}))));
"""


@pytest.mark.gateway
def test_state_config_and_port_are_those_of_the_real_openclaw(openclaw: OpenClaw, tmp_path: Path) -> None:
    import json

    home = str(tmp_path)
    cases: list[dict[str, str]] = [
        {"HOME": home},
        {"HOME": home, "OPENCLAW_STATE_DIR": "~/s"},
        {"HOME": home, "OPENCLAW_STATE_DIR": "  ~/s  ", "OPENCLAW_CONFIG_PATH": "~/c.json"},
        {"HOME": home, "OPENCLAW_HOME": "~/other"},
        {"HOME": home, "OPENCLAW_PROFILE": "work"},
        {"HOME": home, "OPENCLAW_PROFILE": "Team_A-1"},
        {"HOME": home, "OPENCLAW_PROFILE": "default"},
        {"HOME": home, "OPENCLAW_PROFILE": "bad name"},
        {"HOME": home, "OPENCLAW_GATEWAY_PORT": "[::1]:4100"},
        {"HOME": home, "OPENCLAW_GATEWAY_PORT": "host:4100"},
        {"HOME": home, "OPENCLAW_GATEWAY_PORT": "::1:4100"},
    ]
    script = tmp_path / "ask.mjs"
    script.write_text(_ASK_OPENCLAW)
    command = [str(openclaw.node), str(script), str(openclaw.package / "dist"), json.dumps(cases)]
    done = subprocess.run(command, env={"HOME": home}, capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    ours = [
        {
            "state": str(locate(env).state_dir),
            "config": str(locate(env).config_path),
            "port": locate(env).port({}),
        }
        for env in cases
    ]
    assert ours == theirs
