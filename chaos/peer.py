"""An agent at the hub over one plain connection: what it asks is signed and seen to the byte."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from chaos.hub import RELAY
from chaos.ledger import Place
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import ENVELOPE_2, AgentCard, make_card
from openclaw_install.protocol.chain import Link, new_chain_id
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import Draft, seal
from openclaw_install.protocol.header import Envelope, new_message_id
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.tokens import SCHEME, RelayRequest, make_token

_SECONDS = 120.0
_HEAD_BYTES = 64 * 1024
# What ends a connection, or an answer in the middle.
BROKEN = (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError)
_NO_HEADERS: Mapping[str, str] = {}


class Address(Protocol):
    """Where a hub is, and what tokens for it are signed for."""

    @property
    def port(self) -> int: ...

    @property
    def host(self) -> str: ...

    @property
    def relay_id(self) -> str: ...

    @property
    def run(self) -> str | None: ...


@dataclass(frozen=True)
class Answer:
    """What the hub said.

    Attributes:
        document: its JSON; empty where it was none.
    """

    status: int
    document: Mapping[str, Any]

    @property
    def code(self) -> str:
        """Status and reason, as `429 quota_exceeded`; only the status where it took the request."""
        error = self.document.get("error")
        return f"{self.status} {error.get('code')}" if isinstance(error, Mapping) else str(self.status)


@dataclass
class Chain:
    """What an agent sent to another: the next envelope's counter, and the hash of the one before."""

    name: str = field(default_factory=new_chain_id)
    counter: int = 0
    previous: str | None = None


@dataclass
class Peer:
    """An agent with its connection; `close` it.

    Attributes:
        version: of the envelopes that it seals.
    """

    hub: Address
    identity: Identity = field(default_factory=lambda: new_identity(time.time() - 86_400))
    version: int = 2
    _stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    _chains: dict[str, Chain] = field(default_factory=dict)

    @property
    def did(self) -> str:
        return self.identity.did

    def card(self) -> AgentCard:
        return make_card(self.identity, 1, time.time(), capabilities=(ENVELOPE_2,))

    def close(self) -> None:
        """Ends the connection; the next request opens another."""
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None

    def token(self, method: str, path: str, body: bytes = b"") -> str:
        """A fresh token for a request."""
        claim = RelayRequest(self.hub.relay_id, method, path, hashlib.sha256(body).hexdigest())
        return make_token(self.identity, claim, time.time(), run=self.hub.run).reveal()

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = _NO_HEADERS
    ) -> bytes:
        """A whole signed request; `path` is below the relay's."""
        lines = {
            "Host": self.hub.host,
            "Authorization": f"{SCHEME} {self.token(method, RELAY + path, body)}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }
        head = f"{method} {RELAY}{path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
        return head.encode() + b"\r\n" + body

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = _NO_HEADERS
    ) -> Answer:
        """One request on the kept connection.

        Raises:
            OSError, EOFError, TimeoutError: no whole answer came; nobody knows what became of the request.
        """
        async with asyncio.timeout(_SECONDS):
            try:
                return await self._exchange(self.request(method, path, body, headers))
            except BaseException:
                self.close()
                raise

    async def _exchange(self, request: bytes) -> Answer:
        if self._stream is not None and self._stream[0].at_eof():
            # The hub ends connections on which nothing is asked for some seconds.
            self.close()
        if self._stream is None:
            self._stream = await asyncio.open_connection("127.0.0.1", self.hub.port, limit=_HEAD_BYTES)
        reader, writer = self._stream
        writer.write(request)
        status, headers, body = await read_answer(reader)
        if headers.get("connection") == "close":
            self.close()
        try:
            document = json.loads(body)
        except ValueError:
            document = {}
        return Answer(status, document if isinstance(document, dict) else {})

    async def register(self) -> Answer:
        """Publishes the card."""
        return await self.ask("PUT", f"/agents/{self.did}/card", canonical_json(self.card().to_json()))

    def sealed(self, to: AgentCard, text: str = "hello") -> Envelope:
        """The next message for another agent; in version 2 it continues what was sealed for it before."""
        now = time.time()
        link = None
        if self.version == 2:
            chain = self._chains.setdefault(to.did, Chain())
            link = Link(chain.name, chain.counter + 1, chain.previous)
        draft = Draft(new_message_id(now), conversation_of(self.did, to.did), TEXT, chain=link)
        envelope = seal(text_body(text), draft, self.identity, to, now)
        if link is not None:
            chain.counter, chain.previous = link.counter, envelope.sha256
        return envelope

    async def post(self, wire: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
        return await self.ask("POST", "/envelopes", wire, headers)

    async def inbox(self) -> list[Place]:
        """The whole inbox: number and message id of each entry (an acknowledged one has no id)."""
        found: list[Place] = []
        after = 0
        while True:
            answer = await self.ask("GET", f"/inbox?after={after}")
            if answer.status != 200:
                raise OSError(f"the inbox cannot be read: {answer.code}")
            entries = answer.document["entries"]
            if not entries:
                return found
            found += [(entry["seq"], _message_of(entry)) for entry in entries]
            after = answer.document["next"]


def _message_of(entry: Mapping[str, Any]) -> str:
    seq = entry["seq"]
    return str(entry["envelope"]["message_id"]) if "envelope" in entry else f"#{seq}"


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one HTTP answer.

    Raises:
        EOFError, OSError: the connection ended before it was whole, or it is no HTTP.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    status = head[0].split(" ")[1:2]
    if not status or not status[0].isdigit():
        raise OSError("what answered speaks no HTTP")
    headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    return int(status[0]), headers, await reader.readexactly(int(headers.get("content-length", "0")))


async def registered(hub: Address, count: int) -> list[Peer]:
    """New agents, each with its place at the hub."""
    peers = [Peer(hub) for _ in range(count)]
    for peer in peers:
        while (answer := await peer.register()).status == 429:
            await asyncio.sleep(0.3)
        if answer.status != 200:
            raise OSError(f"an agent could not register: {answer.code}")
        # The others take their time: until then the hub would have ended it.
        peer.close()
    return peers
