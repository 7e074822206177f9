"""What goes wrong at the relay and at the gateway, and what the bridge makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import InstallError
from openclaw_install.common.redaction import Secret
from openclaw_install.host.hooks.turn_evidence import Sight
from openclaw_install.messaging.actions import contacts, messages
from openclaw_install.messaging.bridge.delivery_state import InboundLimits
from openclaw_install.messaging.relay.client import (
    About,
    InboxPage,
    RelayRefused,
    RelayUnreachable,
    StreamItem,
)
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.identity import rotate_encryption
from tests.collab_rig import Agent, Rig, dies, health_of, play
from tests.support.async_waiting import until
from tests.support.memory_relay import MemoryRelay


def _way(made: Rig) -> tuple[str, str]:
    health = health_of(made)
    return health.connection, health.state


class FaultyRelay(MemoryRelay):
    """A relay client whose answers a test can spoil."""

    down = False
    no_stream = False
    offset = 0.0
    reorder = False
    hidden: frozenset[int] = frozenset()
    spoil_receipt = False
    refuse_posts: list[RelayRefused]

    def _check(self) -> None:
        if self.down:
            raise RelayUnreachable("the relay does not answer", next_step="wait")

    async def about(self) -> About:
        self._check()
        return replace(await super().about(), time=self.server.clock() + self.offset)

    async def inbox(self, after: int, limit: int = 200) -> InboxPage:
        self._check()
        page = await super().inbox(after, limit)
        shown = [entry for entry in page.entries if entry.seq not in self.hidden]
        return replace(page, entries=shown[::-1] if self.reorder else shown)

    async def stream(self, after: int, instance: str = "") -> AsyncGenerator[StreamItem, None]:
        self._check()
        if self.no_stream:
            raise RelayUnreachable("the stream does not work", next_step="wait")
        async with contextlib.aclosing(super().stream(after)) as items:
            async for item in items:
                if self.down:
                    return
                if item.entry is None or item.entry.seq not in self.hidden:
                    yield item

    async def post(self, wire: bytes, access: Secret | None = None) -> Mapping[str, Any]:
        self._check()
        if self.refuse_posts:
            raise self.refuse_posts.pop(0)
        answer = dict(await super().post(wire, access))
        if self.spoil_receipt:
            answer["seq"] = answer["seq"] + 1
        return answer


@contextlib.contextmanager
def faulty(made: Rig) -> Iterator[FaultyRelay]:
    """Gives the rig a client whose answers the test can spoil."""
    client = FaultyRelay(made.relay, made.me.did)
    client.refuse_posts = []
    made.relay.beat_seconds = 0.05
    made.settings = replace(made.settings, relay=lambda _url, _identity: client)
    yield client


def test_a_relay_that_is_down_is_told_and_everything_goes_on_when_it_is_back(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        with faulty(made) as client:
            async with made.bridge():
                await until(lambda: health_of(made).connection == "connected")
                client.down = True
                made.send("while it is down")
                await until(lambda: _way(made) == ("down", "degraded"))
                with made.desk() as desk:
                    queued = await messages.chat(desk, to=made.peer.did, message="waits", wait_seconds=0)
                    assert not queued.sent
                    client.down = False
                    await until(lambda: len(made.gateway.turns) == 1)
                    await until(lambda: desk.store.outbox.counts()["queued"] == 0)
                    await until(lambda: health_of(made).state in {"ok", "repaired"})

    play(tmp_path, scenario)


def test_without_the_stream_the_inbox_is_polled_and_that_counts_as_degraded(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        with faulty(made) as client:
            client.no_stream = True
            async with made.bridge():
                await until(lambda: health_of(made).connection == "polling")
                made.send("by polling")
                await until(lambda: len(made.gateway.turns) == 1)
                assert health_of(made).state == "degraded"
                client.no_stream = False
                await until(lambda: health_of(made).connection == "connected")

    play(tmp_path, scenario)


def test_a_relay_that_lost_its_data_is_told_and_nothing_is_done_twice(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        first = made.send("before")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            sent = await made.reply("an answer")
            assert sent.sent
            made.relay.lose_data()
            made.peer.register(made.relay)
            await until(lambda: "relay.data_lost" in made.names())
            await until(lambda: made.me.did in made.relay.cards)
            made.relay.commit(first)
            second = made.send("after")
            await until(lambda: len(made.gateway.turns) == 2)
            assert made.gateway.keys() == [first.header.message_id, second.header.message_id]

            def texts() -> list[str]:
                kept = [one for _, one in made.relay.inbox(made.peer.did).places if one]
                return [one.header.message_id for one in kept if one.header.schema == "pingagent.text@1"]

            await until(lambda: texts() == [sent.message_id])

    play(tmp_path, scenario)


def test_a_relay_that_was_put_back_to_an_earlier_state_is_noticed(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        first = made.send("first")
        made.send("lost with the backup")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 2)
            inbox = made.relay.inbox(made.me.did)
            with made.store() as store:
                await until(lambda: store.ingress.unacked(made.relay.log_id) == [])
                await until(lambda: _all_acknowledged(store, 2))
        # The same log with another second message: only the id at the place tells.
        del inbox.places[1:]
        third = made.send("after the backup")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 3)
            assert made.gateway.keys()[0] == first.header.message_id
            assert made.gateway.keys()[2] == third.header.message_id
            assert "relay.data_lost" in made.names()

    play(tmp_path, scenario)


def _all_acknowledged(store: Store, count: int) -> bool:
    database = store.database
    return database.count("SELECT count(*) FROM ingress WHERE acked_at IS NOT NULL") == count


def test_withheld_messages_are_told_and_taken_when_they_come(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        with faulty(made) as client:
            ids = [made.send(f"m{n}").header.message_id for n in range(4)]
            client.hidden = frozenset({2})
            client.reorder = True
            async with made.bridge():
                await until(lambda: len(made.gateway.turns) == 3)
                assert made.gateway.keys() == [ids[0], ids[2], ids[3]]
                await until(lambda: "holds 1 message(s) back" in health_of(made).detail)
                client.hidden = frozenset()
                await until(lambda: len(made.gateway.turns) == 4)
                await until(lambda: health_of(made).state == "repaired")
                assert "relay.withheld" in made.names()

    play(tmp_path, scenario)


def test_a_sender_that_sends_the_same_message_again_gets_one_turn(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        envelope = made.send("once")
        made.relay.posted.clear()  # a relay that forgot what it has, or plays it again
        made.relay.commit(envelope)
        made.relay.posted.clear()
        other = made.peer.sealed(made.me, "other words", message_id=envelope.header.message_id)
        made.relay.commit(other)
        last = made.send("last")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 2)
            assert made.gateway.keys() == [envelope.header.message_id, last.header.message_id]
            with made.store() as store:
                reasons = {one.reason for one in store.ingress.rejections()}
                assert reasons == {"duplicate", "message_id_reused"}

    play(tmp_path, scenario)


@pytest.mark.parametrize("offset", [86_400.0, -86_400.0])
def test_a_clock_that_is_a_day_off_is_told_and_does_no_harm(tmp_path: Path, offset: float) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        with faulty(made) as client:
            client.offset = offset
            made.relay.commit(made.peer.sealed(made.me, "dated by the relay", now=time.time() + offset))
            async with made.bridge():
                await until(lambda: len(made.gateway.turns) == 1)
                await until(lambda: "clock differs" in health_of(made).detail)
                assert abs(health_of(made).clock_offset - offset) < 60

    play(tmp_path, scenario)


def test_a_clock_that_was_set_right_is_noticed_while_connected(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        with faulty(made) as client:
            client.offset = 3600.0
            async with made.bridge():
                await until(lambda: "clock differs" in health_of(made).detail)
                client.offset = 0.0
                await until(lambda: health_of(made).state == "repaired")
                assert health_of(made).connection == "connected"

    play(tmp_path, scenario)


def test_a_key_that_was_rotated_in_flight_is_looked_up_again(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        from openclaw_install.protocol.identity import rotate_signing

        made.know()
        made.send("old key")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            in_flight = made.peer.sealed(made.me, "signed before the rotation")
            now = time.time()
            made.peer.identity = rotate_encryption(rotate_signing(made.peer.identity, now), now)
            made.relay.cards[made.peer.did] = make_card(made.peer.identity, 2, now)
            made.relay.commit(in_flight)
            made.send("new key")
            await until(lambda: len(made.gateway.turns) == 3)
            with made.store() as store:
                assert store.ingress.rejections() == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, "unauthorized", "hooks.token_rejected"),
        (404, "Not Found", "hooks.off"),
        (400, "sessionKey is disabled for externally supplied hook payload values", "hooks.policy"),
    ],
)
def test_a_gateway_that_refuses_is_a_blocker_with_its_cure_and_the_messages_wait(
    tmp_path: Path, status: int, error: str, code: str
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        refusing = True
        made.gateway.always = lambda _body: (status, {"ok": False, "error": error}) if refusing else None
        ids = [made.send(f"m{n}").header.message_id for n in range(3)]
        async with made.bridge():
            await until(lambda: health_of(made).blocker is not None)
            blocker = health_of(made).blocker
            assert blocker is not None
            assert (blocker.code, blocker.next_step) == (code, "openclaw-install verify-runtime --fix-hooks")
            await until(lambda: any(event.kind == "blocked" for event in made.events))
            told = [event.error for event in made.events if event.kind == "blocked"]
            assert told[0] is not None
            assert told[0].error_code == code
            refusing = False
            made.gateway.token += "-changed"  # what the repair does; the bridge notices the new target
            await until(lambda: len(made.gateway.turns) == 3)
            assert made.gateway.keys() == ids
            await until(lambda: health_of(made).state == "repaired")

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "answer",
    [
        (409, {"ok": False, "error": "hook configuration changed; retry request"}),
        (429, {"ok": False}, {"Retry-After": "0.1"}),
        (503, {"ok": False, "error": "starting"}),
        (503, {"ok": False, "error": "admission timed out", "runId": "r"}),
        (502, {"ok": False, "error": "preparation failed", "runId": "r"}),
    ],
)
def test_passing_refusals_are_tried_again(tmp_path: Path, answer: tuple[Any, ...]) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.gateway.script = [answer]
        made.send("again, please")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            assert made.gateway.requests == 2

    play(tmp_path, scenario)


def test_a_poison_message_is_parked_and_told_and_the_next_goes_on(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.settings = replace(made.settings, inbound=InboundLimits(faults=2))
        made.gateway.always = lambda body: (
            (500, {"ok": False, "error": "poison"}) if "poison" in body["message"] else None
        )
        made.send("poison")
        good = made.send("good")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            assert made.gateway.keys() == [good.header.message_id]
            with made.store() as store:
                parked = store.ingress.parked()
                assert len(parked) == 1
                assert "poison" in parked[0].reason
            assert "message.parked" in made.names()

    play(tmp_path, scenario)


def test_a_gateway_that_dies_before_the_turn_began_gets_the_message_again(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()

        def die_and_restart(body: dict[str, Any]) -> None:
            made.gateway.restart()
            dies(body)

        made.gateway.script = [die_and_restart]
        made.send("once")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            with made.store() as store:
                row = store.ingress.get(1)
                assert row is not None
                await until(lambda: (store.ingress.get(1) or row).stage == "accepted")
                assert (store.ingress.get(1) or row).doubts == 1

    play(tmp_path, scenario)


def test_a_gateway_that_dies_after_its_answer_and_before_the_turn_gets_the_message_again(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.gateway.script = [lambda _body: (200, {"ok": True, "runId": "lost"})]
        made.send("once")
        async with made.bridge():
            with made.store() as store:
                await until(lambda: (row := store.ingress.get(1)) is not None and row.run_id == "lost")
                made.gateway.restart()
                await until(lambda: len(made.gateway.turns) == 1)
                assert "message.turn_lost" in made.names()
                await until(
                    lambda: (row := store.ingress.get(1)) is not None and row.confirmed_at is not None
                )
        assert len(made.gateway.turns) == 1

    play(tmp_path, scenario)


def test_a_request_in_doubt_is_repeated_word_for_word(tmp_path: Path) -> None:
    """The sender got another name meanwhile: told anew, the gateway would take it for another request."""

    async def scenario(made: Rig) -> None:
        made.know()
        texts: list[str] = []

        def begin_unseen_and_die(body: dict[str, Any]) -> None:
            texts.append(body["message"])
            made.gateway.transcript = None
            made.gateway.begin(made.gateway_key(body), body)
            with made.store() as store, store.write() as connection:
                connection.execute("UPDATE contact SET alias = 'renamed', decided_by = 'cli:bob'")
            dies(body)

        made.gateway.script = [begin_unseen_and_die]
        made.send("once")
        async with made.bridge():
            with made.store() as store:
                await until(lambda: (row := store.ingress.get(1)) is not None and row.stage == "accepted")
        assert [message for _, _, message in made.gateway.turns] == texts

    play(tmp_path, scenario)


class _Blind:
    """A host whose transcripts cannot be read."""

    def look(self, mark: str, since: float) -> Sight:
        return "unreadable"


def test_a_turn_of_which_nobody_can_know_is_parked_and_not_repeated(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()

        def begin_and_die(body: dict[str, Any]) -> None:
            made.gateway.begin(made.gateway_key(body), body)
            made.gateway.restart()
            dies(body)

        made.gateway.script = [begin_and_die]
        made.send("once")
        second = made.send("second")
        async with made.bridge(replace(made.settings, evidence=_Blind())):
            await until(lambda: len(made.gateway.turns) == 2)
            assert made.gateway.keys()[1] == second.header.message_id
            with made.store() as store:
                assert "cannot be known" in store.ingress.parked()[0].reason

    play(tmp_path, scenario)


def test_outgoing_refusals_are_final_or_tried_again_and_never_plaintext(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        stranger = Agent.make(tmp_path / "stranger")
        with faulty(made) as client:
            client.refuse_posts = [
                RelayRefused(429, "rate_limited", "slower", next_step="", retry_after=0.1),
                RelayRefused(507, "storage_full", "full", next_step=""),
            ]
            async with made.bridge():
                with made.desk() as desk:
                    sent = await messages.chat(desk, to=made.peer.did, message="patience", wait_seconds=30)
                    assert sent.sent
                    with pytest.raises(messages.SendError, match="unknown_recipient") as lost:
                        await messages.chat(desk, to=stranger.did, message="anybody there?", wait_seconds=30)
                    assert lost.value.next_step
                    client.spoil_receipt = True
                    unsure = await messages.chat(desk, to=made.peer.did, message="unsure", wait_seconds=0.3)
                    assert not unsure.sent
                    client.spoil_receipt = False

                    def state() -> str | None:
                        item = desk.store.outbox.by_message_id(unsure.message_id)
                        return item.state if item else None

                    await until(lambda: state() == "committed")
        wires = [one for _, one in made.relay.inbox(made.peer.did).places if one]
        assert all(b"patience" not in one.wire for one in wires)

    play(tmp_path, scenario)


def test_a_relay_with_another_key_ends_the_bridge_until_a_person_looks(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        from openclaw_install.protocol.keys import SigningKey

        async with made.bridge():
            await until(lambda: health_of(made).connection == "connected")
        made.relay.key = SigningKey.generate()
        with pytest.raises(InstallError) as refused:
            async with made.bridge() as task:
                await asyncio.wait([task], timeout=30)
        assert refused.value.error_code == "relay.identity_changed"

    play(tmp_path, scenario)


def test_a_store_that_another_process_holds_delays_and_loses_nothing(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        async with made.bridge():
            await until(lambda: health_of(made).connection == "connected")
            with made.store() as other, other.write():
                made.send("meanwhile")
                await asyncio.sleep(0.3)
                assert made.gateway.turns == []
            await until(lambda: len(made.gateway.turns) == 1)

    play(tmp_path, scenario)


def test_queued_messages_are_drained_in_pages_and_each_once(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        ids = [made.send(f"m{n}").header.message_id for n in range(300)]
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 300)
            assert made.gateway.keys() == ids
            with made.desk() as desk:
                page = contacts.contacts_list(desk, state="approved")
                assert len(page.contacts) == 1
                changes = messages.changes_since(desk, cursor=0, limit=50)
                assert changes.more
                assert (
                    messages.changes_since(desk, cursor=changes.cursor, limit=50).events[0].id
                    == changes.cursor + 1
                )

    play(tmp_path, scenario)
