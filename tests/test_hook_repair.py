"""The repair of the hook policy: whole afterwards, nothing locked out, nothing else touched, once."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_install.common.redaction import Secret
from openclaw_install.host.config.edit import Remove, SetValue, apply_edits
from openclaw_install.host.hooks.auth import GatewayEnv, HookFacts, gateway_secret
from openclaw_install.host.hooks.boot import boot_failures
from openclaw_install.host.hooks.findings import findings
from openclaw_install.host.hooks.policy import IngressNeeds, read_policy
from openclaw_install.host.hooks.repair import mapping_keys, repair
from openclaw_install.host.javascript import utf16_length
from tests.hook_cases import CLEAN_HOOKS, TOKEN, boot_verdict, configs, hooks, mapping

NO_FACTS = HookFacts()
NEW_TOKEN = "0123456789abcdef" * 4
NEEDS = IngressNeeds(required=True)
NO_INGRESS = IngressNeeds(required=False)
GROUP = IngressNeeds(required=True, prefixes=("hook:im:", "feishu:default:"))
# Critical by the audit where the gateway is exposed, and needed by the ingress; or out of the hooks' hands.
_STAY = {"hooks.request_session_key_enabled", "hooks.ingress.agent_undecided"}
_OWN = {
    *("enabled", "token", "path", "defaultSessionKey"),
    *("allowRequestSessionKey", "allowedSessionKeyPrefixes", "allowedAgentIds"),
}


def edits(config: Any, needs: IngressNeeds = NEEDS, facts: HookFacts = NO_FACTS) -> Any:
    return repair(config, needs, new_token=lambda: NEW_TOKEN, facts=facts)


def repaired(config: Any, needs: IngressNeeds = NEEDS, facts: HookFacts = NO_FACTS) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(apply_edits(json.dumps(config), edits(config, needs, facts)))
    return result


def critical(config: Any, needs: IngressNeeds, facts: HookFacts = NO_FACTS) -> set[str]:
    return {f.code for f in findings(config, needs, facts) if f.severity == "critical"} - _STAY


@given(config=configs(CLEAN_HOOKS), needs=st.sampled_from([NEEDS, GROUP, NO_INGRESS]))
@settings(max_examples=500, deadline=None)
def test_a_repaired_policy_is_whole_and_is_not_repaired_again(
    config: dict[str, Any], needs: IngressNeeds
) -> None:
    after = repaired(config, needs)
    assert boot_verdict(after).ok
    if needs.required:
        assert not critical(after, needs)
    assert edits(after, needs) == ()


@given(config=configs(CLEAN_HOOKS), needs=st.sampled_from([NEEDS, GROUP, NO_INGRESS]))
@settings(max_examples=500, deadline=None)
def test_a_repair_locks_out_nothing_that_worked(config: dict[str, Any], needs: IngressNeeds) -> None:
    before, after = read_policy(config), read_policy(repaired(config, needs))
    if not before.enabled:
        return
    for entry in before.mappings:
        for key in mapping_keys(entry, before):
            assert after.admits(key) or not before.admits(key)
    if before.admits_keyless:
        assert after.admits_keyless
        assert after.default_session_key == before.default_session_key
    if before.path not in {"/", after.path}:
        assert {f.code for f in findings(config, needs)} & {"hooks.ingress.path_unreachable"}
    allowed = set(before.agents if before.allowed_agent_ids is None else before.allowed_agent_ids)
    assert after.allowed_agent_ids is None or allowed <= set(after.allowed_agent_ids)
    assert set(before.prefixes or ()) <= set(after.prefixes or before.prefixes or ())


@given(config=configs(CLEAN_HOOKS), needs=st.sampled_from([NEEDS, GROUP, NO_INGRESS]))
@settings(max_examples=500, deadline=None)
def test_a_repair_touches_the_policy_keys_only_and_writes_no_empty_list(
    config: dict[str, Any], needs: IngressNeeds
) -> None:
    after = repaired(config, needs)
    assert {k: v for k, v in config.items() if k != "hooks"} == {
        k: v for k, v in after.items() if k != "hooks"
    }
    old, new = config["hooks"], after["hooks"]
    assert {k: v for k, v in old.items() if k not in _OWN} == {k: v for k, v in new.items() if k not in _OWN}
    for key in ("allowedSessionKeyPrefixes", "allowedAgentIds"):
        assert new.get(key) != [] or old.get(key) == []
    shared = gateway_secret(config, GatewayEnv())
    if old.get("token") == TOKEN and not (shared and shared.value.reveal() == TOKEN):
        assert new["token"] == TOKEN


@given(config=configs(), needs=st.sampled_from([NEEDS, NO_INGRESS]))
@settings(max_examples=500, deadline=None)
def test_the_repair_of_a_broken_section_raises_nothing_and_happens_once(
    config: dict[str, Any], needs: IngressNeeds
) -> None:
    after = repaired(config, needs)
    assert edits(after, needs) == ()
    # What still stops the start is the operator's: no policy key is among it, but for a token's reference.
    left = {failure.key for failure in boot_failures(after) if failure.rule == "hooks.boot.schema"}
    assert not left & (_OWN - {"token"})


def test_a_host_without_hooks_gets_the_whole_section_in_one_edit() -> None:
    (edit,) = edits({"gateway": {}}, GROUP)
    assert edit == SetValue(
        ("hooks",),
        {
            "enabled": True,
            "token": NEW_TOKEN,
            "allowRequestSessionKey": True,
            "allowedSessionKeyPrefixes": ["hook:im:", "feishu:default:", "hook:ingress"],
            "defaultSessionKey": "hook:ingress",
            "allowedAgentIds": ["main"],
        },
    )


def test_generated_keys_that_worked_go_on_working_instead_of_a_shared_default_key() -> None:
    assert repaired({"hooks": hooks()})["hooks"] == hooks(
        allowRequestSessionKey=True,
        allowedSessionKeyPrefixes=["hook:im:", "hook:"],
        allowedAgentIds=["main"],
    )


def test_a_default_key_is_set_where_generated_keys_were_refused_anyway() -> None:
    section = hooks(allowedSessionKeyPrefixes=["feishu:"])
    after = repaired({"hooks": section}, NO_INGRESS)["hooks"]
    assert after == {
        **section,
        "defaultSessionKey": "hook:ingress",
        "allowedSessionKeyPrefixes": ["feishu:", "hook:ingress"],
    }


def test_the_default_key_and_the_keys_of_mappings_and_presets_are_admitted() -> None:
    section = hooks(
        defaultSessionKey="Ops:Inbox",
        presets=["gmail"],
        mappings=[mapping("crm:lead", "crm"), mapping("ci:{{build.id}}", "ci"), mapping(None, "plain")],
    )
    after = repaired({"hooks": section})["hooks"]["allowedSessionKeyPrefixes"]
    assert after == ["hook:im:", "ci:", "crm:lead", "ops:inbox", "hook:gmail:"]


def test_the_keys_of_a_shadowed_mapping_are_not_admitted() -> None:
    section = hooks(defaultSessionKey="hook:in", mappings=[mapping("a:b"), mapping("c:{{d}}")])
    assert repaired({"hooks": section})["hooks"]["allowedSessionKeyPrefixes"] == [
        "hook:im:",
        "a:b",
        "hook:in",
    ]


def test_a_template_without_a_fixed_start_gets_no_prefix_and_is_reported() -> None:
    section = hooks(
        defaultSessionKey="hook:in", mappings=[mapping("{{payload.key}}"), mapping("agent:{{x}}", "p")]
    )
    after = repaired({"hooks": section})
    assert after["hooks"]["allowedSessionKeyPrefixes"] == ["hook:im:", "hook:in"]
    assert "hooks.mapping_key_unbounded" in {f.code for f in findings(after, NEEDS)}


def test_a_key_of_another_agent_is_admitted_as_it_is_dispatched() -> None:
    section = hooks(defaultSessionKey="agent:ops:in", allowedAgentIds=["main"])
    after = repaired({"hooks": section})["hooks"]["allowedSessionKeyPrefixes"]
    assert after == ["hook:im:", "agent:ops:in", "agent:main:in"]


def test_a_default_key_of_an_agent_is_admitted_for_each_agent_that_callers_could_name() -> None:
    agents = {"entries": {"main": {}, "ops": {}, "b": {}}, "ownership": "explicit"}
    config = {
        "hooks": hooks(defaultSessionKey="agent:ops:in", allowedAgentIds=["ops", "b"]),
        "agents": agents,
    }
    assert repaired(config)["hooks"]["allowedSessionKeyPrefixes"] == [
        "hook:im:",
        "agent:b:in",
        "agent:ops:in",
    ]


def test_a_default_key_of_an_agent_is_admitted_for_the_agent_of_a_mapping_without_a_key() -> None:
    off = {"enabled": False, "defaultSessionKey": "agent:main:in"}
    config = {
        "hooks": {
            **off,
            "mappings": [mapping(None, "x", agentId="Ops"), mapping("hook:y", "y", agentId="b")],
        },
        "agents": {"entries": {"main": {}, "ops": {}, "b": {}}},
    }
    after = repaired(config)["hooks"]["allowedSessionKeyPrefixes"]
    assert after == ["hook:im:", "hook:y", "agent:ops:in", "agent:main:in"]


def test_no_default_key_is_set_where_the_prefix_of_a_mapping_lets_the_gateway_start() -> None:
    section = hooks(allowedSessionKeyPrefixes=["feishu:"], mappings=[mapping("hook:{{id}}", "x")])
    assert edits({"hooks": section}, NO_INGRESS) == (
        SetValue(("hooks", "allowedSessionKeyPrefixes", 1), "hook:"),
    )


def test_a_prefix_that_lets_the_gateway_start_by_chance_is_no_reason_for_an_edit() -> None:
    assert edits({"hooks": hooks(allowedSessionKeyPrefixes=["hook:ex"])}, NO_INGRESS) == ()


def test_what_is_added_to_a_list_leaves_its_elements_alone() -> None:
    section = hooks(allowRequestSessionKey=True, allowedSessionKeyPrefixes=["Hook:"], allowedAgentIds=["ops"])
    agents = {
        "agents": {"entries": {"main": {}, "ops": {}}, "defaults": {"systemAgent": {"agentId": "main"}}}
    }
    agents["agents"]["ownership"] = "explicit"
    assert edits({"hooks": section, **agents}, GROUP) == (
        SetValue(("hooks", "allowedSessionKeyPrefixes", 1), "feishu:default:"),
        SetValue(("hooks", "allowedAgentIds", 1), "main"),
    )


@pytest.mark.parametrize("length", [32, 33])
def test_a_token_of_the_needed_length_is_kept(length: int) -> None:
    assert repaired({"hooks": hooks(token="a" * length)})["hooks"]["token"] == "a" * length


@pytest.mark.parametrize("token", [None, "", "  ", "a" * 31, 5, [], "\U0001f511" * 15])
def test_a_token_that_cannot_serve_is_replaced(token: Any) -> None:
    assert repaired({"hooks": hooks(token=token)})["hooks"]["token"] == NEW_TOKEN


def test_a_short_token_is_no_business_of_a_repair_without_an_ingress() -> None:
    assert edits({"hooks": hooks(token="short")}, NO_INGRESS) == ()


def test_a_token_that_repeats_the_gateways_secret_is_replaced() -> None:
    config = {"gateway": {"auth": {"token": TOKEN}}, "hooks": hooks()}
    assert repaired(config, NO_INGRESS)["hooks"]["token"] == NEW_TOKEN
    facts = HookFacts(gateway_env=GatewayEnv(password=Secret(TOKEN)))
    assert repaired({"hooks": hooks()}, NO_INGRESS, facts)["hooks"]["token"] == NEW_TOKEN


@pytest.mark.parametrize("token", ["", "weak"])
def test_a_token_behind_a_variable_is_never_overwritten(token: str) -> None:
    facts = HookFacts(token_reference="${HOOK_TOKEN}")
    after = repaired({"hooks": hooks(token=token)}, NEEDS, facts)
    assert after["hooks"]["token"] == token
    assert critical(after, NEEDS, facts) & {"hooks.ingress.token_short", "hooks.boot.token_missing"}


def test_a_token_reference_without_a_value_stays_and_is_reported() -> None:
    facts = HookFacts(unresolved=frozenset({"HOOK_TOKEN"}))
    config = {"hooks": hooks(token="${HOOK_TOKEN}")}
    assert repaired(config, NEEDS, facts)["hooks"]["token"] == "${HOOK_TOKEN}"
    assert "hooks.token_unresolved" in critical(config, NEEDS, facts)


def test_a_secret_reference_stays_for_the_operator_to_replace() -> None:
    reference = {"source": "env", "provider": "default", "id": "X"}
    after = repaired({"hooks": hooks(token=reference)})
    assert after["hooks"]["token"] == reference
    assert boot_verdict(after).path == "hooks.token"


def test_a_section_that_is_null_goes_where_no_ingress_is_needed() -> None:
    assert edits({"hooks": None}, NO_INGRESS) == (Remove(("hooks",)),)
    assert edits({"hooks": {"enabled": False}}, NO_INGRESS) == ()
    assert edits({"hooks": []}, NO_INGRESS) == ()


def test_a_wrong_type_is_mended_where_hooks_are_off_too_for_it_stops_the_gateway() -> None:
    off = {"enabled": False, "token": "x", "path": "/", "allowedAgentIds": [1], "defaultSessionKey": None}
    after = {"enabled": False, "token": "x", "path": "/", "allowedAgentIds": ["main"]}
    assert repaired({"hooks": off}, NO_INGRESS)["hooks"] == after


def test_policy_keys_of_a_wrong_type_are_set_right() -> None:
    broken = hooks(
        path=5,
        defaultSessionKey=1,
        allowRequestSessionKey="yes",
        allowedSessionKeyPrefixes="hook:",
        allowedAgentIds=[1],
    )
    after = repaired({"hooks": broken}, NO_INGRESS)["hooks"]
    assert after == hooks(allowedSessionKeyPrefixes=["hook:"], allowedAgentIds=["main"])
    mixed = hooks(allowedSessionKeyPrefixes=[None, "hook:"], allowedAgentIds=["main", None])
    assert repaired({"hooks": mixed}, NO_INGRESS)["hooks"] == after


def test_what_belongs_to_the_operator_is_left_alone() -> None:
    section = hooks(mappings=[mapping(forEach="a.b")], extra=1, defaultSessionKey="hook:a")
    after = repaired({"hooks": section}, NO_INGRESS)
    assert after["hooks"] == section
    assert not boot_verdict(after, config_dir=PurePosixPath("/x")).ok


def test_a_path_that_no_request_matches_is_replaced() -> None:
    assert repaired({"hooks": hooks(path="/my hooks")})["hooks"]["path"] == "/hooks"
    assert repaired({"hooks": hooks(path="/my hooks")}, NO_INGRESS)["hooks"]["path"] == "/my hooks"
    assert repaired({"hooks": hooks(path="/")}, NO_INGRESS)["hooks"]["path"] == "/hooks"


def test_lengths_are_counted_in_utf16_units() -> None:
    assert utf16_length("\U0001f511") == 2
