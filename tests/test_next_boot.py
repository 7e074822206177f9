"""The verdict on the whole file: three states, cures in order, and no start into a file that stops it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.redaction import Secret
from openclaw_install.host.boot.rules import start_problems
from openclaw_install.host.boot.verdict import Issue, Validation, ValidationState
from openclaw_install.host.hooks.auth import GatewayEnv
from openclaw_install.setup.report import ActivationReport
from openclaw_install.surfaces.views.setup import activation_report
from tests.setup_rig import GATEWAY_TOKEN, HOOK_TOKEN, SOUND, Asker, PlainHost, enforcing, follower

RESTART, START = "openclaw gateway restart", "openclaw gateway run"
VALIDATE = "openclaw config validate"
GATEWAY: dict[str, Any] = {
    "mode": "local",
    "port": 18789,
    "bind": "loopback",
    "auth": {"mode": "token", "token": GATEWAY_TOKEN},
}
HOOKS: dict[str, Any] = {
    "enabled": True,
    "token": HOOK_TOKEN,
    "path": "/hooks",
    "defaultSessionKey": "hook:ingress",
    "allowRequestSessionKey": True,
    "allowedSessionKeyPrefixes": ["hook:ingress"],
    "allowedAgentIds": ["main"],
}
UNKNOWN_KEY = Validation("refused", (Issue("logging", 'Unrecognized key: "redactPlease"'),))
SILENT = Validation("not_asked", reason="--offline")


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    made = PlainHost(tmp_path)
    made.write(SOUND)
    return made


def write(host: PlainHost, **sections: Any) -> None:
    host.write(json.dumps(sections))


def cures(report: ActivationReport) -> dict[str, str]:
    return {one.code: one.next_step for one in report.findings}


def verdict(report: ActivationReport) -> tuple[str, str | None, str | None]:
    """State, rule and place."""
    assert report.policy.next_boot is not None
    return (report.policy.next_boot.state, report.policy.next_boot.rule, report.policy.next_boot.path)


def lines_of(report: ActivationReport, title: str) -> list[str]:
    return [line for line in activation_report(report).lines if line.startswith(title)]


@pytest.mark.parametrize(
    ("sections", "said", "expected"),
    [
        (
            {"gateway": GATEWAY, "logging": {"redactPlease": True}, "hooks": HOOKS},
            UNKNOWN_KEY,
            ("would_stop", "boot.config_invalid", "logging"),
        ),
        (
            {"gateway": {**GATEWAY, "port": "${PORT}"}},
            SILENT,
            ("would_stop", "boot.wrong_type", "gateway.port"),
        ),
        ({"gateway": GATEWAY, "agents": [{"id": "a"}]}, SILENT, ("would_stop", "boot.wrong_type", "agents")),
    ],
    ids=["unknown-key", "port-string", "agents-array"],
)
def test_case_start_refused_elsewhere(
    tmp_path: Path, sections: dict[str, Any], said: Validation, expected: tuple[str, str, str]
) -> None:
    host = PlainHost(tmp_path, env={"PORT": "19001"}, validation=said)
    write(host, **sections)
    for ask in (None, Asker(follower(host))):
        report = host.verify(ask).report
        assert verdict(report) == expected
        assert report.activation_state == "blocked"
        [stop] = [one for one in report.blockers if one.code == expected[1]]
        assert report.policy.next_boot is not None
        assert stop.next_step == report.policy.next_boot.next_step
        assert not {START, RESTART} & set(cures(report).values())
        assert sum(expected[1] in line for line in lines_of(report, "next boot")) == 1


def test_case_start_refused_elsewhere_is_not_green_where_nobody_judged_it(host: PlainHost) -> None:
    host.validation = SILENT
    report = host.verify().report
    assert verdict(report) == ("not_judged", None, None)
    assert cures(report)["boot.not_judged"] == VALIDATE
    assert report.policy.next_boot is not None
    assert lines_of(report, "next boot") == [f"next boot not judged: {report.policy.next_boot.message}"]


def test_case_live_invalid_elsewhere(host: PlainHost) -> None:
    """The running gateway's old policy may be enough, or lack what the file has: it is told either way."""
    host.validation = UNKNOWN_KEY
    for running in (enforcing("hook:im:", "hook:ingress"), enforcing("hook:ingress")):
        report = host.verify(Asker(running)).report
        assert verdict(report) == ("would_stop", "boot.config_invalid", "logging")
        skipped = next(one for one in report.warnings if one.code == "gateway.reload_skipped")
        assert "redactPlease" in skipped.message
        assert skipped.next_step.startswith("openclaw doctor --fix ")
        assert not any(re.search(f"gateway re|{START}", step) for step in cures(report).values())


