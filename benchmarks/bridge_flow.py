"""What the bridge adds to a message between relay and gateway, and how fast a long queue is drained.

Usage: python -m benchmarks.bridge_flow [MESSAGES ONE BY ONE] [MESSAGES QUEUED]
The gateway is a loopback stub that answers at once, so its own time is not in the figures; the relay is the
in-memory twin, so the network is not either. Sealing is done beforehand. Store and lease are on the disk.
Exit code 1 if a message was not exactly one turn, or the median is 50 ms or more.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.collab_rig import Agent, Rig, rig

from openclaw_install.messaging.bridge.settings import Timing

_LIMIT_MS = 50.0
_THREADS = 64
_PATIENCE = 1800.0


async def _wait(made: Rig, turns: int) -> None:
    """Waits for turns; with pauses, so that the waiting costs little."""
    end = time.monotonic() + _PATIENCE
    while len(made.gateway.turns) < turns:
        if time.monotonic() > end:
            raise TimeoutError(f"{len(made.gateway.turns)} of {turns} turns")
        await asyncio.sleep(0.002)


async def _one_by_one(made: Rig, count: int) -> list[float]:
    envelopes = [made.peer.sealed(made.me, f"message {n}") for n in range(count)]
    took = []
    async with made.bridge():
        made.send("warm")
        await _wait(made, 1)
        for number, envelope in enumerate(envelopes):
            begun = time.perf_counter()
            made.relay.commit(envelope)
            while len(made.gateway.turns) < number + 2:
                await asyncio.sleep(0.0005)
            took.append((time.perf_counter() - begun) * 1000)
    return sorted(took)


async def _drain(made: Rig, count: int) -> float:
    peers = [Agent.make(made.root / f"peer{n}") for n in range(_THREADS)]
    for peer in peers:
        peer.register(made.relay)
        made.know(peer)
    for number in range(count):
        made.relay.commit(peers[number % _THREADS].sealed(made.me, f"queued {number}"))
    begun = time.perf_counter()
    async with made.bridge():
        await _wait(made, count)
        return time.perf_counter() - begun


def main(one_by_one: int = 300, queued: int = 10_000) -> int:
    """Prints the figures and returns the exit code."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        with rig(Path(folder) / "a") as made:
            made.know()
            _quiet(made)
            took = asyncio.run(_one_by_one(made, one_by_one))
            exact = len(set(made.gateway.keys())) == len(made.gateway.turns) == one_by_one + 1
        with rig(Path(folder) / "b") as made:
            _quiet(made)
            seconds = asyncio.run(_drain(made, queued))
            exact = exact and len(set(made.gateway.keys())) == len(made.gateway.turns) == queued
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"commit to acceptance: p50 {p50:.1f} ms, p99 {p99:.1f} ms ({one_by_one} of them)")
    rate = queued / seconds
    print(f"drain of {queued} queued messages in {_THREADS} threads: {seconds:.1f} s, {rate:.0f} a second")
    print(f"each message exactly one turn: {'yes' if exact else 'NO'}")
    return 0 if exact and p50 < _LIMIT_MS else 1


def _quiet(made: Rig) -> None:
    """The timing of the product, and no transcript, whose writing would be the gateway's own time."""
    made.gateway.transcript = None
    made.settings = replace(made.settings, timing=Timing())


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
