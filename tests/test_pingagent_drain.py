"""Sending without a runtime: once, under its lease, and never in its way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from openclaw_install.messaging.bridge.bridge import drain
from openclaw_install.messaging.relay.client import Relay, RelayError
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.card import make_card
from tests.pingagent_rig import Profile
from tests.support.memory_relay import MemoryRelayServer
from tests.test_pingagent_cli import Terminal, terminal

__all__ = ["terminal"]
URL = {"PINGAGENT_SERVER_URL": "https://relay.example"}


@pytest.fixture
def server() -> MemoryRelayServer:
    return MemoryRelayServer(time.time)


def sent(profile: Profile, server: MemoryRelayServer, env: dict[str, str] | None = None) -> bool:
    def relay(_url: str, identity: Any) -> Relay:
        return server.client(identity().did)

    async def run() -> bool:
        return await drain(URL if env is None else env, profile.home, seconds=60, relay=relay)

    return anyio.run(run)


def known(profile: Profile, server: MemoryRelayServer, name: str) -> str:
    did = profile.peer(name)
    server.cards[did] = make_card(profile.peers[name], 1, time.time())
    return did


def test_what_waits_is_committed_in_order_and_the_card_published(
    terminal: Terminal, server: MemoryRelayServer
) -> None:
    profile = terminal.profile
    did = known(profile, server, "baker")
    for number in range(3):
        terminal.run("chat", "-t", did, "-m", f"{number}", "--key", f"k{number}")
    assert sent(profile, server) is True
    results = [
        terminal.document("chat", "-t", did, "-m", f"{n}", "--key", f"k{n}")["result"] for n in range(3)
    ]
    assert [(one["sent"], one["seq"]) for one in results] == [(True, 1), (True, 2), (True, 3)]
    assert profile.me.did in server.cards


def test_a_running_runtime_keeps_its_work(terminal: Terminal, server: MemoryRelayServer) -> None:
    profile = terminal.profile
    terminal.run("chat", "-t", known(profile, server, "baker"), "-m", "hi")
    with profile.runtime():
        assert sent(profile, server) is False
    assert sent(profile, server, {}) is False
    with Store(profile.paths.store) as store:
        assert len(store.outbox.in_state("queued")) == 1


def test_a_store_of_another_identity_sends_nothing(terminal: Terminal, server: MemoryRelayServer) -> None:
    profile = terminal.profile
    with Store(profile.paths.store) as store:
        store.facts.set_once("store.owner", "did:agent:" + "a" * 32, 1.0)
    with pytest.raises(RelayError, match="belongs to"):
        sent(profile, server)


def test_chat_sends_by_itself_where_no_runtime_runs(
    terminal: Terminal, server: MemoryRelayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = terminal.profile
    did = known(profile, server, "baker")
    monkeypatch.setenv("PINGAGENT_SERVER_URL", URL["PINGAGENT_SERVER_URL"])

    def relay(_url: str, identity: Any) -> Relay:
        return server.client(identity().did)

    async def by_twin(env: dict[str, str], home: Path, *, seconds: float) -> bool:
        return await drain(env, home, seconds=seconds, relay=relay)

    monkeypatch.setattr("openclaw_install.messaging.bridge.bridge.drain", by_twin)
    document = terminal.document("chat", "-t", did, "-m", "hello", "--wait", "60")
    assert document["ok"]
    assert document["result"]["seq"] == 1
    queued = terminal.document("chat", "-t", did, "-m", "later", "--wait", "0")
    assert queued["result"]["status"] == "unconfirmed"


def test_chat_says_why_it_could_not_send_and_keeps_the_message(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINGAGENT_SERVER_URL", "http://127.0.0.1:9")
    code, out, _ = terminal.run("chat", "-t", terminal.profile.peer("baker"), "-m", "hello")
    assert code == 1
    assert "Not confirmed yet" in out
    assert "Why: " in out
