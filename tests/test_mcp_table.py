"""One table: what is served, the schemas, the manual and the skill's reference say the same."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import jsonschema
import pytest

from openclaw_install.common.data_files import data_folder
from openclaw_install.surfaces.mcp.calls import served_output
from openclaw_install.surfaces.mcp.pingagent.instructions import INSTRUCTIONS
from openclaw_install.surfaces.mcp.pingagent.manual import skill_list, with_skill_list
from openclaw_install.surfaces.mcp.pingagent.server import described
from openclaw_install.surfaces.snapshots import REFERENCE, TOOL_SCHEMAS, snapshots, write_snapshots
from openclaw_install.surfaces.tool import Tool
from openclaw_install.surfaces.tools import TOOLS

ROOT = Path(__file__).parent.parent
NAMES = [tool.name for tool in TOOLS]
EACH = pytest.mark.parametrize("tool", TOOLS, ids=NAMES)


def test_names_are_unique_and_the_tools_of_the_default_workflow_are_there() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {
        "pingagent_whoami",
        "pingagent_recent_sessions",
        "pingagent_focus_session",
        "pingagent_reply",
        "pingagent_openclaw_queue_reply",
        "pingagent_chat",
        "pingagent_inbox",
        "pingagent_changes_since",
        "pingagent_session_summary",
        "pingagent_trust_policy_explain",
    } <= set(NAMES)


@EACH
def test_schemas_are_valid_whole_and_closed(tool: Tool) -> None:
    for schema in (tool.input_schema, served_output(tool)):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        # Clients and models follow no reference to another file.
        assert set(re.findall(r"'\$ref': '([^']*)'", str(schema))) <= {
            f"#/$defs/{name}" for name in schema.get("$defs", {})
        }
    assert tool.input_schema["additionalProperties"] is False
    assert all("description" in field for field in tool.input_schema["properties"].values())


@EACH
def test_the_hints_do_not_contradict_each_other_and_are_all_served(tool: Tool) -> None:
    served = described(tool).model_dump(by_alias=True, exclude_none=True)
    assert set(served["annotations"]) == {
        "title",
        "readOnlyHint",
        "destructiveHint",
        "idempotentHint",
        "openWorldHint",
    }
    assert served["title"] == served["annotations"]["title"]
    if tool.effect.read_only:
        assert tool.effect.idempotent
        assert not tool.effect.destructive
        assert not tool.effect.open_world


@EACH
def test_descriptions_say_when_in_few_words(tool: Tool) -> None:
    assert 40 < len(tool.description) < 400
    assert tool.description.endswith(".")


def test_each_tool_has_its_schema_file_and_no_file_is_left_over() -> None:
    files = {path.name.removesuffix(".schema.json") for path in (ROOT / TOOL_SCHEMAS).iterdir()}
    assert files == set(NAMES)


def test_the_inbox_is_marked_as_the_fallback_that_it_is() -> None:
    inbox = next(tool for tool in TOOLS if tool.name == "pingagent_inbox")
    assert inbox.description.startswith("Debugging and fallback only")
    assert inbox.family == "Debugging and fallback"
    assert "pingagent_inbox" not in INSTRUCTIONS


@pytest.mark.parametrize("path", snapshots(ROOT), ids=str)
def test_what_is_derived_is_on_disk_as_the_tables_and_records_say(path: Path) -> None:
    fresh = (ROOT / path).read_text(encoding="utf-8") == snapshots(ROOT)[path]
    assert fresh, f"{path} is out of date: make schemas"


def test_the_skills_reference_lists_exactly_the_served_tools() -> None:
    text = (ROOT / REFERENCE).read_text(encoding="utf-8")
    assert with_skill_list(text) == text
    assert re.findall(r"^\| `(pingagent_\w+)`", skill_list(), re.M) == [
        tool.name
        for family in dict.fromkeys(t.family for t in TOOLS)
        for tool in TOOLS
        if tool.family == family
    ]


def test_the_skill_teaches_exactly_the_tools_that_are_served() -> None:
    skill = data_folder("skills") / "pingagent"
    taught: set[str] = set()
    for path in skill.rglob("*.md"):
        text = path.read_text(encoding="utf-8").replace("pingagent__pingagent", "pingagent")
        named = set(re.findall(r"pingagent_[a-z]+(?:_[a-z]+)*(?!_?[*a-z])", text))
        assert named <= set(NAMES), path.name
        taught |= named
    assert taught == set(NAMES)


def test_the_skill_begins_with_the_default_workflow_in_its_order() -> None:
    text = (data_folder("skills") / "pingagent" / "SKILL.md").read_text(encoding="utf-8")
    workflow = text.partition("## Default workflow")[2].partition("## Do not start from")[0]
    order = ["recent_sessions", "focus_session", "reply", "openclaw_queue_reply", "session_summary"]
    places = [workflow.index(f"`pingagent_{name}`") for name in order]
    assert places == sorted(places)
    avoided = text.partition("## Do not start from")[2].partition("\n## ")[0]
    for name in ("inbox", "chat", "trust_policy_explain", "trust_policy_simulate", "session_bindings"):
        assert f"`pingagent_{name}`" in avoided


def test_who_approves_and_what_can_widen_trust_is_marked_as_such() -> None:
    by_name = {tool.name.removeprefix("pingagent_"): tool for tool in TOOLS}
    for name in ("contacts_approve", "contacts_reject", "contacts_block", "trust_policy_set"):
        assert by_name[name].effect.destructive
        assert not by_name[name].effect.read_only
    assert "person" in by_name["contacts_approve"].description


def test_a_reference_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_skill_list("# Tools\n")


def test_writing_what_is_derived_gives_what_is_there_and_removes_what_has_no_tool(tmp_path: Path) -> None:
    (tmp_path / REFERENCE).parent.mkdir(parents=True)
    (tmp_path / REFERENCE).write_bytes((ROOT / REFERENCE).read_bytes())
    (tmp_path / TOOL_SCHEMAS).mkdir(parents=True)
    (tmp_path / TOOL_SCHEMAS / "pingagent_gone.schema.json").touch()
    write_snapshots(tmp_path)
    assert not (tmp_path / TOOL_SCHEMAS / "pingagent_gone.schema.json").exists()
    for path in snapshots(ROOT):
        assert (tmp_path / path).read_bytes() == (ROOT / path).read_bytes()


def test_what_models_and_clients_are_given_to_read_stays_small() -> None:
    """The bounds are for the 33 tools of now; each further one may add its share."""
    served = [described(tool).model_dump(by_alias=True, exclude_none=True) for tool in TOOLS]
    read = [
        {"name": one["name"], "description": one["description"], "inputSchema": one["inputSchema"]}
        for one in served
    ]
    outputs = [one["outputSchema"] for one in served]
    share = len(TOOLS) / 33
    assert sum(len(json.dumps(one, separators=(",", ":"))) for one in read) <= 22_000 * share
    assert sum(len(json.dumps(one, separators=(",", ":"))) for one in outputs) <= 70_000 * share


@EACH
def test_an_answer_has_exactly_the_fields_of_its_record(tool: Tool) -> None:
    schema = served_output(tool)
    answer = schema["anyOf"][0]
    names = [one.name for one in fields(get_type_hints(tool.action)["return"])]
    assert list(answer["properties"]) == answer["required"] == names
    assert answer["additionalProperties"] is False
    # Shapes that only one place has stand there in what is served, and in `$defs` of the full one.
    for shape in (*schema.get("$defs", {}).values(), *tool.answer_schema.get("$defs", {}).values()):
        assert shape["additionalProperties"] is False
        assert shape["required"] == list(shape["properties"])
