"""The boot verdict without a gateway: the table by hand, the schema's corners, folders and includes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from openclaw_install.host.hooks.boot import boot_failures
from openclaw_install.host.hooks.schema import json_type, retired_keys, schema_issues
from tests.hook_cases import BOOT_CASES, TOKEN, BootCase, HooksVerdict, boot_verdict, hooks, mapping


@pytest.mark.parametrize("case", BOOT_CASES, ids=lambda case: case.name)
def test_the_verdict_names_the_rule(case: BootCase) -> None:
    verdict = boot_verdict({"hooks": case.hooks})
    assert (verdict.ok, verdict.rule) == (case.rule is None, case.rule)


def test_a_config_without_hooks_starts() -> None:
    assert boot_verdict({"gateway": {}}) == HooksVerdict(ok=True)


def test_the_message_holds_the_gateways_own_words_and_no_token() -> None:
    verdict = boot_verdict({"hooks": hooks(path="/")})
    assert verdict.message == "hooks.path may not be '/'"
    assert TOKEN not in str(boot_verdict({"hooks": hooks(extra=TOKEN)}))


def test_every_broken_rule_is_told_in_the_gateways_order() -> None:
    section = hooks(token=" ", path="/", defaultSessionKey="x:y", allowedSessionKeyPrefixes=["hook:"])
    assert [failure.rule for failure in boot_failures({"hooks": section})] == [
        "hooks.boot.token_missing",
        "hooks.boot.path_root",
        "hooks.boot.default_key_outside_prefixes",
    ]


@pytest.mark.parametrize(
    ("folder", "ok"),
    [
        ("/etc/oc/hooks/transforms/a", True),
        ("//etc/oc/hooks/transforms", True),
        ("a/../b", True),
        (".", True),
        ("/etc/oc/hooks", False),
        ("/etc/oc/hooks/transforms2", False),
        ("..", False),
    ],
)
def test_the_transforms_folder_stays_below_its_place(folder: str, ok: bool) -> None:
    config = {"hooks": hooks(transformsDir=folder, mappings=[mapping("hook:a")])}
    assert boot_verdict(config, config_dir=PurePosixPath("/etc/oc")).ok is ok


def test_an_absolute_transforms_folder_counts_as_outside_where_the_place_is_unknown() -> None:
    verdict = boot_verdict({"hooks": hooks(transformsDir="/a", mappings=[mapping()])})
    assert verdict.rule == "hooks.boot.transforms_dir_outside"


@pytest.mark.parametrize(
    "retired", [{"maxBodyBytes": 1}, {"internal": {"handlers": []}}, {"internal": {"installs": {}}}]
)
def test_retired_keys_stop_a_file_with_includes_only(retired: dict[str, Any]) -> None:
    config = {"hooks": hooks(**retired)}
    assert boot_verdict(config).ok
    assert boot_verdict(config, has_includes=True).rule == "hooks.boot.schema"
    assert len(retired_keys(config["hooks"])) == 1


def test_a_section_that_is_no_object_has_no_retired_keys() -> None:
    assert retired_keys(None) == ()
    assert boot_verdict({"hooks": []}).path == "hooks"


@pytest.mark.parametrize(
    ("section", "path", "message"),
    [
        ({"token": {"source": "env"}}, "hooks.token", "Invalid input: expected string, received object"),
        ({"enabled": None}, "hooks.enabled", "Invalid input: expected boolean, received null"),
        ({"a": 1, "b": 2}, "hooks", 'Unrecognized keys: "a", "b"'),
        ({"allowedAgentIds": ["a", 1]}, "hooks.allowedAgentIds[1]", "expected string, received number"),
        ({"mappings": [None]}, "hooks.mappings[0]", "expected object, received null"),
        ({"mappings": [{"channel": " "}]}, "hooks.mappings[0].channel", "Too small"),
        ({"mappings": [{"channel": 1}]}, "hooks.mappings[0].channel", "expected string"),
        ({"mappings": [{"action": "Wake"}]}, "hooks.mappings[0].action", 'allowed: "wake", "agent"'),
        ({"mappings": [{"timeoutSeconds": True}]}, "hooks.mappings[0].timeoutSeconds", "received boolean"),
        ({"mappings": [{"timeoutSeconds": 1.5}]}, "hooks.mappings[0].timeoutSeconds", "expected int"),
        (
            {"mappings": [{"timeoutSeconds": float("inf")}]},
            "hooks.mappings[0].timeoutSeconds",
            "expected int",
        ),
        ({"mappings": [{"timeoutSeconds": 0}]}, "hooks.mappings[0].timeoutSeconds", ">0"),
        ({"mappings": [{"transform": {}}]}, "hooks.mappings[0].transform.module", "received undefined"),
        (
            {"mappings": [{"transform": {"module": "a:b"}}]},
            "hooks.mappings[0].transform.module",
            "safe relative",
        ),
        ({"mappings": [{"sessionMode": "persistent"}]}, "hooks.mappings[0].sessionKey", "require sessionKey"),
        ({"internal": {"entries": []}}, "hooks.internal.entries", "expected record, received array"),
        ({"internal": {"entries": {"x": {"env": {"A": 1}}}}}, "hooks.internal.entries.x.env.A", "string"),
        ({"gmail": {"serve": {"port": -1}}}, "hooks.gmail.serve.port", ">0"),
        ({"mappings": {}}, "hooks.mappings", "expected array, received object"),
    ],
)
def test_a_schema_refusal_names_the_place_in_openclaws_words(section: Any, path: str, message: str) -> None:
    (issue,) = schema_issues(section)
    assert issue.path == path
    assert message in issue.message


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"mappings": [{"match": {"extra": 1}, "timeoutSeconds": 2.0, "forEach": " "}]},
        {"mappings": [{"sessionMode": "persistent"}], "defaultSessionKey": "hook:a"},
        {"mappings": [{"sessionMode": "persistent", "action": "wake"}]},
        {"mappings": [{"sessionMode": "persistent", "transform": {"module": "a/b.js"}}]},
        {"internal": {"entries": {"x": {"anything": 1}}, "load": {"extraDirs": []}}, "gmail": {}},
    ],
)
def test_what_the_schema_accepts_has_no_issue(section: Any) -> None:
    assert schema_issues(section) == ()


def test_json_types_have_the_validators_names() -> None:
    values: list[Any] = [True, 1, 1.5, float("nan"), "", [], {}, None]
    names = ["boolean", "number", "number", "NaN", "string", "array", "object", "null"]
    assert [json_type(value) for value in values] == names


def test_a_verdict_tells_the_key_that_it_is_about() -> None:
    assert boot_verdict({"hooks": hooks(allowedAgentIds=[1])}).key == "allowedAgentIds"
    assert boot_verdict({"hooks": 1}).key == ""
    assert HooksVerdict(ok=True).key == ""
