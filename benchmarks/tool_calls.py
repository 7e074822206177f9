"""The MCP server's tools on a large store: 10,000 threads, 1,000,000 messages.

Usage: python benchmarks/tool_calls.py [THREADS [MESSAGES]]
Each tool is called over stdio as a host does it; exit code 1 if the slowest p95 is not under 20 ms, or if the
time from the server's start to its first answer is not under 1.5 s.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from openclaw_install.messaging.store import Store
from openclaw_install.protocol.did import conversation_of, did_of
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.protocol.profile_files import create_identity

_P95_MS = 20.0
_START_S = 1.5
_CALLS = 100
_NOW = 1_800_000_000.0
_BATCH = 20_000
Rows = Iterator[tuple[Any, ...]]


def main() -> int:
    """Fills a store, and prints the times of each tool."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        paths = profile_paths({}, home)
        me = create_identity(paths.identity, time.time())
        started = time.perf_counter()
        peers = [did_of(number.to_bytes(32, "big")) for number in range(threads)]
        names = [conversation_of(me.did, peer) for peer in peers]
        fill(paths.store, me.did, peers, names, messages)
        size = paths.store.stat().st_size / 1e6
        print(
            f"store: {threads} threads, {messages} messages, {size:.0f} MB "
            f"(filled in {time.perf_counter() - started:.0f} s)"
        )
        start = min(_start(home) for _ in range(3))
        print(f"server start to first answer: {start:6.2f} s (target: under {_START_S} s)")
        worst = _calls(home, names, peers)
    print(f"slowest p95: {worst:.1f} ms (target: under {_P95_MS:.0f} ms)")
    return 0 if worst < _P95_MS and start < _START_S else 1