def test_case_live_invalid_elsewhere_is_not_waited_for_after_a_fix(host: PlainHost) -> None:
    write(host, gateway=GATEWAY, logging={"redactPlease": True}, hooks=HOOKS)
    host.validation = UNKNOWN_KEY
    ask = Asker(enforcing("hook:ingress"))
    run = host.fix_hooks(ask=ask, take_over_seconds=3600.0)
    assert run.applied is not None
    assert (run.applied.outcome, run.applied.live) == ("applied", False)
    assert cures(run.report)["gateway.prefix_missing"] == cures(run.report)["boot.config_invalid"]


def test_case_mode_cure_refused(tmp_path: Path) -> None:
    host = PlainHost(tmp_path, validation=SILENT)
    write(host, agents=[{"id": "a"}], workspace="~/w")
    report = host.verify(Asker(follower(host))).report
    assert verdict(report) == ("would_stop", "boot.wrong_type", "agents")
    assert cures(report)["gateway.mode_not_local"].startswith("first mend agents (boot.wrong_type), then: ")
    [mode] = [one for one in report.findings if one.code == "gateway.mode_not_local"]
    assert "--allow-unconfigured" in mode.message
    assert (mode.severity, mode.path) == ("warn", "gateway.mode")


def test_where_only_the_mode_is_missing_its_own_cure_comes_and_the_verdict_is_no_start(
    tmp_path: Path,
) -> None:
    host = PlainHost(tmp_path)
    write(host, gateway={"port": 19999})
    report = host.verify().report
    assert verdict(report) == ("would_stop", "gateway.mode_not_local", "gateway.mode")
    assert cures(report)["gateway.mode_not_local"] == "openclaw config set gateway.mode local"
    host.validation = Validation("refused", (Issue("<root>", 'Unrecognized key: "workspace"'),))
    report = host.verify().report
    assert verdict(report) == ("would_stop", "boot.config_invalid", "<root>")
    assert cures(report)["gateway.mode_not_local"].startswith("first mend <root> (boot.config_invalid)")


def test_case_list_legacy_cure(tmp_path: Path) -> None:
    host = PlainHost(tmp_path)
    token = {"source": "file", "provider": "filemain", "id": "/hooks/token"}
    agents = {"list": [{"id": "a", "default": True}, {"id": "b"}]}
    hooks = {"enabled": True, "token": token, "path": "/hooks"}
    write(host, gateway=GATEWAY, agents=agents, hooks=hooks)
    report = host.verify().report
    assert verdict(report) == ("would_stop", "hooks.boot.schema", "hooks.token")
    step = cures(report)["agents.list_legacy"]
    assert step == f"first mend hooks.token (hooks.boot.schema), then: {RESTART}"
    assert cures(report)["hooks.boot.schema"] == (
        'write the token itself, or "${NAME}" for a variable: OpenClaw takes no object there'
    )


@pytest.mark.parametrize("text", ["", " \n", "// nothing yet\n"])
def test_case_empty_config_cure(host: PlainHost, text: str) -> None:
    host.write(text)
    [blocker] = host.verify().report.blockers
    assert blocker.code == "config.empty"
    assert blocker.next_step == "restore it from its backup (.bak), or delete it and run: openclaw onboard"
    host.config.unlink()
    [blocker] = host.verify().report.blockers
    assert (blocker.code, blocker.next_step) == ("config.missing", "openclaw onboard")


def test_an_empty_included_file_is_not_to_be_deleted(host: PlainHost) -> None:
    host.write('{ $include: "./more.json5" }')
    (host.state_dir / "more.json5").write_text("")
    [blocker] = host.verify().report.blockers
    assert blocker.code == "config.empty"
    assert "onboard" not in blocker.next_step


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("accepted", "would_start"),
        ("migrated", "would_start"),
        ("refused", "would_stop"),
        ("unclear", "not_judged"),
        ("not_asked", "not_judged"),
    ],
)
def test_each_validation_has_its_verdict(host: PlainHost, state: ValidationState, expected: str) -> None:
    issues = (Issue("logging", "Invalid input"),) if state in ("migrated", "refused", "unclear") else ()
    host.validation = Validation(state, issues, "why")
    assert verdict(host.verify().report)[0] == expected


def test_a_secret_that_only_a_start_looks_up_leaves_the_verdict_open(tmp_path: Path) -> None:
    host = PlainHost(tmp_path)
    auth = {"mode": "token", "token": {"source": "file", "provider": "x", "id": "/token"}}
    write(host, gateway={**GATEWAY, "auth": auth})
    assert verdict(host.verify().report) == ("not_judged", None, None)


def test_before_a_start_that_nobody_judged_stands_what_judges_it(host: PlainHost) -> None:
    host.validation = SILENT
    report = host.verify(Asker(enforcing("hook:other:"))).report
    assert cures(report)["gateway.prefix_missing"] == f"{VALIDATE} && {RESTART}"


