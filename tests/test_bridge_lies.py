"""A relay that lies about time, data, places and cards: what it cannot do to the bridge, and what is told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.redaction import Secret
from openclaw_install.messaging.actions import messages
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.bridge.receiver import Receiver
from openclaw_install.messaging.bridge.registration import freshen
from openclaw_install.messaging.bridge.relay_connection import RelayConnection
from openclaw_install.messaging.models import NewMessage, RelayCursor
from openclaw_install.messaging.relay.client import About, InboxPage, RelayRefused
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.card import AgentCard, make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import parse_envelope
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import MAX_OWN_KEYS, Identity, new_identity, rotate_encryption
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.profile_files import load_identity, store_new_identity
from openclaw_install.protocol.receipts import relay_id_of
from tests.collab_rig import Agent, Rig, health_of, play
from tests.support.async_waiting import until
from tests.support.memory_relay import MemoryRelay

DAY = 86_400.0


def _events(made: Rig) -> list[str]:
    with made.store() as store:
        return [event.kind for event in store.events.since(0)]


def _committed(made: Rig) -> int:
    with made.store() as store:
        return store.outbox.counts().get("committed", 0)


class LyingRelay(MemoryRelay):
    """A relay client through which the relay lies as the test says."""

    offset = 0.0
    other_log = False
    emptied: frozenset[int] = frozenset()
    cards: Mapping[str, AgentCard | RelayRefused] = {}
    refuse_posts: tuple[RelayRefused, ...] = ()
    asked = 0

    async def about(self) -> About:
        self.asked += 1
        told = replace(await super().about(), time=self.server.clock() + self.offset)
        return replace(told, log_id=f"log_{self.asked}") if self.other_log else told

    async def card(self, did: str) -> AgentCard:
        told = self.cards.get(did)
        if isinstance(told, RelayRefused):
            raise told
        return told or await super().card(did)

    async def inbox(self, after: int, limit: int = 200) -> InboxPage:
        page = await super().inbox(after, limit)
        entries = [
            replace(entry, envelope=None, receipt=None) if entry.seq in self.emptied else entry
            for entry in page.entries
        ]
        return replace(page, entries=entries)

    async def post(self, wire: bytes, access: Secret | None = None) -> Mapping[str, Any]:
        if self.refuse_posts:
            first, *others = self.refuse_posts
            self.refuse_posts = tuple(others)
            raise first
        return await super().post(wire, access)


def _liar(made: Rig) -> LyingRelay:
    client = LyingRelay(made.relay, made.me.did)
    made.relay.beat_seconds = 0.05
    made.settings = replace(made.settings, relay=lambda _url, _identity: client)
    return client


def _kids(identity: Identity) -> list[str]:
    return [key.kid for key in identity.encryption]


def test_a_relay_that_claims_to_be_years_ahead_costs_no_key_and_is_told(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        client = _liar(made)
        client.offset = 3650 * DAY
        before = _kids(made.me.identity)
        made.relay.commit(made.peer.sealed(made.me, "waits"))
        async with made.bridge():
            await until(lambda: "hours" in health_of(made).detail)
            assert _kids(load_identity(made.settings.identity)) == before
            assert made.gateway.turns == []
            client.offset = 0.0
            await until(lambda: len(made.gateway.turns) == 1)
        assert _kids(load_identity(made.settings.identity)) == before

    play(tmp_path, scenario)


def _context(made: Rig, agent: Agent) -> BridgeContext:
    store = Store(agent.store_path)
    return BridgeContext(made.make_settings(agent), store, agent.identity, made.events.append)


def _aged(folder: Path, days: float) -> Agent:
    agent = Agent(folder, new_identity(time.time() - days * DAY))
    folder.mkdir()
    store_new_identity(folder / "identity.json", agent.identity)
    return agent


@pytest.mark.parametrize("days", [0.0, 6.5])
def test_a_clock_that_goes_back_again_and_again_leaves_room_for_weekly_keys(
    tmp_path: Path, days: float
) -> None:
    async def scenario(made: Rig) -> None:
        context = _context(made, _aged(tmp_path / "aged", days))
        context.met = True
        try:
            for step in range(150):
                context.offset = (25 - step / 3) * 3600.0
                await freshen(context)
            assert len(context.identity.encryption) <= MAX_OWN_KEYS // 2
            context.offset = 0.0
            context.settings = replace(context.settings, clock=lambda: time.time() + 9 * DAY)
            newest = context.identity.current_encryption.epoch
            await freshen(context)
            assert context.identity.current_encryption.epoch == newest, "the clock was set, and not held yet"
            context.clocks_held(0.0)
            await freshen(context)
            assert context.identity.current_encryption.epoch == newest + 1
        finally:
            context.store.close()

    play(tmp_path, scenario)


def test_no_key_is_made_or_forgotten_by_a_clock_that_no_relay_was_held_against(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        agent = _aged(tmp_path / "aged", 8)
        context = _context(made, agent)
        context.settings = replace(context.settings, clock=lambda: time.time() + 400 * DAY)
        try:
            await freshen(context)
            assert _kids(context.identity) == _kids(agent.identity)
            # The relay's time is met: a new key by its clock, and the old one stays while it may be needed.
            context.clocks_held(-400 * DAY)
            await freshen(context)
            assert _kids(context.identity)[:1] == _kids(agent.identity)
            assert len(context.identity.encryption) == 2
        finally:
            context.store.close()

    play(tmp_path, scenario)


def test_another_agents_card_under_our_name_does_not_use_up_our_versions(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        client = _liar(made)
        client.cards = {made.me.did: make_card(new_identity(time.time()), 2**53 - 2, time.time())}
        made.relay.cards.pop(made.me.did)
        async with made.bridge():
            await until(lambda: made.me.did in made.relay.cards)
        assert made.relay.cards[made.me.did].version < 100

    play(tmp_path, scenario)


def test_a_relay_whose_data_is_another_each_time_is_asked_ever_more_slowly(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        client = _liar(made)
        client.other_log = True
        async with made.bridge():
            await until(lambda: "another each time" in health_of(made).detail)
            assert "relay.data_lost" in _events(made)
            client.other_log = False
            await until(lambda: health_of(made).connection == "connected")

    play(tmp_path, scenario)


def test_all_that_is_undelivered_is_sent_again_however_much_it_is(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        context = _context(made, made.me)
        store, now = context.store, time.time()
        thread = conversation_of(made.me.did, made.peer.did)
        try:
            with store.write():
                for number in range(501):
                    message = NewMessage(
                        direction="out",
                        sender=made.me.did,
                        message_id=new_message_id(now),
                        thread_id=thread,
                        peer=made.peer.did,
                        schema=TEXT,
                        body=text_body("hello"),
                        sent_at=now,
                        known_at=now,
                        state="queued",
                    )
                    row = store.messages.add(message)
                    store.outbox.add(row, message, idempotency_key=str(number), by="test")
                    store.outbox.update(row, state="committed", log_id="log_old", expires_at=now + DAY)
                store.relay.set_cursor(RelayCursor("memory:", relay_id_of(made.relay.key), "log_old", 7), now)
            await RelayConnection(context, Receiver(context)).greet()
            assert store.outbox.counts()["queued"] == 501
        finally:
            store.close()

    play(tmp_path, scenario)


def test_a_place_without_a_message_is_withheld_until_it_comes(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        client = _liar(made)
        client.emptied = frozenset({1})
        for text in ("first", "second"):
            made.send(text)
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            await until(lambda: "relay.withheld" in _events(made))
            client.emptied = frozenset()
            await until(lambda: len(made.gateway.turns) == 2)
        assert _events(made).count("relay.withheld") == 1

    play(tmp_path, scenario)


def test_what_is_gone_before_it_ever_came_in_is_told(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        for text in ("gone", "gone too", "here"):
            made.send(text)
        made.relay.drop(made.me.did, [1], "acked")
        made.relay.drop(made.me.did, [2], "expired")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
        with made.store() as store:
            gone = [event.data for event in store.events.since(0) if event.kind == "relay.gone"]
        assert gone == [{"first": 1, "last": 2, "count": 2, "expired": 1}]

    play(tmp_path, scenario)


def test_a_message_that_comes_back_when_its_replay_row_is_over_is_no_second_turn(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        envelope = made.peer.sealed(made.me, "once")
        made.relay.commit(envelope)
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
        with made.store() as store:
            assert store.messages.forget_replays(time.time() + 400 * DAY) == 1
        made.relay.posted.clear()
        made.relay.commit(envelope)
        made.send("next")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 2)
        assert "next" in made.gateway.turns[1][2]

    play(tmp_path, scenario)


def test_what_no_relay_said_about_a_message_is_not_final(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        client = _liar(made)
        answers = [(302, "http"), (404, "http"), (403, "http"), (422, "from_future")]
        client.refuse_posts = tuple(RelayRefused(one, why, "no", next_step="") for one, why in answers)
        async with made.bridge():
            with made.desk() as desk:
                assert (await messages.chat(desk, to=made.peer.did, message="patience", wait_seconds=30)).sent

    play(tmp_path, scenario)


def test_an_agent_we_know_may_come_back_to_a_relay_that_lost_its_card(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.send("hello")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            # Its receipt goes first in the thread: unsent, it would hold what is asked below.
            await until(lambda: _committed(made) == 1)
        card = made.relay.cards.pop(made.peer.did)
        async with made.bridge():
            with made.desk() as desk:
                asked = await messages.chat(
                    desk, to=made.peer.did, message="are you there?", wait_seconds=0.2
                )
                assert not asked.sent

                def state() -> str:
                    item = desk.store.outbox.by_message_id(asked.message_id)
                    assert item is not None
                    return f"{item.state} {item.reason}"

                await until(lambda: "does not know" in state())
                assert state().startswith("queued")
                made.relay.cards[made.peer.did] = card
                await until(lambda: state().startswith(("committed", "delivered")))

    play(tmp_path, scenario)


def test_a_sender_whose_card_cannot_be_had_just_now_is_not_rejected(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        client = _liar(made)
        client.cards = {made.peer.did: RelayRefused(403, "http", "a proxy's page", next_step="")}
        made.send("patience")
        async with made.bridge():
            await until(lambda: "a proxy's page" in health_of(made).detail)
            client.cards = {}
            await until(lambda: "contact.pending" in _events(made))
        assert "message.rejected" not in _events(made)

    play(tmp_path, scenario)


def test_a_card_that_is_kept_back_leaves_the_newest_that_we_saw(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        older = made.relay.cards[made.peer.did]
        made.peer.identity = rotate_encryption(made.peer.identity, time.time())
        made.relay.cards[made.peer.did] = make_card(made.peer.identity, 2, time.time())
        made.send("hello")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
        made.relay.cards[made.peer.did] = older
        async with made.bridge():
            with made.desk() as desk:
                assert (
                    await messages.chat(desk, to=made.peer.did, message="to the newest", wait_seconds=30)
                ).sent
        wires = [one.wire for _, one in made.relay.inbox(made.peer.did).places if one]
        assert {parse_envelope(wire).header.epoch for wire in wires} == {2}

    play(tmp_path, scenario)
