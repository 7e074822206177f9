"""The newest verified card of each agent: from the store, or fetched, and never an older one than we saw."""

from __future__ import annotations

import json
from collections.abc import Callable

from openclaw_install.messaging.relay.client import Relay, RelayRefused
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.card import AgentCard, succession, verify_card
from openclaw_install.protocol.envelope import Opened, open_envelope
from openclaw_install.protocol.errors import CardError, ProtocolError, RotationError
from openclaw_install.protocol.header import Envelope
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.rotation import NEVER_SEEN, FirstSeen, is_from_future

_NOT_REGISTERED = 401
_MOST_CACHED = 512


class CardTrouble(Exception):  # noqa: N818 - not an error by itself: the caller decides
    """An agent's card cannot be had or trusted.

    Attributes:
        reason: `unknown_sender`, `bad_card`, `card_rollback`, `card_fork`, or `card_from_future`, which may
            be right later.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CardBook:
    """Cards by DID.

    Args:
        store: keeps the newest card of each contact.
        relay: asked for what is not known.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, relay: Relay, clock: Callable[[], float]) -> None:
        self._store = store
        self._relay = relay
        self._clock = clock
        self._cache: dict[str, AgentCard] = {}
        self._seen: dict[str, FirstSeen] = {}

    async def get(self, did: str) -> AgentCard:
        """The card that is known, or the one that the relay gives.

        Raises:
            RelayError: the relay cannot be asked now.
            CardTrouble: it has no such agent, or its card cannot be trusted.
        """
        if known := self._cache.get(did):
            return known
        kept, seen = await self._store.run(self._kept, did)
        if kept is None:
            return await self.fresh(did)
        self._remember(kept, seen)
        return kept

    async def fresh(self, did: str) -> AgentCard:
        """The card that the relay has now; it must follow the one that we know.

        Raises:
            As `get`.
        """
        try:
            card = await self._relay.card(did)
        except RelayRefused as error:
            # Anything else is no word about that agent: a proxy's page, or a trouble of our own.
            if error.reason == "unknown_agent" and error.status != _NOT_REGISTERED:
                raise CardTrouble("unknown_sender") from error
            raise
        except (CardError, RotationError) as error:
            raise CardTrouble("bad_card") from error
        known, seen = self._cache.get(did), self._seen.get(did, {})
        if known is None:
            known, seen = await self._store.run(self._kept, did)
        relation = "succeeds" if known is None else succession(known, card)
        if card.did != did or relation == "other_agent":
            raise CardTrouble("bad_card")
        if relation in {"rollback", "fork"}:
            await self._store.run(self._told, did, relation)
            raise CardTrouble(f"card_{relation}")
        now = self._clock()
        if is_from_future(card.rotation, now):
            raise CardTrouble("card_from_future")
        self._remember(card, {**{entry.seq: now for entry in card.rotation}, **seen})
        if relation == "succeeds":
            await self._store.run(self.keep, did, now)
        return card

    def opened(self, envelope: Envelope, me: Identity, card: AgentCard, max_skew: float) -> Opened:
        """Opens an envelope by a card that this book gave, whose keys end when their successors were seen.

        Raises:
            EnvelopeError: as `open_envelope`.
        """
        seen = self._seen.get(card.did, NEVER_SEEN)
        return open_envelope(envelope.to_json(), me, card, self._clock(), max_skew, seen)

    def keep(self, did: str, now: float) -> None:
        """Writes the card of a contact to the store; nothing happens where it is no contact."""
        if card := self._cache.get(did):
            text = json.dumps(card.to_json(), ensure_ascii=False)
            with self._store.write():
                self._store.contacts.set_card(
                    did, text, now, alias=card.alias, display_name=card.display_name
                )
                self._store.contacts.add_keys_seen(did, self._seen.get(did, {}))

    def alias(self, did: str) -> str | None:
        """The alias on the card that was used last; None where none was, or it has none."""
        card = self._cache.get(did)
        return card.alias if card else None

    def _kept(self, did: str) -> tuple[AgentCard | None, FirstSeen]:
        text = self._store.contacts.card(did)
        if text is None:
            return None, {}
        try:
            return verify_card(json.loads(text)), self._store.contacts.keys_seen(did)
        except (ProtocolError, ValueError):
            return None, {}

    def _told(self, did: str, relation: str) -> None:
        self._store.events.add(f"card.{relation}", self._clock(), did=did)

    def _remember(self, card: AgentCard, seen: FirstSeen) -> None:
        self._cache.pop(card.did, None)
        self._cache[card.did], self._seen[card.did] = card, seen
        while len(self._cache) > _MOST_CACHED:
            oldest = next(iter(self._cache))
            del self._cache[oldest], self._seen[oldest]
