"""A real relay in a real hub, and peers on it: ones that can also send what no proper client would."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from openclaw_install.common.clock import SYSTEM, Clock
from openclaw_install.hub.app import Stores
from openclaw_install.hub.log import WriteLog
from openclaw_install.hub.relay.context import RelayContext
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.store import RelayStore
from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import AgentCard, make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import Draft, seal
from openclaw_install.protocol.header import Envelope, new_message_id
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.receipts import CommitReceipt, verify_receipt
from openclaw_install.protocol.tokens import SCHEME, RelayRequest, make_token
from tests.schemas import assert_valid
from tests.support.memory_metadata import MemoryMetadata
from tests.support.memory_relay_store import MemoryRelayStore
from tests.support.memory_skill_files import MemorySkillFiles

RELAY = "/relay/v1"
# Old enough for messages of yesterday.
_AGE = 2 * 86_400.0


@dataclass
class RunningRelay:
    """A relay that serves.

    Attributes:
        base_url: what PINGAGENT_SERVER_URL would be.
    """

    base_url: str
    hub: RunningHub

    def about(self) -> dict[str, Any]:
        told: dict[str, Any] = httpx.get(f"{self.base_url}{RELAY}/about").json()
        assert_valid(told, "relay-about")
        return told

    @contextlib.contextmanager
    def peer(self, *, alias: str | None = None, register: bool = True) -> Iterator[Peer]:
        """A new agent, registered unless told otherwise."""
        with contextlib.closing(Peer(self.base_url, new_identity(time.time() - _AGE, alias=alias))) as made:
            if register:
                assert made.put_card().status_code == 200
            yield made


@contextlib.contextmanager
def running_relay(
    folder: Path,
    limits: RelayLimits | None = None,
    *,
    port: int = 0,
    write_log: WriteLog | None = None,
) -> Iterator[RunningRelay]:
    """The real hub on `folder`, on disk."""
    settings = HubSettings(port=port, relay=limits or RelayLimits())
    with running_hub(folder, settings=settings, write_log=write_log) as hub:
        yield RunningRelay(hub.base_url, hub)


@contextlib.contextmanager
def relay_in_memory(
    limits: RelayLimits | None = None,
    *,
    store: RelayStore | None = None,
    clock: Clock = SYSTEM,
    key: SigningKey | None = None,
    write_log: WriteLog | None = None,
) -> Iterator[RunningRelay]:
    """The real hub over stores in memory: for what is not about the disk."""
    chosen = limits or RelayLimits()
    room = RelayContext(store or MemoryRelayStore(chosen), key or SigningKey.generate(), chosen, clock)
    stores = Stores(MemoryMetadata(), MemorySkillFiles(), relay=room)
    settings = HubSettings(relay=chosen)
    with running_hub(Path("unused"), settings=settings, stores=stores, write_log=write_log) as hub:
        yield RunningRelay(hub.base_url, hub)


@dataclass
class Peer:
    """An agent with an HTTP client."""

    base_url: str
    identity: Identity
    version: int = 0
    ahead: float = 0.0
    run: str | None = None
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))
    _about: dict[str, Any] = field(default_factory=dict)

    @property
    def did(self) -> str:
        return self.identity.did

    @property
    def card(self) -> AgentCard:
        return make_card(self.identity, max(1, self.version), time.time())

    def close(self) -> None:
        self.http.close()

    def relay_id(self) -> str:
        if not self._about:
            self._about = self.http.get(f"{self.base_url}{RELAY}/about").json()
        return str(self._about["relay_id"])

    def headers(self, method: str, path: str, body: bytes = b"", **changes: str) -> dict[str, str]:
        """Headers with a fresh token; `changes` are of the request that it is signed for."""
        claim = {
            "audience": self.relay_id(),
            "method": method,
            "path": RELAY + path,
            "body_sha256": hashlib.sha256(body).hexdigest(),
        }
        request = RelayRequest(**{**claim, **changes})
        token = make_token(self.identity, request, time.time() + self.ahead, run=self.run)
        return {"Authorization": f"{SCHEME} {token.reveal()}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        """One signed request."""
        signed = {**self.headers(method, path, body), **headers}
        answer = self.http.request(method, self.base_url + RELAY + path, content=body or None, headers=signed)
        if answer.status_code >= 400:
            assert_valid(answer.json(), "relay-error")
        return answer

    def put_card(self, card: AgentCard | None = None) -> httpx.Response:
        """Publishes a card; one of the next version unless another is given."""
        if card is None:
            self.version += 1
        chosen = card or self.card
        return self.ask("PUT", f"/agents/{chosen.did}/card", canonical_json(chosen.to_json()))

    def sealed(self, to: Peer, text: str = "hello", **draft: Any) -> Envelope:
        """A text for another peer, sealed now by this peer's clock."""
        now = time.time() + self.ahead
        fields = {
            "message_id": new_message_id(now),
            "conversation_id": conversation_of(self.did, to.did),
            "schema": TEXT,
        }
        return seal(text_body(text), Draft(**{**fields, **draft}), self.identity, to.card, now)

    def post(self, envelope: Envelope) -> httpx.Response:
        return self.ask("POST", "/envelopes", envelope.wire)

    def commit(self, envelope: Envelope) -> CommitReceipt:
        """Posts an envelope, and holds the receipt against it."""
        answer = self.post(envelope)
        assert answer.status_code == 200, answer.text
        assert_valid(answer.json(), "pingagent-commit-receipt")
        return verify_receipt(answer.content, self.relay_id(), envelope)

    def inbox(self, after: int = 0, limit: int = 200) -> dict[str, Any]:
        answer = self.ask("GET", f"/inbox?after={after}&limit={limit}")
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        assert_valid(page, "relay-inbox")
        return page

    def whole_inbox(self, limit: int = 200) -> list[dict[str, Any]]:
        """All entries, page by page."""
        entries: list[dict[str, Any]] = []
        while (page := self.inbox(entries[-1]["seq"] if entries else 0, limit))["entries"]:
            entries += page["entries"]
        return entries

    def ack(self, **said: Any) -> int:
        answer = self.ask("POST", "/acks", json.dumps(said).encode())
        assert answer.status_code == 200, answer.text
        return int(answer.json()["acknowledged"])

    @contextlib.contextmanager
    def stream(self, after: int | None = None) -> Iterator[Events]:
        """An open stream; its first event, `hello`, has been read."""
        headers = self.headers("GET", "/stream")
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        with self.http.stream("GET", f"{self.base_url}{RELAY}/stream", headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            events = Events(answer.iter_lines())
            yield events


class Events:
    """The events of a stream, one after the other; the client's time limit bounds each wait."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.hello = self.next()

    def next(self) -> dict[str, Any]:
        """The next event that is no heartbeat.

        Raises:
            StopIteration: the stream has ended.
        """
        event: dict[str, Any] = {}
        while True:
            line = next(self._lines)
            name, _, value = line.partition(": ")
            if name == "data":
                event["data"] = json.loads(value)
            elif name in ("event", "id"):
                event[name] = value
            elif not line and event:
                return event

    def beat(self) -> None:
        """Waits for a heartbeat."""
        assert next(line for line in self._lines if line) == ": beat"

    def ended(self) -> bool:
        """Waits for the end; False if something else came."""
        return next((False for line in self._lines if line and not line.startswith(":")), True)
