"""The relay's HTTP interface: the routes under `/relay/v1` and their endpoints."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router

from openclaw_install.common.redaction import Secret
from openclaw_install.hub.http_errors import CLOSE, LOG_FACTS, answer_refusal
from openclaw_install.hub.keys import digest_of
from openclaw_install.hub.relay.auth import Authenticator, UnverifiedToken
from openclaw_install.hub.relay.context import RelayContext
from openclaw_install.hub.relay.errors import UnsignedError, document_refused, envelope_refused, refused
from openclaw_install.hub.relay.model import Entry
from openclaw_install.hub.relay.request import (
    access_digest,
    access_keys_of,
    acks_of,
    instance_of,
    number,
    party_of_request,
    query_number,
    signed_path,
)
from openclaw_install.hub.relay.service import RelayService
from openclaw_install.hub.relay.streams import StreamResponse, event
from openclaw_install.hub.request_body import check_is_json, expected_bytes, read_body
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import MAX_CARD_BYTES, AgentCard, verify_card
from openclaw_install.protocol.did import fold_alias, is_did
from openclaw_install.protocol.errors import EnvelopeError, ProtocolError
from openclaw_install.protocol.header import MAX_ENVELOPE_BYTES, parse_envelope
from openclaw_install.protocol.identity import MAX_LIFETIME
from openclaw_install.protocol.times import iso
from openclaw_install.protocol.tokens import EMPTY_SHA256

RELAY_PATH = "/relay/v1"


class RelayRoutes:
    """The endpoints of the relay.

    Attributes:
        service: it must be running while they are served.
        exception_handlers: what the application has to answer beside the hub's own exceptions.
    """

    def __init__(self, context: RelayContext, *, group_commits: bool = True) -> None:
        self.service = RelayService(context, group_commits=group_commits)
        self._auth = Authenticator(self.service.relay_id, context.limits, clock=context.clock)
        self._store, self._limits, self._clock = context.store, context.limits, context.clock
        self.exception_handlers: dict[Any, Any] = {UnsignedError: self._answer_unsigned}

    def mount(self) -> Mount:
        """The routes, for the application that serves them."""
        routes = [
            _route("GET", "/about", self.about),
            _route("PUT", "/agents/{did}/card", self.put_card),
            _route("GET", "/agents/{did}/card", self.get_card),
            _route("PUT", "/agents/{did}/access", self.put_access),
            _route("GET", "/aliases/{alias}", self.get_alias),
            _route("POST", "/envelopes", self.post_envelope),
            _route("GET", "/inbox", self.get_inbox),
            _route("GET", "/stream", self.get_stream),
            _route("POST", "/acks", self.post_acks),
        ]
        return Mount(RELAY_PATH, app=Router(routes, redirect_slashes=False))

    def close_streams(self) -> None:
        """Ends the streams that clients hold open, so that a shutdown need not wait for them."""
        self.service.streams.close_all()

    async def about(self, _request: Request) -> Response:
        """What clients have to know about the relay; needs no token."""
        limits = self._limits
        return _json(
            {
                "api": 1,
                "relay_id": self.service.relay_id,
                "log_id": self._store.log_id,
                "time": iso(self._clock.wall()),
                "run": self._auth.run,
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
        )

    async def put_card(self, request: Request) -> Response:
        """Registration: the token is held against the card in the body, which vouches for itself."""
        token, party = self._read_token(request), party_of_request(request)
        if token.issuer != request.path_params["did"]:
            raise refused("wrong_agent")
        known = self.service.card_of(token.issuer)
        if known is not None and self._auth.is_signed_by(token, known, "PUT", signed_path(request)):
            async with self._body(request, token, token.issuer, MAX_CARD_BYTES) as body:
                card = await self._publish(request, token, body, new=False)
        else:
            # Nobody vouches for the sender: what it costs to find out counts for its address.
            with self._auth.unverified_card(party) as cost:
                async with self._body(request, token, f"address {party}", MAX_CARD_BYTES) as body:
                    # Anybody can make a card with a long log, and each entry has signatures to verify.
                    cost.add(len(body) // self._limits.card_bytes_per_turn)
                    card = await self._publish(request, token, body, new=known is None)
        return _json({"did": card.did, "version": card.version})

    async def _publish(
        self, request: Request, token: UnverifiedToken, body: bytes, *, new: bool
    ) -> AgentCard:
        try:
            card = verify_card(body)
        except ProtocolError as error:
            raise document_refused(error) from None
        if card.did != token.issuer:
            raise refused("wrong_agent")
        self._auth.verify(token, card, "PUT", signed_path(request))
        request.scope[LOG_FACTS]["agent"] = card.did
        if new:
            self._auth.take_registration(party_of_request(request), len(body))
        else:
            self._auth.take_renewal(card.did, len(body))
        invite = request.headers.get("pingagent-invite")
        await self.service.put_card(card, None if invite is None else digest_of(Secret(invite)))
        return card

    async def put_access(self, request: Request) -> Response:
        """Replaces the access keys of an agent: who has one writes beyond the strangers' share of the inbox.

        The relay learns hashes only.
        """
        token, did = self._authenticate(request)
        if request.path_params["did"] != did:
            raise refused("wrong_agent")
        async with self._body(request, token, did, self._limits.small_body_bytes) as body:
            count = await self.service.set_access(did, access_keys_of(body, self._limits))
        return _json({"access_keys": count})

    async def get_card(self, request: Request) -> Response:
        """The card of a registered agent."""
        self._authenticate(request)
        did = request.path_params["did"]
        card = self.service.card_of(did) if is_did(did) else None
        if card is None:
            raise refused("unknown_agent")
        return _json(card.to_json())

    async def get_alias(self, request: Request) -> Response:
        """The DID of the agent that holds an alias."""
        self._authenticate(request)
        try:
            did = self._store.alias_holder(fold_alias(request.path_params["alias"]))
        except ProtocolError:
            did = None
        if did is None:
            raise refused("unknown_alias")
        return _json({"did": did})

    async def post_envelope(self, request: Request) -> Response:
        """Commits an envelope; the answer is its receipt."""
        token, did = self._authenticate(request)
        self._auth.take_envelope(did)
        most = MAX_ENVELOPE_BYTES + self._limits.body_room_bytes
        async with self._body(request, token, did, most) as body:
            try:
                envelope = parse_envelope(body)
            except EnvelopeError as error:
                raise envelope_refused(error) from None
            if envelope.header.sender != did:
                raise refused("wrong_sender")
            access = access_digest(request.headers.get("pingagent-access"))
            receipt = await self.service.post(envelope, party_of_request(request), access)
        request.scope[LOG_FACTS]["seq"] = receipt.seq
        return _json(receipt.to_json())

    async def get_inbox(self, request: Request) -> Response:
        """A page of the caller's own inbox."""
        _, did = self._authenticate(request)
        most = self._limits.page_entries
        after, limit = query_number(request, "after", 0), query_number(request, "limit", most)
        with self._auth.slots.acquire(did, party_of_request(request)):
            entries, inbox = await self.service.page(
                did, after, min(max(limit, 1), most), self._limits.page_bytes
            )
            page = {
                "log_id": self._store.log_id,
                "head": inbox.head,
                "floor": inbox.floor,
                "next": entries[-1].seq if entries else after,
                "previous": self._store.message_at(did, after) if after else None,
            }
            lines = b",".join(self._entries_json(did, entries))
            return _raw_json(b'{"entries":[%b],%b' % (lines, canonical_json(page)[1:]))

    async def get_stream(self, request: Request) -> Response:
        """The caller's own inbox as server-sent events."""
        _, did = self._authenticate(request)
        last = request.headers.get("last-event-id")
        after = query_number(request, "after", 0) if last is None else number(last)
        _, inbox = await self.service.page(did, after, 1, 0)
        hello = {"log_id": self._store.log_id, "head": inbox.head, "floor": inbox.floor}

        async def read(after: int) -> tuple[bytes, int]:
            entries, _ = await self.service.page(
                did, after, self._limits.page_entries, self._limits.chunk_bytes
            )
            lines = self._entries_json(did, entries)
            events = (event("envelope", line, entry.seq) for line, entry in zip(lines, entries, strict=True))
            return b"".join(events), entries[-1].seq if entries else after

        first = event("hello", canonical_json(hello))
        return StreamResponse(
            self.service.streams,
            did,
            read,
            hello=first,
            after=after,
            head=inbox.head,
            instance=instance_of(request.query_params.get("instance", "")),
        )

    async def post_acks(self, request: Request) -> Response:
        """Drops what the caller has from its inbox."""
        token, did = self._authenticate(request)
        async with self._body(request, token, did, self._limits.small_body_bytes) as body:
            up_to, seqs = acks_of(body, self._limits)
            count = await self.service.acknowledge(did, up_to, seqs)
        return _json({"acknowledged": count})

    def _read_token(self, request: Request) -> UnverifiedToken:
        return self._auth.read_token(request.headers.get("authorization"))

    def _authenticate(self, request: Request) -> tuple[UnverifiedToken, str]:
        """The token, and the DID of the registered agent that has signed this request with it."""
        token = self._read_token(request)
        self._auth.verify(token, self.service.card_of(token.issuer), request.method, signed_path(request))
        if request.method == "GET" and token.body_sha256 != EMPTY_SHA256:
            raise refused("token_wrong_body")
        request.scope[LOG_FACTS]["agent"] = token.issuer
        self.service.note_use(token.issuer)
        return token, token.issuer

    @contextlib.asynccontextmanager
    async def _body(
        self, request: Request, token: UnverifiedToken, who: str, limit: int
    ) -> AsyncIterator[bytes]:
        """The request's body, which its token names; the block counts as a request in progress.

        Args:
            who: the agent that signed it, or an address where that is not proven yet.
        """
        size, slots = expected_bytes(request.headers.get("content-length"), limit), self._auth.slots
        with slots.acquire(who, party_of_request(request), size) as slot:
            check_is_json(request)
            body = await read_body(
                request,
                limit=limit,
                seconds=self._limits.body_seconds,
                watched=lambda until: slots.reading(slot, until),
            )
            if hashlib.sha256(body).hexdigest() != token.body_sha256:
                raise refused("token_wrong_body")
            yield body

    def _entries_json(self, did: str, entries: list[Entry]) -> list[bytes]:
        return [self.service.entry_json(did, entry) for entry in entries]

    async def _answer_unsigned(self, request: Request, error: UnsignedError) -> Response:
        if self._auth.sends_too_much_unsigned(party_of_request(request)):
            # An answer is cheap. To wait for the body, and for the next request, would not be.
            error.headers |= CLOSE
        return await answer_refusal(request, error)


def _route(method: str, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    route = Route(path, endpoint, methods=[method])
    # Starlette serves HEAD with every GET; a token is for one method, so that no answer would be right.
    route.methods = {method}
    return route


def _json(document: Any) -> Response:
    return _raw_json(canonical_json(document))


def _raw_json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
