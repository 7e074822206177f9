"""The bridge is killed at each step, and the gateway dies under a request: every message is one turn."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.messaging.models import Outgoing
from openclaw_install.messaging.outgoing import enqueue
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.messages import TEXT, text_body
from tests.bridge_killer import STEPS, load_relay, save_relay
from tests.collab_rig import Rig, dies, rig
from tests.support.async_waiting import until

_MESSAGES = 4


def _prepared(made: Rig) -> list[str]:
    """Queues messages at the relay and one answer here, and writes the relay down."""
    seed = os.urandom(32)
    made.relay.key = SigningKey.from_seed(seed)
    made.know()
    ids = [made.send(f"m{n}").header.message_id for n in range(_MESSAGES)]
    with made.desk() as desk:
        enqueue(
            desk.store,
            made.me.did,
            Outgoing(made.peer.did, TEXT, text_body("an answer"), "test", "answer"),
            desk.clock(),
        )
    save_relay(made.relay, made.me.did, made.root / "relay.json", seed)
    return ids


def _killed(made: Rig, step: str, times: int) -> None:
    command = [sys.executable, "-m", "tests.bridge_killer", str(made.root), str(made.gateway.port), step]
    done = subprocess.run(
        [*command, str(times)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


async def _finish(made: Rig) -> None:
    """Runs a bridge on what the killed one left until everything is done."""
    made.relay = load_relay(made.root / "relay.json")
    async with made.bridge():
        with made.store() as store:
            await until(lambda: store.ingress.open_count() == 0 and len(made.gateway.turns) >= _MESSAGES)
            item = store.outbox.by_key("answer")
            assert item is not None
            await until(lambda: (store.outbox.get(item.id) or item).state == "committed")
            await until(lambda: store.ingress.unacked(made.relay.log_id) == [])


@pytest.mark.parametrize("step", list(STEPS))
def test_a_bridge_killed_after_a_step_leaves_exactly_one_turn_for_each_message(
    tmp_path: Path, step: str
) -> None:
    with rig(tmp_path) as made:
        ids = _prepared(made)
        # In the middle of the work, where the step comes often enough.
        _killed(made, step, 2 if step in {"begun", "answered", "settled"} else 1)
        asyncio.run(_finish(made))
        assert made.gateway.keys() == ids
        places = [envelope for _, envelope in made.relay.inbox(made.peer.did).places if envelope]
        texts = [one for one in places if one.header.schema == "pingagent.text@1"]
        assert len(texts) == 1


def test_a_bridge_killed_while_the_gateway_has_its_request_does_not_repeat_the_turn(tmp_path: Path) -> None:
    """The turn runs, the answer reaches nobody, and the gateway restarts: only the transcript knows."""
    with rig(tmp_path) as made:
        ids = _prepared(made)
        process: list[subprocess.Popen[bytes]] = []

        def kill_the_client(body: dict[str, Any]) -> None:
            made.gateway.begin(made.gateway_key(body), body)
            process[0].kill()
            process[0].wait()
            dies(body)

        made.gateway.script = [kill_the_client]
        command = [sys.executable, "-m", "tests.bridge_killer", str(made.root), str(made.gateway.port)]
        process.append(subprocess.Popen([*command, "settled", "99"], cwd=Path(__file__).parent.parent))
        try:
            process[0].wait(60)
        finally:
            process[0].kill()
            process[0].wait()
        assert len(made.gateway.turns) == 1
        made.gateway.restart()
        asyncio.run(_finish(made))
        assert made.gateway.keys() == ids
