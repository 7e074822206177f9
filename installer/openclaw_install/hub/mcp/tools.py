"""The hub's three MCP tools, in one table: schemas, annotations, and a function each."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from mcp.types import CallToolResult, TextContent, Tool, ToolAnnotations

from openclaw_install.common.data_files import load_schema
from openclaw_install.common.errors import InstallError
from openclaw_install.hub.mcp.service import HubService, Stored, Upload, storage_failed
from openclaw_install.hub.model import Key, RefusedError
from openclaw_install.hub.rules import encodable

_log = logging.getLogger(__name__)
Arguments = Mapping[str, Any]
Body = dict[str, Any]


@dataclass(frozen=True)
class HubTool:
    """One tool of the table.

    Attributes:
        run: gives the structured answer, or raises RefusedError; the tool's name follows from its own.
    """

    run: Callable[[HubService, Key, Arguments], Awaitable[Body]]
    title: str
    description: str
    read_only: bool

    @property
    def name(self) -> str:
        return f"mysta_{self.run.__name__}"

    @property
    def schema(self) -> str:
        """The file in `schemas/` that holds its input and output."""
        return f"hub-{self.name.replace('_', '-')}"

    def described(self) -> Tool:
        """The tool as `tools/list` names it. None of them reaches beyond the hub; uploads replace by name."""
        shapes = load_schema(self.schema)["properties"]
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=shapes["input"],
            output_schema=shapes["output"],
            annotations=ToolAnnotations(
                title=self.title,
                read_only_hint=self.read_only,
                destructive_hint=not self.read_only,
                idempotent_hint=True,
                open_world_hint=False,
            ),
        )


async def list_agents(service: HubService, key: Key, _arguments: Arguments) -> Body:
    """`mysta_list_agents`."""
    agents = service.agents_of(key)
    return {"agents": [{"id": a.id, "name": a.name, "podState": a.pod_state} for a in agents]}


async def sync_skill(service: HubService, key: Key, arguments: Arguments) -> Body:
    """`mysta_sync_skill`."""
    upload = Upload(arguments["skillName"], arguments["content"])
    agent, stored = await service.sync_skill(key, arguments["agentId"], upload)
    return {"agentId": agent.id, "skillName": stored.name, **_stored(stored), "live": agent.live}


async def sync_all_skills(service: HubService, key: Key, arguments: Arguments) -> Body:
    """`mysta_sync_all_skills`: an item that is no skill is refused by itself, like one with a bad name."""
    items = arguments["skills"]
    uploads = [_upload(item) for item in items]
    agent, outcomes = await service.sync_all(key, arguments["agentId"], uploads)
    results = [_result(item, outcome) for item, outcome in zip(items, outcomes, strict=True)]
    synced = sum(result["ok"] for result in results)
    body = {
        "agentId": agent.id,
        "live": agent.live,
        "synced": synced,
        "failed": len(results) - synced,
        "results": results,
    }
    if results and not synced:
        nothing = RefusedError("nothing_stored", f"none of the {len(results)} skills was stored")
        return {**body, "error": nothing.to_json()}
    return body


TOOLS: tuple[HubTool, ...] = (
    HubTool(
        list_agents,
        "List agents",
        "The agents that your key reaches, and whether the pod of each is running.",
        read_only=True,
    ),
    HubTool(
        sync_skill,
        "Sync one skill",
        "Store one SKILL.md for an agent in place of the one of that name; live at once if its pod runs.",
        read_only=False,
    ),
    HubTool(
        sync_all_skills,
        "Sync many skills",
        "Store many SKILL.md files for an agent; each is stored or refused by itself, as the answer says.",
        read_only=False,
    ),
)
_BY_NAME = {tool.name: tool for tool in TOOLS}


async def call_tool(service: HubService, key: Key, name: str, arguments: Arguments) -> CallToolResult | None:
    """Runs a tool of the table.

    Returns:
        The result, with `is_error` for a refusal; None when there is no such tool.
    """
    entry = _BY_NAME.get(name)
    if entry is None:
        return None
    try:
        _check(entry, arguments)
        body = await entry.run(service, key, arguments)
    except RefusedError as refusal:
        body = {"error": refusal.to_json()}
    except InstallError as error:
        _log.error("%s failed: %s", name, error.message)
        body = {"error": storage_failed(error).to_json()}
    text = json.dumps(body, ensure_ascii=False)
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=body, is_error="error" in body
    )


def _check(entry: HubTool, arguments: Arguments) -> None:
    for error in _validator(entry.schema).iter_errors(arguments):
        path = list(error.absolute_path)
        if path[:1] == ["skills"] and len(path) > 1:
            continue  # one bad item fails alone, later
        raise RefusedError("invalid_arguments", _said(error))


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(load_schema(schema)["properties"]["input"])


@cache
def _item_validator() -> Draft202012Validator:
    shape = load_schema("hub-mysta-sync-all-skills")["properties"]["input"]
    return Draft202012Validator(shape["properties"]["skills"]["items"])


def _upload(item: Any) -> Upload | RefusedError:
    error = next(_item_validator().iter_errors(item), None)
    if error is not None:
        return RefusedError("invalid_arguments", _said(error))
    return Upload(item["name"], item["content"])


def _said(error: ValidationError) -> str:
    # The validator's own message quotes the value, which may be a whole skill; tell the rule and the place.
    place = error.json_path if error.absolute_path else "the arguments"
    if error.validator == "required":
        return f"{place}: one of the required fields is missing"
    if error.validator == "type":
        return f"{place}: it must be of the type {error.validator_value}"
    return f"{place}: there is something that the schema does not know"


def _stored(stored: Stored) -> Body:
    return {"sha256": stored.sha256, "bytes": stored.bytes, "unchanged": stored.unchanged}


def _result(item: Any, outcome: Stored | RefusedError) -> Body:
    name = item.get("name") if isinstance(item, dict) else None
    shown = encodable(name) if isinstance(name, str) else ""
    if isinstance(outcome, Stored):
        return {"skillName": shown, "ok": True, **_stored(outcome)}
    return {"skillName": shown, "ok": False, "error": outcome.to_json()}
