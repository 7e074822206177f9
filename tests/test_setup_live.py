"""A change is called live only when it was seen; what the running gateway lets in is asked, not assumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_install.host.gateway.probe import LivePolicy, LiveState
from openclaw_install.setup import verify
from openclaw_install.setup.survey import look_at_host
from tests.setup_rig import PLAIN, Asker, PlainHost, enforcing, follower

READY_BUT_FOR_AGENTS = """{
  gateway: { mode: "local", port: 19999, auth: { mode: "token", token: "gateway-token-0123456789abcdef" } },
  agents: { entries: { main: {}, other: {} }, ownership: "explicit",
    defaults: { systemAgent: { agentId: "main" } } },
  hooks: { enabled: true, token: "hook-token-0123456789abcdef0123456789", allowRequestSessionKey: true,
    allowedSessionKeyPrefixes: ["hook:"] },
}
"""


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    made = PlainHost(tmp_path / "host")
    made.write(READY_BUT_FOR_AGENTS)
    return made


def answer(state: LiveState) -> LivePolicy:
    return LivePolicy(state, 19999)


def live_of(host: PlainHost, ask: Asker) -> bool | None:
    run = host.fix_hooks(ask=ask)
    assert run.applied is not None
    assert run.applied.outcome == "applied"
    return run.applied.live


def _single(host: PlainHost) -> None:
    host.edit("agents: { entries: { main: {}, other: {} }", "agents: { entries: { main: {} }")


def test_a_change_that_nobody_can_see_from_outside_is_not_called_live(host: PlainHost) -> None:
    _single(host)
    assert live_of(host, Asker(enforcing("hook:"))) is None


def test_a_change_that_cannot_be_seen_and_breaks_the_gateway_is_noticed(host: PlainHost) -> None:
    _single(host)
    run = host.fix_hooks(ask=Asker(enforcing("hook:"), enforcing("hook:"), answer("agent_rule")))
    assert run.applied is not None
    assert run.applied.live is False
    assert [blocker.code for blocker in run.report.blockers] == ["gateway.agent_rule"]


def test_an_agent_that_the_file_keeps_out_is_tried_on_the_running_gateway(host: PlainHost) -> None:
    host.edit("allowedSessionKeyPrefixes", 'allowedAgentIds: ["main"], allowedSessionKeyPrefixes')
    letting_in = host.verify(Asker(enforcing("hook:")))
    assert [blocker.code for blocker in letting_in.report.blockers] == ["gateway.agents_differ"]
    assert letting_in.report.policy.running is not None
    assert letting_in.report.policy.running.outsider == "other"
    ask = Asker(enforcing("hook:"), answer("agent_rule"))
    assert host.verify(ask).report.activation_state == "ready_waiting_inbound"
    assert [agent for _, agent in ask.asked] == [None, "other"]


def test_a_change_that_was_seen_to_happen_is_live(host: PlainHost) -> None:
    host.write(PLAIN)
    assert live_of(host, Asker(answer("hooks_off"), follower(host))) is True


def test_a_new_token_is_seen_even_where_nothing_else_changes(host: PlainHost) -> None:
    _single(host)
    host.edit('token: "hook-token-0123456789abcdef0123456789"', 'token: "short"')

    def any_token(_address: object, _token: object) -> LivePolicy:
        return enforcing("hook:")

    assert live_of(host, Asker(any_token)) is True


@pytest.mark.parametrize(
    ("setting", "changed", "warning"),
    [
        ('mode: "local",', 'mode: "local", reload: { mode: "off" },', "gateway.reload_off"),
        (
            "entries: { main: {}, other: {} }",
            'list: [{ id: "main", default: true }, { id: "other" }]',
            "agents.list_legacy",
        ),
    ],
)
def test_a_gateway_that_takes_changes_over_badly_is_warned_about(
    host: PlainHost, setting: str, changed: str, warning: str
) -> None:
    host.edit(setting, changed)
    run = host.verify(Asker(enforcing("hook:")))
    assert (warning, "openclaw gateway restart") in {(w.code, w.next_step) for w in run.report.warnings}


def test_where_the_fix_cannot_be_made_the_cure_says_what_to_write_and_shows_no_token(host: PlainHost) -> None:
    host.write(PLAIN.replace("logging:", 'hooks: { $include: "./hooks.json5" },\n  logging:'))
    (host.state_dir / "hooks.json5").write_text("{ enabled: true, token: 'x' }")
    run = host.verify(Asker(answer("hooks_off")))
    [cure] = {b.next_step for b in run.report.blockers if b.code.startswith("hooks.ingress.")}
    assert str(host.state_dir / "hooks.json5") in cure
    assert 'hooks.allowedSessionKeyPrefixes = ["hook:im:"' in cure
    assert "hooks.token = a fresh secret of 32 or more characters" in cure
    fixed = host.fix_hooks()
    assert fixed.error is not None
    assert fixed.error.error_code == "config.owned_by_include"
    assert "hooks.allowRequestSessionKey = true" in fixed.error.next_step


def test_a_run_that_cannot_read_its_own_result_still_tells_its_receipt(
    host: PlainHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_somebody_wrote(*arguments: Any) -> Any:
        if host.store.in_force():
            host.config.write_text("{ half")
        return look_at_host(*arguments)

    monkeypatch.setattr(verify, "look_at_host", after_somebody_wrote)
    run = host.fix_hooks()
    assert run.error is not None
    assert run.error.error_code == "config.syntax"
    assert run.applied is not None
    assert run.applied.receipt == host.store.in_force()[0].id
    assert run.exit_code == 1


def test_what_narrows_the_callers_of_today_is_told_with_the_plan(host: PlainHost) -> None:
    host.edit('allowedSessionKeyPrefixes: ["hook:"]', 'path: "/hooks"')
    host.edit('token: "hook-token-0123456789abcdef0123456789"', 'token: "short"')
    found = {one.code: one.message for one in host.verify().report.findings}
    run = host.fix_hooks()
    assert run.applied is not None
    narrowed, replaced = run.applied.plan.notes
    assert narrowed == found["hooks.direct_keys_narrowed"]
    assert replaced.startswith("the hook token is replaced: ")
