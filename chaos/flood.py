"""A flood at a real runtime: a stranger's thousands, throw-away agents; known agents get through."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.collab_rig import StubGateway, stub_gateway

from chaos.hub import RELAY
from chaos.peer import BROKEN, Peer, registered
from chaos.processes import PATIENCE, PROGRAM, GaveUpError, own_environment
from chaos.result import Figure, Result
from chaos.scene import Scene
from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import AgentCard, verify_card

_PREFIX = "hook:"
_COMMAND_SECONDS = 240


@dataclass
class RuntimeHub:
    """The hub inside the runtime, as peers see it."""

    port: int
    relay_id: str
    run: str | None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass
class _Host:
    """A scratch host with the real runtime, and a gateway that takes every turn."""

    home: Path
    gateway: StubGateway

    def command(self, *words: str) -> dict[str, Any]:
        """One of our commands; its document."""
        return self._ran((*PROGRAM, *words, "--json"))

    def pingagent(self, *words: str) -> dict[str, Any]:
        """The same for `pingagent`."""
        return self._ran((str(Path(sys.executable).with_name("pingagent")), *words, "--json"))

    def _ran(self, command: tuple[str, ...]) -> dict[str, Any]:
        done = subprocess.run(
            command,
            env=own_environment(self.home),
            cwd=self.home,
            capture_output=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise GaveUpError(f"{command[-3:]}: {done.stderr.decode(errors='replace')[-2000:]}") from None
        return document

    def phase(self) -> str:
        """What `runtime status` says of the bridge."""
        report = self.command("runtime", "status")["result"]
        return next((part["phase"] for part in report["components"] if part["name"] == "bridge"), "not there")


async def run(scene: Scene) -> Result:
    """Sets the host up, lets strangers flood it, and counts what those got through whom a person approved."""
    with _host(scene.folder) as host:
        me = await asyncio.to_thread(host.pingagent, "whoami")
        hub = _hub_of(me["result"]["relay"])
        honest = await registered(hub, 2)
        card = await _card(honest[0], me["result"]["did"])
        for peer in honest:
            await _introduce(host, peer, card)
        before = len(host.gateway.turns)
        codes: Counter[str] = Counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(_stranger(scene, hub, card, codes))
            group.create_task(_throwaways(scene, hub, card, codes))
            sending = [group.create_task(_honest(scene, peer, card)) for peer in honest]
        refused = sum(task.result() for task in sending)
        wanted = before + scene.size.honest * len(honest)
        await _settled(host, wanted)
        left = await _taken_in(host)
        phase = await asyncio.to_thread(host.phase)
        waiting = await asyncio.to_thread(host.pingagent, "contacts", "list")
    turns = host.gateway.keys()
    figures: dict[str, Figure] = {
        "strangers' messages taken by the hub": codes["200"],
        "strangers' posts refused": ", ".join(f"{c} x {n}" for c, n in codes.items() if c != "200") or "none",
        "throw-away agents": scene.size.identities,
        "known agents' messages": scene.size.honest * len(honest),
        "known agents' posts refused on the way": refused,
        "turns": len(turns),
        "the bridge afterwards": phase,
    }
    broken = {
        "known agents' messages without a turn": max(0, wanted - len(set(turns))),
        "turns doubled": len(turns) - len(set(turns)),
        "turns of strangers": max(0, len(set(turns)) - wanted),
        "messages not taken in": left,
        "bridge not ready": int(phase != "ready"),
        "contacts not told": int(not waiting["ok"]),
    }
    return Result("flood", figures, broken)


@contextlib.contextmanager
def _host(folder: Path) -> Iterator[_Host]:
    """A host that is set up, and taken down again at the end whatever happened."""
    state = folder / ".openclaw"
    state.mkdir(mode=0o700)
    with stub_gateway(state) as gateway:
        gateway.always = _probe_refused
        config = state / "openclaw.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps(_config(gateway)))
        host = _Host(folder, gateway)
        try:
            done = host.command("--with-hub", "--yes")
            if not done["ok"]:
                raise GaveUpError(f"the host could not be set up: {done['errors']}")
            yield host
        finally:
            host.command("uninstall", "--yes")


def _config(gateway: StubGateway) -> dict[str, Any]:
    return {
        "gateway": {
            "mode": "local",
            "port": gateway.port,
            "auth": {"mode": "token", "token": "a1b2c3d4" * 6},
        },
        "hooks": {
            "enabled": True,
            "token": gateway.token,
            "path": "/hooks",
            "allowRequestSessionKey": True,
            "allowedSessionKeyPrefixes": [_PREFIX],
        },
    }


def _probe_refused(body: Mapping[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """As OpenClaw refuses a session key without an allowed prefix, by which the setup asks for its policy."""
    if str(body.get("sessionKey", "")).startswith(_PREFIX):
        return None
    return 400, {"ok": False, "error": f"sessionKey must start with one of: {_PREFIX}"}


def _hub_of(url: str) -> RuntimeHub:
    about = httpx.get(f"{url}{RELAY}/about", timeout=60).json()
    return RuntimeHub(urlsplit(url).port or 0, str(about["relay_id"]), about.get("run"))


async def _card(peer: Peer, did: str) -> AgentCard:
    answer = await peer.ask("GET", f"/agents/{did}/card")
    return verify_card(canonical_json(dict(answer.document)))


async def _introduce(host: _Host, peer: Peer, card: AgentCard) -> None:
    """A first message, which a person approves."""
    turns = len(host.gateway.turns)
    await _posted(peer, card, "may I?")
    end = time.monotonic() + PATIENCE
    while not (await asyncio.to_thread(host.pingagent, "contacts", "approve", peer.did))["ok"]:
        if time.monotonic() > end:
            raise GaveUpError("the first message did not arrive")
        await asyncio.sleep(0.5)
    while len(host.gateway.turns) == turns:
        if time.monotonic() > end:
            raise GaveUpError("the approved message became no turn")
        await asyncio.sleep(0.1)


async def _posted(peer: Peer, card: AgentCard, text: str) -> int:
    """Posts until there is a receipt; how often it was refused."""
    wire, refused = peer.sealed(card, text).wire, 0
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if (await peer.post(wire)).status == 200:
                return refused
        except BROKEN:
            peer.close()
        refused += 1
        await asyncio.sleep(0.2)
    raise GaveUpError("a known agent's message could not be posted")


async def _honest(scene: Scene, peer: Peer, card: AgentCard) -> int:
    return sum([await _posted(peer, card, f"message {number}") for number in range(scene.size.honest)])


async def _stranger(scene: Scene, hub: RuntimeHub, card: AgentCard, codes: Counter[str]) -> None:
    [peer] = await registered(hub, 1)
    for number in range(scene.size.stranger):
        await _thrown(peer, card, f"{number}", codes)
    peer.close()


async def _throwaways(scene: Scene, hub: RuntimeHub, card: AgentCard, codes: Counter[str]) -> None:
    for _ in range(scene.size.identities):
        [peer] = await registered(hub, 1)
        for number in range(scene.size.of_each):
            await _thrown(peer, card, f"{number}", codes)
        peer.close()


async def _thrown(peer: Peer, card: AgentCard, text: str, codes: Counter[str]) -> None:
    """A stranger's post; what becomes of it is counted, and it is not posted again."""
    try:
        answer = await peer.post(peer.sealed(card, text).wire)
    except BROKEN:
        codes["no answer"] += 1
        return
    codes[answer.code] += 1
    if answer.status == 429:
        await asyncio.sleep(0.05)


async def _settled(host: _Host, wanted: int) -> None:
    """Waits until the known agents' messages are turns; that some do not come is told by the result."""
    end = time.monotonic() + PATIENCE
    while len(set(host.gateway.keys())) < wanted and time.monotonic() < end:
        await asyncio.sleep(0.1)


async def _taken_in(host: _Host) -> int:
    """How many messages at the relay the bridge has not read, once it had the time to."""
    end = time.monotonic() + PATIENCE
    while True:
        health = (await asyncio.to_thread(host.pingagent, "whoami"))["result"]["health"]
        if not health["lag"] or time.monotonic() > end:
            return int(health["lag"])
        await asyncio.sleep(0.5)
