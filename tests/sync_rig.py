"""The rig of the sync tests: skills on disk, an operator with answers, a server with any script."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from openclaw_install.common.files import sha256
from openclaw_install.common.redaction import Secret
from openclaw_install.sync.http_guard import Wire
from openclaw_install.sync.mcp_service import McpSkillService
from openclaw_install.sync.service import RetryPolicy, Upload

KEY = Secret("mysta_" + "0123456789abcdef")
QUICK = RetryPolicy(tries=3, first_pause=0.01, longest_pause=0.2, call_seconds=5.0)


def upload(name: str, content: str = "") -> Upload:
    """An upload of a small skill."""
    text = content or skill_text(name)
    return Upload(name, sha256(text.encode()), text)


def skill_text(name: str, body: str = "# Work\n") -> str:
    """A SKILL.md that OpenClaw takes."""
    return f"---\nname: {name}\ndescription: Does the work of {name}.\n---\n{body}"


def write_skill(root: Path, name: str, text: str | bytes | None = None) -> Path:
    """Writes `root`/`name`/SKILL.md and returns it."""
    path = root / name / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = skill_text(name) if text is None else text
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@dataclass
class ReadyOperator:
    """An operator who has all answers ready; a question without one fails the test."""

    present: bool = True
    agreed: bool = False
    answers: list[str | bool] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def tell(self, line: str) -> None:
        self.told.append(line)

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        return bool(self.answers.pop(0))

    def ask(self, question: str) -> str:
        self.asked.append(question)
        return str(self.answers.pop(0))

    def open_page(self, url: str) -> bool:
        self.pages.append(url)
        return True

    def progress(self, done: int, total: int) -> None:
        self.steps.append((done, total))


@dataclass(frozen=True)
class Asked:
    """A request that the scripted server received."""

    method: str
    headers: Mapping[str, str]
    message: Mapping[str, Any]

    @property
    def rpc(self) -> str:
        return str(self.message.get("method", ""))

    @property
    def tool(self) -> str:
        return str(self.message.get("params", {}).get("name", "")) if self.rpc == "tools/call" else ""

    @property
    def arguments(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.message["params"]["arguments"]
        return found


@dataclass(frozen=True)
class Reply:
    """What it answers: all at once, or bytes that break off, silence, or drops until the test ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    claimed_length: int | None = None
    silent: bool = False
    drips: bool = False


Script = Callable[[Asked], Reply]


class ScriptedServer:
    """A raw HTTP server on loopback whose every answer comes from a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.ending = threading.Event()
        self.reached = threading.Event()  # somebody waits for an answer that does not come
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, headers, json.loads(body) if body else {})
                outer.asked.append(asked)
                outer.send(self, outer.script(asked))

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Says nothing."""

        for method in ("GET", "DELETE", "OPTIONS"):
            setattr(Handler, f"do_{method}", Handler.do_POST)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v2/mcp"

    def send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.silent:
            self.reached.set()
            self.ending.wait(30)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.drips:
            handler.end_headers()
            while not self.ending.wait(0.02):
                handler.wfile.write(b" ")
            handler.close_connection = True
            return
        length = len(reply.body) if reply.claimed_length is None else reply.claimed_length
        handler.send_header("content-length", str(length))
        handler.end_headers()
        handler.wfile.write(reply.body)
        handler.wfile.flush()
        if reply.claimed_length is not None:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True

    def calls(self, tool: str) -> list[Asked]:
        """The calls of one tool."""
        return [asked for asked in self.asked if asked.tool == tool]

    @contextmanager
    def serving(self) -> Iterator[ScriptedServer]:
        thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            self.ending.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)


Tool = Callable[[Mapping[str, Any]], Mapping[str, Any] | Reply]


@dataclass
class Manners:
    """How a well-behaved scripted server talks.

    Attributes:
        version: the protocol version that it answers with.
        session: its session id; None for a server without sessions.
        sse: event streams instead of JSON documents.
        tools: by name; a tool gives a result or a whole reply of its own.
        before: looked at first; what it gives is the answer.
    """

    version: str = "2025-03-26"
    session: str | None = "session-1"
    sse: bool = False
    tools: dict[str, Tool] = field(default_factory=dict)
    before: Callable[[Asked], Reply | None] = lambda _asked: None

    def __call__(self, asked: Asked) -> Reply:
        special = self.before(asked)
        if special is not None:
            return special
        if asked.method != "POST":
            return Reply(204 if asked.method == "DELETE" else 405)
        if asked.rpc == "initialize":
            info = {"name": "scripted", "version": "1"}
            return self.result(
                asked, {"protocolVersion": self.version, "capabilities": {"tools": {}}, "serverInfo": info}
            )
        if "id" not in asked.message:
            return Reply(202)
        if not asked.tool:
            return Reply(404)
        answer = self.tools[asked.tool](asked.arguments)
        return answer if isinstance(answer, Reply) else self.result(asked, answer)

    def result(self, asked: Asked, result: Mapping[str, Any]) -> Reply:
        """A JSON-RPC result in this server's form."""
        return self.message({"jsonrpc": "2.0", "id": asked.message.get("id"), "result": result})

    def message(self, message: Mapping[str, Any]) -> Reply:
        headers = {"mcp-session-id": self.session} if self.session else {}
        text = json.dumps(message)
        if self.sse:
            stream = f": hello\n\nevent: message\ndata: {text}\n\n"
            return Reply(200, stream.encode(), {**headers, "content-type": "text/event-stream"})
        return Reply(200, text.encode(), {**headers, "content-type": "application/json"})


def structured(document: Mapping[str, Any], *, is_error: bool = False) -> Mapping[str, Any]:
    """A tool result with structured content and the same as text."""
    text = {"type": "text", "text": json.dumps(document)}
    return {"content": [text], "structuredContent": document, "isError": is_error}


def plain(text: str, *, is_error: bool = False) -> Mapping[str, Any]:
    """A tool result of words."""
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def storing_tools(stored: dict[tuple[str, str], str], agents: Sequence[Mapping[str, Any]]) -> dict[str, Tool]:
    """The three tools of the contract over a dictionary."""

    def one(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        stored[arguments["agentId"], arguments["skillName"]] = arguments["content"]
        digest = sha256(arguments["content"].encode())
        said = {
            "agentId": arguments["agentId"],
            "skillName": arguments["skillName"],
            "sha256": digest,
            "live": True,
        }
        return structured(said)

    def many(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        results = []
        for skill in arguments["skills"]:
            stored[arguments["agentId"], skill["name"]] = skill["content"]
            digest = sha256(skill["content"].encode())
            results.append({"skillName": skill["name"], "ok": True, "sha256": digest})
        counts = {"synced": len(results), "failed": 0}
        return structured({"agentId": arguments["agentId"], "live": True, **counts, "results": results})

    return {
        "mysta_list_agents": lambda _arguments: structured({"agents": list(agents)}),
        "mysta_sync_skill": one,
        "mysta_sync_all_skills": many,
    }


def service_at(url: str, policy: RetryPolicy = QUICK, key: Secret = KEY, **wire: Any) -> McpSkillService:
    """A client of a server, with little patience."""
    return McpSkillService(Wire(url, key, **wire), policy)
