"""The activation report: what each answer of the gateway means, and what is advised where."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from openclaw_install.common.redaction import Secret
from openclaw_install.host.gateway.probe import GatewayAddress, LivePolicy, LiveState
from openclaw_install.host.hooks.text import admits
from openclaw_install.host.locate import locate
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.report import PolicyThreeWays, as_typed, for_this_host
from openclaw_install.setup.verify import RunResult
from tests.setup_rig import BOMBED, HOOK_TOKEN, PLAIN, SOUND, Asker, Operator, PlainHost, enforcing, follower

STARTS = {"openclaw gateway restart", "openclaw gateway run"}
READY = enforcing("hook:im:", "hook:ingress")
# State of the gateway's answer: the blocker's id and its cure; None where the answer alone blocks nothing.
ANSWERS: dict[LiveState, tuple[str, str] | None] = {
    "enforced": None,
    "agent_rule": ("gateway.agent_rule", "openclaw gateway restart"),
    "token_rejected": ("gateway.token_differs", "openclaw gateway restart"),
    "hooks_off": ("gateway.hooks_off", "openclaw gateway restart"),
    "starting": ("gateway.starting", "openclaw-install verify-runtime"),
    "throttled": ("gateway.throttled", "sleep 60; openclaw-install verify-runtime"),
    "unreachable": ("gateway.unreachable", "openclaw gateway run"),
    "timeout": ("gateway.timeout", "openclaw gateway restart"),
    "not_openclaw": ("gateway.not_openclaw", "openclaw gateway status --deep"),
    "token_unsendable": (
        "gateway.token_unsendable",
        "replace hooks.token by 32 or more characters of printable ASCII",
    ),
    "no_token": None,
}


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(SOUND)
    return plain


def blockers(run: RunResult) -> list[tuple[str, str]]:
    return [(blocker.code, blocker.next_step) for blocker in run.report.blockers]


def answer(state: LiveState) -> LivePolicy:
    return READY if state == "enforced" else LivePolicy(state, 19999, detail="what came back")


def test_the_table_knows_every_answer() -> None:
    assert set(ANSWERS) == set(get_args(LiveState))


@pytest.mark.parametrize("state", ANSWERS)
def test_each_answer_has_its_blocker_and_its_cure(host: PlainHost, state: LiveState) -> None:
    run = host.verify(Asker(answer(state)))
    expected = ANSWERS[state]
    assert blockers(run) == ([] if expected is None else [expected])
    assert run.report.activation_state == ("ready_waiting_inbound" if expected is None else "blocked")
    assert run.exit_code == (0 if expected is None else 1)


@pytest.mark.parametrize("state", ANSWERS)
def test_a_restart_is_never_advised_while_the_file_would_stop_it(host: PlainHost, state: LiveState) -> None:
    host.write(BOMBED)
    run = host.verify(Asker(answer(state)))
    assert run.report.policy.next_boot is not None
    assert run.report.policy.next_boot.state == "would_stop"
    said = [*run.report.blockers, *run.report.warnings]
    assert not STARTS & {item.next_step for item in said}
    assert not STARTS & {finding.next_step for finding in run.report.findings}
    assert blockers(run)[0] == (
        "hooks.boot.prefixes_exclude_hook",
        "openclaw-install verify-runtime --fix-hooks",
    )


def test_where_only_a_hand_mends_the_file_the_gateways_blocker_says_the_same(host: PlainHost) -> None:
    host.edit("enabled: true", 'enabled: true, presets: ["toString"]')
    run = host.verify(Asker(answer("unreachable")))
    assert run.report.policy.next_boot is not None
    cures = dict(blockers(run))
    rule = run.report.policy.next_boot.rule
    assert rule is not None
    assert cures["gateway.unreachable"] == cures[rule]
    assert "presets" in cures[rule]


def test_a_start_that_the_mode_would_stop_is_not_advised_either(host: PlainHost) -> None:
    host.edit('mode: "local"', 'mode: "remote"')
    assert blockers(host.verify(Asker(answer("unreachable")))) == [
        ("gateway.unreachable", "openclaw config set gateway.mode local")
    ]


def test_a_gateway_that_still_runs_an_older_policy_is_told_apart(host: PlainHost) -> None:
    def found(live: LivePolicy) -> list[tuple[str, str]]:
        return blockers(host.verify(Asker(live)))

    restart = "openclaw gateway restart"
    assert found(LivePolicy("enforced", 19999, allow_request_session_key=False)) == [
        ("gateway.request_keys_off", restart)
    ]
    assert found(enforcing("hook:other:")) == [("gateway.prefix_missing", restart)]
    assert found(enforcing()) == [("gateway.prefix_missing", restart)]
    run = host.verify(Asker(enforcing("hook:im:", "hook:ingress", "feishu:")))
    assert run.report.activation_state == "ready_waiting_inbound"
    [warning] = [item for item in run.report.warnings if item.code.startswith("gateway.")]
    assert (warning.code, warning.next_step) == ("gateway.prefixes_differ", restart)


def test_what_the_file_lacks_is_said_once_and_about_the_file(host: PlainHost) -> None:
    host.edit("allowRequestSessionKey: true", "allowRequestSessionKey: false")
    run = host.verify(Asker(follower(host)))
    assert all(name.startswith("hooks.ingress.") for name, _ in blockers(run))
    host.edit("enabled: true", "enabled: false")
    run = host.verify(Asker(answer("hooks_off")))
    assert not [name for name, _ in blockers(run) if name.startswith("gateway.")]


def test_offline_asks_nobody_and_says_so(host: PlainHost) -> None:
    run = host.verify()
    assert run.report.policy.running is None
    assert ("gateway.not_asked", "openclaw-install verify-runtime") in [
        (warning.code, warning.next_step) for warning in run.report.warnings
    ]
    assert run.report.activation_state == "ready_waiting_inbound"


def test_the_gateway_is_asked_on_the_port_and_path_of_the_config_with_the_token_on_disk(
    host: PlainHost,
) -> None:
    tokens: list[Secret | None] = []

    def note(address: GatewayAddress, token: Secret | None) -> LivePolicy:
        tokens.append(token)
        return READY

    host.env["HOOKS"] = HOOK_TOKEN + "-from-the-environment"
    host.edit(f'"{HOOK_TOKEN}"', '"${HOOKS}", path: "in/"')
    host.edit("port: 19999", "port: 20001, tls: { enabled: true }")
    ask = Asker(note)
    host.verify(ask)
    assert ask.asked == [(GatewayAddress(20001, "/in", tls=True), None)]
    assert tokens[0] is not None
    assert tokens[0].reveal() == host.env["HOOKS"]


def test_where_no_agent_is_the_default_one_the_gateway_is_asked_for_one_that_may(host: PlainHost) -> None:
    host.edit("gateway:", "agents: { entries: { one: {}, two: {} } },\n  gateway:")
    host.edit('allowedAgentIds: ["main"]', 'allowedAgentIds: ["two"]')
    ask = Asker(READY)
    host.verify(ask)
    assert ask.asked[0][1] == "two"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "config.missing"),
        ("", "config.empty"),
        ("{ hooks: ", "config.syntax"),
        ("[]", "config.not_object"),
        ('{ $include: "./gone.json5" }', "config.include_missing"),
    ],
)
def test_a_config_that_cannot_be_read_is_the_one_blocker(
    host: PlainHost, text: str | None, code: str
) -> None:
    host.config.unlink()
    if text is not None:
        host.write(text)
    before = host.tree()
    for run in (host.verify(), host.setup(), host.fix_hooks(), host.setup(dry_run=True)):
        assert run.report.activation_state == "blocked"
        assert [blocker.code for blocker in run.report.blockers] == [code]
        assert run.report.blockers[0].next_step
        assert run.error is not None
        assert run.error.error_code == code
        assert run.report.policy == PolicyThreeWays(None, None, None)
    assert host.tree() == before


def test_a_folder_where_the_config_belongs_is_reported(host: PlainHost) -> None:
    host.config.unlink()
    host.config.mkdir()
    assert [name for name, _ in blockers(host.verify())] == ["config.is_folder"]


def test_a_run_that_died_is_warned_about_and_left_to_the_next_run(host: PlainHost) -> None:
    host.setup()
    [receipt] = host.store.in_force()
    host.store.mark(receipt, "applying")
    for run in (host.verify(), host.setup(dry_run=True)):
        [warning] = [item for item in run.report.warnings if item.code == "setup.interrupted"]
        assert receipt.id in warning.message
        assert warning.next_step == "openclaw-install"
    assert len(host.store.interrupted()) == 1


def test_records_that_are_damaged_are_a_warning_to_a_reader(host: PlainHost) -> None:
    host.setup()
    [document] = host.store.folder.glob("receipts/*/receipt.json")
    document.write_text("{ half")
    run = host.verify()
    assert run.exit_code == 0
    [warning] = [item for item in run.report.warnings if item.code == "setup.journal"]
    assert str(document) in warning.message
    assert warning.next_step


def test_the_cures_name_the_host_that_was_named(host: PlainHost) -> None:
    host.write(BOMBED)
    named = "openclaw-install --profile work"
    run = host.verify(invocation=named)
    assert blockers(run)[0][1] == f"{named} verify-runtime --fix-hooks"
    assert all(
        item.next_step.startswith(named)
        for item in run.report.warnings
        if item.next_step.startswith("openclaw-install")
    )


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("openclaw-install", "X"),
        ("openclaw-install verify-runtime", "X verify-runtime"),
        ("sleep 60; openclaw-install verify-runtime", "sleep 60; X verify-runtime"),
        ("pip install --upgrade openclaw-install", "pip install --upgrade openclaw-install"),
        ("openclaw gateway run", "openclaw gateway run"),
    ],
)
def test_only_calls_of_this_program_get_the_hosts_options(command: str, typed: str) -> None:
    assert as_typed(command, "X") == typed
    assert as_typed(command, "openclaw-install") == command


def test_a_cure_that_names_this_host_already_is_left_as_it_is() -> None:
    invocation = "openclaw-install --state-dir '/srv/two hosts'"
    once = as_typed("openclaw-install runtime start; openclaw-install", invocation)
    assert once == f"{invocation} runtime start; {invocation}"
    assert as_typed(once, invocation) == once


def test_permissions_make_the_exit_code_1_and_keep_no_message_out(host: PlainHost) -> None:
    host.config.chmod(0o644)
    run = host.verify(Asker(READY))
    assert run.report.activation_state == "ready_waiting_inbound"
    assert run.exit_code == 1
    [finding] = [item for item in run.report.findings if item.code.startswith("fs.")]
    assert (finding.code, finding.severity) == ("fs.config.perms_world_readable", "critical")
    assert finding.next_step == f"chmod 600 {host.config}"


def test_a_variable_without_a_value_elsewhere_in_the_config_is_a_warning(host: PlainHost) -> None:
    host.edit("gateway:", 'models: { x: "${NOT_THERE}" },\n  gateway:')
    [warning] = [item for item in host.verify().report.warnings if item.code == "config.env_unresolved"]
    assert "NOT_THERE" in warning.message


def test_commands_of_openclaw_in_a_next_step_are_about_the_host_that_was_named(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    own = Facts(locate(env))
    work = Facts(locate(env, profile="work"), "openclaw-install --profile work")
    other = Facts(locate(env, state_dir=tmp_path / "s"), "openclaw-install --state-dir s")
    step = "end it: kill 7; openclaw gateway run"
    assert for_this_host(step, own) == step
    assert for_this_host(step, work) == "end it: kill 7; openclaw --profile work gateway run"
    named = f"OPENCLAW_STATE_DIR={tmp_path}/s OPENCLAW_CONFIG_PATH={tmp_path}/s/openclaw.json"
    assert for_this_host("openclaw gateway restart", other) == f"{named} openclaw gateway restart"
    assert for_this_host(for_this_host(step, work), work) == for_this_host(step, work)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("feishu:default:oc_x\n", "feishu:default:"), ("nothing here", None), (None, None)],
)
def test_map_active_group_needs_the_prefix_of_the_working_thread(
    host: PlainHost, text: str | None, prefix: str | None
) -> None:
    workspace = host.state_dir / "workspace"
    workspace.mkdir()
    if text is not None:
        (workspace / "ACTIVE_GROUP.md").write_text(text)
    run = host.verify(route_mode="map-active-group")
    assert bool(blockers(run)) is (prefix is not None)
    host.fix_hooks(route_mode="map-active-group")
    if prefix:
        assert admits(host.data["hooks"]["allowedSessionKeyPrefixes"], prefix)
        assert not blockers(host.verify(route_mode="map-active-group"))
    else:
        warned = {item.code for item in run.report.warnings}
        assert "hooks.ingress.active_group_missing" in warned


def test_fixing_the_hooks_touches_nothing_else(host: PlainHost) -> None:
    host.write(BOMBED, mode=0o644)
    operator = Operator()
    run = host.fix_hooks(operator)
    assert run.applied is not None
    assert [change.kind for change in run.applied.plan.changes] == ["config"]
    assert host.config.stat().st_mode & 0o777 == 0o644
    assert not host.skills.exists()
    assert "--- " in operator.plans[0].diff
    assert not blockers(run)
    assert host.fix_hooks().applied is not None
    assert len(host.store.in_force()) == 1


def test_a_fix_is_proved_on_the_running_gateway(host: PlainHost) -> None:
    host.write(BOMBED)
    stale = enforcing("hook:other:")
    ask = Asker(stale, stale, follower(host))
    run = host.fix_hooks(ask=ask, take_over_seconds=15.0)
    assert run.applied is not None
    assert run.applied.live is True
    assert run.report.activation_state == "ready_waiting_inbound"
    assert len(ask.asked) == 3


def test_a_gateway_that_never_takes_the_policy_over_is_reported(host: PlainHost) -> None:
    host.write(BOMBED)
    run = host.fix_hooks(ask=Asker(enforcing("hook:other:")))
    assert run.applied is not None
    assert run.applied.live is False
    assert blockers(run) == [("gateway.prefix_missing", "openclaw gateway restart")]


def test_where_no_gateway_answers_there_is_none_to_have_taken_it_over(host: PlainHost) -> None:
    host.write(BOMBED)
    run = host.fix_hooks(ask=Asker(answer("unreachable")))
    assert run.applied is not None
    assert (run.applied.outcome, run.applied.live) == ("applied", None)
    assert blockers(run) == [("gateway.unreachable", "openclaw gateway run")]


def test_a_gateway_that_is_just_starting_is_given_time(host: PlainHost) -> None:
    ask = Asker(answer("starting"), READY)
    assert host.verify(ask, starting_seconds=5.0).exit_code == 0
    assert len(ask.asked) == 2


def test_a_plain_host_is_blocked_and_each_blocker_says_what_mends_it(host: PlainHost) -> None:
    host.write(PLAIN)
    run = host.verify(Asker(answer("no_token")))
    assert run.report.activation_state == "blocked"
    assert {command for _, command in blockers(run)} == {"openclaw-install verify-runtime --fix-hooks"}
