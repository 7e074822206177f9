"""The bridge on a real gateway: one message is one turn, also when the gateway is killed in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.demo.stub_model import Messages, StubModel, running_stub
from openclaw_install.host.hooks.dispatch import Accepted, HookTurn, HttpHookIngress
from openclaw_install.host.hooks.turn_evidence import evidence_of
from openclaw_install.host.locate import locate
from openclaw_install.messaging.bridge.settings import host_view
from openclaw_install.messaging.models import Ingress
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.header import Envelope
from tests.collab_rig import TOKEN, Rig, rig
from tests.support.async_waiting import until

_HOOKS = {
    "enabled": True,
    "token": TOKEN,
    "allowRequestSessionKey": True,
    "allowedSessionKeyPrefixes": ["hook:"],
    "allowedAgentIds": ["main"],
}


def _answer(_messages: Messages) -> str:
    return "The work is done: nothing was to be changed, and the summary has been written."


def _asked(model: StubModel, text: str) -> int:
    """How many turns were begun for a message: the model is asked once in each, by a last user's text."""
    conversations = list(model.requests)
    return sum(text in str([one for one in messages if one["role"] == "user"]) for messages in conversations)


def _on_host(made: Rig, host: ScratchHost) -> None:
    location = locate(host.env)
    made.settings = replace(made.settings, host=host_view(location), evidence=evidence_of(location.state_dir))


@pytest.mark.gateway
def test_one_message_is_one_turn_also_when_the_gateway_is_killed_and_starts_again(
    scratch_host: ScratchHost, tmp_path: Path
) -> None:
    with running_stub(StubModel(reply=_answer)) as model, rig(tmp_path / "rig") as made:
        scratch_host.write_config({**model.provider_config(), "hooks": _HOOKS})
        _on_host(made, scratch_host)
        made.know()
        asyncio.run(_scenario(made, scratch_host, model))


async def _scenario(made: Rig, host: ScratchHost, model: StubModel) -> None:
    first = made.send("The first question of the day.")
    with made.store() as store:

        def row(envelope: Envelope) -> Ingress | None:
            message = store.messages.find(made.peer.did, envelope.header.message_id)
            return store.ingress.get(message.id) if message else None

        def accepted(envelope: Envelope) -> bool:
            return (found := row(envelope)) is not None and found.stage == "accepted"

        def confirmed(envelope: Envelope) -> bool:
            found = row(envelope)
            return found is not None and found.confirmed_at is not None and found.evidence != "answer_only"

        # The bridge is there before the gateway: the message waits for it.
        async with made.bridge():
            await until(lambda: (found := row(first)) is not None and found.attempts > 0, "a try")
            gateway = host.start_gateway()
            try:
                await asyncio.to_thread(gateway.wait_ready, 90.0)
                await until(lambda: accepted(first), "the admission")
                await until(lambda: confirmed(first), "the turn in the transcript")
                await _replays(made, host, first.header.message_id)
                # Killed as soon as it has admitted the next one: its turn is lost, or in the transcript.
                second = made.send("The second question of the day.")
                await until(lambda: accepted(second), "the second admission")
            finally:
                gateway.process.kill()
                gateway.stop()
            with host.gateway():
                await until(lambda: confirmed(second), "the second turn")
                await until(lambda: _asked(model, "The second question") >= 1, "the second turn's model call")
    assert _asked(model, "> The first question") >= 1
    rows = _turns(host, "The first question"), _turns(host, "The second question")
    assert rows == (1, 1)
    thread = conversation_of(made.me.did, made.peer.did)
    with made.store() as store:
        session = store.sessions.get(thread)
    assert session is not None
    assert session.session_key == f"hook:im:{thread}"


def _turns(host: ScratchHost, text: str) -> int:
    """The user's messages of the transcript that carry a text: each is the beginning of a turn."""
    path = host.state_dir / "agents" / "main" / "agent" / "openclaw-agent.sqlite"
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT event_json FROM transcript_events WHERE event_json IS NOT NULL")
        return sum('"role":"user"' in row[0] and f"> {text}" in row[0] for row in rows)


async def _replays(made: Rig, host: ScratchHost, message_id: str) -> None:
    """The facts that the machine rests on, at the real gateway: the replay, and which process it is."""
    ingress = HttpHookIngress()
    try:
        target = made.settings.host.target()
        life = await ingress.life(target, time.time())
        assert life is not None
        again = await ingress.life(target, time.time())
        assert again is not None
        assert life.is_same_as(again)
        turn = HookTurn("Please do nothing.", "hook:im:replay", message_id)
        one, two = await ingress.dispatch(target, turn), await ingress.dispatch(target, turn)
        assert isinstance(one, Accepted)
        assert one == two
    finally:
        await ingress.aclose()
