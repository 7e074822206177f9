"""Permissions, workspace and search path are what OpenClaw itself sees."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError, HostError
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.host.boot.rules import start_problems
from openclaw_install.host.hooks.agents import default_agent
from openclaw_install.host.hooks.auth import GatewayEnv
from openclaw_install.host.locate import HostLocation, locate
from openclaw_install.host.permissions import (
    PathMode,
    config_findings,
    narrowed,
    path_mode,
    state_dir_findings,
)
from openclaw_install.host.search_path import gateway_path
from openclaw_install.host.skills.host import bundled_skills, skill_host
from openclaw_install.host.workspace import active_group_text, agent_workspace
from tests.hook_cases import hooks
from tests.test_config_oracle import ask


@pytest.mark.gateway
@pytest.mark.parametrize(
    ("state_mode", "config_mode", "linked"),
    [(0o777, 0o644, False), (0o770, 0o640, False), (0o755, 0o664, True), (0o700, 0o600, False)],
)
def test_the_permission_checks_are_those_of_the_security_audit(
    scratch_host: ScratchHost, tmp_path: Path, state_mode: int, config_mode: int, *, linked: bool
) -> None:
    config = scratch_host.write_config({})
    if linked:
        real = tmp_path / "elsewhere.json"
        config.rename(real)
        config.symlink_to(real)
    config.chmod(config_mode)
    scratch_host.state_dir.chmod(state_mode)
    audit = json.loads(scratch_host.run("security", "audit", "--json").stdout)
    theirs = {
        (finding["checkId"], finding["severity"])
        for finding in audit["findings"]
        if finding["checkId"].startswith(("fs.state_dir.", "fs.config."))
    }
    config.chmod(config_mode)
    state, file = path_mode(scratch_host.state_dir), path_mode(config)
    assert state is not None
    assert file is not None
    ours = {(f.code, f.severity) for f in (*state_dir_findings(state), *config_findings(file))}
    assert ours == theirs


def test_every_combination_of_permission_bits_is_narrowed_to_what_raises_nothing() -> None:
    for mode in range(0o1000):
        file = PathMode(Path("f"), narrowed(mode, folder=False), is_link=False)
        folder = PathMode(Path("d"), narrowed(mode, folder=True), is_link=False)
        assert config_findings(file) == ()
        assert state_dir_findings(folder) == ()


def test_a_path_that_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(HostError, match="cannot look at"):
        path_mode(loop)
    assert path_mode(tmp_path / "nothing") is None


# A roster, the agent that serves a request without a name after the next start, and its workspace.
ROSTERS: tuple[tuple[dict[str, object], str | None, str], ...] = (
    ({}, "main", "state/workspace"),
    ({"defaults": {"workspace": "~/w"}}, "main", "w"),
    ({"list": [{"id": "Boss", "workspace": "~/boss"}]}, "boss", "boss"),
    ({"list": [{"id": "a", "default": True}, {"id": "b"}], "defaults": {"workspace": "~/w"}}, "a", "w"),
    ({"list": [{"id": "a"}, {"id": "b"}], "defaults": {"workspace": "~/w"}}, None, "w"),
    ({"list": [{"id": "a"}, {"id": "b"}]}, None, "state/workspace"),
    ({"list": [{"id": "main"}, {"id": "b"}]}, "main", "state/workspace"),
    ({"list": [{"id": "a"}, {"id": "main"}]}, "main", "state/workspace-main"),
    ({"list": [{"id": "a", "workspace": "/w"}, {"id": "a", "default": True}]}, "a-2", "state/workspace"),
    ({"list": [{"id": " ", "workspace": "~/own"}]}, "agent", "own"),
    ({"entries": {"a": {}, "b": {"default": True}}}, "b", "state/workspace"),
    ({"entries": {"a": {}, "main": {}}}, "main", "state/workspace-main"),
    ({"entries": {"a": {}, "main": {}}, "ownership": "explicit"}, None, "state/workspace-a"),
    (
        {"entries": {"a": {}, "main": {}}, "defaults": {"systemAgent": {"agentId": "a"}}},
        "a",
        "state/workspace-a",
    ),
    (
        {
            "entries": {"a": {}, "b": {}},
            "ownership": "explicit",
            "defaults": {"workspace": "~/w", "systemAgent": {"agentId": "b"}},
        },
        "b",
        "w/b",
    ),
    ({"entries": {"solo": {"workspace": "~/solo"}}}, "solo", "solo"),
)


def _host(tmp_path: Path, name: str) -> HostLocation:
    home = tmp_path / name
    return locate({"HOME": str(home), "OPENCLAW_STATE_DIR": str(home / "state")})


@pytest.mark.parametrize(("agents", "agent", "expected"), ROSTERS)
def test_the_workspace_is_that_of_the_agent_that_serves_the_ingress(
    agents: dict[str, object], agent: str | None, expected: str, tmp_path: Path
) -> None:
    location = _host(tmp_path, "home")
    assert default_agent({"agents": agents}) == agent
    assert agent_workspace({"agents": agents}, location) == location.home / expected


@pytest.mark.gateway
def test_agent_and_workspace_are_those_of_the_real_openclaw(openclaw: OpenClaw, tmp_path: Path) -> None:
    """Also for rosters of an older form, which a start brings into the present one first."""
    cases = []
    for number, (agents, _, _) in enumerate(ROSTERS):
        location = _host(tmp_path, str(number))
        location.state_dir.mkdir(parents=True)
        config = {"gateway": {"mode": "local"}, "hooks": hooks(), "agents": agents}
        location.config_path.write_text(json.dumps(config))
        cases.append({"path": str(location.config_path), "env": dict(location.env)})
    answers = ask(openclaw, {"cases": cases, "served": True})["configs"]
    served = [(answer["served"]["agent"], answer["served"]["workspace"]) for answer in answers]
    assert served == [
        (agent, str(tmp_path / str(number) / expected)) for number, (_, agent, expected) in enumerate(ROSTERS)
    ]


@pytest.mark.parametrize(
    "agents", [{"list": "nonsense"}, {"entries": {"a": {"default": True}, "b": {"default": True}}}]
)
def test_a_roster_that_stops_the_gateway_has_some_workspace(
    agents: dict[str, object], tmp_path: Path
) -> None:
    location = _host(tmp_path, "home")
    assert agent_workspace({"agents": agents}, location).parent == location.state_dir


def test_the_active_group_is_a_small_regular_file(tmp_path: Path) -> None:
    assert active_group_text(tmp_path) is None
    file = tmp_path / "ACTIVE_GROUP.md"
    file.write_bytes(b"feishu:default:x\xff\n")
    assert active_group_text(tmp_path) == "feishu:default:x\N{REPLACEMENT CHARACTER}\n"
    os.truncate(file, 3_000_000_000)
    with pytest.raises(FileError, match="3000000000 bytes"):
        active_group_text(tmp_path)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(FileError, match="no regular file"):
        active_group_text(tmp_path)


def test_programs_are_looked_for_where_the_gateway_looks(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in (".local/bin", ".bun/bin", "Library/pnpm", "npm/bin", "pnpm", "mise/shims", "xdg"):
        (home / folder).mkdir(parents=True)
    env = {
        "PATH": "/opt/own:/usr/bin",
        "PNPM_HOME": str(home / "pnpm"),
        "NPM_CONFIG_PREFIX": str(home / "npm"),
        "MISE_DATA_DIR": str(home / "mise"),
        "XDG_BIN_HOME": str(home / "xdg"),
    }
    parts = gateway_path(env, home, "linux").split(os.pathsep)
    assert parts[:3] == ["/usr/bin", "/bin", "/opt/own"]
    for folder in (".local/bin", ".bun/bin", "npm/bin", "pnpm", "mise/shims", "xdg"):
        assert str(home / folder) in parts
    assert str(home / "Library/pnpm") not in parts
    assert str(home / "Library/pnpm") in gateway_path(env, home, "darwin").split(os.pathsep)
    assert gateway_path({**env, "OPENCLAW_PATH_BOOTSTRAPPED": "1"}, home, "linux") == "/opt/own:/usr/bin"
    assert gateway_path({"PNPM_HOME": "relative"}, home, "linux").split(os.pathsep)[-1] == str(
        home / ".bun/bin"
    )


def test_the_folder_of_node_itself_comes_first(tmp_path: Path) -> None:
    node = tmp_path / "node-24" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").symlink_to(node)
    path = gateway_path({"PATH": str(tmp_path / "bin")}, tmp_path, "linux")
    assert path.split(os.pathsep)[0] == str(node.parent)


def test_bundled_skills_are_found_beside_the_program_on_path(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "node_modules" / "openclaw"
    (package / "skills").mkdir(parents=True)
    program = package / "openclaw.mjs"
    program.write_text("")
    program.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "openclaw").symlink_to(program)
    env = {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
    assert bundled_skills(locate(env)) == package / "skills"
    assert skill_host(locate(env), None).bundled_dir == package / "skills"
    assert bundled_skills(locate({"HOME": str(tmp_path), "PATH": ""})) is None
    override = {**env, "OPENCLAW_BUNDLED_SKILLS_DIR": "/elsewhere"}
    assert bundled_skills(locate(override)) == Path("/elsewhere")
    program.unlink()
    (tmp_path / "bin" / "openclaw").unlink()
    (tmp_path / "bin" / "openclaw").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "openclaw").chmod(0o755)
    assert bundled_skills(locate(env)) is None


@pytest.mark.gateway
@pytest.mark.parametrize(
    ("mode", "words"),
    [(None, "existing config is missing gateway.mode"), ("remote", "set gateway.mode=local")],
)
def test_the_warning_about_the_mode_has_the_gateway_s_own_words(
    scratch_host: ScratchHost, mode: str | None, words: str
) -> None:
    gateway = {key: value for key, value in scratch_host.gateway_config().items() if key != "mode"}
    config = {"gateway": {**gateway, **({"mode": mode} if mode else {})}}
    scratch_host.write_config(json.dumps(config))
    process = scratch_host.start_gateway()
    try:
        assert words in (process.outcome(60) or "")
    finally:
        process.stop()
    env = GatewayEnv()
    [finding] = [one for one in start_problems(config, env) if one.code == "gateway.mode_not_local"]
    assert words in finding.message
    local = {"gateway": {**gateway, "mode": "local"}}
    assert "gateway.mode_not_local" not in {one.code for one in start_problems(local, env)}
