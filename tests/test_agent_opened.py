"""An agent that writes first approves nobody: the reply waits for a person; how far it reaches is bounded."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.messaging.actions import contacts, messages
from openclaw_install.messaging.actions.overview import transport_health
from openclaw_install.messaging.app import App
from openclaw_install.messaging.findings import contact_findings
from openclaw_install.messaging.models import ContactState, Outgoing
from openclaw_install.messaging.models.contacts import Opened
from openclaw_install.messaging.outgoing import ContactError, OpeningLimits, enqueue, why_not_open
from openclaw_install.messaging.pacing import PacingLimits
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.database import Database, migrations
from openclaw_install.protocol.messages import RECEIPT, TEXT, receipt_body, text_body
from tests.collab_rig import Agent, Rig, rig
from tests.support.async_waiting import until
from tests.trust_rig import DAY, NOW, Place, did, place

AGENT = "mcp:agent"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def say(here: Place, who: str, text: str = "hello", *, by: str = AGENT) -> None:
    enqueue(here.store, here.me.did, Outgoing(who, TEXT, text_body(text), by), here.now)


def state(store: Store, who: str) -> ContactState | None:
    contact = store.contacts.get(who)
    return contact.state if contact else None


def refused(here: Place, who: str) -> str:
    with pytest.raises(ContactError) as error:
        say(here, who)
    return error.value.error_code


def test_the_reply_to_an_agents_first_word_waits_and_a_person_lets_it_in(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        async with made.bridge():
            with made.desk(caller=AGENT) as agent, made.desk() as person:
                asked = await messages.chat(agent, to=made.peer.did, message="hello there")
                assert asked.sent
                assert state(agent.store, made.peer.did) == "awaiting_reply"
                made.relay.commit(
                    made.peer.sealed(
                        made.me, schema=RECEIPT, body=receipt_body(asked.message_id, "delivered", time.time())
                    )
                )
                outbox = agent.store.outbox
                await until(
                    lambda: [one.message_id for one in outbox.in_state("delivered")] == [asked.message_id]
                )
                assert state(agent.store, made.peer.did) == "awaiting_reply"
                made.send("an answer")
                await until(lambda: agent.store.contacts.waiting_in_all() == 1)
                assert state(agent.store, made.peer.did) == "pending"
                with pytest.raises(ContactError, match="replied, and nobody has decided"):
                    await messages.chat(agent, to=made.peer.did, message="go on")
                assert made.gateway.turns == []
                kinds = [one.kind for one in agent.store.events.since(0) if one.kind.startswith("contact.")]
                assert kinds == ["contact.awaiting_reply", "contact.pending"]
                contacts.decide(person, made.peer.did, "approve")
                await until(lambda: len(made.gateway.turns) == 1)

    with rig(tmp_path) as made:
        asyncio.run(scenario(made))


def test_a_policy_that_a_person_wrote_lets_the_reply_in_at_once(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        rule = f'{{"contact_policy": {{"rules": [{{"match": "{made.peer.did}", "action": "approve"}}]}}}}'
        made.me.store_path.with_name("trust-policy.json").write_text(f'{{"version": 1, {rule[1:]}')
        async with made.bridge():
            with made.desk(caller=AGENT) as agent:
                await messages.chat(agent, to=made.peer.did, message="hello there")
                made.send("an answer")
                await until(lambda: len(made.gateway.turns) == 1)
                contact = agent.store.contacts.get(made.peer.did)
                assert contact is not None
                assert (contact.decided_by or "").startswith("policy:")

    with rig(tmp_path) as made:
        asyncio.run(scenario(made))


def test_what_a_person_writes_approves_and_is_recorded_as_theirs(here: Place) -> None:
    say(here, did(1), by="cli:alice")
    say(here, did(2))
    say(here, did(2), by="cli:alice")
    for who in (did(1), did(2)):
        contact = here.store.contacts.get(who)
        assert contact is not None
        assert (contact.state, contact.decided_by) == ("approved", "cli:alice")
        assert here.store.contacts.decisions(who)[0].by == "cli:alice"


@pytest.mark.parametrize("caller", ["mcp:1", "bridge", "panel", ""])
def test_whoever_is_no_person_at_a_terminal_counts_as_an_agent(here: Place, caller: str) -> None:
    say(here, did(1), by=caller)
    assert state(here.store, did(1)) == "awaiting_reply"


def test_agents_open_so_many_contacts_an_hour_and_a_day_and_people_as_many_as_they_like(here: Place) -> None:
    limits = OpeningLimits()
    for number in range(limits.per_hour):
        say(here, did(number))
    assert refused(here, did(100)) == "contact.too_many_opened"
    assert state(here.store, did(100)) is None
    (told,) = [one for one in here.store.events.since(0) if one.kind == "contact.limited"]
    assert told.data["did"] == did(100)
    say(here, did(101), by="cli:alice")
    here.now += 3601
    for number in range(limits.per_hour):
        say(here, did(200 + number))
    # None of the twenty has replied.
    here.now += 3601
    assert refused(here, did(300)) == "contact.too_many_opened"
    for number in range(limits.per_hour):
        here.store.contacts.replied(did(number), here.now)
        say(here, did(400 + number))
    for number in range(limits.per_hour):
        here.store.contacts.replied(did(200 + number), here.now)
    here.now += 3601
    assert refused(here, did(500)) == "contact.too_many_opened"
    here.now += DAY
    say(here, did(500))
    assert here.store.contacts.counts()["awaiting_reply"] == limits.per_hour + 1


def test_an_agent_says_only_so_much_to_whom_does_not_reply(here: Place) -> None:
    for number in range(OpeningLimits().unanswered):
        say(here, did(1), f"are you there? {number}")
    assert refused(here, did(1)) == "contact.awaiting_reply"
    say(here, did(1), by="cli:alice")
    say(here, did(1), "and I may go on, since a person wrote")


def test_the_bounds_of_what_agents_open_say_which_is_reached() -> None:
    limits = OpeningLimits(per_hour=2, per_day=4, open=3)
    assert why_not_open(Opened(1, 3, 2), limits) is None
    for opened, word in (
        (Opened(2, 2, 0), "an hour"),
        (Opened(0, 4, 0), "a day"),
        (Opened(0, 0, 3), "await"),
    ):
        assert word in (why_not_open(opened, limits) or "")


def test_whom_an_agent_let_in_before_stays_and_is_reported_and_whom_it_only_wrote_to_awaits_a_reply(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    before = [step for step in migrations() if step.version <= 6]
    Database(path, before).close()
    connection = sqlite3.connect(path)
    for number, (decided, alias) in enumerate((("outbound", "a"), ("outbound", "b"), ("cli:alice", "c"))):
        row = (did(number), "approved", "outbound", alias, NOW, NOW, NOW, decided)
        connection.execute(
            "INSERT INTO contact (did, state, origin, alias, first_seen_at, updated_at, decided_at, "
            "decided_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        connection.execute(
            "INSERT INTO session (thread_id, peer, created_at, last_activity_at) VALUES (?, ?, ?, ?)",
            (f"c_dm_{number}", did(number), NOW, NOW),
        )
    for number, schema in ((0, TEXT), (1, RECEIPT)):
        connection.execute(
            "INSERT INTO message (direction, sender, message_id, thread_id, peer, schema, body, preview, "
            "sent_at, known_at, state) VALUES ('in', ?, 'msg_1', ?, ?, ?, '{}', '', ?, ?, 'accepted')",
            (did(number), f"c_dm_{number}", did(number), schema, NOW, NOW),
        )
    connection.commit()
    connection.close()
    with Store(path) as store:
        found = [store.contacts.get(did(number)) for number in range(3)]
        assert [(one.state, one.decided_by, one.alias.carried()) for one in found if one] == [
            ("approved", "outbound", "a"),
            ("awaiting_reply", None, "b"),
            ("approved", "cli:alice", "c"),
        ]
        (recorded,) = store.contacts.decisions(did(1))
        assert (recorded.by, recorded.before, recorded.after) == ("upgrade", "approved", "awaiting_reply")
        (told,) = contact_findings(store)
        assert (told.code, told.severity) == ("contact.let_in_by_agent", "warn")
        # The policy, and any person, still decide about it.
        desk = App(store, Place(tmp_path, store, Agent.make(tmp_path / "me").identity).me, "cli:alice")
        assert contacts.decide(desk, did(0), "approve").changed
        assert contact_findings(store) == []


def test_one_that_talks_under_many_names_does_not_pass_the_ceiling_of_the_host(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        asyncio.run(_many_names(made))


async def _many_names(made: Rig) -> None:
    names = [Agent.make(made.root / f"name{number}") for number in range(4)]
    made.settings = replace(made.settings, pacing=PacingLimits(window=600.0, host_rounds=3, reserve=1))
    for name in names:
        name.register(made.relay)
        made.know(name)
    async with made.bridge():
        with made.desk(caller=AGENT) as agent:
            for name in names:
                made.relay.commit(name.sealed(made.me, "hello"))
            await until(lambda: len(made.gateway.turns) == 4, "what begins a thread, which is no round")
            for turn in range(2):
                for name in names:
                    messages.openclaw_queue_reply(agent, message=f"answer {turn}", session=name.did)
                    made.relay.commit(name.sealed(made.me, f"and more {turn}"))
            await until(lambda: transport_health(agent).figures.paced == 4, "the ceiling")
            assert transport_health(agent).figures.waiting >= 4
            assert len(made.gateway.turns) == 4 + 4
            await until(lambda: "all threads" in transport_health(agent).health.detail, "the word about it")
            kinds = [one.kind for one in agent.store.events.since(0)]
            assert kinds.count("message.paced") == 4
