"""Load: many senders post to each other at a real hub, and every receipt is looked up afterwards."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from chaos.hub import Hub
from chaos.ledger import Receipts
from chaos.peer import BROKEN, Peer, registered
from chaos.result import Figure, Result
from chaos.scene import Scene
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.header import new_message_id


@dataclass
class _Level:
    """What one number of senders came to."""

    took: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    seconds: float = 0.0

    def figures(self, senders: int, megabytes: int | None) -> dict[str, Figure]:
        took = sorted(self.took) or [0.0]
        refused = {code: count for code, count in sorted(self.codes.items()) if code != "200"}
        at = f"{senders} senders"
        told: dict[str, Figure] = {
            f"{at}: commits": self.codes["200"],
            f"{at}: commits/s": self.codes["200"] / max(self.seconds, 0.001),
            f"{at}: p50 ms": took[len(took) // 2] * 1000,
            f"{at}: p99 ms": took[len(took) * 99 // 100] * 1000,
            f"{at}: refused": ", ".join(f"{code} x {count}" for code, count in refused.items()) or "none",
        }
        return told if megabytes is None else {**told, f"{at}: hub MiB": megabytes}


async def run(scene: Scene) -> Result:
    """Posts at each level for its time, or until its count is reached."""
    hub = scene.hub()
    receipts = Receipts()
    figures: dict[str, Figure] = {}
    everybody: list[Peer] = []
    broken = 0
    for count in scene.size.senders:
        peers = await registered(hub, count)
        level = await _post(scene, peers, receipts)
        figures |= level.figures(count, hub.megabytes())
        broken += level.broken
        for peer in peers:
            peer.close()
        everybody += peers
    return Result("load", figures, await _judged(hub, everybody, receipts, broken))


async def _judged(hub: Hub, peers: list[Peer], receipts: Receipts, broken: int) -> dict[str, int]:
    inboxes = {}
    for peer in peers:
        inboxes[peer.did] = await peer.inbox()
        peer.close()
    wrong = {"without an answer": broken, "hub died": int(not hub.alive), "hub errors": hub.errors()}
    return {**receipts.against(inboxes), **wrong}


async def _post(scene: Scene, peers: list[Peer], receipts: Receipts) -> _Level:
    level, size = _Level(), scene.size
    end = time.monotonic() + size.load_seconds
    each = max(1, size.posts // len(peers))

    async def send(sender: Peer, to: Peer) -> None:
        # The relay opens nothing, so one sealing is enough: the senders' work is not what is measured.
        document = sender.sealed(to.card()).to_json()
        for _ in range(each):
            if time.monotonic() > end:
                return
            document["message_id"] = new_message_id(time.time())
            wire = canonical_json(document)
            at = time.perf_counter()
            try:
                answer = await sender.post(wire)
            except BROKEN:
                level.broken += 1
                continue
            level.took.append(time.perf_counter() - at)
            level.codes[answer.code] += 1
            if answer.status == 200:
                receipts.add(to.did, str(document["message_id"]), int(answer.document["seq"]))
            elif answer.status == 429:
                await asyncio.sleep(0.05)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for sender, to in zip(peers, [*peers[1:], peers[0]], strict=True):
            group.create_task(send(sender, to))
    level.seconds = time.perf_counter() - begun
    return level
