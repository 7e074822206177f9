"""`kill -9` of the hub in the middle of posts, again and again: what was receipted is there, once."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from chaos.ledger import Receipts
from chaos.peer import BROKEN, Peer, registered
from chaos.result import Result
from chaos.scene import Scene
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.header import Envelope

_WRITERS = 6
_FEWEST, _MOST = 5, 120


async def run(scene: Scene) -> Result:
    """Kills the hub as often as the size says, each time after a random number of receipts."""
    hub = scene.hub()
    reader, *writers = await registered(hub, _WRITERS + 1)
    access = await _admit(reader, scene)
    receipts, unanswered = Receipts(), 0
    for _ in range(scene.size.kills):
        wanted = len(receipts) + scene.random.randint(_FEWEST, _MOST)
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_write(w, reader, access, receipts, wanted, enough)) for w in writers]
            await enough.wait()
            await asyncio.to_thread(hub.kill)
        await asyncio.to_thread(hub.start)
        for writer, task in zip(writers, tasks, strict=True):
            # The same bytes again, as an outbox does it: nobody knows whether they were committed.
            unanswered += 1
            await _commit(writer, task.result(), access, receipts)
        reader.close()
    inbox = await reader.inbox()
    figures = {
        "kill -9": scene.size.kills,
        "receipts": len(receipts),
        "posts without an answer, posted again": unanswered,
        "messages in the inbox": len(inbox),
    }
    reader.close()
    return Result("hub-kill", figures, receipts.against({reader.did: inbox}))


async def _admit(reader: Peer, scene: Scene) -> dict[str, str]:
    """The header by which the writers count as admitted, so that they share the whole inbox."""
    key = scene.random.randbytes(32)
    body = canonical_json({"access_key_sha256": [hashlib.sha256(key).hexdigest()]})
    answer = await reader.ask("PUT", f"/agents/{reader.did}/access", body)
    if answer.status >= 300:
        raise OSError(f"the reader could not admit its writers: {answer.code}")
    return {"PingAgent-Access": base64.urlsafe_b64encode(key).decode().rstrip("=")}


async def _write(
    writer: Peer, to: Peer, access: dict[str, str], receipts: Receipts, wanted: int, enough: asyncio.Event
) -> Envelope:
    """Posts until the hub is gone; returns the envelope that had no answer."""
    card = to.card()
    try:
        while True:
            envelope = writer.sealed(card)
            try:
                await _commit(writer, envelope, access, receipts)
            except BROKEN:
                return envelope
            if len(receipts) >= wanted:
                enough.set()
    finally:
        # A writer that cannot post any more must not keep the kill from coming.
        enough.set()


async def _commit(writer: Peer, envelope: Envelope, access: dict[str, str], receipts: Receipts) -> None:
    while (answer := await writer.post(envelope.wire, access)).status == 429:
        await asyncio.sleep(0.1)
    if answer.status != 200:
        raise RuntimeError(f"a post was refused: {answer.code}")
    receipts.add(envelope.header.recipient, envelope.header.message_id, int(answer.document["seq"]))
