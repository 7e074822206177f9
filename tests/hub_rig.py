"""A plain MCP client over HTTP for the hub's tests: one that can also send what no proper client would."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from openclaw_install.common.jsonable import jsonable
from openclaw_install.hub.log_lines import LogLine
from openclaw_install.hub.mcp.tools import TOOLS
from openclaw_install.hub.server import RunningHub
from tests.schemas import assert_valid

_SCHEMAS = {tool.name: tool.schema for tool in TOOLS}
BOTH = "application/json, text/event-stream"


@dataclass
class Caller:
    """One client with a key; `open` begins a session."""

    url: str
    key: str = field(repr=False)
    protocol: str = "2025-11-25"
    session: str | None = None
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def close(self) -> None:
        self.http.close()

    def headers(self, **more: str) -> dict[str, str]:
        session = {"Mcp-Session-Id": self.session} if self.session else {}
        auth = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Accept": BOTH, "Content-Type": "application/json", **auth, **session, **more}

    def post(self, body: Any, **more: str) -> httpx.Response:
        """Posts a JSON value, or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(self.url, content=content, headers=self.headers(**more))

    def rpc(self, method: str, params: Any = None, **more: str) -> httpx.Response:
        return self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}, **more)

    def initialize(self) -> httpx.Response:
        client = {"name": "rig", "version": "1"}
        return self.rpc(
            "initialize", {"protocolVersion": self.protocol, "capabilities": {}, "clientInfo": client}
        )

    def open(self) -> Caller:
        answer = self.initialize()
        assert answer.status_code == 200, answer.text
        self.session = answer.headers["mcp-session-id"]
        assert self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).status_code == 202
        return self

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Calls a tool and returns its result; a good one is held against the tool's schema."""
        answer = self.rpc("tools/call", {"name": tool, "arguments": arguments})
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = read_result(answer)
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
        if not result["isError"]:
            assert_valid({"input": arguments, "output": result["structuredContent"]}, _SCHEMAS[tool])
        return result

    def sync(self, agent: str, name: str, content: str) -> dict[str, Any]:
        """`mysta_sync_skill`'s structured answer; a refusal's code stands under `error`."""
        result = self.call("mysta_sync_skill", agentId=agent, skillName=name, content=content)
        body: dict[str, Any] = result["structuredContent"]
        return body


def read_result(answer: httpx.Response) -> Any:
    """The JSON-RPC result of an answer in either of its two shapes."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        data = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
        return json.loads(data[0])["result"]
    return answer.json()["result"]


class Log:
    """Collects the log's events; `wait` bounds how long a test waits for one."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def __call__(self, line: LogLine) -> None:
        with self._changed:
            self.events.append(jsonable(line))
            self._changed.notify_all()

    def wait(self, **facts: Any) -> dict[str, Any]:
        """The first event that has these facts."""

        def found() -> dict[str, Any] | None:
            return next((e for e in self.events if facts.items() <= e.items()), None)

        with self._changed:
            event = self._changed.wait_for(found, timeout=10)
        assert event, (facts, self.events)
        return event


def skill_file(hub: RunningHub, agent: str, name: str) -> Path:
    return hub.skills_folder(agent) / name / "SKILL.md"
