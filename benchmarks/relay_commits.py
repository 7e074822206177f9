"""The relay's commits a second and their latency at 64 senders, beside a commit for each message, in one run.

Usage: python -m benchmarks.relay_commits [ENVELOPES OF EACH SENDER]
First the store alone: what 64 waiting submitters get from group commit, beside one SQLite transaction with
its fsync for each message. Then the whole relay over HTTP with signed requests; the clients run in a process
of their own and sign beforehand, so that their work is not measured.
Exit code 1 if an envelope had no receipt, or if an inbox does not hold every receipt in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.support.memory_metadata import MemoryMetadata
from tests.support.memory_relay_store import MemoryRelayStore
from tests.support.memory_skill_files import MemorySkillFiles

from openclaw_install.common.sqlite_file import connect_file
from openclaw_install.hub.app import Stores
from openclaw_install.hub.relay.context import RelayContext
from openclaw_install.hub.relay.limits import RelayLimits, Room
from openclaw_install.hub.relay.model import Committed, Deposit, Outcome, PutCard, Step, StoredCard
from openclaw_install.hub.relay.sqlite_store import SqliteRelayStore
from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.hub.storage.group_commit import GroupCommitter
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import AgentCard, make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import Draft, seal
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import Identity, new_identity
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.tokens import SCHEME, RelayRequest, make_token

_SENDERS = 64
_READERS = 8
_ROOMY = RelayLimits(
    requests_per_second=1e9,
    request_burst=10**9,
    envelopes_per_second=1e9,
    envelope_burst=10**9,
    registrations_per_second=1e9,
    registration_burst=10**9,
    inbox=Room(),
    share=Room(),
    strangers=Room(),
    stranger=Room(),
    stranger_address=Room(),
    address=Room(),
    disk_bytes=10**12,
)
_BODY = b"." * 1200
_WHOLE = "POST /relay/v1/envelopes"


@dataclass(frozen=True)
class Line:
    """One row of the table: latencies in milliseconds."""

    what: str
    commits: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.commits / self.seconds

    def show(self) -> Line:
        print(f"{self.what:<58}{self.rate:>11.0f}{self.p50:>10.1f}{self.p99:>10.1f}")
        return self


def _line(what: str, took: list[float], seconds: float) -> Line:
    took.sort()
    return Line(
        what, len(took), seconds, took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000
    ).show()


# The store alone.


def _one_transaction_each(path: Path, count: int) -> Line:
    """What a relay without group commit does at best: nothing but the row, and its fsync."""
    took = []
    with contextlib.closing(connect_file(path)) as connection:
        connection.execute("CREATE TABLE inbox (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, body BLOB) STRICT")
        begun = time.perf_counter()
        for number in range(count):
            at = time.perf_counter()
            connection.execute("INSERT INTO inbox (id, body) VALUES (?, ?)", (f"msg_{number}", _BODY))
            took.append(time.perf_counter() - at)
        # Of 64 that wait in line, each has waited for all before it.
        waited = [sum(took[max(0, number - _SENDERS + 1) : number + 1]) for number in range(count)]
        return _line(
            "one SQLite transaction for each message, 64 in line", waited, time.perf_counter() - begun
        )


def _group_commit(path: Path, count: int) -> Line:
    with contextlib.closing(SqliteRelayStore(path, "relay", _ROOMY)) as store:
        names = ["ann", *(f"bob {number}" for number in range(_READERS))]
        store.commit([PutCard(StoredCard(name, 1, b"{}", None, 0), 0) for name in names])
        committer: GroupCommitter[Step, Outcome] = GroupCommitter(store.commit)
        try:
            return asyncio.run(_submitters(committer, count))
        finally:
            committer.close()


async def _submitters(committer: GroupCommitter[Step, Outcome], count: int) -> Line:
    took: list[float] = []

    async def submit(worker: int) -> None:
        for number in range(count // _SENDERS):
            name = f"msg_{worker}_{number}"
            step = Deposit("ann", f"bob {number % _READERS}", name, "0" * 64, _BODY, 2**40, 1)
            at = time.perf_counter()
            outcome = await asyncio.wrap_future(committer.submit(step))
            took.append(time.perf_counter() - at)
            assert isinstance(outcome, Committed)

    begun = time.perf_counter()
    await asyncio.gather(*(submit(worker) for worker in range(_SENDERS)))
    return _line("the relay's store with group commit, 64 submitters", took, time.perf_counter() - begun)


# The whole relay.


def _prepared(sender: Identity, readers: list[AgentCard], relay_id: str, each: int, host: str) -> list[bytes]:
    """Whole HTTP requests, sealed and signed."""
    requests = []
    for number in range(each):
        to, now = readers[number % len(readers)], time.time()
        draft = Draft(new_message_id(now), conversation_of(sender.did, to.did), TEXT)
        envelope = seal(text_body("A line that says what to do.\n" * 8), draft, sender, to, now)
        claim = RelayRequest(relay_id, "POST", "/relay/v1/envelopes", envelope.sha256)
        token = make_token(sender, claim, now).reveal()
        head = (
            f"{_WHOLE} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {SCHEME} {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(envelope.wire)}\r\n\r\n"
        )
        requests.append(head.encode() + envelope.wire)
    return requests


def _register(base_url: str, relay_id: str, identity: Identity) -> AgentCard:
    card = make_card(identity, 1, time.time())
    body, path = canonical_json(card.to_json()), f"/relay/v1/agents/{identity.did}/card"
    claim = RelayRequest(relay_id, "PUT", path, hashlib.sha256(body).hexdigest())
    token = make_token(identity, claim, time.time()).reveal()
    headers = {"Authorization": f"{SCHEME} {token}", "Content-Type": "application/json"}
    httpx.put(base_url + path, content=body, headers=headers).raise_for_status()
    return card


async def _send(parts: Any, requests: list[bytes]) -> tuple[list[float], list[list[Any]]]:
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    took: list[float] = []
    receipts: list[list[Any]] = []
    for request in requests:
        at = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        receipt = json.loads(await reader.readexactly(length))
        took.append(time.perf_counter() - at)
        if head.startswith(b"http/1.1 200"):
            receipts.append([receipt["to"], receipt["seq"], receipt["message_id"]])
    writer.close()
    return took, receipts


def _clients(base_url: str, each: int) -> dict[str, Any]:
    relay_id = httpx.get(f"{base_url}/relay/v1/about").json()["relay_id"]
    now, parts = time.time(), urlsplit(base_url)
    senders = [new_identity(now) for _ in range(_SENDERS)]
    readers = [_register(base_url, relay_id, new_identity(now)) for _ in range(_READERS)]
    for sender in senders:
        _register(base_url, relay_id, sender)
    work = [_prepared(sender, readers, relay_id, each, parts.netloc) for sender in senders]

    async def everybody() -> tuple[float, Any]:
        begun = time.perf_counter()
        results = await asyncio.gather(*(_send(parts, requests) for requests in work))
        return time.perf_counter() - begun, results

    seconds, results = asyncio.run(everybody())
    return {
        "seconds": seconds,
        "took": [one for took, _ in results for one in took],
        "receipts": [one for _, receipts in results for one in receipts],
    }


def _measure(what: str, hub: RunningHub, each: int) -> tuple[Line, list[tuple[str, int, str]]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.relay_commits", "--clients", hub.base_url, str(each)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    told = json.loads(done.stdout)
    return _line(what, told["took"], told["seconds"]), [(to, seq, name) for to, seq, name in told["receipts"]]


def _on_disk(database: Path) -> set[tuple[str, int, str]]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return set(connection.execute("SELECT recipient, seq, message_id FROM entries"))


@contextlib.contextmanager
def _in_memory() -> Iterator[RunningHub]:
    room = RelayContext(MemoryRelayStore(_ROOMY), SigningKey.generate(), _ROOMY)
    stores = Stores(MemoryMetadata(), MemorySkillFiles(), relay=room)
    with running_hub(Path("unused"), settings=HubSettings(relay=_ROOMY), stores=stores) as hub:
        yield hub


def main(each: int = 60) -> int:
    """Prints the table and returns the exit code."""
    print(f"{'':<58}{'commits/s':>11}{'p50 ms':>10}{'p99 ms':>10}")
    count, grouped = each * _SENDERS, HubSettings(relay=_ROOMY)
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        beaten = _one_transaction_each(folder / "one.db", count)
        store = _group_commit(folder / "group.db", count)
        with running_hub(folder / "a", settings=grouped) as hub:
            ours, receipts = _measure("the relay over HTTP, on disk, 64 senders", hub, each)
        found = _on_disk(folder / "a" / "relay.db")
        alone = HubSettings(relay=_ROOMY, group_commits=False)
        with running_hub(folder / "b", settings=alone) as hub:
            ungrouped, _ = _measure("the same with a commit for each envelope", hub, each)
    with _in_memory() as hub:
        memory, _ = _measure("the same in memory, nothing survives", hub, each)
    lost = len(set(receipts) - found) + count - len(receipts)
    print(
        f"the store commits {store.rate / beaten.rate:.1f} times as many as one transaction for each message"
    )
    print(f"the relay commits {ours.rate / ungrouped.rate:.1f} times as many as without group commit")
    print(f"durability costs {100 - 100 * ours.rate / memory.rate:.0f} % of the commits a second")
    print(f"envelopes without a receipt, or receipts without their envelope on disk: {lost}")
    return 1 if lost else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--clients"]:
        print(json.dumps(_clients(sys.argv[2], int(sys.argv[3]))))
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
