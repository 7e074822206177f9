"""The hub's uploads a second and their latency, beside the same hub without its durability, in one run.

Usage: python -m benchmarks.hub_uploads [SECONDS FOR EACH LINE]
The clients run in a process of their own; each uploads a 4 KB skill when the one before is acknowledged.
Exit code 1 if an upload was not acknowledged, or if an acknowledged one is not on disk.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.memory_metadata import MemoryMetadata
from tests.support.memory_skill_files import MemorySkillFiles

from openclaw_install.common.files import read_if_exists, sha256
from openclaw_install.hub.app import Stores
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.hub.settings import HubSettings

_CLIENTS = 64
_SKILLS_EACH = 25
_UNLIMITED = Limits(requests_per_second=1e9, burst=10**9, sessions_per_key=1000, requests_per_key=1000)
_TEXT = "A line of a skill that says what to do and when.\n" * 80


@dataclass(frozen=True)
class Line:
    """One row of the table: latencies in milliseconds."""

    what: str
    clients: int
    uploads: int
    refused: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.uploads / self.seconds


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, body: bytes
) -> tuple[dict[str, str], bytes]:
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in raw[1:] if line)
    return headers, await reader.readexactly(int(headers.get("content-length", "0")))


async def _one_client(number: int, url: str, key: str, agent: str, until: float) -> tuple[list[float], int]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
    )
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "b", "version": "1"}}
    headers, _ = await _request(reader, writer, head, _call("initialize", hello, 0))
    head += f"Mcp-Session-Id: {headers['mcp-session-id']}\r\n"
    await _request(reader, writer, head, b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    took, refused, count = [], 0, 0
    while time.monotonic() < until:
        count += 1
        arguments = {
            "agentId": agent,
            "skillName": f"skill-{number}-{count % _SKILLS_EACH}",
            "content": f"{_TEXT}{count}",
        }
        params = {"name": "mysta_sync_skill", "arguments": arguments}
        begun = time.perf_counter()
        _, answer = await _request(reader, writer, head, _call("tools/call", params, count))
        took.append((time.perf_counter() - begun) * 1000)
        refused += b'"isError":false' not in answer
    writer.close()
    return took, refused


def _call(method: str, params: dict[str, Any], number: int) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


async def _clients(url: str, key: str, agent: str, clients: int, seconds: float) -> dict[str, Any]:
    begun = time.monotonic()
    work = (_one_client(number, url, key, agent, begun + seconds) for number in range(clients))
    results = await asyncio.gather(*work)
    took = sorted(one for latencies, _ in results for one in latencies)
    return {
        "seconds": time.monotonic() - begun,
        "uploads": len(took),
        "refused": sum(refused for _, refused in results),
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
    }


def _measure(what: str, hub: RunningHub, clients: int, seconds: float) -> Line:
    key, agent = hub.create_key("bench").reveal(), hub.create_agent(f"bench {clients}", "bench")
    # The key reaches the clients by their standard input: an argument could be read by others.
    order = json.dumps(
        {"url": hub.url, "key": key, "agent": agent.id, "clients": clients, "seconds": seconds}
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hub_uploads", "--clients"],
        input=order,
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    line = Line(what, clients, **json.loads(done.stdout))
    print(
        f"{line.what:<44}{line.clients:>8}{line.rate:>12.0f}{line.p50:>10.1f}{line.p99:>10.1f}{line.refused:>9}"
    )
    return line


def _in_memory() -> Stores:
    return Stores(MemoryMetadata(), MemorySkillFiles())


def main(seconds: float = 3.0) -> int:
    """Prints the table and returns the exit code."""
    print(f"{'':<44}{'clients':>8}{'uploads/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'refused':>9}")
    grouped, alone = HubSettings(limits=_UNLIMITED), HubSettings(limits=_UNLIMITED, group_commits=False)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        with running_hub(Path(folder) / "a", settings=grouped) as hub:
            single = _measure("on disk, durable", hub, 1, seconds)
            ours = _measure("on disk, durable", hub, _CLIENTS, seconds)
            lost = _not_on_disk(hub)
        with running_hub(Path(folder) / "b", settings=alone) as hub:
            ungrouped = _measure("on disk, durable, a commit for each upload", hub, _CLIENTS, seconds)
        with running_hub(Path(folder) / "c", settings=grouped, stores=_in_memory()) as hub:
            memory = _measure("in memory, nothing survives", hub, _CLIENTS, seconds)
    print(f"durability costs {100 - 100 * ours.rate / memory.rate:.0f} % of the uploads a second")
    print(f"acknowledged and not on disk: {lost}")
    refused = sum(line.refused for line in (single, ours, ungrouped, memory))
    return 0 if not refused and not lost else 1


def _not_on_disk(hub: RunningHub) -> int:
    """How many stored uploads in the audit have no skill on disk whose content some row acknowledges."""
    newest = {(row.entry.agent_id, row.entry.skill): row.entry.sha256 for row in hub.admin.audit_rows()}
    lost = 0
    for (agent, skill), digest in newest.items():
        if agent is not None and skill is not None:
            data = read_if_exists(hub.skills_folder(agent) / skill / "SKILL.md")
            lost += data is None or sha256(data) != digest
    return lost


if __name__ == "__main__":
    if sys.argv[1:] == ["--clients"]:
        print(json.dumps(asyncio.run(_clients(**json.load(sys.stdin)))))
    else:
        sys.exit(main(*map(float, sys.argv[1:])))
