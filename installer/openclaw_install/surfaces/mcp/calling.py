"""Runs one tool of a table: checks the arguments, and turns every error into an answer that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from openclaw_install.common.crash_log import write_crash_log
from openclaw_install.common.errors import InstallError
from openclaw_install.common.shown_text import cut, neutral
from openclaw_install.surfaces.mcp.schema_files import tool_schemas
from openclaw_install.surfaces.mcp.tool_table import MOST_TEXT, Arguments, Body, Caller, ToolEntry


@dataclass(frozen=True)
class Outcome:
    """What a call answers.

    Attributes:
        body: the structured answer; of an error `{"error": {"code", "message", "next_step"}}`.
    """

    text: str
    body: Body
    is_error: bool = False


class ArgumentError(InstallError):
    """A call's arguments break the tool's input schema."""

    code = "invalid_arguments"


async def call(
    entry: ToolEntry[Caller],
    caller: Caller,
    arguments: Arguments,
    advice: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Runs the tool; nothing but a cancellation is raised.

    Args:
        advice: next steps by error code, where a tool helps better than the command that a person would type.
    """
    try:
        _check(entry.folder, entry.name, arguments)
        body = await entry.run(caller, arguments)
        return Outcome(cut(entry.text(body), MOST_TEXT), body)
    except InstallError as error:
        return _refused(error, advice.get(error.error_code))
    except Exception as error:  # noqa: BLE001 - the boundary: what gets here is a bug, and is logged
        return _refused(_unexpected(error))


def _refused(error: InstallError, advice: str | None = None) -> Outcome:
    message, next_step = _safe(error.message), _safe(advice or error.next_step)
    body = {"error": {"code": error.error_code, "message": message, "next_step": next_step}}
    text = cut(f"{error.error_code}: {message}", MOST_TEXT - 300)
    return Outcome(f"{text}\nNext: {cut(next_step, 290)}", body, is_error=True)


def _safe(text: str) -> str:
    return cut(neutral(text), MOST_TEXT)


def _unexpected(error: Exception) -> InstallError:
    path = write_crash_log(error, "mcp-error")
    return InstallError(
        f"unexpected {type(error).__name__}; nothing more is known to be wrong",
        next_step=f"report it with the log {path}" if path else "report it with what you did",
        code="unexpected",
    )


def _check(folder: str, name: str, arguments: Arguments) -> None:
    from jsonschema.exceptions import best_match

    if breach := best_match(_validator(folder, name).iter_errors(dict(arguments))):
        rule = f"the rule {breach.validator!r} of the tool's input schema"
        allowed = _allowed(str(breach.validator), breach.validator_value)
        raise ArgumentError(
            # The validator's own words quote the value, which can be a whole message.
            f"{_place(breach.absolute_path)} breaks {rule}{allowed}",
            next_step="call the tool again with arguments that its input schema admits",
        )


@cache
def _validator(folder: str, name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(tool_schemas(folder, name)["input"])


def _place(path: Sequence[str | int]) -> str:
    return "the argument " + ".".join(str(part) for part in path) if path else "the whole of the arguments"


def _allowed(rule: str, value: Any) -> str:
    if rule == "additionalProperties":
        return ": it has a name that the schema does not know"
    if rule in {"required", "enum", "type", "minimum", "maximum", "minLength", "maxLength", "maxItems"}:
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return f" ({shown})"
    return ""
