"""Throw-away agents fill the gate with their messages, and still nobody who knocks goes unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.messaging.actions import contacts
from openclaw_install.messaging.contact_gate import GateLimits, judge, rooms
from openclaw_install.messaging.findings import contact_findings
from openclaw_install.messaging.knocks import FORGOTTEN, due_at_relay, knock
from openclaw_install.messaging.models import Contact
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.database import Database, migrations
from tests.collab_rig import Agent, Rig, rig
from tests.support.async_waiting import until
from tests.trust_rig import NOW, did

SMALL = GateLimits(per_contact=3, in_all=6, first_words=0, knocks=4)


def agents(made: Rig, number: int, name: str = "flood") -> list[Agent]:
    found = [Agent.make(made.root / f"{name}{index}") for index in range(number)]
    for one in found:
        one.register(made.relay)
    return found


def play(tmp_path: Path, scenario: Callable[[Rig], object], limits: GateLimits | None = None) -> None:
    with rig(tmp_path) as made:
        if limits:
            made.settings = replace(made.settings, gate=limits)
        asyncio.run(scenario(made))  # type: ignore[arg-type]  # each scenario is a coroutine function


def contact_of(store: Store, agent: Agent) -> Contact:
    found = store.contacts.get(agent.did)
    assert found is not None
    return found


@pytest.mark.parametrize("first_words", [0, 100])
def test_ten_floods_of_fifty_hide_no_newcomer_and_a_block_lets_its_message_in(
    tmp_path: Path, first_words: int
) -> None:
    async def scenario(made: Rig) -> None:
        floods = agents(made, 10)
        for flood in floods:
            for number in range(50):
                made.relay.commit(flood.sealed(made.me, f"junk {number}"))
        async with made.bridge():
            with made.desk() as desk:
                store = desk.store
                await until(lambda: store.contacts.waiting_in_all() == 500, "the flood")
                made.send("an honest word")
                made.send("and another")
                await until(lambda: store.contacts.get(made.peer.did) is not None, "the newcomer's row")
                await until(lambda: contact_of(store, made.peer).deferred == (1 if first_words else 2))
                assert contact_of(store, made.peer).waiting == (1 if first_words else 0)
                listed = contacts.contacts_list(desk, state="pending").contacts
                assert made.peer.did in [one.did for one in listed]
                told = [(one.kind, one.data.get("did")) for one in store.events.since(0, limit=2000)]
                assert [kind for kind, _ in told].count("contact.gate_full") == 1
                name = "contact.pending" if first_words else "contact.knocked"
                assert told.count((name, made.peer.did)) == 1
                assert "contact.gate_full" in [one.code for one in contact_findings(store)]
                contacts.decide(desk, floods[0].did, "block")
                await until(lambda: contact_of(store, made.peer).waiting == 2, "its messages")
                assert contact_of(store, made.peer).deferred == 0
                assert contact_findings(store) == []
                said = [one.body.carried()["text"] for one in store.messages.incoming(limit=2)]
                assert said == ["and another", "an honest word"]

    play(tmp_path, scenario, GateLimits(first_words=first_words))


def test_what_a_flood_left_at_the_relay_comes_in_when_it_is_approved_after_all(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        for number in range(8):
            made.send(f"word {number}")
        async with made.bridge():
            with made.desk() as desk:
                await until(
                    lambda: (one := desk.store.contacts.get(made.peer.did)) is not None and one.deferred == 5
                )
                contacts.decide(desk, made.peer.did, "approve")
                await until(lambda: len(made.gateway.turns) == 8, "all of its messages")
                assert contact_of(desk.store, made.peer).deferred == 0

    play(tmp_path, scenario, SMALL)


def test_a_first_word_finds_room_where_a_flood_does_not() -> None:
    limits = GateLimits(per_contact=3, in_all=6, first_words=2)
    assert rooms(6, limits) == (2, 0)
    assert judge(None, 6, limits) == "wait"
    assert judge(None, 8, limits) == "defer"


def test_rows_of_who_only_knocked_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        for number in range(7):
            knock(store, SMALL, "log", number + 1, did(number), store.contacts.get(did(number)), NOW + number)
        # Who knocks again is new again.
        knock(store, SMALL, "log", 8, did(3), store.contacts.get(did(3)), NOW + 8)
        knock(store, SMALL, "log", 9, did(9), None, NOW + 9)
        kept = {one.did: one for one in store.contacts.listed()}
        assert set(kept) == {did(3), did(5), did(6), did(9)}
        assert (kept[did(3)].deferred, kept[did(3)].first_seen_at, kept[did(3)].last_knock_at) == (
            2,
            NOW + 3,
            NOW + 8,
        )
        assert store.facts.get(FORGOTTEN) == 4
        # Whose row is gone still has its messages at the relay, and they come in as there is room.
        assert due_at_relay(store, replace(SMALL, in_all=60), "log", 32) == [1, 2, 3, 4, 5, 6, 7, 9]
        knocks = [one.data["did"] for one in store.events.since(0) if one.kind == "contact.knocked"]
        assert len(knocks) == len(set(knocks)) == 8


def test_who_was_decided_about_is_never_forgotten_as_a_knock(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store.contacts.add(did(50), "pending", "inbound", NOW)
        store.contacts.decide(did(50), "pending", "cli:alice", NOW)
        store.contacts.add(did(51), "awaiting_reply", "outbound", NOW)
        for who in (did(50), did(51)):
            knock(store, SMALL, "log", 100, who, store.contacts.get(who), NOW)
        for number in range(9):
            knock(store, SMALL, "log", number + 1, did(number), None, NOW + number + 1)
        assert store.contacts.get(did(50)) is not None
        assert store.contacts.get(did(51)) is not None


def test_room_goes_first_to_whom_has_least_here_and_each_gets_one_in_its_turn(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        for seq, number in enumerate((0, 0, 0, 1, 2, 2), 1):
            knock(store, SMALL, "log", seq, did(number), store.contacts.get(did(number)), NOW)
        store.contacts.set_waiting(did(0), 2)
        assert due_at_relay(store, SMALL, "log", 32) == [4, 5, 1]
        store.contacts.set_waiting(did(0), 6)
        assert due_at_relay(store, SMALL, "log", 32) == []
        store.contacts.decide(did(2), "blocked", "cli:alice", NOW)
        assert due_at_relay(store, SMALL, "log", 32) == [5, 6]


def test_who_was_left_at_the_relay_by_the_version_before_is_listed_after_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    old = Database(path, [step for step in migrations() if step.version <= 6])
    with old.write() as connection:
        for seq in (3, 4):
            connection.execute(
                "INSERT INTO gap (log_id, seq, why, peer, noticed_at) VALUES ('log', ?, 'deferred', ?, ?)",
                (seq, did(1), NOW + seq),
            )
    old.close()
    with Store(path) as store:
        (known,) = store.contacts.listed("pending")
        assert (known.did, known.deferred, known.first_seen_at, known.last_knock_at) == (
            did(1),
            2,
            NOW + 3,
            NOW + 4,
        )
