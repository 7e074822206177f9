"""Two agents that answer each other for good: their turns have a bound, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from openclaw_install.messaging.actions import messages as service
from openclaw_install.messaging.actions import sessions
from openclaw_install.messaging.actions.overview import delivery_timeline, since_last_seen
from openclaw_install.messaging.models.messages import ShownMessage
from openclaw_install.messaging.pacing import PacingLimits
from tests.collab_rig import Agent, Rig, rig
from tests.support.async_waiting import until

ROUNDS = 3


class _Answering:
    """Agents on both sides that answer whatever comes in from each other."""

    def __init__(self, made: Rig) -> None:
        self.made = made
        self.on = True

    def __call__(self, body: dict[str, Any]) -> None:
        ours = f"Sender: {self.made.peer.did}" in body["message"]
        theirs = f"Sender: {self.made.me.did}" in body["message"]
        if self.on and (ours or theirs):
            owner, to = (self.made.me, self.made.peer) if ours else (self.made.peer, self.made.me)
            # As the tool would: in another process, before the turn ends.
            with self.made.desk(owner, caller="mcp:agent") as desk:
                key = f"answer {self.made.gateway_key(body)}"
                service.openclaw_queue_reply(desk, message="and you?", session=to.did, idempotency_key=key)


def test_agents_that_always_answer_each_other_are_paced_and_the_message_waits_its_turn(
    tmp_path: Path,
) -> None:
    with rig(tmp_path) as made:
        asyncio.run(_exchange(made))


async def _exchange(made: Rig) -> None:
    other = Agent.make(made.root / "other", "other")
    other.register(made.relay)
    made.know()
    made.know(other)
    answering = made.gateway.always = _Answering(made)
    ahead = [0.0]
    made.settings = replace(
        made.settings, pacing=PacingLimits(ROUNDS, window=600.0), clock=lambda: time.time() + ahead[0]
    )
    made.send("how are you?")
    with made.store(made.peer) as there:
        there.contacts.add(made.me.did, "approved", "operator", time.time(), by="test")
    async with made.bridge(), made.bridge(made.make_settings(made.peer)):
        with made.desk() as desk:

            def newest() -> ShownMessage:
                return sessions.focus_session(desk, session=made.peer.did, mark_read=False).messages[-1]

            def is_held() -> bool:
                return desk.store.sessions.counts()[0] == 1 and newest().reason.startswith("over 3 rounds")

            await until(is_held, "the pause")
            held = newest()
            assert held.state == "approved"
            assert len(_turns_of(made, made.peer)) == 1 + ROUNDS
            assert len(_turns_of(made, made.me)) == 1 + ROUNDS

            made.relay.commit(other.sealed(made.me, "another thread"))
            await until(lambda: len(_turns_of(made, other)) == 1, "another thread's turn")
            told = delivery_timeline(desk, message_id=held.message_id).entries
            assert [one.kind for one in told if one.kind.startswith("message.p")] == ["message.paced"]
            assert held.reason in " ".join(one.detail for one in told)
            assert since_last_seen(desk, operator="alice").events["message.paced"] == 1

            # A person's word goes out all the same.
            with made.desk(caller="cli:alice") as person:
                sent = await service.chat(person, to=made.peer.did, message="stop it", wait_seconds=30.0)
                assert sent.sent
            await until(lambda: desk.store.ingress.open_count() == 2, "the answer to it, in line")
            behind = newest()
            assert (behind.state, behind.reason, newest().number > held.number) == ("approved", "", True)
            assert len(_turns_of(made, made.peer)) == 1 + ROUNDS

            answering.on = False
            ahead[0] = 601.0
            made.relay.commit(other.sealed(made.me, "what wakes the bridge: its clock has jumped"))
            await until(lambda: desk.store.ingress.open_count() == 0, "the turns after the pause")
            assert _turns_of(made, made.peer)[1 + ROUNDS :] == [held.message_id, behind.message_id]
            after = desk.store.messages.get(held.number)
            assert after is not None
            assert (after.state, after.reason) == ("accepted", "")
            assert made.names().count("message.paced") == 1


def _turns_of(made: Rig, sender: Agent) -> list[str]:
    """The keys of the turns that messages of `sender` began."""
    return [key for _, key, text in made.gateway.turns if f"Sender: {sender.did}" in text]
