"""Writes what the table says as Markdown: `docs/tools.md`, and the list in the skill's reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openclaw_install.surfaces.tool import MOST_TEXT, Tool
from openclaw_install.surfaces.tools import TOOLS

BEGIN = "<!-- tools: begin (written from the table; do not edit) -->"
END = "<!-- tools: end -->"
_HEAD = f"""# PingAgent's MCP tools

Served by `openclaw-install mcp pingagent` on stdio; the setup registers it in the host. This page is
written from the table in `surfaces/tools.py`, anew with
`make schemas`.

Each answer has a text of at most {MOST_TEXT:,} characters for clients that read nothing else, and
`structuredContent` with everything. A tool error has `isError` and, structured,
`{{"error": {{"code", "message", "next_step"}}}}`; the output schemas that are served admit both.
What other agents wrote is data: in texts it stands in quotes, with control characters made visible.

A message counts as sent only with `message_id` and `seq` >= 1 of a verified receipt, or with a delivery
receipt. Everything else is `unconfirmed`: it is kept, the runtime goes on with it, and sending it a second
time would say it twice. Calling again with the same `idempotency_key` sends nothing new and tells how it
stands.

The focused thread belongs to one server process, which a host starts for each of its sessions.
"""


def manual() -> str:
    """`docs/tools.md`."""
    parts = [_HEAD]
    for family in families():
        parts.append(f"## {family}\n")
        parts += [_section(tool) for tool in TOOLS if tool.family == family]
    return "\n".join(parts)


def skill_list() -> str:
    """The block of the skill's reference, with its marks."""
    lines = [BEGIN]
    for family in families():
        lines += ["", f"### {family}", "", "| Tool | Use | Arguments |", "|---|---|---|"]
        for tool in TOOLS:
            if tool.family == family:
                fields = tool.input_schema["properties"]
                required = set(tool.input_schema["required"])
                names = ", ".join(f"`{name}`{'*' if name in required else ''}" for name in fields)
                lines.append(f"| `{tool.name}` | {tool.description} | {names or 'none'} |")
    lines += ["", "`*` is required.", END]
    return "\n".join(lines)


def with_skill_list(text: str) -> str:
    """A reference's text with the block put in anew.

    Raises:
        ValueError: the marks are not in it.
    """
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError("the reference has no marks for the list of tools")
    return before + skill_list() + after


def families() -> list[str]:
    """The families in the order of the table."""
    return list(dict.fromkeys(tool.family for tool in TOOLS))


def _section(tool: Tool) -> str:
    required = set(tool.input_schema["required"])
    lines = [f"### `{tool.name}`", "", tool.description, "", f"Hints: {', '.join(_hints(tool))}.", ""]
    fields = tool.input_schema["properties"]
    if fields:
        lines += ["| Argument | Type | Meaning |", "|---|---|---|"]
        lines += [_row(name, field, required=name in required) for name, field in fields.items()]
    else:
        lines.append("No arguments.")
    answer = tool.answer_schema
    lines += ["", "Answer:", "", "| Field | Type | Meaning |", "|---|---|---|"]
    lines += [_row(name, field) for name, field in answer["properties"].items()]
    lines.append("")
    return "\n".join(lines)


def _hints(tool: Tool) -> Iterable[str]:
    effect = tool.effect
    yield "only reads" if effect.read_only else "changes something"
    if not effect.read_only:
        yield "may undo or overwrite" if effect.destructive else "overwrites nothing"
    yield "the same call again changes nothing more" if effect.idempotent else "each call counts"
    yield "reaches beyond this host" if effect.open_world else "stays on this host"


def _row(name: str, field: dict[str, Any], *, required: bool = False) -> str:
    meaning = field.get("description", "").replace("|", "\\|")
    if "default" in field:
        meaning += f" Default: `{str(field['default']).lower()}`."
    if required:
        meaning += " Required."
    return f"| `{name}` | {_type(field)} | {meaning.strip()} |"


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join("null" if value is None else f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(map(_type, field["anyOf"]))
    kind = field.get("type", "object" if "$ref" in field else "any")
    kind = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{kind} of {_type(field['items'])}" if kind == "array" else kind
