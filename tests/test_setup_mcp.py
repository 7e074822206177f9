"""MCP servers: registered only where everything that they need is there, and never over somebody else's."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.host.bundle_manifest import Manifest, parse_manifest
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
        "wanted": None,
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
    assert ("mcp.differs", "MCP server mistro: registered otherwise; it stays as it is", "") in warnings(host)


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


def test_our_own_server_is_registered_by_the_path_that_the_gateway_finds(host: PlainHost) -> None:
    host.setup()
    registered = host.data["mcp"]["servers"]["pingagent"]
    script = Path(sys.executable).parent / "openclaw-install"
    assert registered == {"command": str(script), "args": ["mcp", "pingagent"]}
    assert server(host, "pingagent")["state"] == "registered"


def test_our_own_server_is_registered_by_name_where_that_is_on_the_path(host: PlainHost) -> None:
    host.add_command("openclaw-install")
    host.add_command("pingagent")
    host.setup()
    assert host.data["mcp"]["servers"]["pingagent"]["command"] == "openclaw-install"
    # A registration by path, from before, is as good.
    host.edit('"openclaw-install"', json.dumps(str(Path(sys.executable).parent / "openclaw-install")))
    assert server(host, "pingagent")["state"] == "registered"
