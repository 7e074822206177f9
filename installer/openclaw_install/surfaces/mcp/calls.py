"""Runs one tool of the table: checks the arguments, and turns every error into an answer that helps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from openclaw_install.common.crash_log import write_crash_log
from openclaw_install.common.errors import InstallError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.shown_text import cut, neutral
from openclaw_install.messaging.app import AppContext
from openclaw_install.surfaces.schemas import (
    Schema,
    checked,
    compact,
    record_schema,
)
from openclaw_install.surfaces.tool import MOST_TEXT, Tool
from openclaw_install.surfaces.views import view

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a call answers.

    Attributes:
        body: the structured answer; of an error `{"error": {"code", "message", "next_step"}}`.
    """

    text: str
    body: dict[str, Any]
    is_error: bool = False


@dataclass(frozen=True)
class ToolError:
    """What is wrong.

    Attributes:
        code: stable and dotted, for programs.
        message: what happened.
        next_step: the one thing to do about it.
    """

    code: str
    message: str
    next_step: str


@dataclass(frozen=True)
class Refusal:
    """The structured answer of a call that failed."""

    error: ToolError


async def call(
    tool: Tool,
    context: AppContext,
    arguments: Arguments,
    advice: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Runs the tool; nothing but a cancellation is raised.

    Args:
        advice: next steps by error code, where a tool helps better than the command that a person would type.
    """
    try:
        answer = await _answer(tool, context, checked(tool.action, arguments))
        return Outcome(view(answer).within(MOST_TEXT), jsonable(answer))
    except InstallError as error:
        return _refused(error, advice.get(error.error_code))
    except Exception as error:  # noqa: BLE001 - the boundary: what gets here is a bug, and is logged
        return _refused(_unexpected(error))


async def _answer(tool: Tool, context: AppContext, arguments: Arguments) -> Any:
    """Runs the action in the store's thread; one that waits runs here and goes there for each step."""
    if inspect.iscoroutinefunction(tool.action):
        return await tool.action(await context.work(lambda app: app), **arguments)
    return await context.work(tool.action, **arguments)


@cache
def served_output(tool: Tool) -> Schema:
    """What `tools/list` says of the answer: the tool's own or an error, with shared shapes in `$defs`.

    The official TypeScript client checks the structured part of tool errors too, and would put its own
    complaint in the place of ours if the schema did not admit them.
    """
    answer, refusal = dict(tool.answer_schema), dict(record_schema(Refusal))
    shapes = {**answer.pop("$defs", {}), **refusal.pop("$defs", {})}
    return compact({"type": "object", "anyOf": [answer, refusal], "$defs": shapes})


def _refused(error: InstallError, advice: str | None = None) -> Outcome:
    message, next_step = _safe(error.message), _safe(advice or error.next_step)
    text = cut(f"{error.error_code}: {message}", MOST_TEXT - 300)
    refusal = Refusal(ToolError(error.error_code, message, next_step))
    return Outcome(f"{text}\nNext: {cut(next_step, 290)}", jsonable(refusal), is_error=True)


def _safe(text: str) -> str:
    return cut(neutral(text), MOST_TEXT)


def _unexpected(error: Exception) -> InstallError:
    path = write_crash_log(error, "mcp-error")
    return InstallError(
        f"unexpected {type(error).__name__}; nothing more is known to be wrong",
        next_step=f"report it with the log {path}" if path else "report it with what you did",
        code="unexpected",
    )
