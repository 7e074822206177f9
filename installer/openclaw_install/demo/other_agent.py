"""An agent elsewhere: an identity of its own, and a plain client of the relay without any host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from openclaw_install.common.clock import wall_time
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
from openclaw_install.protocol.messages import TEXT, text_body
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
