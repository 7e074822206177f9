"""Scarce resources at a real hub: open files, slow connections, a full disk, a database that others hold."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from chaos.hub import Hub
from chaos.ledger import Receipts
from chaos.peer import BROKEN, Peer, registered
from chaos.processes import PATIENCE
from chaos.result import Figure, Result
from chaos.scene import Scene
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.header import Envelope

_TEXT = "x" * 60_000
_HONEST_POSTS = 10
_MOST_POSTS = 2000
_TRIES = 60


async def run(scene: Scene) -> Result:
    """All of them, one after the other."""
    figures: dict[str, Figure] = {}
    broken: Counter[str] = Counter()
    for part in (_silent, _dripping, _full_disk, _locked):
        more, wrong = await part(scene)
        figures |= more
        broken.update(wrong)
    return Result("resources", figures, dict(broken))


_Part = tuple[dict[str, Figure], dict[str, int]]


async def _silent(scene: Scene) -> _Part:
    """More silent connections than the hub may have open files; others are served meanwhile."""
    size = scene.size
    hub = scene.hub("files", files=size.descriptors)
    ann, bob = await registered(hub, 2)
    with contextlib.ExitStack() as held:
        opened = sum(_connected(hub, held) for _ in range(size.silent))
        served = await _served(ann, bob)
        log = hub.log.stat().st_size
    figures: dict[str, Figure] = {
        "open files allowed": size.descriptors,
        "silent connections": opened,
        "posts meanwhile": str(served),
        "log bytes": log,
    }
    broken = {"not served": served.refused, "hubs died": int(not hub.alive)}
    await asyncio.to_thread(hub.kill)
    return figures, broken


async def _dripping(scene: Scene) -> _Part:
    """Headers that come letter by letter; others are served, and they are cut off."""
    hub = scene.hub("slow")
    ann, bob = await registered(hub, 2)
    async with _drip(hub, scene.size.dripping) as drip:
        served = await _served(ann, bob)
        end = time.monotonic() + PATIENCE
        while scene.size.until_cut and drip["alive"] and time.monotonic() < end:
            await asyncio.sleep(0.2)
        left = drip["alive"] if scene.size.until_cut else 0
    figures: dict[str, Figure] = {
        "dripping headers": scene.size.dripping,
        "posts beside them": str(served),
    }
    broken = {"not served": served.refused, "slow ones never cut off": left, "hubs died": int(not hub.alive)}
    await asyncio.to_thread(hub.kill)
    return figures, broken


async def _full_disk(scene: Scene) -> _Part:
    """A disk that fills up: refusals, reading, acknowledging, `kill -9`, and what was receipted is there."""
    if os.geteuid() != 0:
        return {"full disk": "not run: only root may mount a small one"}, {}
    with _small_disk(scene.folder / "disk", scene.size.disk_mib) as disk:
        hub = scene.hub("full", data=disk / "data")
        ann, bob = await registered(hub, 2)
        receipts, codes = await _fill(ann, bob)
        await asyncio.to_thread(hub.restart)
        bob.close()
        ann.close()
        wrong = receipts.against({bob.did: await bob.inbox()})
        acked = await bob.ask("POST", "/acks", canonical_json({"up_to": len(receipts)}))
        again = await _until_taken(ann, ann.sealed(bob.card(), "small"))
        await asyncio.to_thread(hub.kill)
    figures: dict[str, Figure] = {
        "full disk: receipts": len(receipts),
        "full disk: refused": ", ".join(f"{code} x {count}" for code, count in codes.items()),
        "full disk: acknowledging": acked.code,
    }
    broken = {
        "receipts lost": wrong["receipts lost"] + wrong["moved"] + wrong["gaps"] + wrong["doubled"],
        "wrong refusals": sum(count for code, count in codes.items() if code not in _FULL),
        "acknowledgements refused": int(acked.status != 200),
        "posts refused once there is room": int(not again),
    }
    return figures, broken


_FULL = {"507 storage_full", "507 relay_full"}


async def _locked(scene: Scene) -> _Part:
    """Another program writes in the hub's database for a while: a refusal that passes, and then a receipt."""
    hub = scene.hub("locked")
    ann, bob = await registered(hub, 2)
    envelope = ann.sealed(bob.card())
    with contextlib.closing(sqlite3.connect(hub.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        answer = await ann.post(envelope.wire)
        reading = await bob.ask("GET", "/inbox")
        connection.execute("ROLLBACK")
    taken = await _until_taken(ann, envelope)
    inbox = await bob.inbox()
    await asyncio.to_thread(hub.kill)
    figures: dict[str, Figure] = {"locked database: post": answer.code, "locked database: read": reading.code}
    broken = {
        "wrong refusals": int(answer.code != "503 storage_busy"),
        "reads refused": int(reading.status != 200),
        "receipts lost": int(not taken or len(inbox) != 1),
    }
    return figures, broken


class _Served(Counter[str]):
    """Answers to honest posts."""

    @property
    def refused(self) -> int:
        return self.total() - self["200"]

    def __str__(self) -> str:
        return ", ".join(f"{code} x {count}" for code, count in self.items())


async def _served(ann: Peer, bob: Peer) -> _Served:
    """Posts of an honest sender: half on the connection that it has, half on fresh ones."""
    served = _Served()
    card = bob.card()
    for number in range(_HONEST_POSTS):
        if number % 2:
            ann.close()
        try:
            served[(await ann.post(ann.sealed(card).wire)).code] += 1
        except BROKEN as error:
            served[type(error).__name__] += 1
    return served


def _connected(hub: Hub, held: contextlib.ExitStack) -> bool:
    try:
        held.enter_context(socket.create_connection(("127.0.0.1", hub.port), timeout=30))
    except OSError:
        return False
    return True


@contextlib.asynccontextmanager
async def _drip(hub: Hub, count: int) -> AsyncIterator[dict[str, int]]:
    """Connections that send a letter of a header each second; says how many are not cut off yet."""
    told = {"alive": count}

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        try:
            writer.write(f"GET /healthz HTTP/1.1\r\nHost: {hub.host}\r\nX: ".encode())
            while not reader.at_eof():
                writer.write(b"a")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(4096), 1.0)
        except OSError:
            return
        finally:
            told["alive"] -= 1
            writer.close()

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    try:
        yield told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A disk in memory of this size."""
    folder.mkdir()
    mount = [
        shutil.which("mount") or "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={mebibytes}m,mode=0700",
        "chaos",
        str(folder),
    ]
    subprocess.run(mount, check=True, timeout=60)
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount") or "umount", "-l", str(folder)], check=True, timeout=60)


async def _fill(ann: Peer, bob: Peer) -> tuple[Receipts, Counter[str]]:
    """Posts until the disk has refused ten times."""
    receipts, codes, card = Receipts(), Counter[str](), bob.card()
    for _ in range(_MOST_POSTS):
        if codes.total() == 10:
            break
        envelope = ann.sealed(card, _TEXT)
        answer = await ann.post(envelope.wire)
        if answer.status == 200:
            receipts.add(bob.did, envelope.header.message_id, int(answer.document["seq"]))
        else:
            codes[answer.code] += 1
    return receipts, codes


async def _until_taken(sender: Peer, envelope: Envelope) -> bool:
    """Whether the hub takes it in the end; what freed the disk may need a moment."""
    for _ in range(_TRIES):
        if (await sender.post(envelope.wire)).status == 200:
            return True
        await asyncio.sleep(0.5)
    return False
