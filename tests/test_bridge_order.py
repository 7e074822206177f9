"""Order and completeness are the sender's: what a relay reorders, drops or a sender forks, on both ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.messaging.actions import messages as service
from openclaw_install.messaging.bridge.chain_rules import OrderLimits
from openclaw_install.messaging.bridge.entry_reader import takes_version_1
from openclaw_install.messaging.bridge.sealing import sealed_once
from openclaw_install.messaging.bridge.settings import BridgeSettings
from openclaw_install.messaging.findings import order_findings
from openclaw_install.messaging.models import ContactState
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.chain import Link, Seen, new_chain_id
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import Draft, Envelope, Opened, open_envelope, seal
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import MAX_LIFETIME
from openclaw_install.protocol.messages import RECEIPT, TEXT, receipt_body, text_body
from tests.collab_rig import Agent, Rig, play
from tests.support.async_waiting import until

DAY = 86_400.0


@dataclass
class Chain:
    """An agent's own hand at its chain: it can also do what no proper client would."""

    me: Agent
    to: Agent
    chain: str = field(default_factory=new_chain_id)
    counter: int = 0
    previous: str | None = None

    def sealed(self, text: str = "", *, body: dict[str, Any] | None = None, **more: Any) -> Envelope:
        envelope = self.at(Link(self.chain, self.counter + 1, self.previous), text, body=body, **more)
        self.counter, self.previous = self.counter + 1, envelope.sha256
        return envelope

    def at(
        self,
        link: Link,
        text: str = "",
        *,
        body: dict[str, Any] | None = None,
        schema: str = TEXT,
        **more: Any,
    ) -> Envelope:
        now = time.time()
        thread = conversation_of(self.me.did, self.to.did)
        draft = Draft(new_message_id(now), thread, schema, chain=link, **more)
        card = make_card(self.to.identity, 1, now)
        return seal(body or text_body(text), draft, self.me.identity, card, now)


def _texts(made: Rig) -> list[str]:
    """What the gateway's turns were about, in their order."""
    return [line[2:] for _, _, text in made.gateway.turns for line in text.splitlines() if line[:2] == "> "]


def _events(made: Rig, agent: Agent | None = None) -> list[str]:
    with made.store(agent) as store:
        return [event.kind for event in store.events.since(0, limit=1000)]


def _opened(made: Rig, agent: Agent, sender: Agent) -> list[Opened]:
    """What lies in an agent's inbox, opened as it would."""
    card = made.relay.cards[sender.did]
    places = [one for _, one in made.relay.inbox(agent.did).places if one]
    return [open_envelope(one.wire, agent.identity, card, time.time()) for one in places]


def _chain_of(opened: Opened) -> str:
    assert opened.chain is not None
    return opened.chain.chain


def _hasty(made: Rig, seconds: float = 0.3) -> BridgeSettings:
    return replace(made.settings, order=OrderLimits(hold_seconds=seconds))


def test_three_messages_that_a_relay_turned_round_reach_the_agent_in_their_senders_order(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        chain = Chain(made.peer, made.me)
        words = ["delete the staging database", "stop: not before a backup", "the backup is done, go on"]
        envelopes = [chain.sealed(one) for one in words]
        for envelope in reversed(envelopes):
            made.relay.commit(envelope)
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 3)
            await until(lambda: len(_opened(made, made.peer, made.me)) == 3)
        assert _texts(made) == words
        assert _events(made).count("chain.out_of_order") == 2
        seen = [one.seen for one in _opened(made, made.peer, made.me)]
        assert seen[-1] == Seen(chain.chain, 3, 3, envelopes[2].sha256, (), 2)

    play(tmp_path, scenario)


