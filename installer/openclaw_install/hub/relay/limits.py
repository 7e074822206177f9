"""Every limit of the relay in one place, with the defaults that a small team needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.protocol.times import MAX_SKEW

Registration = Literal["open", "invitation", "closed"]
MIB = 1024 * 1024
_DAY = 86_400.0


_ANY = 2**62


@dataclass(frozen=True)
class Room:
    """How much may be held in one place.

    Attributes:
        entries: messages that are not acknowledged.
        bytes: of their envelopes, together.
        places: messages that are still remembered, acknowledged ones included: a copy gets the old receipt.
    """

    entries: int = _ANY
    bytes: int = _ANY
    places: int = _ANY


@dataclass(frozen=True)
class RelayLimits:
    """What one agent, one inbox and the whole relay may use.

    Attributes:
        body_room_bytes: what a posted body may have beyond the largest envelope.
        small_body_bytes: largest body of any other request.
        body_seconds: how long a body may take to arrive; longer is answered with 408.
        header_seconds: how long a request's headers may take; longer ends the connection.
        requests_per_second, request_burst: the token bucket of each agent, for all its requests.
        envelopes_per_second, envelope_burst: the token bucket of each sender, for envelopes alone.
        registrations_per_second, registration_burst: the bucket of each network address, for agents that
            are new. Here and below, an address is what `hub.network.party_of` makes of one.
        unproven_per_second, unproven_burst: the bucket of each network address, for cards whose sender no
            registered key vouches for; what turns out to be signed is given back.
        junk_per_second, junk_burst: the bucket of each network address, for requests without any proof;
            where it is empty their connections are closed.
        card_bytes_per_turn: a larger card counts once more for each so many bytes of it.
        registration: who may register that is not yet known: everybody (`open`), who has an invitation, or
            nobody (`closed`).
        agents_in_all: registered agents.
        inbox: what one inbox may hold.
        share: how much of it a sender may fill whom its owner admitted or wrote to.
        strangers, stranger, stranger_address: how much of it all other senders may fill together, one of
            them, and those of one network address.
        address: what the senders of one network address may have in all inboxes together.
        disk_bytes: what the relay's database may have; above three quarters of it only inboxes with less than
            `small_inbox_bytes` take more.
        access_keys: keys by which an agent admits others.
        peers: agents whose answers are remembered to be welcome, for each agent that wrote to them.
        lapse_seconds: a place is given back when its agent asked for nothing for so long;
            `unused_lapse_seconds` where it never did. It is marked first, and goes when it is still unused
            `second_look_seconds` later.
        touch_seconds: how often it is noted that an agent is there.
        clock_skew_seconds: how far ahead of ours a sender's clock may be.
        page_entries, page_bytes: the most of an inbox in one answer.
        chunk_bytes: the most of it that a stream holds in memory for its client.
        acks_at_once: places that one request may acknowledge singly.
        requests_per_agent, requests_per_address: requests of one in progress at once; more is answered
            with 429.
        requests_in_all: requests in progress at once; more is answered with 503.
        body_bytes_per_address, body_bytes_in_all: the same for the bytes of their bodies.
        body_grace_seconds: how long a body that is being read keeps its place where others need it.
        streams_per_agent: open streams of one agent; a further one ends the oldest.
        streams_per_address, streams_in_all: open streams; more is answered with 503.
        heartbeat_seconds: how often a quiet stream says that it is alive.
        stall_seconds: how long a stream's client may take no data before it is dropped.
        tombstone_seconds: how long an expired entry that nobody acknowledged is told of.
        alias_hold_seconds: how long an alias that its owner gave up is kept from others.
        alias_lapse_seconds: an alias whose owner renewed no card for so long may be claimed by another.
        sweep_seconds: how often expired entries are dropped from the disk.
        clock_settles_seconds: how long the clock must have gone along with the time that goes by, since the
            start or since it was set, before anything is dropped by it.
        second_look_seconds: what has expired is marked, and dropped when it still has so much later.
        replay_entries: tokens remembered at once; more is answered with 503.
    """

    body_room_bytes: int = 4096
    small_body_bytes: int = 64 * 1024
    body_seconds: float = 30.0
    header_seconds: float = 20.0
    requests_per_second: float = 200.0
    request_burst: int = 1000
    envelopes_per_second: float = 100.0
    envelope_burst: int = 500
    registrations_per_second: float = 2.0
    registration_burst: int = 500
    unproven_per_second: float = 20.0
    unproven_burst: int = 200
    junk_per_second: float = 20.0
    junk_burst: int = 200
    card_bytes_per_turn: int = 4096
    registration: Registration = "open"
    agents_in_all: int = 10_000
    inbox: Room = Room(50_000, 256 * MIB, 200_000)
    share: Room = Room(12_500, 64 * MIB, 50_000)
    strangers: Room = Room(10_000, 64 * MIB, 40_000)
    stranger: Room = Room(2_500, 16 * MIB, 10_000)
    stranger_address: Room = Room(5_000, 32 * MIB, 20_000)
    address: Room = Room(bytes=1024 * MIB, places=1_000_000)
    disk_bytes: int = 4096 * MIB
    small_inbox_bytes: int = 8 * MIB
    access_keys: int = 4
    peers: int = 1000
    lapse_seconds: float = 60 * _DAY
    unused_lapse_seconds: float = _DAY
    touch_seconds: float = 3600.0
    clock_skew_seconds: float = MAX_SKEW
    page_entries: int = 200
    page_bytes: int = 4 * MIB
    chunk_bytes: int = 256 * 1024
    acks_at_once: int = 5000
    requests_per_agent: int = 64
    requests_per_address: int = 256
    requests_in_all: int = 512
    body_bytes_per_address: int = 64 * MIB
    body_bytes_in_all: int = 128 * MIB
    body_grace_seconds: float = 1.0
    streams_per_agent: int = 4
    streams_per_address: int = 512
    streams_in_all: int = 1024
    heartbeat_seconds: float = 15.0
    stall_seconds: float = 30.0
    tombstone_seconds: float = 30 * _DAY
    alias_hold_seconds: float = 14 * _DAY
    alias_lapse_seconds: float = 90 * _DAY
    sweep_seconds: float = 10.0
    clock_settles_seconds: float = 600.0
    second_look_seconds: float = _DAY
    replay_entries: int = 300_000
