"""The hub beside real programs: the official conformance suite, and OpenClaw listing its tools and skills."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from openclaw_install.common.redaction import Secret
from openclaw_install.demo.provision import OpenClaw, ProvisionError
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.hub.admin import open_admin
from openclaw_install.hub.server import running_hub
from openclaw_install.hub.settings import HubSettings
from tests.conftest import _CACHE
from tests.hub_rig import Caller
from tests.support import conformance as rig
from tests.support.conformance import conformance

SCENARIOS = ("server-initialize", "ping", "tools-list", "dns-rebinding-protection")


def with_key(key: Secret) -> Callable[[ASGIApp], ASGIApp]:
    """Sends the key for a client that cannot: the suite has no option for a header."""
    header = (b"authorization", f"Bearer {key.reveal()}".encode())

    def around(app: ASGIApp) -> ASGIApp:
        async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope = {**scope, "headers": [*scope["headers"], header]}
            await app(scope, receive, send)

        return asgi

    return around


@pytest.mark.gateway
@pytest.mark.parametrize("sse", [False, True])
def test_the_official_suite_s_server_scenarios_pass(openclaw: OpenClaw, tmp_path: Path, *, sse: bool) -> None:
    command = conformance(openclaw.node, cache=_CACHE)
    with open_admin(tmp_path / "hub") as admin:
        _, key = admin.create_key("suite")
    with running_hub(tmp_path / "hub", settings=HubSettings(around=with_key(key), sse=sse)) as hub:
        for scenario in SCENARIOS:
            done = subprocess.run(
                [*command, "server", "--url", hub.url, "--scenario", scenario],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                cwd=tmp_path,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert "0 failed, 0 warnings" in done.stdout, scenario


@pytest.mark.gateway
def test_a_real_openclaw_lists_the_tools_without_warnings_and_the_skills_that_were_synced(
    scratch_host: ScratchHost, tmp_path: Path
) -> None:
    with running_hub(tmp_path / "hub") as hub:
        agent = hub.create_agent("kitchen", "ann")
        key = hub.create_key("ann")
        headers = {"Authorization": f"Bearer {key.reveal()}"}
        scratch_host.write_config(
            {
                "mcp": {
                    "servers": {"hub": {"url": hub.url, "transport": "streamable-http", "headers": headers}}
                },
                "skills": {"load": {"extraDirs": [str(hub.skills_folder(agent.id))]}},
            }
        )
        probed = scratch_host.run("mcp", "probe", "hub", "--json")
        assert probed.returncode == 0, probed.stderr
        report = json.loads(probed.stdout)
        assert report["tools"] == [
            "hub__mysta_list_agents",
            "hub__mysta_sync_all_skills",
            "hub__mysta_sync_skill",
        ]
        assert report["diagnostics"] == []
        assert "warn" not in (probed.stdout + probed.stderr).lower()
        caller = Caller(hub.url, key.reveal()).open()
        content = "---\nname: fresh-bread\ndescription: Use when somebody asks for bread.\n---\n# Bread\n"
        assert caller.sync(agent.id, "fresh-bread", content)["live"] is True
        caller.close()
        listed = scratch_host.run("skills", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        found = {skill["name"]: skill for skill in json.loads(listed.stdout)["skills"]}
        assert found["fresh-bread"]["description"] == "Use when somebody asks for bread."
        assert found["fresh-bread"]["source"] == "openclaw-extra"


def test_a_suite_that_cannot_be_fetched_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    for node in (tmp_path / "no" / "bin" / "node", Path("/bin/false")):
        with pytest.raises(ProvisionError, match="conformance"):
            conformance(node, cache=tmp_path / "cache", progress=lambda _line: None)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["conformance.lock"]
    assert rig.CONFORMANCE_VERSION == "0.1.16"
