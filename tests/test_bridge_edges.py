"""Rarer troubles of the bridge: keys, cards, receipts that lie, a store that fails for a while."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.messaging.actions import contacts
from openclaw_install.messaging.actions import messages as service
from openclaw_install.messaging.bridge.bridge import run_bridge
from openclaw_install.messaging.relay.client import RelayRefused
from openclaw_install.messaging.store.ingress import IngressTable
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.header import Envelope
from openclaw_install.protocol.identity import Identity, new_identity, rename
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.messages import CONTROL, RECEIPT, control_body, receipt_body
from openclaw_install.protocol.profile_files import save_identity, store_new_identity
from openclaw_install.protocol.receipts import sign_receipt
from tests.collab_rig import Agent, Rig, health_of, play
from tests.support.async_waiting import until
from tests.test_bridge_faults import faulty


def _state_while_running(made: Rig) -> str:
    """The state that the bridge wrote; before it wrote one, its absence counts as `blocked` too."""
    health = health_of(made)
    return "" if health.connection == "stopped" else health.state


def _as(agent: Agent, identity: Identity) -> None:
    save_identity(agent.folder / "identity.json", identity)
    agent.identity = identity


def test_a_week_old_encryption_key_is_rotated_and_published(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        old = Agent(tmp_path / "old", new_identity(time.time() - 8 * 86_400))
        old.folder.mkdir()
        store_new_identity(old.folder / "identity.json", old.identity)
        old.register(made.relay)
        made.me, made.settings = old, made.make_settings(old)
        made.know()
        async with made.bridge():
            await until(lambda: len(made.relay.cards[made.me.did].encryption_keys) == 2)
            made.send("sealed to the old key")
            await until(lambda: len(made.gateway.turns) == 1)

    play(tmp_path, scenario)


def test_an_identity_that_is_exchanged_under_a_running_bridge_ends_it(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        task = asyncio.create_task(run_bridge(made.settings, lambda _event: None))
        made.send("one")
        await until(lambda: health_of(made).connection == "connected")
        for path in made.me.folder.glob("identity.json*"):
            path.unlink()
        store_new_identity(made.me.folder / "identity.json", new_identity(time.time()))
        with pytest.raises(InstallError, match="belongs to") as refused:
            await asyncio.wait_for(task, 30.0)
        assert refused.value.error_code == "store.other_identity"

    play(tmp_path, scenario)


def test_a_store_of_another_identity_is_refused(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        with made.store() as store:
            store.facts.set_once("store.owner", made.peer.did, 0.0)
        with pytest.raises(InstallError) as refused:
            async with made.bridge() as task:
                await asyncio.wait([task], timeout=30)
        assert refused.value.error_code == "store.other_identity"

    play(tmp_path, scenario)


def test_an_alias_that_is_taken_blocks_and_says_so(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        other = Agent.make(tmp_path / "other", "wanted")
        other.register(made.relay)
        _as(made.me, rename(made.me.identity, alias="wanted", display_name=None))
        async with made.bridge():
            await until(lambda: health_of(made).blocker is not None)
            blocker = health_of(made).blocker
            assert blocker is not None
            assert blocker.code == "relay.alias_taken"
            del made.relay.cards[other.did]
            await until(lambda: health_of(made).state == "repaired")

    play(tmp_path, scenario)


def _place(made: Rig, envelope: Envelope, seq: int, *, key: Any = None) -> None:
    receipt = sign_receipt(key or made.relay.key, envelope, seq, made.relay.log_id, time.time())
    made.relay.inbox(made.me.did).places.append((receipt, envelope))


def test_receipts_and_places_that_do_not_hold_are_rejected(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        stranger = Agent.make(tmp_path / "stranger")
        stranger.register(made.relay)
        _place(made, made.peer.sealed(made.me, "by another relay"), 1, key=SigningKey.generate())
        _place(made, made.peer.sealed(stranger, "for somebody else"), 2)
        _place(made, stranger.sealed(made.me, schema=CONTROL, body=control_body("contact_approved")), 3)
        _place(made, made.peer.sealed(made.me, schema=CONTROL, body=control_body("contact_approved")), 4)
        good = made.peer.sealed(made.me, "good")
        _place(made, good, 5)
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            with made.store() as store:
                reasons = [one.reason for one in reversed(store.ingress.rejections())]
                assert reasons == ["bad_receipt", "wrong_recipient", "not_a_contact"]
                kinds = [event.kind for event in store.events.since(0)]
                assert "control.received" in kinds
            assert made.gateway.keys() == [good.header.message_id]

    play(tmp_path, scenario)


def test_only_the_recipient_can_say_that_a_message_arrived(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        other = Agent.make(tmp_path / "other")
        other.register(made.relay)
        made.know(other)
        made.know()
        async with made.bridge():
            with made.desk() as desk:
                sent = await service.chat(desk, to=made.peer.did, message="to the peer", wait_seconds=30)
                assert sent.sent

                def state() -> str:
                    item = desk.store.outbox.by_message_id(sent.message_id)
                    return item.state if item else ""

                claim = receipt_body(sent.message_id, "delivered", time.time())
                made.relay.commit(other.sealed(made.me, schema=RECEIPT, body=claim))
                refused = receipt_body(sent.message_id, "refused", time.time(), reason="busy")
                made.relay.commit(made.peer.sealed(made.me, schema=RECEIPT, body=refused))
                await until(lambda: desk.store.ingress.unacked(made.relay.log_id) == [])
                kinds = {event.kind for event in desk.store.events.since(0)}
                await until(lambda: "outbox.refused_there" in {e.kind for e in desk.store.events.since(0)})
                assert "outbox.delivered" not in kinds
                assert state() == "committed"
                made.relay.commit(made.peer.sealed(made.me, schema=RECEIPT, body=claim))
                await until(lambda: state() == "delivered")

    play(tmp_path, scenario)


def test_without_a_usable_key_nothing_leaves_this_host(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        gone = Agent(tmp_path / "gone", new_identity(time.time() - 30 * 86_400))
        made.relay.cards[gone.did] = make_card(gone.identity, 1, time.time() - 30 * 86_400)
        async with made.bridge():
            with made.desk() as desk:
                with pytest.raises(service.SendError, match="no encryption key") as failed:
                    await service.chat(desk, to=gone.did, message="secret words", wait_seconds=60)
                assert failed.value.error_code == "send.failed"
                assert failed.value.next_step
        assert made.relay.inbox(gone.did).places == []

    play(tmp_path, scenario)


def test_a_card_that_contradicts_the_one_we_know_is_trusted_by_nobody(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.send("first")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            with made.desk() as desk:
                first = await service.chat(desk, to=made.peer.did, message="fine", wait_seconds=30)
                assert first.sent
        made.relay.cards[made.peer.did] = make_card(made.peer.identity, 1, time.time(), capabilities=["x"])
        async with made.bridge():
            with made.desk() as desk:
                with pytest.raises(service.SendError, match="card_fork"):
                    await service.chat(desk, to=made.peer.did, message="and now?", wait_seconds=30)
                assert "card.fork" in {event.kind for event in desk.store.events.since(0)}

    play(tmp_path, scenario)


def test_what_expired_before_it_was_taken_is_sealed_anew(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        with faulty(made) as client:
            client.refuse_posts = [
                RelayRefused(410, "expired", "too late", next_step=""),
                RelayRefused(401, "unauthorized", "who are you?", next_step=""),
            ]
            async with made.bridge():
                with made.desk() as desk:
                    sent = await service.chat(desk, to=made.peer.did, message="patience", wait_seconds=30)
                    assert sent.sent
                    item = desk.store.outbox.by_message_id(sent.message_id)
                    assert item is not None
                    assert item.message_id == sent.message_id

    play(tmp_path, scenario)


@pytest.mark.parametrize(("code", "state"), [("store.busy", "degraded"), ("file.enospc", "blocked")])
def test_a_store_that_fails_for_a_while_stops_nothing_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, state: str
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        real, failing = IngressTable.head, True

        def head(self: IngressTable, thread: str) -> Any:
            if failing:
                raise FileError("the store fails", next_step="wait", code=code)
            return real(self, thread)

        monkeypatch.setattr(IngressTable, "head", head)
        made.send("patience")
        async with made.bridge():
            await until(lambda: _state_while_running(made) == state)
            failing = False
            await until(lambda: len(made.gateway.turns) == 1)
            await until(lambda: health_of(made).state == "repaired")

    play(tmp_path, scenario)


def test_a_damaged_store_ends_the_bridge_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(made: Rig) -> None:
        def head(_self: IngressTable, _thread: str) -> Any:
            raise FileError("the store is damaged", next_step="move it away", code="store.damaged")

        monkeypatch.setattr(IngressTable, "head", head)
        made.know()
        made.send("x")
        with pytest.raises(FileError) as damaged:
            async with made.bridge() as task:
                await asyncio.wait([task], timeout=30)
        assert damaged.value.error_code == "store.damaged"

    play(tmp_path, scenario)


def test_a_config_that_cannot_be_read_is_a_blocker_until_it_can(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        broken = True

        def target() -> Any:
            if broken:
                raise InstallError("the config is damaged", next_step="mend it", code="config.syntax")
            return made.gateway.target()

        made.settings = replace(made.settings, host=replace(made.settings.host, target=target))
        made.send("patience")
        async with made.bridge():
            await until(lambda: health_of(made).blocker is not None)
            broken = False
            await until(lambda: len(made.gateway.turns) == 1)

    play(tmp_path, scenario)


def test_a_wait_for_the_gateway_is_over_when_nothing_waits_any_more(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.gateway.always = lambda _body: (503, {"ok": False, "error": "starting"})
        made.send("nobody will read it")
        async with made.bridge():
            await until(lambda: "the gateway takes no messages" in health_of(made).detail)
            with made.desk() as desk:
                contacts.decide(desk, made.peer.did, "block")
            await until(lambda: health_of(made).state == "repaired")
        assert made.gateway.turns == []

    play(tmp_path, scenario)


def test_a_wait_for_the_relay_is_over_when_nothing_waits_any_more(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        with faulty(made) as client:
            client.refuse_posts = [
                RelayRefused(503, "busy", "in a moment", next_step=""),
                RelayRefused(413, "oversized", "too big for me", next_step=""),
            ]
            async with made.bridge():
                with made.desk() as desk, pytest.raises(service.SendError, match="too big for me"):
                    await service.chat(desk, to=made.peer.did, message="hello?", wait_seconds=30)
                await until(lambda: health_of(made).state == "repaired")

    play(tmp_path, scenario)


def test_a_message_that_comes_due_between_two_looks_is_not_left_lying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(made: Rig) -> None:
        real, ahead = IngressTable.due_threads, [0.0]

        def due_threads(self: IngressTable, *args: Any, **more: Any) -> list[str]:
            found = real(self, *args, **more)
            if made.gateway.requests == 1 and not found:
                # So slow a machine that the message comes due right after the look.
                ahead[0] = 60.0
            return found

        monkeypatch.setattr(IngressTable, "due_threads", due_threads)
        timing = replace(made.settings.timing, watch=3600.0)
        made.settings = replace(made.settings, timing=timing, clock=lambda: time.time() + ahead[0])
        made.know()
        made.gateway.script = [(500, {"ok": False, "error": "once"})]
        made.send("again, please")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)

    play(tmp_path, scenario)
