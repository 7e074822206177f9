"""The rig of the bridge's tests: agents with files, a relay in memory, a gateway that counts turns."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from openclaw_install.common.redaction import Secret
from openclaw_install.host.gateway.probe import GatewayAddress, LivePolicy
from openclaw_install.host.hooks.dispatch import HookTarget
from openclaw_install.host.hooks.turn_evidence import TranscriptEvidence
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.actions import messages as service
from openclaw_install.messaging.app import App
from openclaw_install.messaging.bridge.bridge import BridgeEvent, BridgeSettings, run_bridge
from openclaw_install.messaging.bridge.settings import HostView, Timing
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.models.messages import SendResult
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.transport_health import TransportHealth
from openclaw_install.messaging.turn_ceilings import NO_CEILINGS
from openclaw_install.protocol.card import ENVELOPE_2, make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import DEFAULT_LIFETIME, Draft, Envelope, seal
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.profile_files import store_new_identity
from tests.support.async_waiting import until
from tests.support.memory_relay import MemoryRelayServer

TOKEN = "a-hook-token-of-a-stub-gateway-0123456789"
BRISK = Timing(watch=0.02, poll=0.05, keep=0.1, most_pause=0.2, stream_again=1.0, alone=0.0)
_TRANSCRIPT = """
CREATE TABLE IF NOT EXISTS session_windows (session_id TEXT PRIMARY KEY, updated_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transcript_events (
    session_id TEXT NOT NULL, seq INTEGER PRIMARY KEY AUTOINCREMENT, event_json TEXT,
    created_at INTEGER NOT NULL
);
"""


@dataclass
class StubGateway:
    """A gateway on loopback that takes hook turns at once, replays as the real one does, and counts.

    Attributes:
        turns: what was begun, in order: (session key, idempotency key, message).
        requests: how many hook requests came.
        script: answers to give instead, first one first: (status, body, headers), or a callable that gets
            the request's body and may return None to go on as usual, or raise to end the connection.
        transcript: where turns are written as OpenClaw writes them; None writes none.
    """

    transcript: Path | None = None
    turns: list[tuple[str, str, str]] = field(default_factory=list)
    requests: int = 0
    script: list[Any] = field(default_factory=list)
    always: Callable[[dict[str, Any]], tuple[int, dict[str, Any]] | None] | None = None
    token: str = TOKEN
    port: int = 0
    started_at: float = field(default_factory=time.time)
    _replay: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def restart(self) -> None:
        """What a restart does to the replay cache and to the uptime."""
        with self._lock:
            self._replay.clear()
            self.started_at = time.time() + 60.0

    def target(self) -> HookTarget:
        return HookTarget(GatewayAddress(self.port), Secret(self.token))

    def keys(self) -> list[str]:
        """The idempotency keys of the turns, in their order."""
        return [key for _, key, _ in self.turns]

    def answer(self, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        with self._lock:
            self.requests += 1
            if self.script:
                step = self.script.pop(0)
                scripted = step(body) if callable(step) else step
                if scripted is not None:
                    return (*scripted, {}) if len(scripted) == 2 else scripted
            if self.always and (found := self.always(body)):
                return (*found, {})
            return 200, {"ok": True, "runId": self.begin(key, body)}, {}

    def begin(self, key: str, body: dict[str, Any]) -> str:
        """Begins a turn, or replays the one that has the same key and content."""
        with self._lock:
            place = (key, body["sessionKey"], body["message"])
            if place not in self._replay:
                self.turns.append((body["sessionKey"], key, body["message"]))
                self._replay[place] = f"run-{len(self.turns)}"
                self.write(body["message"])
            return self._replay[place]

    def write(self, message: str) -> None:
        if self.transcript is None:
            return
        self.transcript.parent.mkdir(parents=True, exist_ok=True)
        now = int(time.time() * 1000)
        with contextlib.closing(sqlite3.connect(self.transcript)) as connection, connection:
            connection.executescript(_TRANSCRIPT)
            connection.execute("INSERT OR REPLACE INTO session_windows VALUES ('s', ?)", (now,))
            connection.execute(
                "INSERT INTO transcript_events (session_id, event_json, created_at) VALUES ('s', ?, ?)",
                (json.dumps(message), now),
            )


class _EndConnectionError(Exception):
    """Raised by a script: the gateway dies under the request."""


def dies(_body: dict[str, Any]) -> None:
    """A step of a script: the connection ends without an answer, and no turn was begun."""
    raise _EndConnectionError


@contextlib.contextmanager
def stub_gateway(transcript: Path | None = None, port: int = 0) -> Iterator[StubGateway]:
    """Serves a stub gateway for the length of the block; `transcript` is a state folder."""
    path = transcript / "agents" / "main" / "agent" / "openclaw-agent.sqlite" if transcript else None
    stub = StubGateway(path)
    if transcript:
        (transcript / "state").mkdir(parents=True, exist_ok=True)
        (transcript / "state" / "openclaw.sqlite").touch()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            uptime = (time.time() - stub.started_at) * 1000
            self._send(200, {"ready": True, "uptimeMs": uptime, "ok": True, "status": "live"}, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != f"Bearer {stub.token}":
                self._send(401, {"ok": False, "error": "unauthorized"}, {})
                return
            try:
                self._send(*stub.answer(self.headers["Idempotency-Key"], body))
            except _EndConnectionError:
                self.close_connection = True

        def _send(self, status: int, document: dict[str, Any], headers: dict[str, str]) -> None:
            data = json.dumps(document).encode()
            lines = {**headers, "Content-Length": str(len(data))}.items()
            head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
            # In one write: a second small one would wait for the first one's acknowledgement.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(head.encode() + b"\r\n" + data)

        def log_message(self, *_args: object) -> None:
            """The stub keeps its own record."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_args: object) -> None:
            """A client that was killed is no news."""

    server = Server(("127.0.0.1", port), Handler)
    stub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Agent:
    """An agent with its own files."""

    folder: Path
    identity: Identity

    @classmethod
    def make(cls, folder: Path, alias: str | None = None) -> Agent:
        folder.mkdir(parents=True, exist_ok=True)
        # Three days old, so that messages of yesterday can be made, and keys not about to rotate.
        identity = new_identity(time.time() - 3 * 86_400, alias=alias)
        store_new_identity(folder / "identity.json", identity)
        return cls(folder, identity)

    @property
    def did(self) -> str:
        return self.identity.did

    @property
    def store_path(self) -> Path:
        return self.folder / "store.db"

    def register(self, relay: MemoryRelayServer) -> None:
        """Publishes the card directly."""
        relay.cards[self.did] = make_card(self.identity, 1, time.time(), capabilities=(ENVELOPE_2,))

    def sealed(
        self,
        to: Agent,
        text: str = "hello",
        *,
        now: float | None = None,
        message_id: str | None = None,
        schema: str = TEXT,
        body: dict[str, Any] | None = None,
        lifetime: float = DEFAULT_LIFETIME,
    ) -> Envelope:
        """A message of ours to another agent."""
        at = time.time() if now is None else now
        draft = Draft(
            message_id or new_message_id(at), conversation_of(self.did, to.did), schema, lifetime=lifetime
        )
        card = make_card(to.identity, 1, time.time())
        return seal(body or text_body(text), draft, self.identity, card, at)


@dataclass
class Rig:
    """Two agents, a relay in memory, and a gateway for the first of them."""

    root: Path
    relay: MemoryRelayServer
    me: Agent
    peer: Agent
    gateway: StubGateway
    events: list[BridgeEvent] = field(default_factory=list)
    settings: BridgeSettings = field(init=False)
    policy: LivePolicy | None = None
    active_group: str | None = None

    def __post_init__(self) -> None:
        self.settings = self.make_settings(self.me)

    def make_settings(self, agent: Agent, **changes: Any) -> BridgeSettings:
        def relay(_url: str, identity: Callable[[], Identity]) -> Relay:
            return self.relay.client(identity().did)

        host = HostView(
            target=self.gateway.target,
            active_group=lambda: self.active_group,
            live_policy=lambda: self.policy or LivePolicy("unreachable", 0),
        )
        settings = BridgeSettings(
            store=agent.store_path,
            identity=agent.folder / "identity.json",
            url="memory:",
            host=host,
            evidence=TranscriptEvidence(self.state_dir),
            relay=relay,
            timing=BRISK,
            ceilings=NO_CEILINGS,
        )
        return replace(settings, **changes)

    @property
    def state_dir(self) -> Path:
        return self.root / "openclaw"

    @contextlib.asynccontextmanager
    async def bridge(self, settings: BridgeSettings | None = None) -> AsyncIterator[asyncio.Task[None]]:
        """A running bridge; an error of its own is raised at the end of the block."""
        task = asyncio.create_task(run_bridge(settings or self.settings, self.events.append))
        try:
            await until(
                lambda: task.done() or store_lock.is_held((settings or self.settings).store), "the start"
            )
            yield task
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextlib.contextmanager
    def store(self, agent: Agent | None = None) -> Iterator[Store]:
        """A store, as another process would open it."""
        with Store((agent or self.me).store_path) as store:
            yield store

    @contextlib.contextmanager
    def desk(self, agent: Agent | None = None, caller: str = "cli:test") -> Iterator[App]:
        owner = agent or self.me
        with Store(owner.store_path) as store:
            yield App(store, owner.identity, caller)

    async def reply(self, text: str, **more: Any) -> SendResult:
        """An answer to the peer, as another process gives it and waits for its commit."""

        def give() -> SendResult:
            with self.desk() as desk:
                return asyncio.run(service.reply(desk, message=text, session=self.peer.did, **more))

        return await asyncio.to_thread(give)

    def know(self, agent: Agent | None = None) -> None:
        """Approves the peer in advance."""
        with self.store() as store:
            store.contacts.add((agent or self.peer).did, "approved", "operator", time.time(), by="test")

    def send(self, text: str = "hello", **more: Any) -> Envelope:
        """A message of the peer's, committed at the relay."""
        envelope = self.peer.sealed(self.me, text, **more)
        self.relay.commit(envelope)
        return envelope

    @staticmethod
    def gateway_key(body: dict[str, Any]) -> str:
        """The message id that a hook request is about."""
        line = next(one for one in body["message"].splitlines() if one.startswith("Message id: "))
        return str(line.removeprefix("Message id: "))

    def names(self) -> list[str]:
        """What the bridge told, by name."""
        return [event.message for event in self.events if event.kind == "event"]


@contextlib.contextmanager
def rig(root: Path) -> Iterator[Rig]:
    """A rig in a scratch folder; both agents are registered."""
    relay = MemoryRelayServer(time.time)
    with stub_gateway(root / "openclaw") as gateway:
        made = Rig(root, relay, Agent.make(root / "me"), Agent.make(root / "peer", "peer"), gateway)
        made.me.register(relay)
        made.peer.register(relay)
        yield made


def play(root: Path, scenario: Callable[[Rig], Awaitable[None]]) -> None:
    """Plays a scenario on a rig of its own."""

    async def whole(made: Rig) -> None:
        await scenario(made)

    with rig(root) as made:
        asyncio.run(whole(made))


def health_of(made: Rig) -> TransportHealth:
    """What the bridge last wrote of its health; `stopped` before it wrote anything."""
    with made.store() as store:
        return read_health(store, running=True, now=time.time())
