"""A stand-in for the gateway: a server that answers health and the probe of the hooks as OpenClaw does."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from openclaw_install.host.config.document import read_config
from openclaw_install.host.hooks.policy import HookPolicy, read_policy


@dataclass
class StandinGateway:
    """The gateway of one config.

    Attributes:
        config: the file.
        env: the variables that it was started with.
        port: where it listens.
        follows: whether it takes a change of the file over by itself.
        says: an answer to every hook request in the place of its own, as `status, error`.
        health: the status of its health check.
    """

    config: Path
    env: Mapping[str, str]
    port: int
    follows: bool = True
    says: tuple[int, str] | None = None
    health: int = 200
    _policy: HookPolicy = field(init=False)
    _server: ThreadingHTTPServer | None = field(default=None, init=False)

    def start(self) -> None:
        """Reads the file and listens."""
        self.says, self.health = None, 200
        self._load()
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, token: str, body: Mapping[str, Any]) -> tuple[int, str]:
        """What it says to one hook request, in the order of OpenClaw's own checks."""
        if self.follows:
            self._load()
        policy = self._policy
        agent, allowed = body.get("agentId"), policy.allowed_agent_ids
        wrong_token = policy.token is None or token != policy.token.reveal()
        prefixes = ", ".join(policy.prefixes or ())
        checks = (
            (not policy.enabled or path != f"{policy.path}/agent", 404, "Not Found"),
            (wrong_token, 401, "Unauthorized"),
            (
                None not in (agent, allowed) and agent not in (allowed or ()),
                400,
                "agentId is not allowed by hooks.allowedAgentIds",
            ),
            (
                not policy.allow_request_session_key,
                400,
                "sessionKey is disabled for externally supplied hook payload values",
            ),
            (
                policy.prefixes is None,
                400,
                "hooks.allowedSessionKeyPrefixes is required when direct hook sessionMode is persistent",
            ),
            (True, 400, f"sessionKey must start with one of: {prefixes}"),
        )
        own = next((status, error) for applies, status, error in checks if applies)
        return self.says or own

    def _load(self) -> None:
        self._policy = read_policy(read_config(self.config, self.env).data)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(gateway.health, {"ok": True, "status": "live"})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                status, error = gateway.answer(self.path, token, body)
                self._send(status, {"ok": False, "error": error})

            def _send(self, status: int, document: Mapping[str, Any]) -> None:
                raw = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_args: object) -> None:
                """Nothing: its requests are the test's own."""

        return Handler