def test_what_a_relay_drops_is_named_to_the_agent_to_people_and_to_its_sender(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        chain = Chain(made.peer, made.me)
        first, dropped, third = (chain.sealed(one) for one in ("one", "two", "three"))
        made.relay.commit(first)
        made.relay.commit(third)
        async with made.bridge(_hasty(made)):
            await until(lambda: len(made.gateway.turns) == 2)
            assert _texts(made) == ["one", "three"]
            assert "number 2 of its messages, did not come in" in made.gateway.turns[1][2]
            assert "Order:" not in made.gateway.turns[0][2]
            await until(lambda: len(_opened(made, made.peer, made.me)) == 2)
            told = _opened(made, made.peer, made.me)[1].seen
            assert told == Seen(chain.chain, 1, 3, first.sha256, ((2, 2),), 0)
            with made.store() as store:
                assert [(one.code, one.path) for one in order_findings(store)] == [
                    ("chain.gap", made.peer.did)
                ]
            # It comes after all: it goes on, marked, and nothing is missing any more.
            made.relay.commit(dropped)
            await until(lambda: len(made.gateway.turns) == 3)
        assert "wrote this before messages that came in earlier" in made.gateway.turns[2][2]
        with made.store() as store:
            assert store.chains.with_gaps() == []
            heard = store.chains.current(made.peer.did)
            assert heard is not None
            assert (heard.settled, heard.out_of_order) == (3, 1)
        assert "chain.gap" in _events(made)

    play(tmp_path, scenario)


def test_one_that_is_kept_back_for_good_does_not_let_more_be_held_than_there_is_room_for(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        chain = Chain(made.peer, made.me)
        chain.sealed("never sent")
        for number in range(6):
            made.relay.commit(chain.sealed(f"m{number}"))
        settings = replace(made.settings, order=OrderLimits(hold_seconds=3600.0, most_held=5))
        async with made.bridge(settings):
            await until(lambda: len(made.gateway.turns) == 6)
        assert _texts(made) == [f"m{number}" for number in range(6)]

    play(tmp_path, scenario)


@pytest.mark.parametrize("known", ["pending", "approved"])
def test_a_sender_that_leaves_gap_after_gap_with_nothing_to_hold_makes_no_endless_list(
    tmp_path: Path, known: ContactState
) -> None:
    async def scenario(made: Rig) -> None:
        with made.store() as store:
            store.contacts.add(made.peer.did, known, "inbound", time.time())
        chain = Chain(made.peer, made.me)
        body = receipt_body(new_message_id(time.time()), "delivered", time.time())
        for counter in range(2, 80, 2):
            made.relay.commit(
                chain.at(Link(chain.chain, counter, f"{counter:064x}"), body=body, schema=RECEIPT)
            )
        async with made.bridge(replace(made.settings, order=OrderLimits(most_ahead=10))):
            await until(lambda: made.relay.inbox(made.me.did).places[-1][1] is None)
        with made.store() as store:
            heard = store.chains.get(made.peer.did, chain.chain)
        assert heard is not None
        assert heard.newest == 78
        assert len(heard.ahead) <= 10
        assert heard.settled >= 58
        assert heard.missing[:2] == ((1, 1), (3, 3))
        assert "chain.gap" not in _events(made)

    play(tmp_path, scenario)


def test_two_messages_for_one_place_are_told_kept_as_evidence_and_only_the_first_is_dispatched(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        chain = Chain(made.peer, made.me)
        one = chain.sealed("pay Ann")
        other = chain.at(Link(chain.chain, 1), "pay Eve")
        for envelope in (one, other, chain.sealed("next")):
            made.relay.commit(envelope)
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 2)
            await until(lambda: "chain.fork" in _events(made))
            refusals = [("refused", "chain_fork", other.header.message_id)]

            def told() -> list[tuple[object, ...]]:
                bodies = [found.body for found in _opened(made, made.peer, made.me)]
                return [
                    (body["status"], body["reason"], body["message_id"])
                    for body in bodies
                    if "reason" in body
                ]

            await until(lambda: told() == refusals)
        assert _texts(made) == ["pay Ann", "next"]
        with made.store() as store:
            assert [(found[1], found[2], found[3]) for found in store.chains.forks()] == [
                (made.peer.did, 1, other.header.message_id)
            ]
            assert [found.reason for found in store.ingress.rejections()] == ["chain_fork"]

    play(tmp_path, scenario)


def test_a_sender_whose_store_is_new_begins_a_new_chain_which_is_told_and_held_for_no_attack(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        for text in ("before", "after"):
            made.relay.commit(Chain(made.peer, made.me).sealed(text))
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 2)
        assert _texts(made) == ["before", "after"]
        assert "chain.restarted" in _events(made)
        assert "chain.fork" not in _events(made)

    play(tmp_path, scenario)


def test_version_1_that_was_sealed_after_version_2_is_refused_and_what_was_sealed_before_is_not(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.relay.commit(Chain(made.peer, made.me).sealed("newer"))
        made.relay.commit(made.peer.sealed(made.me, "later in the older form", now=time.time() + 60))
        made.relay.commit(made.peer.sealed(made.me, "on its way since yesterday", now=time.time() - DAY))
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 2)
        assert _texts(made) == ["newer", "on its way since yesterday"]
        with made.store() as store:
            assert [found.reason for found in store.ingress.rejections()] == ["downgrade"]

    play(tmp_path, scenario)


def test_version_1_is_read_for_as_long_as_a_relay_can_hold_what_was_sealed_before(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        assert takes_version_1(store, 1_000.0)
        assert takes_version_1(store, 1_000.0 + MAX_LIFETIME)
        assert not takes_version_1(store, 1_000.0 + MAX_LIFETIME + 2 * DAY)


def _outbox_state(made: Rig, message_id: str) -> str:
    with made.store() as store:
        item = store.outbox.by_message_id(message_id)
        return "" if item is None else f"{item.state} {item.reason}".strip()


def test_counters_in_a_receipt_tell_the_sender_what_its_relay_dropped_and_turned_round(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        async with made.bridge():
            with made.desk(caller="cli:alice") as desk:
                sent = [
                    await service.chat(desk, to=made.peer.did, message=f"m{n}", wait_seconds=30)
                    for n in range(3)
                ]
            mine = [one for one in _opened(made, made.peer, made.me) if one.chain]
            assert [one.chain.counter for one in mine if one.chain] == [1, 2, 3]
            assert [one.chain.previous for one in mine if one.chain] == [None, mine[0].sha256, mine[1].sha256]
            seen = Seen(_chain_of(mine[0]), 1, 3, mine[0].sha256, ((2, 2),), 1)
            body = receipt_body(sent[0].message_id, "delivered", time.time())
            made.relay.commit(Chain(made.peer, made.me).sealed(body=body, schema=RECEIPT, seen=seen))
            await until(lambda: "chain.missing_there" in _events(made))
            assert "chain.reordered_there" in _events(made)
        with made.store() as store:
            assert store.sent.with_gaps() == [(made.peer.did, ((2, 2),))]
            lost = [
                one.data["messages"] for one in store.events.since(0) if one.kind == "chain.missing_there"
            ]
            assert lost == [[sent[1].message_id]]

    play(tmp_path, scenario)


def test_a_sender_that_is_told_of_a_fork_begins_anew_and_says_that_its_message_was_refused(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        async with made.bridge():
            with made.desk(caller="cli:alice") as desk:
                sent = await service.chat(desk, to=made.peer.did, message="one", wait_seconds=30)
                body = receipt_body(sent.message_id, "refused", time.time(), reason="chain_fork")
                made.relay.commit(Chain(made.peer, made.me).sealed(body=body, schema=RECEIPT))
                await until(lambda: _outbox_state(made, sent.message_id) == "failed chain_fork")
                assert (await service.chat(desk, to=made.peer.did, message="again", wait_seconds=30)).sent
        links = [one.chain for one in _opened(made, made.peer, made.me)]
        assert [one.counter for one in links if one] == [1, 1]
        assert len({one.chain for one in links if one}) == 2

    play(tmp_path, scenario)


def test_what_could_not_be_sent_is_named_as_skipped_so_that_an_honest_sender_leaves_no_gap(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        with made.desk(caller="cli:alice") as desk:
            async with made.bridge():
                assert (await service.chat(desk, to=made.peer.did, message="one", wait_seconds=30)).sent
            # Sealed, and refused by the relay for good: its counter is used up.
            lost = await service.chat(desk, to=made.peer.did, message="two")
            _seal_and_fail(desk.store, made, lost.message_id)
            async with made.bridge():
                assert (await service.chat(desk, to=made.peer.did, message="three", wait_seconds=30)).sent
                assert (await service.chat(desk, to=made.peer.did, message="four", wait_seconds=30)).sent
        links = [one.chain for one in _opened(made, made.peer, made.me) if one.header.schema == TEXT]
        assert [(one.counter, one.skipped) for one in links if one] == [(1, ()), (3, ((2, 2),)), (4, ())]

    play(tmp_path, scenario)


def _seal_and_fail(store: Store, made: Rig, message_id: str) -> None:
    item = store.outbox.by_message_id(message_id)
    assert item is not None
    sealed_once(store, item, made.me.identity, made.relay.cards[made.peer.did], time.time())
    store.outbox.update(item.id, state="failed", reason="oversized")


def test_an_agent_that_reads_only_version_1_is_written_to_in_it_until_its_card_says_more(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.relay.cards[made.peer.did] = make_card(made.peer.identity, 1, time.time())

        def versions() -> list[int]:
            return [one.header.version for _, one in made.relay.inbox(made.peer.did).places if one]

        with made.desk(caller="cli:alice") as desk:
            async with made.bridge():
                sent = await service.chat(desk, to=made.peer.did, message="older", wait_seconds=30)
                assert sent.sent
                # Its receipt names the message as version 1 did.
                body = receipt_body(sent.message_id[:30], "delivered", time.time())
                made.relay.commit(made.peer.sealed(made.me, schema=RECEIPT, body=body))
                await until(lambda: _outbox_state(made, sent.message_id) == "delivered")
            made.peer.register(made.relay)
            made.relay.cards[made.peer.did] = make_card(
                made.peer.identity, 2, time.time(), capabilities=("pingagent.envelope/2",)
            )
            async with made.bridge():
                assert (await service.chat(desk, to=made.peer.did, message="newer", wait_seconds=30)).sent
            # A relay that shows the older card again does not lead us back.
            made.relay.cards[made.peer.did] = make_card(made.peer.identity, 3, time.time())
            async with made.bridge():
                assert (
                    await service.chat(desk, to=made.peer.did, message="newer still", wait_seconds=30)
                ).sent
        assert versions() == [1, 2, 2]

    play(tmp_path, scenario)
