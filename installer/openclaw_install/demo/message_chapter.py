"""The demo's last chapter: another agent asks, waits for approval, and has the answer with its receipt."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from openclaw_install.common.clock import wall_time
from openclaw_install.demo.expectation import StoryError, require
from openclaw_install.demo.stub_model import Messages, StubModel
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import (
    Draft,
    Opened,
    new_message_id,
    open_envelope,
    parse_envelope,
    seal,
)
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.messages import RECEIPT, TEXT, text_body
from openclaw_install.protocol.receipts import CommitReceipt, verify_receipt
from openclaw_install.protocol.times import MAX_SKEW


@dataclass(frozen=True)
class Received:
    """A message that was opened, with the relay's receipt for it, both verified."""

    message: Opened
    receipt: CommitReceipt

    @property
    def schema(self) -> str:
        return self.message.header.schema


@dataclass
class OtherAgent:
    """The agent, registered with the relay; made by `other_agent`.

    Attributes:
        received: what it took out of its inbox, in order.
    """

    relay: HttpRelay
    identity: Identity
    received: list[Received] = field(default_factory=list)
    _after: int = 0

    @property
    def did(self) -> str:
        return self.identity.did

    async def send(self, to: str, text: str) -> CommitReceipt:
        """Sends a text, sealed for the agent that it goes to.

        Returns:
            The relay's receipt, its signature verified.

        Raises:
            RelayError: the relay cannot be asked, or refused.
            ProtocolError: there is no key to seal for, or the receipt does not hold.
        """
        now = wall_time()
        draft = Draft(new_message_id(now), conversation_of(self.did, to), TEXT)
        envelope = seal(text_body(text), draft, self.identity, await self.relay.card(to), now)
        about = await self.relay.about()
        return verify_receipt(await self.relay.post(envelope.wire), about.relay_id, envelope)

    async def look(self) -> list[Received]:
        """Takes what is new out of the inbox, opens and acknowledges it; all that came so far."""
        page, about = await self.relay.inbox(self._after), await self.relay.about()
        for entry in page.entries:
            if entry.envelope is not None and entry.receipt is not None:
                card = await self.relay.card(str(entry.envelope["from"]))
                opened = open_envelope(entry.envelope, self.identity, card, wall_time(), MAX_SKEW)
                envelope = parse_envelope(entry.envelope)
                receipt = verify_receipt(entry.receipt, about.relay_id, envelope)
                self.received.append(Received(opened, receipt))
        await self.relay.ack([entry.seq for entry in page.entries])
        self._after = page.next
        return self.received


@asynccontextmanager
async def other_agent(url: str) -> AsyncIterator[OtherAgent]:
    """A new agent at the relay at `url`, for the length of the block."""
    identity = new_identity(wall_time())
    relay = HttpRelay(url, lambda: identity)
    try:
        await relay.put_card(make_card(identity, 1, wall_time()))
        yield OtherAgent(relay, identity)
    finally:
        await relay.aclose()


REQUEST = "Can you fix the failing tests in billing?"
ANSWER = "On it: the two failing tests share one fixture, and I will report here."
_FROM_AGENT = "A message from another agent came in through PingAgent."
_THREAD = re.compile(r"^Thread: (\S+)$", re.MULTILINE)
_MESSAGE_ID = re.compile(r"^Message id: (\S+)$", re.MULTILINE)
_PATIENCE = 90.0
_PAUSE = 0.05
Ping = Callable[..., subprocess.CompletedProcess[str]]
T = TypeVar("T")


def stub_reply(messages: Messages, otherwise: str) -> str | dict[str, Any]:
    """The stub model's part: a message of another agent is answered by the tool, once; all else by a text."""
    text = _asked(messages)
    if text is None:
        return otherwise
    thread, message_id = _THREAD.findall(text), _MESSAGE_ID.findall(text)
    arguments = {"session": thread[-1], "in_reply_to": message_id[-1], "message": ANSWER}
    return {"name": "tool_call", "arguments": {"id": "pingagent__pingagent_reply", "args": arguments}}


def _asked(messages: Messages) -> str | None:
    """The message of another agent that a conversation ends with; the host adds notes of its own after it."""
    for message in reversed(messages):
        if message.get("role") != "user":
            return None
        text = json.dumps(message.get("content"), ensure_ascii=False).replace("\\n", "\n")
        if _FROM_AGENT in text:
            return text
    return None


def play(url: str, stub: StubModel, ping: Ping, tell: Callable[[str], None]) -> dict[str, Any]:
    """Plays it.

    Args:
        url: the relay.
        stub: the model behind the host's gateway.
        ping: runs `pingagent ARGS...` on the host.
        tell: receives the story's lines.

    Returns:
        What was observed.

    Raises:
        StoryError: something went otherwise than told.
    """
    return asyncio.run(_play(url, stub, ping, tell))


async def _play(url: str, stub: StubModel, ping: Ping, tell: Callable[[str], None]) -> dict[str, Any]:
    me = str(_json(ping("whoami", "--json", quiet=True))["did"])
    async with other_agent(url) as other:
        sent = await other.send(me, REQUEST)
        tell(f"{other.did} sends: {REQUEST}")
        tell(f"the relay's receipt for it: {sent.message_id}, seq {sent.seq}")
        await _until("the request at the contact gate", lambda: _is_pending(ping, other.did))
        require(_turns(stub) == 0, "a message reached the agent before its sender was approved")
        ping("contacts", "list")
        ping("contacts", "approve", other.did)
        answer = await _until("the answer", lambda: _answer(other))
        tell(f"{other.did} receives: {answer.message.body['text']}")
        tell(f"the relay's receipt for it: {answer.receipt.message_id}, seq {answer.receipt.seq}")
        delivered = [one for one in other.received if one.schema == RECEIPT]
        require(bool(delivered), "no delivery receipt came back")
    ping("sessions")
    turns = _turns(stub)
    require(turns == 1, f"one message became {turns} turns")
    return {
        "request": {"message_id": sent.message_id, "seq": sent.seq},
        "turns_before_approval": 0,
        "turns": turns,
        "answer": {
            "text": answer.message.body["text"],
            "message_id": answer.receipt.message_id,
            "seq": answer.receipt.seq,
        },
        "delivery_receipts": len(delivered),
    }


async def _is_pending(ping: Ping, did: str) -> bool:
    listed = await asyncio.to_thread(ping, "contacts", "list", "--json", quiet=True)
    return did in [contact["did"] for contact in _json(listed)["contacts"] if contact["state"] == "pending"]


async def _answer(other: OtherAgent) -> Received | None:
    return next((one for one in await other.look() if one.schema == TEXT), None)


def _turns(stub: StubModel) -> int:
    """How often the model was asked to begin a turn for the request."""
    return sum(REQUEST in (_asked(conversation) or "") for conversation in stub.requests)


async def _until(what: str, found: Callable[[], Awaitable[T | None]]) -> T:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if value := await found():
            return value
        await asyncio.sleep(_PAUSE)
    raise StoryError(f"{what} did not come")


def _json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        document = {}
    require(bool(document.get("ok")), f"pingagent failed: {done.stdout}")
    result: dict[str, Any] = document["result"]
    return result
