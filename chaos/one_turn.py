"""Exactly one turn: real hub, real bridge, a gateway that fails, and everything killed in between."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.collab_rig import Agent, StubGateway, stub_gateway

from chaos.bridge import REFUSED
from chaos.gateway_faults import GatewayFaults
from chaos.hub import Hub
from chaos.peer import BROKEN, Peer
from chaos.processes import PATIENCE, GaveUpError, kill, own_environment
from chaos.result import Result
from chaos.scene import Scene
from openclaw_install.messaging.store import Store

_PEERS = 4
_BACKLOG = 20
_LOCKED_SECONDS = 0.8
_SUSPENDED_SECONDS = 2.0
_ENDED = "bridge ended by itself, started again"
_LET_IN = "second bridge let in"


@dataclass
class _Stage:
    """Everything of one run."""

    scene: Scene
    hub: Hub
    gateway: StubGateway
    faults: GatewayFaults
    bridge: subprocess.Popen[bytes] = field(init=False)

    def start_bridge(self) -> subprocess.Popen[bytes]:
        folder = self.scene.folder
        words = (
            sys.executable,
            "-m",
            "chaos.bridge",
            str(folder),
            str(self.hub.port),
            str(self.gateway.port),
        )
        return self.scene.processes.start(words, folder / "bridge.log", own_environment(folder))

    def keep_bridge(self) -> None:
        """What its supervisor does: starts a bridge that ended by itself."""
        if self.bridge.poll() is not None:
            self.faults.seen[_ENDED] += 1
            self.bridge = self.start_bridge()

    # The faults.

    async def kill_bridge(self) -> None:
        kill(self.bridge)
        self.bridge = self.start_bridge()
        self.faults.seen["bridge kill -9"] += 1

    async def suspend_bridge(self) -> None:
        self.bridge.send_signal(signal.SIGSTOP)
        await asyncio.sleep(_SUSPENDED_SECONDS * self.scene.random.random())
        self.bridge.send_signal(signal.SIGCONT)
        self.faults.seen["bridge suspended"] += 1

    async def kill_hub(self) -> None:
        await asyncio.to_thread(self.hub.restart)
        self.faults.seen["hub kill -9"] += 1

    async def restart_gateway(self) -> None:
        self.faults.restart()

    async def lock_transcript(self) -> None:
        path = self.gateway.transcript
        if path is None or not path.exists():
            return
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            await asyncio.sleep(_LOCKED_SECONDS)
            connection.execute("ROLLBACK")
        self.faults.seen["transcript locked"] += 1

    async def second_bridge(self) -> None:
        """Another bridge on the same store: one of the two has to leave, the later one unless both start."""
        first, second = self.bridge, self.start_bridge()
        end = time.monotonic() + PATIENCE
        while (both := first.poll() is None and second.poll() is None) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        if both:
            self.faults.seen[_LET_IN] += 1
            kill(second)
            return
        left, self.bridge = (second, first) if second.poll() is not None else (first, second)
        refused = left.returncode == REFUSED
        self.faults.seen["second bridge refused" if refused else _ENDED] += 1


async def run(scene: Scene) -> Result:
    """Sends the messages with faults in between, lets everything recover, and counts the turns."""
    me = Agent.make(scene.folder / "me")
    with stub_gateway(scene.folder / "openclaw") as gateway:
        # Two sources: the gateway draws in threads of its own, and the plan must not depend on them.
        faults = GatewayFaults(gateway, random.Random(scene.random.random()))
        stage = _Stage(scene, scene.hub(), gateway, faults)
        peers = await _peers(stage.hub, me)
        stage.bridge = stage.start_bridge()
        sent = await _send(stage, me, peers)
        count = sum(len(ids) for ids in sent.values())
        await _turns(stage, count - count // 10)
        faults.on = False
        await _turns(stage, count)
        left = await asyncio.to_thread(_kept_still, stage)
    return Result("one-turn", *_judged(stage, sent, left))


async def _peers(hub: Hub, me: Agent) -> list[Peer]:
    """The agent's place at the hub, and those of its contacts; half of these speak version 1."""
    own = Peer(hub, me.identity)
    peers = [Peer(hub, version=1 + number % 2) for number in range(_PEERS)]
    for peer in (own, *peers):
        if (answer := await peer.register()).status != 200:
            raise OSError(f"an agent could not register: {answer.code}")
    own.close()
    with Store(me.store_path) as store:
        for peer in peers:
            store.contacts.add(peer.did, "approved", "operator", time.time(), by="chaos")
    return peers


