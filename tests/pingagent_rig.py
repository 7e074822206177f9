"""A PingAgent profile with threads in it, and a plain MCP client on a server's stdin and stdout."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from openclaw_install.messaging import store_lock as lease
from openclaw_install.messaging.models import ContactState, NewMessage, OutboxState
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.profile import ProfilePaths, profile_paths
from openclaw_install.protocol.profile_files import create_identity

SECONDS = 60.0
_NOW = 1_800_000_000.0


@dataclass
class Profile:
    """One agent's files below a scratch home."""

    home: Path
    paths: ProfilePaths
    me: Identity
    clock: float = _NOW
    peers: dict[str, Identity] = field(default_factory=dict)

    @classmethod
    def make(cls, home: Path, *, alias: str | None = "cook", display_name: str | None = None) -> Self:
        paths = profile_paths({}, home)
        me = create_identity(paths.identity, time.time(), alias=alias, display_name=display_name)
        Store(paths.store).close()
        return cls(home, paths, me)

    def peer(self, name: str) -> str:
        """The DID of another agent; the same name gives the same one."""
        if name not in self.peers:
            self.peers[name] = new_identity(time.time(), alias=name)
        return self.peers[name].did

    def thread(self, name: str) -> str:
        return conversation_of(self.me.did, self.peer(name))

    def meet(
        self,
        name: str,
        *,
        state: ContactState = "approved",
        alias: str | None = None,
        display_name: str | None = None,
    ) -> str:
        """Makes a contact; its names are put in as a card would bring them, however odd."""
        did, now = self.peer(name), self.tick()
        with Store(self.paths.store) as store:
            store.contacts.add(did, state, "inbound", now, by=None if state == "pending" else "cli:tester")
            store.contacts.set_card(did, "{}", now, alias=alias or name, display_name=display_name)
        return did

    def receive(
        self, name: str, text: str, *, stage: str = "accepted", body: Mapping[str, Any] | None = None
    ) -> str:
        """A message from another agent, as the bridge leaves it in the store."""
        did, thread, now = self.peer(name), self.thread(name), self.tick()
        message_id = new_message_id(now)
        with Store(self.paths.store) as store, store.write():
            number = store.messages.add(
                NewMessage(
                    direction="in",
                    sender=did,
                    message_id=message_id,
                    thread_id=thread,
                    peer=did,
                    schema=TEXT,
                    body=body or text_body(text),
                    sent_at=now,
                    known_at=now,
                    state=stage,
                    seq=int(now - _NOW),
                )
            )
            stored = store.messages.get(number)
            store.sessions.touch(thread, did, number, "in", stored.preview.carried() if stored else "", now)
            store.events.add("message.accepted", now, thread_id=thread, message_id=message_id)
        return message_id

    def commit_next(self, *, seq: int | None = 1, state: OutboxState = "committed", **more: Any) -> str:
        """Does to the oldest open message what the runtime does when the relay answers."""
        with Store(self.paths.store) as store:
            item = (store.outbox.in_state("queued") or store.outbox.in_state("sending"))[0]
            store.outbox.update(item.id, state=state, seq=seq, **more)
        return item.message_id

    def tick(self) -> float:
        self.clock += 1
        return self.clock

    @contextmanager
    def runtime(self) -> Iterator[None]:
        """Holds the lease that a running bridge holds."""
        with lease.held(self.paths.store):
            yield


class StdioClient:
    """Speaks JSON-RPC, one message a line, with `openclaw-install mcp pingagent`."""

    def __init__(self, home: Path, **env: str) -> None:
        command = [sys.executable, "-m", "openclaw_install", "mcp", "pingagent"]
        variables = {"HOME": str(home), "PATH": os.environ["PATH"], **_coverage(), **env}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables
        )
        self.lines: list[dict[str, Any]] = []
        self._rest = b""
        self._next = 0

    def __enter__(self) -> Self:
        self.request(
            "initialize",
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "rig", "version": "1"},
            },
        )
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            _there(pipe).close()

    def send(self, message: Mapping[str, Any] | bytes) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        pipe = _there(self.process.stdin)
        pipe.write(data + b"\n")
        pipe.flush()

    def ask(self, method: str, params: Mapping[str, Any]) -> int:
        """Sends a request, and returns its id."""
        self._next += 1
        self.send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        return self._next

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self.answer(self.ask(method, params))

    def answer(self, number: int) -> dict[str, Any]:
        """Reads up to the answer to a request; others stay in `lines`."""
        while True:
            for line in self.lines:
                if line.get("id") == number:
                    self.lines.remove(line)
                    return line
            self._read(f"an answer to request {number}")

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.request("tools/call", {"name": tool, "arguments": arguments})["result"]
        return answer

    def end(self) -> tuple[int, str]:
        """Closes stdin, and returns the exit code and stderr."""
        _there(self.process.stdin).close()
        stderr = _there(self.process.stderr).read().decode()
        return self.process.wait(SECONDS), stderr

    def _read(self, awaited: str) -> None:
        pipe = _there(self.process.stdout)
        assert select.select([pipe], [], [], SECONDS)[0], f"{awaited} did not come"
        data = os.read(pipe.fileno(), 65536)
        if not data:
            raise AssertionError(f"the server ended: {_there(self.process.stderr).read().decode()}")
        *whole, self._rest = (self._rest + data).split(b"\n")
        # Every line of stdout has to be a message of the protocol.
        self.lines += [json.loads(line) for line in whole]


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _coverage() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
