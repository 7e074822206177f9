"""The access key: who is given it, what is shown to the relay, and what a block does to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.common.redaction import MASK, Secret
from openclaw_install.messaging import access
from openclaw_install.messaging.actions import contacts, messages
from openclaw_install.messaging.bridge.sealing import sealed_once
from openclaw_install.messaging.models import Outgoing
from openclaw_install.messaging.outgoing import enqueue
from openclaw_install.messaging.relay.client import RelayRefused
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.canonical import b64u
from openclaw_install.protocol.card import ENVELOPE_2, make_card
from openclaw_install.protocol.envelope import open_envelope
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.messages import TEXT, text_body
from tests.collab_rig import Rig, play
from tests.relay_rig import relay_in_memory
from tests.support.async_waiting import until
from tests.support.memory_relay import MemoryRelay
from tests.test_bridge_order import Chain

NOW = time.time()
ME, PEER = new_identity(NOW - 60), new_identity(NOW - 60)
_KEY = Secret(b64u(bytes(range(32))))


def _given(store: Store, peer: Identity, text: str) -> Secret | None:
    """The key inside what we seal for an agent."""
    item = enqueue(store, ME.did, Outgoing(peer.did, TEXT, text_body(text), "cli:alice"), NOW)
    card = make_card(peer, 1, NOW, capabilities=(ENVELOPE_2,))
    wire = sealed_once(store, item, ME, card, NOW)
    return open_envelope(wire.encode(), peer, make_card(ME, 1, NOW), NOW).access_key


def test_only_an_approved_contact_is_given_the_key(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store.contacts.add(PEER.did, "approved", "operator", NOW, by="cli:alice")
        key = _given(store, PEER, "hello")
        assert key is not None
        assert access.hashes(store, NOW) == [access.hash_of(key)]
        assert key.reveal() not in repr(key)
        assert MASK in repr(key)
        store.contacts.decide(PEER.did, "awaiting_reply", "test", NOW)
        item = store.outbox.in_state("queued")[0]
        store.outbox.update(item.id, wire=None)
        card = make_card(PEER, 1, NOW, capabilities=(ENVELOPE_2,))
        again = sealed_once(store, item, ME, card, NOW)
        assert open_envelope(again.encode(), PEER, make_card(ME, 1, NOW), NOW).access_key is None


def test_a_block_of_one_that_has_the_key_makes_a_new_one_and_the_old_one_ends_a_week_later(
    tmp_path: Path,
) -> None:
    other = new_identity(NOW - 60)
    with Store(tmp_path / "store.db") as store:
        for did in (PEER.did, other.did):
            store.contacts.add(did, "approved", "operator", NOW, by="cli:alice")
        first = _given(store, PEER, "hello")
        assert first is not None
        assert not access.renew(store, NOW)
        store.contacts.decide(other.did, "blocked", "cli:alice", NOW)
        assert not access.renew(store, NOW)
        store.contacts.decide(PEER.did, "blocked", "cli:alice", NOW)
        assert access.renew(store, NOW)
        assert not access.renew(store, NOW)
        both = access.hashes(store, NOW)
        assert both[1] == access.hash_of(first)
        assert access.hashes(store, NOW + access.OVERLAP_SECONDS) == both[:1]
        store.contacts.decide(other.did, "approved", "cli:alice", NOW)
        second = _given(store, other, "hello")
        assert second is not None
        assert access.hash_of(second) == both[0]


def test_the_relay_is_told_the_hash_and_shown_the_key_that_the_recipient_gave(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.relay.commit(Chain(made.peer, made.me).sealed("hello", access_key=_KEY))
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            with made.desk(caller="cli:alice") as desk:
                assert (await messages.chat(desk, to=made.peer.did, message="answer", wait_seconds=30)).sent
            with made.store() as store:
                await until(lambda: made.relay.access.get(made.me.did) == tuple(access.hashes(store, NOW)))
            before = made.relay.access[made.me.did]
            assert made.relay.shown[-1] == (made.me.did, _KEY)
            with made.desk(caller="cli:alice") as desk:
                contacts.decide(desk, made.peer.did, "block")
            await until(lambda: made.relay.access[made.me.did][1:] == before)

    play(tmp_path, scenario)


class _Older(MemoryRelay):
    """A relay that has no place for access keys."""

    status = 404

    async def put_access(self, hashes: Sequence[str]) -> None:
        raise RelayRefused(self.status, "not_found", "no such place", next_step="")


@pytest.mark.parametrize("status", [404, 405, 422])
def test_a_relay_without_such_keys_is_no_trouble(tmp_path: Path, status: int) -> None:
    async def scenario(made: Rig) -> None:
        made.know()

        client = _Older(made.relay, made.me.did)
        client.status = status
        made.settings = replace(made.settings, relay=lambda _url, _identity: client)
        made.send("hello")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)

    play(tmp_path, scenario)


def test_a_real_relay_takes_the_hashes_and_the_key() -> None:
    async def scenario(url: str) -> None:
        relay = HttpRelay(url, lambda: ME)
        try:
            await relay.put_card(make_card(ME, 1, time.time()))
            await relay.put_access([access.hash_of(_KEY)])
            await relay.put_access([])
        finally:
            await relay.aclose()

    with relay_in_memory() as running:
        asyncio.run(scenario(running.base_url))
