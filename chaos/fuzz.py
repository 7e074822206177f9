"""Fuzz: changed envelopes, changed cards and broken requests; nothing of it is accepted, nothing crashes."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.changes import changed
from chaos.hub import Hub
from chaos.peer import BROKEN, Peer, read_answer, registered
from chaos.result import Figure, Result
from chaos.scene import Scene
from openclaw_install.common.errors import InstallError
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import ENVELOPE_2, make_card, verify_card
from openclaw_install.protocol.envelope import open_envelope
from openclaw_install.protocol.identity import Identity, new_identity

_SECONDS = 60.0


@dataclass
class _Count:
    """What became of the inputs.

    Attributes:
        why: the reasons of the refusals, by how often they were given.
    """

    inputs: int = 0
    same: int = 0
    accepted: int = 0
    crashed: int = 0
    why: Counter[str] = field(default_factory=Counter)

    def figures(self, what: str) -> dict[str, Figure]:
        most = ", ".join(f"{reason} x {count}" for reason, count in self.why.most_common(4))
        return {f"changed {what}": self.inputs, f"{what} refused as": most}


async def run(scene: Scene) -> Result:
    """Envelopes of both versions and cards in this process, requests at a real hub."""
    hub = scene.hub()
    ann, bob = await registered(hub, 2)
    counts = {
        "envelopes": _envelopes(scene, ann, bob),
        "cards": _cards(scene),
        "requests": await _requests(scene, hub, ann, bob),
    }
    ann.close()
    served = await ann.post(ann.sealed(bob.card()).wire)
    figures: dict[str, Figure] = {}
    for what, count in counts.items():
        figures |= count.figures(what)
    broken = {
        "accepted": sum(count.accepted for count in counts.values()),
        "crashes": sum(count.crashed for count in counts.values()),
        "hub died": int(not hub.alive),
        "hub errors": hub.errors(),
        "honest post refused afterwards": int(served.status != 200),
    }
    return Result("fuzz", figures, broken)


def _tried(count: _Count, wire: bytes, original: bytes, accept: Callable[[bytes], bytes]) -> None:
    """One input: `accept` gives the canonical bytes of what it took, or raises an error of ours."""
    count.inputs += 1
    try:
        # What says the same in other bytes is the same message, and may be taken.
        count.accepted += accept(wire) != original
        count.same += 1
    except InstallError as error:
        count.why[str(getattr(error, "reason", error.error_code))] += 1
    except Exception as error:  # noqa: BLE001 - any other exception is what we look for
        count.crashed += 1
        count.why[f"CRASH {type(error).__name__}"] += 1


def _envelopes(scene: Scene, ann: Peer, bob: Peer) -> _Count:
    count, card, now = _Count(), ann.card(), time.time()
    others = [Peer(ann.hub, ann.identity, version).sealed(bob.card(), "another") for version in (1, 2)]
    originals = [Peer(ann.hub, ann.identity, version).sealed(bob.card()) for version in (1, 2)]

    def accept(wire: bytes) -> bytes:
        opened = open_envelope(wire, bob.identity, card, now)
        return opened.sha256.encode()

    for number in range(scene.size.envelopes):
        original, other = originals[number % 2], others[number % 2]
        wire = changed(original.wire, scene.random, other.wire)
        if _is_same(wire, original.wire) or _is_same(wire, other.wire):
            continue
        _tried(count, wire, original.sha256.encode(), accept)
    return count


def _cards(scene: Scene) -> _Count:
    count, source, now = _Count(), scene.random, time.time()
    names = {"alias": "ann", "display_name": "Ann of the harness"}
    identity = new_identity(now - 86_400, **names)
    original, other = _card(identity, now), _card(new_identity(now), now)
    for _ in range(scene.size.cards):
        wire = changed(original, source, other)
        if not _is_same(wire, original) and not _is_same(wire, other):
            _tried(count, wire, original, lambda data: canonical_json(verify_card(data).to_json()))
    return count


def _card(identity: Identity, now: float) -> bytes:
    return canonical_json(make_card(identity, 3, now, capabilities=(ENVELOPE_2, "chat")).to_json())


def _is_same(wire: bytes, original: bytes) -> bool:
    """Whether the change took nothing away and added nothing."""
    try:
        return wire == original or _spelt(json.loads(wire)) == _spelt(json.loads(original))
    except (ValueError, RecursionError):
        return False


def _spelt(value: object) -> str:
    return json.dumps(value, sort_keys=True)


async def _requests(scene: Scene, hub: Hub, ann: Peer, bob: Peer) -> _Count:
    """Signed requests whose line, token or body was changed, and bytes that are no request at all."""
    count, source = _Count(), scene.random
    for _ in range(scene.size.requests):
        request = _broken_request(source, ann, bob)
        count.inputs += 1
        try:
            async with asyncio.timeout(_SECONDS):
                status = await _sent(hub, request)
        except BROKEN:
            count.why["no answer"] += 1
            continue
        count.accepted += 200 <= status < 300
        # 501 says that a method or an encoding is not known; the others tell of a fault of ours.
        count.crashed += status in {500, 502, 504}
        count.why[str(status)] += 1
    return count


def _broken_request(source: random.Random, ann: Peer, bob: Peer) -> bytes:
    wire = ann.sealed(bob.card()).wire
    request = ann.request("POST", "/envelopes", wire)
    head, _, body = request.partition(b"\r\n\r\n")
    kind = source.randrange(5)
    if kind == 0:
        return head + b"\r\n\r\n" + _flipped(source, body)
    if kind == 1:
        start = head.index(b"PingAgent ") + len(b"PingAgent ")
        end = head.index(b"\r\n", start)
        # Not the last character: some of its bits count for nothing.
        return head[:start] + _flipped(source, head[start : end - 1]) + head[end - 1 :] + b"\r\n\r\n" + body
    if kind == 2:
        path = source.choice(
            [b"inbox", b"stream", b"acks", b"agents/x/card", b"aliases/ann", b"\xff", b"../x"]
        )
        return request.replace(b"/relay/v1/envelopes", b"/relay/v1/" + path, 1)
    if kind == 3:
        return request.replace(b"Content-Length: ", source.choice([b"Content-Length: -", b"X: "]), 1)
    return source.randbytes(source.randint(1, 400)) + b"\r\n\r\n"


def _flipped(source: random.Random, data: bytes) -> bytes:
    """The data with one byte changed to another that is no line end."""
    place = source.randrange(len(data))
    other = source.choice([byte for byte in range(33, 127) if byte != data[place]])
    return data[:place] + bytes([other]) + data[place + 1 :]


async def _sent(hub: Hub, request: bytes) -> int:
    """The status that the hub answers with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    try:
        writer.write(request)
        writer.write_eof()
        return (await read_answer(reader))[0]
    finally:
        writer.close()