def fill(path: Path, me: str, peers: list[str], threads: list[str], messages: int) -> None:
    """Writes contacts, threads and messages in bulk; the rows are those that the bridge would leave."""
    Store(path).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for table, columns, rows in _tables(me, peers, threads, messages):
            marks = ", ".join("?" for _ in columns.split(","))
            _insert(connection, f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - our own words
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # Else the first small write would wait for a gigabyte of ours.
    os.sync()


def _insert(connection: sqlite3.Connection, statement: str, rows: Rows) -> None:
    connection.execute("BEGIN")
    connection.executemany(statement, rows)
    connection.execute("COMMIT")


def _tables(me: str, peers: list[str], threads: list[str], messages: int) -> Iterator[tuple[str, str, Rows]]:
    count = len(peers)
    # One agent in ten waits for a decision, one thread in four is unread: nothing is in a lucky state.
    states = ["pending" if number % 10 == 9 else "approved" for number in range(count)]
    yield (
        "contact",
        "did, state, origin, alias, first_seen_at, updated_at, decided_at, decided_by, waiting",
        (
            (peers[n], states[n], "inbound", f"agent{n}", _NOW + n, _NOW + n, *_decided(states[n], n))
            for n in range(count)
        ),
    )
    yield (
        "session",
        "thread_id, peer, created_at, last_activity_at, last_message, last_direction, preview, unread",
        (
            (threads[n], peers[n], _NOW, _NOW + messages - count + n, None, "in", "the newest words", n % 4)
            for n in range(count)
        ),
    )
    yield from _traffic(me, peers, threads, max(1, messages // count) * count)


def _traffic(me: str, peers: list[str], threads: list[str], messages: int) -> Iterator[tuple[str, str, Rows]]:
    """The rows of messages, in and out by turns."""
    count = len(peers)
    yield (
        "message",
        "id, direction, sender, message_id, thread_id, peer, schema, body, preview, sent_at, known_at, "
        "state, seq",
        (
            _message(n, me if (n // count) % 2 else None, peers[n % count], threads[n % count])
            for n in range(messages)
        ),
    )
    yield (
        "ingress",
        "id, thread_id, peer, log_id, seq, stage, attempts, accepted_at, confirmed_at, acked_at",
        (
            (n + 1, threads[n % count], peers[n % count], "log", n + 1, "accepted", 1, _NOW, _NOW, _NOW)
            for n in range(messages)
            if (n // count) % 2 == 0
        ),
    )
    yield (
        "outbox",
        "id, idempotency_key, thread_id, recipient, message_id, schema, state, attempts, queued_at, "
        "queued_by, log_id, seq, committed_at, delivered_at",
        (
            (
                *(n + 1, f"k{n}", threads[n % count], peers[n % count], _id(n), "pingagent.text@1"),
                *("delivered", 1, _NOW + n, "mcp:x", "log", n + 1, _NOW + n, _NOW + n),
            )
            for n in range(messages)
            if (n // count) % 2 == 1
        ),
    )
    yield (
        "event",
        "at, kind, thread_id, message_id",
        (
            (
                _NOW + n,
                "outbox.committed" if (n // count) % 2 else "message.received",
                threads[n % count],
                _id(n),
            )
            for n in range(messages)
        ),
    )


def _decided(state: str, number: int) -> tuple[Any, ...]:
    return (None, None, 1) if state == "pending" else (_NOW + number, "cli:alice", 0)


def _message(number: int, me: str | None, peer: str, thread: str) -> tuple[Any, ...]:
    """A row of the table of messages; from us where `me` is given."""
    body = json.dumps({"text": f"message {number}: " + "some words of a usual length " * 4})
    way, state = ("out", "delivered") if me else ("in", "accepted")
    return (
        *(number + 1, way, me or peer, _id(number), thread, peer, "pingagent.text@1", body, "some words"),
        *(_NOW + number, _NOW + number, state, number + 1),
    )


def _id(number: int) -> str:
    return f"msg_0{number:025d}"


class _Server:
    """The server as a process, and a client on its pipes."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "openclaw_install", "mcp", "pingagent"]
        env = {"HOME": str(home), "PATH": os.environ["PATH"]}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self._number = 0
        info = {"protocolVersion": "2025-11-25", "capabilities": {}}
        self.ask("initialize", {**info, "clientInfo": {"name": "benchmark", "version": "1"}})
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = self.ask("tools/call", {"name": f"pingagent_{tool}", "arguments": arguments})
        assert not answer["isError"], answer["structuredContent"]
        structured: dict[str, Any] = answer["structuredContent"]
        return structured

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        answer: dict[str, Any] = json.loads(_pipe(self._process.stdout).readline())["result"]
        return answer

    def _send(self, message: dict[str, Any]) -> None:
        pipe = _pipe(self._process.stdin)
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()

    def close(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(30)
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _start(home: Path) -> float:
    """Seconds from the process's start to the answer of the first tool call."""
    started = time.perf_counter()
    server = _Server(home)
    server.call("whoami", {})
    taken = time.perf_counter() - started
    server.close()
    return taken


def _calls(home: Path, threads: list[str], peers: list[str]) -> float:
    """The slowest tool's p95 in milliseconds."""
    server = _Server(home)
    page: dict[str, Any] = {}

    def at(number: int) -> str:
        return threads[(number * 7919) % len(threads)]

    tools: dict[str, Callable[[int], dict[str, Any]]] = {
        "whoami": lambda _: {},
        "recent_sessions": lambda _: page,
        "focus_session": lambda n: {"session": at(n)},
        "next_unread": lambda _: {},
        "mark_read": lambda n: {"session": at(n)},
        "session_summary": lambda n: {"session": at(n), "objective": f"goal {n}"},
        "session_overview": lambda n: {"session": at(n)},
        "openclaw_queue_reply": lambda n: {"session": at(10 * n), "message": f"answer {n}"},
        "conversations": lambda _: {"type": "pending_dm"},
        "changes_since": lambda n: {"cursor": 1000 * n},
        "inbox": lambda n: {"before": 1000 * (n + 1)},
        "since_last_seen": lambda n: {"operator": f"operator-{n}"},
        "delivery_timeline": lambda n: {"session": at(n)},
        "transport_health": lambda _: {},
        "runtime_overview": lambda _: {},
        "trust_status": lambda n: {"session": at(n)},
        "trust_policy_explain": lambda n: {"session": peers[(n * 31) % len(peers)]},
        "session_bindings": lambda _: {},
        "contacts_block": lambda n: {"contact": peers[(10 * n + 9) % len(peers)]},
    }
    worst = 0.0
    try:
        for name, arguments in tools.items():
            times = []
            for number in range(_CALLS):
                given = arguments(number)
                started = time.perf_counter()
                answer = server.call(name, given)
                times.append((time.perf_counter() - started) * 1000)
                if name == "recent_sessions":
                    page = {"page": answer["next_page"]} if answer["next_page"] else {}
            times.sort()
            p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
            worst = max(worst, p95)
            print(f"{name:<22} p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")
    finally:
        server.close()
    return worst


if __name__ == "__main__":
    sys.exit(main())
