"""What is said about the hook policy: each finding where it belongs, and silence where all is well."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.redaction import Secret
from openclaw_install.host.hooks.auth import GatewayEnv, HookFacts
from openclaw_install.host.hooks.findings import findings
from openclaw_install.host.hooks.policy import IngressNeeds
from tests.hook_cases import BOOT_CASES, TOKEN, hooks, mapping

NEEDS = IngressNeeds(required=True)
NO_INGRESS = IngressNeeds(required=False)
NO_FACTS = HookFacts()
WHOLE = hooks(
    allowRequestSessionKey=True,
    allowedSessionKeyPrefixes=["hook:im:", "hook:ingress"],
    defaultSessionKey="hook:ingress",
    allowedAgentIds=["main"],
)

FLAWS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"token": ""}, "hooks.boot.token_missing"),
    ({"token": "a" * 31}, "hooks.ingress.token_short"),
    ({"token": "a" * 23}, "hooks.token_too_short"),
    ({"path": "/"}, "hooks.path_root"),
    ({"path": "//"}, "hooks.path_empty"),
    ({"path": "/a b"}, "hooks.ingress.path_unreachable"),
    ({"allowRequestSessionKey": False}, "hooks.ingress.request_keys_off"),
    ({"allowedSessionKeyPrefixes": ["hook:in"]}, "hooks.ingress.prefix_missing"),
    ({"allowedSessionKeyPrefixes": []}, "hooks.ingress.prefixes_unset"),
    ({"allowedSessionKeyPrefixes": []}, "hooks.request_session_key_prefixes_missing"),
    ({"allowedSessionKeyPrefixes": []}, "hooks.direct_keys_narrowed"),
    ({"allowedAgentIds": ["*"]}, "hooks.ingress.agents_unrestricted"),
    ({"allowedAgentIds": []}, "hooks.ingress.agent_excluded"),
    ({"defaultSessionKey": ""}, "hooks.default_session_key_unset"),
    ({"maxBodyBytes": 1}, "hooks.retired_key"),
    ({"mappings": [mapping("{{a}}")]}, "hooks.mapping_key_unbounded"),
    ({"mappings": [mapping("crm:a")]}, "hooks.mapping_key_excluded"),
    ({"presets": ["gmail"]}, "hooks.mapping_key_excluded"),
    ({"presets": ["gmail"], "allowRequestSessionKey": False}, "hooks.mapping_needs_request_keys"),
    (
        {"allowedSessionKeyPrefixes": [], "mappings": [mapping(transform={"module": "a.js"})]},
        "hooks.transform_keys_unknown",
    ),
)


def ids(section: Any, needs: IngressNeeds = NEEDS, facts: HookFacts = NO_FACTS, **config: Any) -> set[str]:
    return {finding.code for finding in findings({"hooks": section, **config}, needs, facts)}


def test_a_whole_policy_has_nothing_but_what_the_ingress_cannot_do_without() -> None:
    told = {(f.code, f.severity) for f in findings({"hooks": WHOLE}, NEEDS)}
    assert told == {
        ("hooks.request_session_key_enabled", "warn"),
        ("config.secrets.hooks_token_in_config", "info"),
    }


def test_without_an_ingress_and_without_hooks_there_is_nothing_to_say() -> None:
    assert findings({}, NO_INGRESS) == ()
    assert ids({"enabled": False, "presets": ["gmail"], "path": "//"}, NO_INGRESS) == set()


def test_an_ingress_on_a_bare_host_misses_everything() -> None:
    assert {f.code for f in findings({}, NEEDS)} == {
        "hooks.ingress.disabled",
        "hooks.ingress.token_missing",
        "hooks.ingress.request_keys_off",
        "hooks.ingress.prefixes_unset",
        "hooks.ingress.agents_unrestricted",
    }


@pytest.mark.parametrize(("change", "expected"), FLAWS)
def test_each_flaw_has_its_finding(change: dict[str, Any], expected: str) -> None:
    assert expected in ids({**WHOLE, **change})
    assert expected not in ids(WHOLE)


def test_each_missing_prefix_is_named() -> None:
    needs = IngressNeeds(required=True, prefixes=("hook:im:", "feishu:default:", "telegram:"))
    missing = [
        f.message for f in findings({"hooks": WHOLE}, needs) if f.code == "hooks.ingress.prefix_missing"
    ]
    assert [message.split(" ")[3] for message in missing] == ["feishu:default:", "telegram:"]


def test_the_request_key_switch_says_what_limits_it() -> None:
    told = {f.code: f for f in findings({"hooks": WHOLE}, NEEDS)}["hooks.request_session_key_enabled"]
    assert told.message.endswith(": hook:im:, hook:ingress")
    assert told.next_step == ""


def test_an_exposed_gateway_makes_the_audits_warnings_critical() -> None:
    section = hooks(allowRequestSessionKey=True)
    config = {"hooks": section, "gateway": {"bind": "lan"}}
    assert {f.code for f in findings(config, NO_INGRESS) if f.severity == "critical"} == {
        "hooks.allowed_agent_ids_unrestricted",
        "hooks.request_session_key_enabled",
        "hooks.request_session_key_prefixes_missing",
    }


def test_a_request_without_an_agent_needs_one_to_serve_it() -> None:
    agents = {"entries": {"a": {}, "b": {}}, "ownership": "explicit"}
    section = {**WHOLE, "allowedAgentIds": ["a"]}
    assert "hooks.ingress.agent_undecided" in ids(section, agents=agents)
    named = IngressNeeds(required=True, agent_id="a")
    assert not {name for name in ids(section, named, agents=agents) if "agent" in name}


def test_a_token_behind_a_variable_is_mended_where_the_variable_is() -> None:
    facts = HookFacts(token_reference="${HOOK_TOKEN}")
    short = {f.code: f for f in findings({"hooks": {**WHOLE, "token": "weak"}}, NEEDS, facts)}
    assert short["hooks.ingress.token_short"].next_step == (
        "set the variable behind hooks.token to a fresh secret of 32 characters or more"
    )
    gone = HookFacts(token_reference="${HOOK_TOKEN}", unresolved=frozenset({"HOOK_TOKEN"}))
    told = {f.code: f.severity for f in findings({"hooks": {**WHOLE, "token": "${HOOK_TOKEN}"}}, NEEDS, gone)}
    assert told["hooks.token_unresolved"] == "critical"
    assert "config.secrets.hooks_token_in_config" not in told


def test_a_secret_reference_is_told_by_the_boot_rule() -> None:
    told = ids({**WHOLE, "token": {"source": "env", "id": "X"}})
    assert {name for name in told if "token" in name or "boot" in name} == {"hooks.boot.schema"}


def test_no_finding_offers_the_repair_for_a_token_that_it_never_overwrites() -> None:
    behind = HookFacts(token_reference="${HOOK_TOKEN}", gateway_env=GatewayEnv(token=Secret(TOKEN)))
    for token, facts in (("weak", behind), (" ", behind), (TOKEN, behind), ({"source": "env"}, HookFacts())):
        told = [
            f for f in findings({"hooks": {**WHOLE, "token": token}}, NEEDS, facts) if f.path == "hooks.token"
        ]
        assert told
        assert not [f for f in told if "--fix-hooks" in f.next_step]


def test_an_escaped_reference_is_a_token_that_stands_in_the_file() -> None:
    facts = HookFacts(token_reference="$${HOOK_TOKEN}", unresolved=frozenset({"HOOK_TOKEN"}))
    told = {f.code: f for f in findings({"hooks": {**WHOLE, "token": "${HOOK_TOKEN}"}}, NEEDS, facts)}
    assert "hooks.token_unresolved" not in told
    assert "--fix-hooks" in told["hooks.ingress.token_short"].next_step


def test_a_reused_token_is_told_without_showing_it() -> None:
    facts = HookFacts(gateway_env=GatewayEnv(token=Secret(TOKEN)))
    told = findings({"hooks": WHOLE}, NEEDS, facts)
    assert {"hooks.token_reuse_gateway_token", "hooks.ingress.token_reused"} <= {f.code for f in told}
    assert TOKEN not in str(told)


@pytest.mark.parametrize(
    ("section", "by_hand"),
    [
        (hooks(extra=1), True),
        (hooks(presets=["valueOf"]), True),
        (hooks(path=5), False),
        (hooks(allowedAgentIds=[5]), False),
        (hooks(path="/"), False),
    ],
)
def test_the_repair_is_offered_where_it_mends(section: Any, by_hand: bool) -> None:
    told = findings({"hooks": section}, NO_INGRESS)[0]
    assert told.code.startswith("hooks.boot.")
    assert ("--fix-hooks" not in told.next_step) is by_hand


def test_the_rule_table_in_the_docs_names_every_finding_that_there_is() -> None:
    """Every id in the table is set off here by some config, and none is set off that the table lacks."""
    table = (Path(__file__).parents[1] / "docs" / "hook-rules.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `((?:hooks|config)\.[a-z_.]+)` \|", table, re.MULTILINE)
    told = {name for change, _ in FLAWS for name in ids({**WHOLE, **change})}
    told |= {name for case in BOOT_CASES for name in ids(case.hooks)} | ids({})
    reused = HookFacts(gateway_env=GatewayEnv(token=Secret(TOKEN)), unresolved=frozenset({"GONE"}))
    told |= ids(WHOLE, facts=reused) | ids({**WHOLE, "token": "${GONE}"}, facts=reused)
    told |= ids(WHOLE, agents={"entries": {"a": {}, "b": {}}})
    assert sorted(listed) == sorted(told)
