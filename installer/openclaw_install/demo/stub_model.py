"""A stand-in for a model provider: an OpenAI-compatible server on loopback that says what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Messages = list[dict[str, Any]]
DEFAULT_REPLY = "Understood. I am on it."
_MODEL = {
    "id": "stub",
    "name": "Stub",
    "reasoning": False,
    "input": ["text"],
    "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
    "contextWindow": 128000,
    "maxTokens": 4096,
}


@dataclass
class StubModel:
    """The running stub: its port, and every conversation that it was asked to continue.

    Attributes:
        reply: maps the conversation so far to the next answer: a text, or a tool call as
            `{"name": ..., "arguments": {...}}`.
    """

    reply: Callable[[Messages], str | dict[str, Any]] = lambda _messages: DEFAULT_REPLY
    requests: list[Messages] = field(default_factory=list)
    port: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def provider_config(self) -> dict[str, Any]:
        """The sections of a config that make a host use this stub, and start without what no stub needs.

        Plugins would add seconds of processor time to each start and turn: tools, and an index of memory.
        """
        provider = {
            "baseUrl": f"http://127.0.0.1:{self.port}/v1",
            "apiKey": "no-key-is-needed",
            "api": "openai-completions",
            "models": [_MODEL],
        }
        return {
            "models": {"mode": "merge", "providers": {"stub": provider}},
            "agents": {"defaults": {"model": {"primary": "stub/stub"}}},
            "plugins": {"enabled": False},
        }

    def wait_for_requests(self, count: int, timeout: float) -> bool:
        """Waits up to `timeout` seconds until `count` requests have come; False when they did not."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, timeout)

    def answer(self, messages: Messages) -> str | dict[str, Any]:
        with self._changed:
            self.requests.append(messages)
            self._changed.notify_all()
        return self.reply(messages)


@contextmanager
def running_stub(model: StubModel | None = None) -> Iterator[StubModel]:
    """Serves a stub on a free loopback port for the length of the block."""
    stub = model or StubModel()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(stub))
    server.daemon_threads = True
    stub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, name="stub-model", kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_for(stub: StubModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if not self.path.endswith("/chat/completions"):
                self.send_error(404)
                return
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            delta, finish = _delta(stub.answer(body["messages"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for part, reason in ((delta, None), ({}, finish)):
                self.wfile.write(b"data: " + json.dumps(_chunk(part, reason)).encode() + b"\n\n")
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_args: object) -> None:
            """The stub keeps its own record; nothing goes to stderr."""

    return Handler


def _delta(answer: str | dict[str, Any]) -> tuple[dict[str, Any], str]:
    if isinstance(answer, str):
        return {"role": "assistant", "content": answer}, "stop"
    function = {"name": answer["name"], "arguments": json.dumps(answer["arguments"])}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "tool_calls": [call]}, "tool_calls"


def _chunk(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    base = {"id": "stub-1", "object": "chat.completion.chunk", "created": 0, "model": "stub"}
    return {**base, "choices": [choice], **({"usage": usage} if finish else {})}
