"""bundle.json is read strictly, and what the reader accepts is what the schema accepts."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest

from openclaw_install.common.data_files import load_schema
from openclaw_install.common.errors import BundleError
from openclaw_install.host.bundle_manifest import Requires, parse_manifest
from openclaw_install.host.bundles import Bundle, shipped_bundles

COMPLETE: dict[str, Any] = {
    "schema_version": 1,
    "name": "echo",
    "version": "1.2.3",
    "summary": "Says things again.",
    "hook_ingress": {
        "required": True,
        "session_key_prefixes": ["hook:echo:"],
        "route_modes": ["map-active-group"],
    },
    "mcp_servers": [
        {
            "name": "echo",
            "purpose": "repeats",
            "command": "echo-server",
            "args": ["--key", "${ECHO_KEY}"],
            "env": {"ECHO_KEY": "${ECHO_KEY}", "ECHO_MODE": "loud"},
            "optional_env": ["ECHO_HOME"],
            "requires": {"bins": ["echo-server", "node"], "env": ["ECHO_KEY"]},
        },
        {
            "name": "echo-remote",
            "purpose": "repeats elsewhere",
            "url": "https://echo.example/mcp",
            "transport": "streamable-http",
            "headers": {"Authorization": "Bearer ${ECHO_KEY}"},
            "requires": {"bins": [], "env": ["ECHO_KEY"]},
        },
    ],
    "binaries": [
        {"any_of": ["echo-server", "echo2"], "required": True, "purpose": "serves", "add": "get it"}
    ],
    "environment": [
        {
            "name": "ECHO_KEY",
            "required": True,
            "secret": True,
            "purpose": "lets you in",
            "where": "https://echo.example",
            "add": "export ECHO_KEY=...",
        },
        {
            "name": "ECHO_HOME",
            "required": False,
            "secret": False,
            "purpose": "where it lives",
            "where": "your choice",
            "add": "export ECHO_HOME=...",
        },
    ],
}
MISSING = object()


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """COMPLETE with the value at `path` replaced, or removed."""
    document = copy.deepcopy(COMPLETE)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def schema_accepts(document: object) -> bool:
    return bool(jsonschema.Draft202012Validator(load_schema("bundle")).is_valid(document))


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(load_schema("bundle"))


@pytest.mark.parametrize("bundle", shipped_bundles(), ids=lambda bundle: bundle.name)
def test_each_shipped_manifest_satisfies_the_schema(bundle: Bundle) -> None:
    text = (bundle.folder / "bundle.json").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator(load_schema("bundle")).validate(json.loads(text))


def test_a_complete_manifest_is_read_in_full() -> None:
    assert schema_accepts(COMPLETE)
    manifest = parse_manifest(COMPLETE, "echo/bundle.json")
    stdio, remote = manifest.mcp_servers
    assert (manifest.name, manifest.version, manifest.summary) == ("echo", "1.2.3", "Says things again.")
    assert manifest.hook_ingress.session_key_prefixes == ("hook:echo:",)
    assert manifest.hook_ingress.route_modes == ("map-active-group",)
    assert stdio.references() == ("ECHO_KEY",)
    assert remote.references() == ("ECHO_KEY",)
    assert manifest.binaries[0].any_of == ("echo-server", "echo2")
    assert [variable.secret for variable in manifest.environment] == [True, False]


def test_a_stdio_registration_hands_on_optional_variables_only_where_they_are_set() -> None:
    stdio = parse_manifest(COMPLETE, "echo").mcp_servers[0]
    env = {"ECHO_KEY": "${ECHO_KEY}", "ECHO_MODE": "loud"}
    bare = {"command": "echo-server", "args": ["--key", "${ECHO_KEY}"], "env": env}
    assert stdio.registration() == bare
    handed_on = stdio.registration({"ECHO_HOME", "PATH"})
    assert handed_on == {**bare, "env": {**env, "ECHO_HOME": "${ECHO_HOME}"}}


def test_a_remote_registration_names_url_transport_and_headers() -> None:
    assert parse_manifest(COMPLETE, "echo").mcp_servers[1].registration({"ECHO_HOME"}) == {
        "url": "https://echo.example/mcp",
        "transport": "streamable-http",
        "headers": {"Authorization": "Bearer ${ECHO_KEY}"},
    }


def test_missing_prerequisites_are_told_by_name() -> None:
    requires = parse_manifest(COMPLETE, "echo").mcp_servers[0].requires
    assert requires.missing(bins={"node"}, env=set()) == Requires(("echo-server",), ("ECHO_KEY",))
    assert not requires.missing(bins={"node", "echo-server"}, env={"ECHO_KEY"})


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("schema_version",), MISSING, "schema_version is missing"),
        (("schema_version",), 2, "schema_version must be 1"),
        (("schema_version",), "1", "schema_version must be 1"),
        (("name",), 7, "name must be a text"),
        (("summary",), "", "summary must be a text"),
        (("surprise",), 1, "surprise is not a key"),
        (("hook_ingress",), MISSING, "hook_ingress is missing"),
        (("hook_ingress",), [], "hook_ingress must be an object"),
        (("hook_ingress", "required"), "yes", "hook_ingress.required must be true or false"),
        (("hook_ingress", "required"), False, "hook_ingress.session_key_prefixes is not a key"),
        (("hook_ingress", "session_key_prefixes"), [], "hook_ingress.session_key_prefixes must list"),
        (("hook_ingress", "session_key_prefixes"), ["hook"], "hook_ingress.session_key_prefixes must list"),
        (
            ("hook_ingress", "session_key_prefixes"),
            "hook:",
            "hook_ingress.session_key_prefixes must be a list",
        ),
        (("hook_ingress", "route_modes"), ["other"], "hook_ingress.route_modes[0] must be"),
        (("hook_ingress", "route_modes"), [], "hook_ingress.route_modes must list"),
        (("mcp_servers",), {}, "mcp_servers must be a list"),
        (("mcp_servers", 0), "echo", "mcp_servers[0] must be an object"),
        (("mcp_servers", 0, "command"), MISSING, "mcp_servers[0].command is missing"),
        (("mcp_servers", 0, "url"), "https://x", "mcp_servers[0].command is not a key"),
        (("mcp_servers", 1, "transport"), MISSING, "mcp_servers[1].transport is missing"),
        (("mcp_servers", 0, "env"), {"ECHO_KEY": 1}, "mcp_servers[0].env must be an object whose"),
        (("mcp_servers", 0, "requires", "bins"), [""], "mcp_servers[0].requires.bins[0] must be a text"),
        (("mcp_servers", 0, "requires", "files"), [], "mcp_servers[0].requires.files is not a key"),
        (("mcp_servers", 1, "args"), [], "mcp_servers[1].args is not a key"),
        (("binaries", 0, "any_of"), [], "binaries[0].any_of must name"),
        (("binaries", 0, "kind"), "x", "binaries[0].kind is not a key"),
        (("environment", 1, "where"), MISSING, "environment[1].where is missing"),
    ],
)
def test_reader_and_schema_both_refuse_and_the_reader_names_the_key(
    path: tuple[str | int, ...], value: object, where: str
) -> None:
    document = changed(path, value)
    assert not schema_accepts(document)
    with pytest.raises(BundleError) as caught:
        parse_manifest(document, "echo/bundle.json")
    assert caught.value.message.startswith("echo/bundle.json: ")
    assert where in caught.value.message


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("mcp_servers", 1, "name"), "echo", "mcp_servers[1].name 'echo' is used twice"),
        (("mcp_servers", 1, "requires", "env"), [], "mcp_servers[1] refers to ${ECHO_KEY}"),
        (("mcp_servers", 0, "optional_env"), ["OTHER"], "mcp_servers[0] uses OTHER"),
    ],
)
def test_what_a_schema_cannot_say_is_refused_too(
    path: tuple[str | int, ...], value: object, where: str
) -> None:
    document = changed(path, value)
    assert schema_accepts(document)
    with pytest.raises(BundleError) as caught:
        parse_manifest(document, "echo/bundle.json")
    assert where in caught.value.message


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(BundleError, match="the document must be an object"):
        parse_manifest([], "echo/bundle.json")


def test_the_pingagent_skill_explains_each_state_of_a_task_that_others_may_report() -> None:
    bundle = next(bundle for bundle in shipped_bundles() if bundle.name == "pingagent")
    text = (bundle.folder / "references" / "tasks.md").read_text(encoding="utf-8")
    states = ["approval_pending", "queued", "awaiting_human_action", "approved_waiting_execution", "running"]
    states += ["result_pending_commit", "cancel_requested", "processed", "failed", "cancelled"]
    places = [text.index(f"`{state}`") for state in states]
    assert places == sorted(places)
    waits = ["E_PENDING_HUMAN_ACTION", "E_TIMEOUT_PENDING_RECONCILIATION"]
    for name in [*waits, "remote_thread_reply_seen", "unassigned_formal_reply_seen"]:
        assert f"| `{name}` |" in text