def test_a_value_that_is_wrong_is_corrected_by_hand_for_doctor_writes_nothing_then(host: PlainHost) -> None:
    issues = (*UNKNOWN_KEY.issues, Issue("logging.level", "Invalid input"))
    host.validation = Validation("refused", issues)
    step = cures(host.verify().report)["boot.config_invalid"]
    assert step == f"correct logging, logging.level by hand: {VALIDATE} shows each rule"


def test_what_the_hook_rules_tell_is_not_told_twice(host: PlainHost) -> None:
    host.edit("enabled: true", 'enabled: "yes"')
    host.validation = Validation("refused", (Issue("hooks.enabled", "expected boolean"),))
    codes = list(cures(host.verify().report))
    assert "hooks.boot.schema" in codes
    assert "boot.config_invalid" not in codes


_LAN = {"mode": "local", "bind": "lan"}
_ENV = GatewayEnv(token=Secret("env-token-0123456789"))


@pytest.mark.parametrize(
    ("gateway", "env", "code"),
    [
        ({"mode": "local"}, GatewayEnv(), None),
        ({"mode": "local", "auth": {"token": "a", "password": "b"}}, GatewayEnv(), "boot.gateway_auth"),
        ({"mode": "local", "auth": {"mode": "password"}}, GatewayEnv(), "boot.gateway_auth"),
        (
            {"mode": "local", "auth": {"mode": "password"}},
            GatewayEnv(password=Secret("x-0123456789")),
            None,
        ),
        ({"mode": "local", "auth": {"token": "change-me-now"}}, GatewayEnv(), "boot.gateway_auth"),
        ({"mode": "local", "auth": {"token": "<redacted>"}}, GatewayEnv(), "boot.gateway_auth"),
        ({"mode": "local", "auth": {"token": {"source": "file", "id": "T"}}}, GatewayEnv(), None),
        (
            {"mode": "local", "auth": {"token": {"source": "env", "id": "T"}}},
            GatewayEnv(),
            "boot.gateway_auth",
        ),
        (_LAN, GatewayEnv(), "boot.gateway_exposed"),
        (_LAN, _ENV, None),
        ({**_LAN, "auth": {"token": "t-0123456789"}}, GatewayEnv(), None),
        ({**_LAN, "auth": {"mode": "none"}}, _ENV, "boot.gateway_exposed"),
        ({"mode": "local", "bind": "custom"}, _ENV, "boot.gateway_exposed"),
        ({"mode": "local", "tailscale": {"mode": "funnel"}}, _ENV, "boot.gateway_exposed"),
        ({**_LAN, "tailscale": {"mode": "serve"}}, _ENV, "boot.gateway_exposed"),
        ({"mode": "local", "auth": {"mode": "trusted-proxy"}}, GatewayEnv(), "boot.gateway_auth"),
        ({"mode": "local", "port": 0}, GatewayEnv(), "boot.wrong_type"),
        ({"mode": "local", "port": 65536}, GatewayEnv(), "boot.wrong_type"),
        ({"mode": "remote"}, GatewayEnv(), "gateway.mode_not_local"),
    ],
)
def test_each_rule_of_the_gateway_has_two_sides(
    gateway: dict[str, Any], env: GatewayEnv, code: str | None
) -> None:
    found = [one.code for one in start_problems({"gateway": gateway}, env)]
    assert found == ([] if code is None else [code])


@pytest.mark.parametrize(
    ("gateway", "stops"),
    [
        ({"mode": "local"}, True),
        ({"mode": "local", "bind": "auto"}, True),
        ({"mode": "local", "bind": "loopback"}, False),
        ({"mode": "local", "auth": {"token": "t-0123456789"}}, False),
    ],
)
def test_in_a_container_a_gateway_binds_to_every_address_unless_told(
    gateway: dict[str, Any], *, stops: bool
) -> None:
    found = [one.code for one in start_problems({"gateway": gateway}, GatewayEnv(), in_container=True)]
    assert found == (["boot.gateway_exposed"] if stops else [])


@pytest.mark.parametrize(
    ("written", "version", "stops"),
    [
        ("2026.9.7", "2026.9.6", True),
        ("2026.10.1", "2026.9.6", True),
        ("2026.9.6", "2026.9.6", False),
        ("2026.9.6-1", "2026.9.6", False),
        ("2025.12.1", "2026.9.6", False),
        ("later", "2026.9.6", False),
        ("2026.9.7", None, False),
    ],
)
def test_a_file_of_a_newer_openclaw_stops_an_older_one(
    written: str, version: str | None, *, stops: bool
) -> None:
    config = {"gateway": {"mode": "local"}, "meta": {"lastTouchedVersion": written}}
    assert [one.code for one in start_problems(config, GatewayEnv(), version)] == (
        ["boot.newer_version"] if stops else []
    )
