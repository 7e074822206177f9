"""The relay over HTTP: everything under `/relay/v1`, in one table."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from openclaw_install.common.clock import Clock
from openclaw_install.common.errors import InstallError
from openclaw_install.hub.concurrency import expected_bytes
from openclaw_install.hub.http_errors import HttpRefusedError, answer
from openclaw_install.hub.log import LOG_FACTS
from openclaw_install.hub.relay.auth import Admission, Claimed
from openclaw_install.hub.relay.bodies import access_digest, access_keys_of, acks_of
from openclaw_install.hub.relay.errors import document_refused, envelope_refused, refused
from openclaw_install.hub.relay.invitations import invite_digest
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.model import Entry
from openclaw_install.hub.relay.request import Exchange, number
from openclaw_install.hub.relay.service import RelayService
from openclaw_install.hub.relay.slots import Slot
from openclaw_install.hub.relay.streams import Start, event
from openclaw_install.hub.request_body import BodyTooLargeError, BodyTooSlowError, ClientGoneError, read_body
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import MAX_CARD_BYTES, AgentCard, verify_card
from openclaw_install.protocol.did import fold_alias, is_did
from openclaw_install.protocol.errors import EnvelopeError, ProtocolError
from openclaw_install.protocol.header import MAX_ENVELOPE_BYTES, parse_envelope
from openclaw_install.protocol.identity import MAX_LIFETIME
from openclaw_install.protocol.times import iso
from openclaw_install.protocol.tokens import EMPTY_SHA256

RELAY_PATH = "/relay/v1"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Place:
    """One entry of the table: `shown` is what the log calls it."""

    method: str
    pattern: re.Pattern[str]
    shown: str
    serve: Callable[[Exchange], Awaitable[None]]


class RelayDoor:
    """The ASGI application under `/relay/v1`."""

    def __init__(
        self,
        service: RelayService,
        admission: Admission,
        limits: RelayLimits,
        *,
        clock: Clock,
    ) -> None:
        self._service, self._admission, self._limits, self._clock = service, admission, limits, clock
        self._places = (
            _Place("GET", re.compile("about"), "about", self._about),
            _Place("PUT", re.compile("agents/([^/]+)/card"), "agents/{did}/card", self._put_card),
            _Place("GET", re.compile("agents/([^/]+)/card"), "agents/{did}/card", self._get_card),
            _Place("PUT", re.compile("agents/([^/]+)/access"), "agents/{did}/access", self._put_access),
            _Place("GET", re.compile("aliases/([^/]+)"), "aliases/{alias}", self._get_alias),
            _Place("POST", re.compile("envelopes"), "envelopes", self._post_envelope),
            _Place("GET", re.compile("inbox"), "inbox", self._get_inbox),
            _Place("GET", re.compile("stream"), "stream", self._get_stream),
            _Place("POST", re.compile("acks"), "acks", self._post_acks),
        )

    def close_streams(self) -> None:
        """Ends the streams that clients hold open, so that a shutdown need not wait for them."""
        self._service.streams.close_all()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        facts = scope[LOG_FACTS]
        try:
            place = self._place_of(exchange)
            facts["path"] = f"{RELAY_PATH}/{place.shown}"
            await place.serve(exchange)
        except HttpRefusedError as refusal:
            facts["refused"] = refusal.code
            unread = exchange.body_unread and refusal.status != 408
            if refusal.status == 401 and self._admission.is_junk(exchange.party):
                # An answer is cheap. To wait for the body, and for the next request, would not be.
                refusal.headers, unread = {**refusal.headers, "Connection": "close"}, False
            await answer(refusal, exchange.receive, send, body_unread=unread)
        except ClientGoneError:
            facts["refused"] = "client_gone"
        except InstallError as error:
            _log.error("a request failed: %s", error.message)
            failed = refused("storage_failed")
            facts["refused"] = failed.code
            await answer(failed, exchange.receive, send, body_unread=exchange.body_unread)

    def _place_of(self, exchange: Exchange) -> _Place:
        path = exchange.scope["path"].removeprefix(f"{RELAY_PATH}/")
        found = [(place, match) for place in self._places if (match := place.pattern.fullmatch(path))]
        if not found:
            raise refused("not_found")
        for place, match in found:
            if place.method == exchange.scope["method"]:
                exchange.name = unquote(match[1]) if match.groups() else ""
                return place
        raise refused("method_not_allowed")

    async def _about(self, exchange: Exchange) -> None:
        limits = self._limits
        told = {
            "api": 1,
            "relay_id": self._service.relay_id,
            "log_id": self._service.log_id,
            "time": iso(self._clock.wall()),
            "run": self._admission.run,
            "limits": {
                "max_envelope_bytes": MAX_ENVELOPE_BYTES,
                "max_card_bytes": MAX_CARD_BYTES,
                "max_lifetime_seconds": int(MAX_LIFETIME),
                "max_clock_skew_seconds": int(limits.clock_skew_seconds),
                "page_entries": limits.page_entries,
                "acks_at_once": limits.acks_at_once,
                "streams_per_agent": limits.streams_per_agent,
                "heartbeat_seconds": max(1, int(limits.heartbeat_seconds)),
                "open_registration": limits.registration == "open",
                "registration": limits.registration,
            },
        }
        await exchange.reply(canonical_json(told))

    async def _put_card(self, exchange: Exchange) -> None:
        """Registration: the token is held against the card in the body, which vouches for itself."""
        claimed = self._claimed(exchange)
        if claimed.issuer != exchange.name:
            raise refused("wrong_agent")
        known = self._service.card_of(claimed.issuer)
        if known is not None and self._admission.proves(claimed, known, "PUT", exchange.target):
            with self._slot(exchange, claimed.issuer, MAX_CARD_BYTES) as slot:
                await self._take_body(exchange, claimed, MAX_CARD_BYTES, slot)
                card = await self._publish(exchange, claimed, new=False)
        else:
            # Nobody vouches for the sender: what it costs to find out counts for its address.
            with (
                self._admission.unproven(exchange.party) as cost,
                self._slot(exchange, f"address {exchange.party}", MAX_CARD_BYTES) as slot,
            ):
                await self._take_body(exchange, claimed, MAX_CARD_BYTES, slot)
                # Anybody can make a card with a long log, and each of its entries has signatures to verify.
                cost.add(len(exchange.body) // self._limits.card_bytes_per_turn)
                card = await self._publish(exchange, claimed, new=known is None)
        await exchange.reply(canonical_json({"did": card.did, "version": card.version}))

    async def _publish(self, exchange: Exchange, claimed: Claimed, *, new: bool) -> AgentCard:
        try:
            card = verify_card(exchange.body)
        except ProtocolError as error:
            raise document_refused(error) from None
        if card.did != claimed.issuer:
            raise refused("wrong_agent")
        self._admission.admit(claimed, card, "PUT", exchange.target)
        self._is(exchange, card.did)
        if new:
            self._admission.take_newcomer(exchange.party, len(exchange.body))
        else:
            self._admission.take_renewal(card.did, len(exchange.body))
        invite = exchange.headers.get("pingagent-invite")
        await self._service.put_card(card, None if invite is None else invite_digest(invite))
        return card

    async def _put_access(self, exchange: Exchange) -> None:
        """By whom an agent can be written to beyond the strangers' share; the relay learns hashes only."""
        claimed = self._authenticate(exchange)
        if exchange.name != exchange.did:
            raise refused("wrong_agent")
        with self._slot(exchange, exchange.did, self._limits.small_body_bytes) as slot:
            await self._take_body(exchange, claimed, self._limits.small_body_bytes, slot)
            count = await self._service.set_access(exchange.did, access_keys_of(exchange.body, self._limits))
        await exchange.reply(canonical_json({"access_keys": count}))

    async def _get_card(self, exchange: Exchange) -> None:
        self._authenticate(exchange)
        card = self._service.card_of(exchange.name) if is_did(exchange.name) else None
        if card is None:
            raise refused("unknown_agent")
        await exchange.reply(canonical_json(card.to_json()))

    async def _get_alias(self, exchange: Exchange) -> None:
        self._authenticate(exchange)
        try:
            did = self._service.alias_holder(fold_alias(exchange.name))
        except ProtocolError:
            did = None
        if did is None:
            raise refused("unknown_alias")
        await exchange.reply(canonical_json({"did": did}))

    async def _post_envelope(self, exchange: Exchange) -> None:
        claimed = self._authenticate(exchange)
        self._admission.take_envelope(exchange.did)
        most = MAX_ENVELOPE_BYTES + self._limits.body_room_bytes
        with self._slot(exchange, exchange.did, most) as slot:
            await self._take_body(exchange, claimed, most, slot)
            try:
                envelope = parse_envelope(exchange.body)
            except EnvelopeError as error:
                raise envelope_refused(error) from None
            if envelope.header.sender != exchange.did:
                raise refused("wrong_sender")
            access = access_digest(exchange.headers.get("pingagent-access"))
            receipt = await self._service.post(envelope, exchange.party, access)
        exchange.scope[LOG_FACTS]["seq"] = receipt.seq
        await exchange.reply(canonical_json(receipt.to_json()))

    async def _get_inbox(self, exchange: Exchange) -> None:
        self._authenticate(exchange)
        most = self._limits.page_entries
        after, limit = exchange.numbers(after=0, limit=most)
        with self._slot(exchange, exchange.did):
            entries, inbox = await self._service.page(
                exchange.did, after, min(max(limit, 1), most), self._limits.page_bytes
            )
            page = {
                "log_id": self._service.log_id,
                "head": inbox.head,
                "floor": inbox.floor,
                "next": entries[-1].seq if entries else after,
                "previous": self._service.message_at(exchange.did, after) if after else None,
            }
            await exchange.reply(
                b'{"entries":[%b],%b' % (b",".join(self._told(exchange, entries)), canonical_json(page)[1:])
            )

    async def _get_stream(self, exchange: Exchange) -> None:
        self._authenticate(exchange)
        did = exchange.did
        last = exchange.headers.get("last-event-id")
        after = exchange.numbers(after=0)[0] if last is None else number(last)
        _, inbox = await self._service.page(did, after, 1, 0)
        hello = {"log_id": self._service.log_id, "head": inbox.head, "floor": inbox.floor}

        async def read(place: int) -> tuple[bytes, int]:
            entries, _ = await self._service.page(
                did, place, self._limits.page_entries, self._limits.chunk_bytes
            )
            lines = self._told(exchange, entries)
            events = (event("envelope", line, entry.seq) for line, entry in zip(lines, entries, strict=True))
            return b"".join(events), entries[-1].seq if entries else place

        start = Start(event("hello", canonical_json(hello)), after, inbox.head)
        triple = (exchange.scope, exchange.receive, exchange.send)
        await self._service.streams.serve(triple, did, start, read)

    async def _post_acks(self, exchange: Exchange) -> None:
        claimed = self._authenticate(exchange)
        with self._slot(exchange, exchange.did, self._limits.small_body_bytes) as slot:
            await self._take_body(exchange, claimed, self._limits.small_body_bytes, slot)
            up_to, seqs = acks_of(exchange.body, self._limits)
            count = await self._service.acknowledge(exchange.did, up_to, seqs)
        await exchange.reply(canonical_json({"acknowledged": count}))

    def _claimed(self, exchange: Exchange) -> Claimed:
        return self._admission.claimed(exchange.headers.get("authorization"))

    def _slot(self, exchange: Exchange, who: str, most: int = 0) -> contextlib.AbstractContextManager[Slot]:
        size = expected_bytes(exchange.headers.get("content-length"), most)
        return self._admission.slots.place(who, exchange.party, size)

    def _authenticate(self, exchange: Exchange) -> Claimed:
        claimed = self._claimed(exchange)
        card = self._service.card_of(claimed.issuer)
        self._admission.admit(claimed, card, exchange.scope["method"], exchange.target)
        if exchange.scope["method"] == "GET" and claimed.body_sha256 != EMPTY_SHA256:
            raise refused("token_wrong_body")
        self._is(exchange, claimed.issuer)
        self._service.note_use(claimed.issuer)
        return claimed

    @staticmethod
    def _is(exchange: Exchange, did: str) -> None:
        exchange.did = did
        exchange.scope[LOG_FACTS]["agent"] = did

    async def _take_body(self, exchange: Exchange, claimed: Claimed, limit: int, slot: Slot) -> None:
        kind = (exchange.headers.get("content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise refused("not_json")
        announced = exchange.headers.get("content-length")
        try:
            exchange.body = await read_body(
                exchange.receive,
                announced=announced,
                limit=limit,
                seconds=self._limits.body_seconds,
                watched=lambda until: self._admission.slots.reading(slot, until),
            )
        except BodyTooLargeError:
            raise refused("body_too_large") from None
        except BodyTooSlowError:
            refusal = refused("body_too_slow")
            refusal.headers = {"Connection": "close"}
            raise refusal from None
        exchange.body_unread = False
        exchange.scope[LOG_FACTS]["bytes_in"] = len(exchange.body)
        if hashlib.sha256(exchange.body).hexdigest() != claimed.body_sha256:
            raise refused("token_wrong_body")

    def _told(self, exchange: Exchange, entries: list[Entry]) -> list[bytes]:
        return [self._service.told(exchange.did, entry) for entry in entries]
