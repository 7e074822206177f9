"""Starts an MCP server as the gateway would, lists its tools over stdio, and ends it.

Source of the rules: `mcp-stdio-transport.ts` and `mcp-config-shared.ts` of OpenClaw 2026.9.6.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from openclaw_install.common.redaction import Secret, redact
from openclaw_install.common.shown_text import neutral
from openclaw_install.host.config.env import is_blocked, substitute

Outcome = Literal[
    "listed",  # it told its tools
    "not_started",  # the command cannot be run
    "ended",  # it ended before it told them
    "timeout",  # it did not tell them in time
    "not_mcp",  # it answered something else
]
_INHERITED = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
_HANDED_ON = frozenset(
    (
        *(
            "AMQP_URL",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SECURITY_TOKEN",
            "AWS_SESSION_TOKEN",
        ),
        *("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "DATABASE_URL", "GH_TOKEN", "GITHUB_TOKEN"),
        *("GITLAB_TOKEN", "MONGODB_URI", "NODE_AUTH_TOKEN", "NPM_TOKEN", "REDIS_URL"),
    )
)
"""Blocked in a config's `env` block, and handed on to a server that is given them by name."""
_LINE_LIMIT = 8_388_608
_LINES_AT_MOST = 100
_PAGES_AT_MOST = 20
_TAIL = 4096
_SHORTEST_SECRET = 8
_VERSION = "2025-11-25"
T = TypeVar("T")


@dataclass(frozen=True)
class ServerLaunch:
    """How the gateway starts a server.

    Attributes:
        command: the program and its arguments.
        env: the whole environment of the server.
        folder: its working folder; None where that of the gateway is not known.
        given: the values of the variables that the registration gives, which may be secret.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    folder: Path | None = None
    given: tuple[Secret, ...] = ()


@dataclass(frozen=True)
class ListedTools:
    """What a started server told.

    Attributes:
        outcome: see `Outcome`.
        tools: the names of its tools.
        detail: what went wrong, in the words of the server or the system; holds no value that it was given.
    """

    outcome: Outcome
    tools: tuple[str, ...] = ()
    detail: str = ""


def launch_of(
    registration: Mapping[str, Any], env: Mapping[str, str], folder: Path | None = None
) -> ServerLaunch | None:
    """How the gateway would start a registered server (pure); None for one that is reached by its URL.

    Args:
        registration: as it is written, `${NAME}` not resolved.
        env: the variables that the gateway works with.
        folder: the gateway's own working folder.
    """
    resolved, _ = substitute(dict(registration), env)
    command, args = resolved.get("command"), resolved.get("args")
    if not isinstance(command, str) or not command.strip():
        return None
    listed = [item for item in args if isinstance(item, str)] if isinstance(args, list) else []
    block = resolved.get("env")
    given = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in (block.items() if isinstance(block, Mapping) else ())
        if isinstance(value, str | int | float) and (name.upper() in _HANDED_ON or not is_blocked(name))
    }
    inherited = {name: env[name] for name in _INHERITED if name in env and not env[name].startswith("()")}
    named = resolved.get("cwd") or resolved.get("workingDirectory")
    return ServerLaunch(
        (command, *listed),
        {**inherited, **given},
        Path(named) if isinstance(named, str) and named.strip() else folder,
        tuple(Secret(value) for value in given.values() if len(value) >= _SHORTEST_SECRET),
    )


def list_tools(launch: ServerLaunch, timeout: float = 30.0) -> ListedTools:
    """Starts the server, asks for its tools, and ends it with all that it started.

    Args:
        launch: how it is started.
        timeout: seconds for all of it; by default those that the gateway itself gives a server.
    """
    return asyncio.run(_listed(launch, timeout))


async def _listed(launch: ServerLaunch, timeout: float) -> ListedTools:
    program = shutil.which(launch.command[0], path=launch.env.get("PATH"))
    try:
        process = await asyncio.create_subprocess_exec(
            program or launch.command[0],
            *launch.command[1:],
            env=dict(launch.env),
            cwd=launch.folder,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return ListedTools("not_started", detail=_shown(reason, launch))
    tail = asyncio.create_task(_tail(process))
    try:
        async with asyncio.timeout(timeout):
            return ListedTools("listed", await _ask(process))
    except TimeoutError:
        return ListedTools("timeout", detail=f"it told no tools within {timeout:g} s")
    except (EOFError, OSError):
        await _ended(process)
        return ListedTools("ended", detail=_shown(await tail, launch))
    except _NotMcpError as error:
        return ListedTools("not_mcp", detail=_shown(str(error), launch))
    finally:
        await _ended(process)
        await tail


class _NotMcpError(Exception):
    """The server answers, and not as an MCP server does."""


async def _ask(process: Process) -> tuple[str, ...]:
    client = {"name": "openclaw-install", "version": "0"}
    start = {"protocolVersion": _VERSION, "capabilities": {}, "clientInfo": client}
    await _call(process, 1, "initialize", start)
    await _send(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    names: list[str] = []
    cursor = None
    for number in range(2, 2 + _PAGES_AT_MOST):
        params: Mapping[str, Any] = {} if cursor is None else {"cursor": cursor}
        page = await _call(process, number, "tools/list", params)
        tools = page.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            names += [tool["name"]] if isinstance(tool, dict) and isinstance(tool.get("name"), str) else []
        cursor = page.get("nextCursor")
        if not isinstance(cursor, str):
            break
    return tuple(names)


async def _call(process: Process, number: int, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    await _send(process, {"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    output = _there(process.stdout)
    for _ in range(_LINES_AT_MOST):
        try:
            line = await output.readline()
        except ValueError:
            raise _NotMcpError("a line of its output is too long") from None
        if not line:
            raise EOFError
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the gateway's client passes such a line over, too
        if isinstance(document, dict) and document.get("id") == number:
            result = document.get("result")
            if isinstance(result, dict):
                return result
            raise _NotMcpError(f"it refuses {method}")
    raise _NotMcpError("its output is no MCP")


async def _send(process: Process, document: Mapping[str, Any]) -> None:
    stream = _there(process.stdin)
    stream.write(json.dumps(document).encode() + b"\n")
    await stream.drain()


def _there(pipe: T | None) -> T:
    """A pipe of a process that was started with all three."""
    if pipe is None:
        raise AssertionError("the process was started without this pipe")
    return pipe


async def _tail(process: Process) -> str:
    """The last line that it wrote to stderr, read until the end so that it never waits for a reader."""
    errors = _there(process.stderr)
    kept = b""
    while part := await errors.read(_TAIL):
        kept = (kept + part)[-_TAIL:]
    lines = kept.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


async def _ended(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _shown(text: str, launch: ServerLaunch) -> str:
    return neutral(redact(text, launch.given))[:300]
