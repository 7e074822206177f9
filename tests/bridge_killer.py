"""A bridge that kills itself, as `kill -9` would, when it has reached a step; a process of its own.

Usage: python -m tests.bridge_killer ROOT GATEWAY_PORT STEP TIMES
The relay is in memory and made anew from ROOT/relay.json: what the inbox holds survives, as it does at a
real relay; acknowledgements that came before the kill are forgotten, so everything comes again.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.host.hooks.dispatch import HttpHookIngress
from openclaw_install.messaging.bridge.bridge import run_bridge
from openclaw_install.messaging.bridge.dispatcher import Dispatcher
from openclaw_install.messaging.bridge.outbox import OutboxWorker
from openclaw_install.messaging.bridge.receiver import Receiver
from openclaw_install.protocol.card import verify_card
from openclaw_install.protocol.header import Envelope, parse_envelope
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.profile_files import load_identity
from openclaw_install.protocol.receipts import CommitReceipt
from tests.collab_rig import Agent, Rig, StubGateway
from tests.support.memory_relay import MemoryRelay, MemoryRelayServer

STEPS: dict[str, tuple[Any, str]] = {
    "taken": (Receiver, "take"),
    "begun": (Dispatcher, "_begin"),
    "answered": (HttpHookIngress, "dispatch"),
    "settled": (Dispatcher, "_apply"),
    "acknowledged": (MemoryRelay, "ack"),
    "sealed": (OutboxWorker, "_sealed"),
    "posted": (MemoryRelay, "post"),
    "committed": (OutboxWorker, "_committed"),
}


@dataclass
class Countdown:
    """Kills the process at the n-th call."""

    left: int

    def tick(self) -> None:
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(step: str, times: int) -> None:
    """Makes the process die right after the step was done `times` times."""
    owner, name = STEPS[step]
    original, countdown = getattr(owner, name), Countdown(times)

    async def later(*args: Any, **more: Any) -> Any:
        done = await original(*args, **more)
        countdown.tick()
        return done

    def at_once(*args: Any, **more: Any) -> Any:
        done = original(*args, **more)
        countdown.tick()
        return done

    setattr(owner, name, later if asyncio.iscoroutinefunction(original) else at_once)


class DurableRelay(MemoryRelayServer):
    """A relay in memory that writes down what it commits while it serves."""

    journal: Path | None = None

    def commit(self, envelope: Envelope) -> CommitReceipt:
        receipt = super().commit(envelope)
        if self.journal is not None:
            with self.journal.open("ab") as stream:
                stream.write(envelope.wire + b"\n")
        return receipt


def save_relay(relay: MemoryRelayServer, owner: str, path: Path, seed: bytes) -> None:
    """Writes what the relay has for `owner`."""
    envelopes = [envelope.to_json() for _, envelope in relay.inbox(owner).places if envelope]
    cards = [card.to_json() for card in relay.cards.values()]
    document = {"seed": seed.hex(), "log_id": relay.log_id, "envelopes": envelopes, "cards": cards}
    path.write_text(json.dumps(document))


def load_relay(path: Path) -> DurableRelay:
    """A relay with what `save_relay` wrote."""
    document = json.loads(path.read_text())
    key = SigningKey.from_seed(bytes.fromhex(document["seed"]))
    relay = DurableRelay(time.time, key=key, log_id=document["log_id"])
    for card in document["cards"]:
        relay.cards[card["did"]] = verify_card(card)
    for envelope in document["envelopes"]:
        relay.commit(parse_envelope(envelope))
    journal = path.with_name("committed.jsonl")
    for line in journal.read_bytes().splitlines() if journal.exists() else ():
        relay.commit(parse_envelope(line))
    relay.journal = journal
    return relay


def load_rig(root: Path, port: int) -> Rig:
    """The rig of the files that the test made."""
    me, peer = (Agent(root / name, load_identity(root / name / "identity.json")) for name in ("me", "peer"))
    return Rig(root, load_relay(root / "relay.json"), me, peer, StubGateway(port=port))


def main(root: str, port: str, step: str, times: str) -> None:
    made = load_rig(Path(root), int(port))
    arm(step, int(times))
    asyncio.run(asyncio.wait_for(run_bridge(made.settings, lambda _event: None), 60))


if __name__ == "__main__":
    main(*sys.argv[1:])