def _plan(stage: _Stage) -> Sequence[Callable[[], Awaitable[None]]]:
    """The faults in their order: each kind once, then drawn by how often they happen."""
    frequent = {
        stage.kill_bridge: 9,
        stage.suspend_bridge: 3,
        stage.restart_gateway: 3,
        stage.lock_transcript: 2,
        stage.kill_hub: 2,
        stage.second_bridge: 1,
    }
    source, count = stage.scene.random, stage.scene.size.faults
    first = source.sample(list(frequent), len(frequent))
    drawn = source.choices(list(frequent), [*frequent.values()], k=max(0, count - len(first)))
    return [*first, *drawn][:count]


async def _send(stage: _Stage, me: Agent, peers: Sequence[Peer]) -> dict[str, list[str]]:
    """Posts the messages, a fault after every few; returns the ids by sender, in their order."""
    card, sent = Peer(stage.hub, me.identity).card(), defaultdict[str, list[str]](list)
    plan, count = _plan(stage), stage.scene.size.turns
    for number in range(count):
        peer = stage.scene.random.choice(peers)
        envelope = peer.sealed(card, f"message {number}")
        await _commit(peer, envelope.wire)
        sent[peer.did].append(envelope.header.message_id)
        stage.keep_bridge()
        if len(plan) * (number + 1) // count > len(plan) * number // count:
            # A fault in the middle of the work, and not in a backlog that only grows.
            await _turns(stage, number - _BACKLOG)
            await plan[len(plan) * number // count]()
    return sent


async def _commit(peer: Peer, wire: bytes) -> None:
    """Posts until there is a receipt: the same bytes again, as an outbox does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if (await peer.post(wire)).status == 200:
                return
        except BROKEN:
            peer.close()
        await asyncio.sleep(0.1)
    raise GaveUpError("a message could not be posted")


async def _turns(stage: _Stage, count: int) -> None:
    """Waits for so many turns; that some do not come is told by the result."""
    end = time.monotonic() + PATIENCE
    while len(set(stage.gateway.keys())) < count and time.monotonic() < end:
        stage.keep_bridge()
        await asyncio.sleep(0.1)


def _kept_still(stage: _Stage) -> int:
    """What the bridge still has to do once it was let go on for a while: a turn too many would come now."""
    with Store(stage.scene.folder / "me" / "store.db") as store:
        end = time.monotonic() + PATIENCE
        while (left := store.ingress.open_count()) and time.monotonic() < end:
            time.sleep(0.1)
    kill(stage.bridge)
    return left


def _judged(stage: _Stage, sent: dict[str, list[str]], left: int) -> tuple[dict[str, int], dict[str, int]]:
    turns = stage.gateway.keys()
    counted, wanted = Counter(turns), [one for ids in sent.values() for one in ids]
    places = {key: number for number, key in reversed(list(enumerate(turns)))}
    swapped = 0
    for ids in sent.values():
        order = [places[one] for one in ids if one in places]
        swapped += sum(before > after for before, after in itertools.pairwise(order))
    figures = {
        "messages": len(wanted),
        "turns": len(turns),
        "faults": stage.faults.seen.total(),
        **dict(sorted(stage.faults.seen.items())),
    }
    broken = {
        "without a turn": sum(one not in counted for one in wanted),
        "doubled": sum(count > 1 for count in counted.values()),
        "out of order": swapped,
        "turns of nobody": len(counted.keys() - set(wanted)),
        "still open": left,
        "second bridges let in": stage.faults.seen[_LET_IN],
    }
    return figures, broken
