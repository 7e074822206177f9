"""MCP servers: registered only where everything that they need is there, and never over somebody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.host.bundle_manifest import Manifest, parse_manifest
from openclaw_install.host.gateway.process import running_gateway
from openclaw_install.setup.mcp_plan import McpSurvey, Prerequisites, plan_servers, survey_servers
from tests.setup_rig import PLAIN, PlainHost

KEY = "mistro-s3cret-key-0123456789"


@pytest.fixture(autouse=True)
def the_release_that_serves_pingagent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openclaw_install.__version__", "0.2.0")


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN)
    return plain


def server(host: PlainHost, name: str = "mistro") -> dict[str, Any]:
    [found] = [item for item in host.verify().report.mcp_servers if item.name == name]
    return asdict(found)


def warnings(host: PlainHost) -> list[tuple[str, str, str]]:
    return [
        (w.code, w.message, w.next_step) for w in host.verify().report.warnings if w.code.startswith("mcp.")
    ]


def give_key(host: PlainHost) -> None:
    """The key is there however the gateway is started."""
    (host.state_dir / ".env").write_text(f"MISTRO_API_KEY={KEY}\n")


def test_a_server_is_skipped_with_the_command_that_brings_what_it_lacks(host: PlainHost) -> None:
    run = host.setup()
    assert run.applied is not None
    skipped = {item.what: (item.reason, item.next_step) for item in run.applied.plan.skipped}
    assert skipped["MCP server mistro"] == (
        "missing: the command mistro, MISTRO_API_KEY",
        "npm install -g mistro.sh",
    )
    assert "mistro" not in host.data["mcp"]["servers"]
    host.add_command("mistro")
    assert server(host)["next_step"] == "export MISTRO_API_KEY=..."
    host.setup()
    assert "${" not in host.config.read_text()


def test_a_server_is_registered_once_program_and_key_are_there(host: PlainHost) -> None:
    host.add_command("mistro")
    give_key(host)
    assert server(host)["state"] == "to_register"
    assert ("mcp.to_register", "an MCP server can be registered now", "openclaw-install") in warnings(host)
    host.setup()
    assert host.data["mcp"]["servers"]["mistro"] == {
        "command": "mistro",
        "args": ["start"],
        "env": {"MISTRO_API_KEY": "${MISTRO_API_KEY}"},
    }
    assert server(host) == {
        "name": "mistro", "bundle": "mistro-connect", "state": "registered", "reason": "", "next_step": "",
        "wanted": None, "answers": False, "command": "mistro", "lookup": "not_judged",
    }  # fmt: skip
    assert KEY not in host.config.read_text()


def test_a_key_that_only_this_shell_has_is_warned_about_before_and_after(host: PlainHost) -> None:
    host.add_command("mistro")
    host.env["MISTRO_API_KEY"] = KEY
    for _ in range(2):
        [warning] = [item for item in warnings(host) if "mistro" in item[1]]
        assert warning[0] == "mcp.environment"
        assert "is set in this shell only" in warning[1]
        assert warning[2] == "write MISTRO_API_KEY into the file .env of the state folder"
        host.setup()
    give_key(host)
    assert not [item for item in warnings(host) if "mistro" in item[1]]


def test_what_a_registered_server_lost_since_is_reported(host: PlainHost) -> None:
    host.add_command("mistro")
    give_key(host)
    host.setup()
    (host.state_dir / ".env").unlink()
    found = server(host)
    assert (found["state"], found["reason"]) == ("registered", "missing: MISTRO_API_KEY")
    assert found["next_step"] == "export MISTRO_API_KEY=..."


@pytest.mark.parametrize(
    "theirs", ['{ command: "other" }', '"text"', '{ command: "mistro", args: ["start"], env: "x" }', "[]"]
)
def test_a_registration_that_somebody_else_made_stays(host: PlainHost, theirs: str) -> None:
    host.add_command("mistro")
    give_key(host)
    host.write(PLAIN.replace("logging:", f"mcp: {{ servers: {{ mistro: {theirs} }} }},\n  logging:"))
    host.setup()
    assert f"mistro: {theirs}" in host.config.read_text()
    assert server(host)["state"] == "differs"
    message = "MCP server mistro: registered otherwise; it stays as it is"
    assert ("mcp.differs", message, "openclaw-install --overwrite-edited") in warnings(host)
    host.setup(overwrite_edited=True)
    assert host.data["mcp"]["servers"]["mistro"]["args"] == ["start"]
    assert server(host)["state"] == "registered"


def test_optional_variables_are_handed_on_only_where_the_gateway_has_them_in_any_case(
    host: PlainHost,
) -> None:
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    host.env["PINGAGENT_PROFILE"] = "shell-only"
    (host.state_dir / ".env").write_text("PINGAGENT_SERVER_URL=https://relay.example\n")
    host.setup()
    assert host.data["mcp"]["servers"]["pingagent"]["env"] == {
        "PINGAGENT_SERVER_URL": "${PINGAGENT_SERVER_URL}"
    }
    # One more variable later is no reason to call the registration somebody else's.
    (host.state_dir / ".env").write_text("PINGAGENT_ROOT_DIR=/x\n")
    assert server(host, "pingagent")["state"] == "registered"


def test_a_server_that_a_later_release_brings_is_not_registered_before_it(
    host: PlainHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_install.__version__", "0.1.9")
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    host.setup()
    assert "mcp" not in host.data
    found = server(host, "pingagent")
    assert (found["state"], found["reason"]) == (
        "skipped",
        "comes with openclaw-install 0.2.0; this is 0.1.9",
    )
    assert found["next_step"] == "pip install --upgrade openclaw-install"


def test_a_server_that_an_included_file_owns_is_skipped_and_the_rest_is_done(host: PlainHost) -> None:
    host.add_command("mistro")
    give_key(host)
    included = host.state_dir / "mcp.json5"
    included.write_text("{ servers: { other: { command: 'x' } } }")
    host.write(PLAIN.replace("logging:", 'mcp: { $include: "./mcp.json5" },\n  logging:'))
    run = host.setup()
    assert run.applied is not None
    [reason] = [item.reason for item in run.applied.plan.skipped if item.what == "MCP server mistro"]
    assert str(included) in reason
    assert host.data["hooks"]["enabled"] is True


def remote(**parts: Any) -> Manifest:
    document = {
        "schema_version": 1,
        "name": "remote",
        "version": "1.0.0",
        "summary": "A server over HTTP.",
        "hook_ingress": {"required": False},
        "mcp_servers": [
            {
                "name": "remote",
                "purpose": "tools",
                "url": "https://mcp.example/${REGION}",
                "transport": "streamable-http",
                "headers": {"Authorization": "Bearer ${KEY}"},
                "requires": {"bins": [], "env": ["REGION", "KEY"]},
            }
        ],
        "binaries": [],
        "environment": [
            {
                "name": name,
                "required": True,
                "secret": True,
                "purpose": "p",
                "where": "w",
                "add": f"export {name}",
            }
            for name in ("REGION", "KEY")
        ],
        **parts,
    }
    return parse_manifest(document, "test")


def look(config: dict[str, Any], *names: str) -> McpSurvey:
    offers = Prerequisites(path="", gateway_env=frozenset(names), durable_env=frozenset(names))
    [found] = survey_servers([remote()], config, offers)
    return found


def test_a_server_behind_a_url_is_registered_with_references_and_no_values() -> None:
    assert look({}, "KEY").next_step == "export REGION"
    found = look({}, "KEY", "REGION")
    [edit] = plan_servers([found])
    assert edit.path == ("mcp", "servers", "remote")
    assert found.wanted == {
        "url": "https://mcp.example/${REGION}",
        "transport": "streamable-http",
        "headers": {"Authorization": "Bearer ${KEY}"},
    }


def test_a_null_where_a_server_belongs_counts_as_nothing() -> None:
    assert look({"mcp": {"servers": {"remote": None}}}, "KEY", "REGION").state == "to_register"
    assert look({"mcp": {"servers": "text"}}, "KEY", "REGION").state == "to_register"


def test_what_nothing_is_known_about_has_no_command() -> None:
    manifest = remote()
    from openclaw_install.setup.mcp_plan import step_for

    assert step_for(["unheard-of"], manifest) == ""


SCRIPT = str(Path(sys.executable).parent / "openclaw-install")
OURS = ["mcp", "pingagent"]


def registered(host: PlainHost, registration: dict[str, Any]) -> None:
    """Writes the registration of our server into the config, with a comment beside it."""
    mcp = f"mcp: {{ /* mine */ servers: {{ pingagent: {json.dumps(registration)} }} }}"
    host.write(PLAIN.replace("logging:", f"{mcp},\n  logging:"))


def problems(host: PlainHost, code: str) -> list[tuple[str, str]]:
    """Severity and next step of each finding with this code."""
    return [
        (found.severity, found.next_step) for found in host.verify().report.findings if found.code == code
    ]


def test_our_own_server_is_registered_by_the_path_that_any_gateway_finds(host: PlainHost) -> None:
    host.add_command("openclaw-install")  # on this shell's PATH, which no service manager hands on
    host.add_command("pingagent")
    host.setup()
    assert host.data["mcp"]["servers"]["pingagent"] == {"command": SCRIPT, "args": OURS}
    found = server(host, "pingagent")
    assert (found["state"], found["lookup"], found["answers"]) == ("registered", "found", True)


@pytest.mark.parametrize(
    "command", ["openclaw-install", "/opt/earlier/bin/openclaw-install", "openclaw-instal"]
)
def test_case_new_user_1_a_registration_of_ours_is_put_right_and_what_else_it_says_stays(
    host: PlainHost, command: str
) -> None:
    registered(host, {"command": command, "args": OURS, "requestTimeoutMs": 200000})
    before = host.config.read_text()
    assert server(host, "pingagent")["state"] == "to_repair"
    host.setup()
    assert host.data["mcp"]["servers"]["pingagent"] == {
        "command": SCRIPT,
        "args": OURS,
        "requestTimeoutMs": 200000,
    }
    assert "/* mine */" in host.config.read_text()
    again = host.setup()
    assert again.applied is not None
    assert again.applied.outcome == "unchanged"
    host.undo()
    assert host.config.read_text() == before


def test_a_link_to_our_program_is_as_good(host: PlainHost) -> None:
    link = host.root / "bin" / "ours"
    link.symlink_to(SCRIPT)
    registered(host, {"command": str(link), "args": OURS})
    assert server(host, "pingagent")["state"] == "registered"


@pytest.mark.parametrize(
    "theirs",
    [
        {"command": "/bin/sh", "args": ["-c", "exec wrapper"]},
        {"command": SCRIPT, "args": OURS, "enabled": False},
        {"url": "https://mcp.example/x"},
    ],
)
def test_a_deliberate_registration_of_our_server_stays_and_has_a_cure(
    host: PlainHost, theirs: dict[str, Any]
) -> None:
    registered(host, theirs)
    host.setup()
    assert host.data["mcp"]["servers"]["pingagent"] == theirs
    assert problems(host, "mcp.differs") == [("warn", "openclaw-install --overwrite-edited")]
    host.setup(overwrite_edited=True)
    assert host.data["mcp"]["servers"]["pingagent"] == {"command": SCRIPT, "args": OURS}
    assert problems(host, "mcp.differs") == []


def test_a_path_that_is_gone_blocks_whoever_wrote_it(host: PlainHost) -> None:
    registered(host, {"command": "/opt/gone/bin/openclaw-install", "args": OURS})
    assert problems(host, "mcp.not_found") == [("critical", "openclaw-install")]
    registered(host, {"command": "/opt/gone/wrapper", "args": []})
    assert problems(host, "mcp.not_found") == [("critical", "openclaw-install --overwrite-edited")]


class Gateway:
    """A process that holds the lock of a state folder as a gateway does, in an environment of its own."""

    def __init__(self, host: PlainHost, path: str) -> None:
        sleeper = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        env = {"PATH": path, "HOME": str(host.home)}
        self.process = subprocess.Popen(sleeper, stdin=subprocess.PIPE, env=env)
        place = host.state_dir / "tmp" / f"openclaw-{os.getuid()}"
        place.mkdir(parents=True)
        self.lock = place / "gateway.state.lock"
        self.claim()

    def claim(self, **other: Any) -> None:
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        started = int(stat.rpartition(")")[2].split()[19])
        payload = {"pid": self.process.pid, "role": "gateway", "port": 19999, "startTime": started, **other}
        self.lock.write_text(json.dumps(payload) + "\n\t \t")

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def gateway(host: PlainHost) -> Iterator[Gateway]:
    running = Gateway(host, "/usr/bin:/bin")
    yield running
    running.end()


def test_case_new_user_1a_a_bare_name_is_judged_by_the_path_of_the_running_gateway(
    host: PlainHost, gateway: Gateway
) -> None:
    for name in ("openclaw-install", "pingagent", "mistro"):
        host.add_command(name)
    give_key(host)
    registered(host, {"command": "openclaw-install", "args": OURS})
    assert problems(host, "mcp.not_found") == [("critical", "openclaw-install")]
    host.setup()
    assert problems(host, "mcp.not_found") == []
    # The same for somebody else's program that only this shell finds.
    assert host.data["mcp"]["servers"]["mistro"]["command"] == str(host.bin / "mistro")
    gateway.claim(startTime=1)  # the lock of a process that is gone; its id is somebody else's now
    registered(host, {"command": "openclaw-install", "args": OURS})
    assert problems(host, "mcp.not_found") == []
    assert server(host, "pingagent")["lookup"] == "not_judged"


@pytest.mark.parametrize("lock", ["", "[]", "{", '{"pid": "x"}', '{"pid": 99999999999999999999}'])
def test_a_lock_that_names_no_living_gateway_is_none(host: PlainHost, gateway: Gateway, lock: str) -> None:
    gateway.lock.write_text(lock)
    assert running_gateway(host.state_dir) is None


def test_the_environment_of_a_gateway_that_may_not_be_read_is_not_guessed(
    host: PlainHost, gateway: Gateway, tmp_path: Path
) -> None:
    found = running_gateway(host.state_dir)
    assert found is not None
    assert (found.pid, found.port, found.is_ours) == (gateway.process.pid, 19999, True)
    assert found.env == {"PATH": "/usr/bin:/bin", "HOME": str(host.home)}
    assert "HOME" not in repr(found)
    elsewhere = running_gateway(host.state_dir, tmp_path)  # a system without /proc
    assert elsewhere is not None
    assert (elsewhere.env, elsewhere.is_ours) == (None, False)
