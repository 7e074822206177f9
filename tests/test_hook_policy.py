"""Reading `hooks.*`: what the gateway would enforce, which agent serves, which prefix a route needs."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.redaction import Secret
from openclaw_install.host.hooks.agents import agent_ids, default_agent
from openclaw_install.host.hooks.auth import GatewayEnv, HookFacts, gateway_secret, remotely_exposed
from openclaw_install.host.hooks.policy import (
    IngressNeeds,
    base_path,
    effective,
    ingress_agent,
    reachable_path,
    read_mappings,
    read_policy,
)
from openclaw_install.host.hooks.text import normalize_agent_id
from openclaw_install.host.workspace import active_group_key, route_prefix
from openclaw_install.setup.report import disk_policy
from tests.hook_cases import TOKEN, hooks, mapping


def test_the_document_tells_the_policy_and_never_the_token() -> None:
    section = hooks(
        path="in/",
        defaultSessionKey=" hook:in ",
        allowRequestSessionKey=True,
        allowedSessionKeyPrefixes=[" Hook:IM:", "hook:im:", " "],
        allowedAgentIds=["Ops", " ", "ops"],
        presets=["gmail"],
    )
    policy = read_policy({"hooks": section})
    assert jsonable(disk_policy(policy)) == {
        "enabled": True,
        "path": "/in",
        "token_set": True,
        "token_length": len(TOKEN),
        "allow_request_session_key": True,
        "allowed_session_key_prefixes": ["hook:im:"],
        "default_session_key": "hook:in",
        "allowed_agent_ids": ["ops"],
        "mappings": [{"id": "gmail", "path": "gmail", "templated_key": True}],
        "agents": ["main"],
        "default_agent": "main",
    }
    assert TOKEN not in repr(policy)


@pytest.mark.parametrize("config", [{}, {"hooks": None}, {"hooks": 5}, {"hooks": {"token": 1, "path": []}}])
def test_wrong_types_count_as_unset(config: dict[str, Any]) -> None:
    policy = read_policy(config)
    assert (policy.enabled, policy.path, policy.token, policy.token_length) == (False, "/hooks", None, 0)
    assert (policy.prefixes, policy.allowed_agent_ids, policy.mappings) == (None, None, ())


@pytest.mark.parametrize(
    ("written", "path"),
    [(None, "/hooks"), ("/", "/"), ("//", ""), ("a", "/a"), (" /a/b// ", "/a/b"), ("/a//b", "/a//b")],
)
def test_the_base_path_is_spelled_as_the_gateway_spells_it(written: Any, path: str) -> None:
    assert base_path(written) == path


@pytest.mark.parametrize("path", ["", "/hooks", "/a%20b", "/a//b", "/a.b", "/..a", "/~in"])
def test_a_path_that_survives_url_parsing_is_reachable(path: str) -> None:
    assert reachable_path(path)


@pytest.mark.parametrize(
    "path", ["/a b", "/a?b", "/a#b", "/\u00e4", "//a", "/a/../b", "/%2E/b", "/a\\b", "/{a}"]
)
def test_a_path_that_a_url_never_has_is_unreachable(path: str) -> None:
    assert not reachable_path(path)


@pytest.mark.parametrize(
    ("agents", "known", "default"),
    [
        (None, ("main",), "main"),
        ({}, ("main",), "main"),
        ({"entries": {}}, ("main",), "main"),
        ({"entries": {"Ops X": {}, "bad": 5}}, ("ops-x",), "ops-x"),
        ({"entries": {"a": {}, "b": {}}}, ("a", "b"), None),
        ({"entries": {"a": {}, "b": {"default": True}}}, ("a", "b"), "b"),
        ({"entries": {"a": {"default": True}, "b": {"default": True}}}, ("a", "b"), None),
        ({"entries": {"a": {}, "b": {}}, "ownership": "explicit"}, ("a", "b"), None),
        (
            {
                "entries": {"a": {"default": True}, "b": {}},
                "ownership": "explicit",
                "defaults": {"systemAgent": {"agentId": " B "}},
            },
            ("a", "b"),
            "b",
        ),
        ({"list": [{"id": "A"}, {"id": "a"}, 5, {"id": " "}, {}]}, ("a", "a-2", "agent", "agent-2"), None),
        ({"list": "x"}, ("main",), "main"),
        ({"list": [{"id": "ops"}, {"id": "main"}]}, ("ops", "main"), "main"),
        ({"entries": {"main": {}, "b": {}}}, ("main", "b"), "main"),
        ({"entries": {"main": {}, "b": {}}, "ownership": "explicit"}, ("main", "b"), None),
        (
            {"entries": {"main": {}, "b": {}}, "defaults": {"systemAgent": {"agentId": "b"}}},
            ("main", "b"),
            "b",
        ),
        (
            {"entries": {"main": {}, "b": {}}, "defaults": {"systemAgent": {"agentId": "x"}}},
            ("main", "b"),
            None,
        ),
    ],
)
def test_agents_and_the_one_for_requests_without_an_agent(
    agents: Any, known: tuple[str, ...], default: str | None
) -> None:
    config = {} if agents is None else {"agents": agents}
    assert (agent_ids(config), default_agent(config)) == (known, default)


@pytest.mark.parametrize(
    ("store", "owner", "default"),
    [
        ("/s.db", "b", "b"),
        ("/s.db", "gone", None),
        ("/s.db", " ", "a"),
        ("/{agentId}.db", "b", "a"),
        (None, "b", "a"),
    ],
)
def test_the_owner_of_a_fixed_global_store_serves_first(
    store: str | None, owner: str, default: str | None
) -> None:
    agents = {"entries": {"a": {"default": True}, "b": {}}, "defaults": {"sessionStore": {"agentId": owner}}}
    config = {"agents": agents, "session": {"scope": "global", "store": store}}
    assert default_agent(config) == default


def test_agent_ids_take_the_form_of_folder_names() -> None:
    written = ["Main", "a b!c", "--x--", "\u00e4", "", 5, "x" * 80]
    assert [normalize_agent_id(name) for name in written] == [
        "main",
        "a-b-c",
        "x",
        "main",
        "main",
        "main",
        "x" * 64,
    ]


def test_the_ingress_names_its_agent_or_takes_the_default_one() -> None:
    policy = read_policy({"agents": {"entries": {"a": {}, "b": {}}}})
    assert ingress_agent(policy, IngressNeeds(required=True)) is None
    assert ingress_agent(policy, IngressNeeds(required=True, agent_id="B")) == "b"
    assert ingress_agent(policy, IngressNeeds(required=True, agent_id="c")) is None


def test_a_mapping_is_shadowed_by_an_earlier_one_that_matches_all_it_matches() -> None:
    first = mapping("1", "/a/")
    second = mapping("2", "a", match={"path": "a", "source": "s"})
    other = mapping("3", None, match={"source": " s "})
    late = mapping("4", "b", match={"path": "b", "source": "s"})
    kept = effective(read_mappings({"mappings": [first, second, None, other, late, mapping("5", "b")]}))
    assert [entry.session_key for entry in kept] == ["1", "3", "5"]
    assert [entry.where for entry in kept] == ["hooks.mappings[0]", "hooks.mappings[3]", "hooks.mappings[5]"]


@pytest.mark.parametrize(
    ("key", "templated", "start"),
    [
        ("hook:a", False, "hook:a"),
        (" hook:a:{{b}}:{{c}}", True, "hook:a:"),
        ("{{b}}", True, ""),
        ("a{{}}b", False, "a{{}}b"),
        ("a{{ }}b", True, "a"),
        ("a{{b}", False, "a{{b}"),
    ],
)
def test_a_template_keeps_what_stands_before_its_first_expression(
    key: str, templated: bool, start: str
) -> None:
    (entry,) = read_mappings({"mappings": [mapping(key)]})
    assert (entry.templated, entry.key_start) == (templated, start)


_OWN_TOKEN, _ENV = {"token": "T"}, GatewayEnv(Secret("E"), Secret("P"))


@pytest.mark.parametrize(
    ("gateway", "env", "kind", "value"),
    [
        ({}, GatewayEnv(), None, None),
        ({"auth": _OWN_TOKEN}, GatewayEnv(), "token", "T"),
        ({"auth": {"token": " T "}}, _ENV, "password", "P"),
        ({"auth": {**_OWN_TOKEN, "mode": "token"}}, _ENV, "token", "T"),
        ({"auth": {"mode": "token"}}, _ENV, "token", "E"),
        ({"auth": {"mode": "none", **_OWN_TOKEN}}, _ENV, None, None),
        ({"auth": {"mode": "trusted-proxy"}, "remote": {"password": "R"}}, GatewayEnv(), None, None),
        ({"auth": {"mode": "password"}, "remote": {"password": "R"}}, GatewayEnv(), "password", "R"),
        ({"auth": {"mode": "token", "token": {"source": "env", "id": "X"}}}, _ENV, None, None),
        ({"auth": {"mode": "token", "token": "${GONE}"}}, _ENV, "token", "E"),
    ],
)
def test_the_gateways_own_secret_follows_its_auth_mode(
    gateway: Any, env: GatewayEnv, kind: str | None, value: str | None
) -> None:
    found = gateway_secret({"gateway": gateway}, env, frozenset({"GONE"}))
    assert (found and found.kind, found and found.value.reveal()) == (kind, value)


@pytest.mark.parametrize(
    ("gateway", "exposed"),
    [({}, False), ({"bind": "loopback"}, False), ({"bind": 5}, False), ({"bind": "lan"}, True)]
    + [({"tailscale": {"mode": mode}}, mode != "off") for mode in ("off", "serve", "funnel")],
)
def test_a_gateway_is_exposed_by_its_bind_or_by_tailscale(gateway: Any, exposed: bool) -> None:
    assert remotely_exposed({"gateway": gateway}) is exposed


@pytest.mark.parametrize(
    ("written", "resolved", "lacking"),
    [
        (None, "x${A}", True),
        (None, "$A", False),
        ("${A}", "${A}", True),
        ("$${A}", "${A}", False),
        ("${B}", "a value that holds ${A}", False),
    ],
)
def test_a_token_without_a_value_is_told_from_one_that_looks_like_it(
    written: str | None, resolved: str, lacking: bool
) -> None:
    facts = HookFacts(unresolved=frozenset({"A"}), token_reference=written)
    assert facts.lacks_token(resolved) is lacking


def test_a_remote_secret_whose_variable_has_no_value_is_none() -> None:
    remote = {"token": "${A}", "password": "${B}"}
    config = {"gateway": {"remote": remote}}
    assert gateway_secret(config, GatewayEnv(), frozenset({"A", "B"})) is None


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("feishu:default:oc_x", "feishu:default:"),
        ("\ufeff# Active group\n\n- `Feishu:Default:oc_x`\n", "feishu:default:"),
        ("Session key: **feishu:default:group:oc_x**", "feishu:default:"),
        ("the group we work in:\r\n> telegram:-100123\r\n", "telegram:"),
        ("session_key = agent:main:feishu:group:oc_x", "agent:main:feishu:group:"),
        ("agent:main:feishu:oc_x", "agent:main:feishu:"),
        ("see https://example.test/x\nhook:im:42", "hook:im:"),
        ("<!-- feishu:default:old -->\nfeishu:work:oc_y", "feishu:work:"),
        ("agent:main:main", None),
        ("agent:main", None),
        ("main", None),
        ("", None),
        ("# feishu:default:oc_x", None),
        ("feishu:default:", None),
        ("feishu: default: oc", None),
        ("a:" + "b" * 600, None),
    ],
)
def test_the_route_prefix_is_channel_and_account_of_the_active_group(text: str, prefix: str | None) -> None:
    assert route_prefix(text) == prefix


def test_the_key_of_the_active_group_keeps_its_case() -> None:
    assert active_group_key("* key: 'feishu:default:oc_AbC'") == "feishu:default:oc_AbC"
