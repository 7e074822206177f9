"""The installed OpenClaw as a witness of the boot verdict, asked once for each state of the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.host.boot import memory as memory_module
from openclaw_install.host.boot.memory import begin_to_ask
from openclaw_install.host.boot.verdict import Validation
from openclaw_install.host.boot.witness import ask_openclaw
from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import locate

pytestmark = pytest.mark.gateway
SECRET = "xoxb-never-to-be-shown-0123456789"


@pytest.fixture
def host(openclaw: OpenClaw, scratch_host: ScratchHost) -> ScratchHost:
    programs = scratch_host.root / "bin"
    programs.mkdir()
    (programs / "openclaw").symlink_to(openclaw.package / "openclaw.mjs")
    return replace(scratch_host, extra_env={"PATH": f"{programs}:{scratch_host.env['PATH']}"})


def asked(host: ScratchHost, *, offline: bool = False) -> Validation:
    location = locate(host.env)
    document = read_config(location.config_path, location.env)
    return begin_to_ask(location, document, host.root / "ours" / "boot.json", offline=offline)()


@pytest.mark.parametrize(
    ("sections", "state", "path"),
    [
        ({}, "accepted", None),
        ({"hooks": {"enabled": True}}, "accepted", None),  # it passes hooks that stop a start
        ({"hooks": {"maxBodyBytes": 5}}, "migrated", "hooks"),
        ({"logging": {"redactPlease": SECRET}}, "refused", "logging"),
        ({"agents": {"defaults": {"model": 7}}}, "refused", "agents.defaults.model"),
    ],
    ids=["plain", "hook fault", "older key", "unknown key", "wrong value"],
)
def test_openclaw_says_what_a_start_would_do_with_the_rest_of_the_file(
    host: ScratchHost, sections: dict[str, Any], state: str, path: str | None
) -> None:
    host.write_config(sections)
    said = asked(host)
    assert said.state == state
    assert [issue.path for issue in said.issues] == ([] if path is None else [path])
    kept = host.root / "ours" / "boot.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert host.gateway_token not in kept.read_text()
    assert SECRET not in kept.read_text()


def test_openclaw_is_asked_again_only_where_something_changed(
    host: ScratchHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []
    real = ask_openclaw

    def counted(program: Any, location: Any, document: Any) -> Validation:
        calls.append(document.path)
        return real(program, location, document)

    monkeypatch.setattr(memory_module, "ask_openclaw", counted)
    host.write_config({})
    assert asked(host, offline=True).state == "not_asked"
    assert asked(host).state == "accepted"
    assert [asked(host).state, asked(host, offline=True).state] == ["accepted", "accepted"]
    assert len(calls) == 1
    host.write_config({"logging": {"level": "info"}})
    assert asked(host).state == "accepted"
    assert len(calls) == 2
    kept = host.root / "ours" / "boot.json"
    kept.write_text(json.dumps({"format": 1, "said": []}))
    assert asked(host, offline=True).state == "not_asked"
