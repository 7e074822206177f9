"""Case: one identity in two places is noticed by both bridges and by the relay, and one of them stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.messaging.bridge.bridge import BridgeEvent, BridgeSettings, run_bridge
from openclaw_install.messaging.bridge.settings import HostView
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.relay.client import RelayError
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.messaging.retirement import claim_here, require_here, retirement_of, seen_elsewhere
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.instance import Instance, is_instance
from openclaw_install.protocol.profile import ProfilePaths
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.pingagent import PROGRAM, pingagent
from tests.collab_rig import BRISK, Agent, Rig, StubGateway, play, stub_gateway
from tests.pingagent_rig import Profile
from tests.relay_rig import RELAY, Peer, running_relay
from tests.schemas import assert_valid
from tests.support.async_waiting import until
from tests.support.memory_relay import MemoryRelayServer

_DEAD = "0.1.00000000000000aa"


@dataclass
class Place:
    """One machine that has the identity: its files and its gateway."""

    folder: Path
    gateway: StubGateway
    url: str
    agent: Agent
    events: list[BridgeEvent] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    @property
    def paths(self) -> ProfilePaths:
        return ProfilePaths(
            "test",
            self.folder,
            self.folder / "identity.json",
            self.folder / "store.db",
            self.folder / "trust-policy.json",
        )

    @property
    def settings(self) -> BridgeSettings:
        rig = Rig(self.folder, MemoryRelayServer(time.time), self.agent, self.agent, self.gateway)
        host = HostView(self.gateway.target, lambda: None, rig.settings.host.live_policy)
        timing = replace(BRISK, alone=0.5)
        return replace(rig.settings, url=self.url, relay=HttpRelay, host=host, timing=timing)

    def start(self) -> None:
        self.task = asyncio.create_task(run_bridge(self.settings, self.events.append))

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def is_connected(self) -> bool:
        with Store(self.paths.store) as store:
            return read_health(store, running=True, now=time.time()).connection == "connected"

    def error(self) -> str:
        """The code of the error that ended the bridge; empty while it runs."""
        if self.task is None or not self.task.done() or self.task.cancelled():
            return ""
        error = self.task.exception()
        return error.error_code if isinstance(error, RelayError) else repr(error)

    def turns(self) -> list[str]:
        return [key for _, key, _ in self.gateway.turns]

    def kinds(self) -> list[str]:
        with Store(self.paths.store) as store:
            return [one.kind for one in store.events.since(0, limit=1000)]


@dataclass
class World:
    here: Place
    copy: Place
    peer: Peer
    base_url: str
    caplog: pytest.LogCaptureFixture

    def send(self, text: str) -> str:
        envelope = self.peer.sealed(_as_peer(self.here), text)
        self.peer.commit(envelope)
        return envelope.header.message_id

    def clone(self) -> None:
        """Copies the machine's files."""
        shutil.copytree(self.here.folder, self.copy.folder, dirs_exist_ok=True)


def _as_peer(place: Place) -> Peer:
    return Peer("", place.agent.identity)


@contextlib.contextmanager
def _world(root: Path, caplog: pytest.LogCaptureFixture) -> Iterator[World]:
    with (
        running_relay(root / "hub") as relay,
        stub_gateway(root / "openclaw1") as one,
        stub_gateway(root / "openclaw2") as two,
        relay.peer() as peer,
    ):
        agent = Agent.make(root / "here")
        with Store(agent.store_path) as store:
            store.contacts.add(peer.did, "approved", "operator", time.time(), by="cli:test")
        here = Place(root / "here", one, relay.base_url, agent)
        copy = Place(root / "copy", two, relay.base_url, replace(agent, folder=root / "copy"))
        yield World(here, copy, peer, relay.base_url, caplog)


def _play(root: Path, caplog: pytest.LogCaptureFixture, scenario: Any) -> None:
    async def whole(world: World) -> None:
        try:
            await scenario(world)
        finally:
            await world.here.stop()
            await world.copy.stop()

    with _world(root, caplog) as world:
        asyncio.run(whole(world))


def test_case_identity_cloned_the_copy_stops_and_every_message_is_one_turn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _play(tmp_path, caplog, _cloned)


async def _cloned(world: World) -> None:
    here, copy = world.here, world.copy
    here.start()
    await until(here.is_connected, "the first place")
    # What waits when the machine is copied waits in both.
    here.gateway.script = [(503, {"ok": False}, {"Retry-After": "1"})] * 1000
    waiting = await asyncio.to_thread(world.send, "waits in both")
    await until(lambda: "message.received" in here.kinds(), "the message")
    await here.stop()
    world.clone()
    here.gateway.script = []
    here.start()
    await until(lambda: here.turns() == [waiting], "its turn")
    copy.start()
    await until(lambda: copy.error() == "identity.elsewhere", "the copy's end")
    second = await asyncio.to_thread(world.send, "after the copy stopped")
    await until(lambda: here.turns() == [waiting, second], "the second turn")
    assert copy.turns() == []
    # Both tell it, and the relay does.
    assert "identity.elsewhere" in here.kinds()
    assert "identity.elsewhere" in copy.kinds()
    assert f"two places use the identity of {here.agent.did}" in world.caplog.messages
    with Store(here.paths.store) as store:
        assert [one.code for one in seen_elsewhere(store, time.time())] == ["identity.elsewhere"]
    with Store(copy.paths.store) as store:
        health = read_health(store, running=False, now=time.time())
        assert "another place uses this identity" in health.detail
        assert "pingagent identity claim" in health.next_step
    # It stays so over restarts of either.
    copy.start()
    await until(lambda: copy.error() == "identity.elsewhere", "the copy's second end")
    await here.stop()
    here.start()
    third = await asyncio.to_thread(world.send, "after a restart")
    await until(lambda: third in here.turns(), "the third turn")

    # A person chooses the copy: the first place stops, and nothing is done twice.
    env = {"PINGAGENT_SERVER_URL": world.base_url}
    assert await claim_here(env, copy.paths, copy.agent.identity, "cli:alice") == 1
    copy.start()
    await until(lambda: here.error() == "identity.elsewhere", "the first place's end")
    fourth = await asyncio.to_thread(world.send, "after the choice")
    await until(lambda: fourth in copy.turns(), "its turn in the copy")
    assert copy.turns() == [fourth]
    assert here.turns() == [waiting, second, third]
    with Store(copy.paths.store) as store:
        await until(lambda: not store.ingress.waiting_places(), "the end of its turn")
        assert "refused" in store.database.column("SELECT state FROM message")
    # And back again: a claim beats the one before.
    assert await claim_here(env, here.paths, here.agent.identity, "cli:alice") == 0
    here.start()
    await until(lambda: copy.error() == "identity.elsewhere", "the copy's last end")


def test_two_places_that_start_together_become_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _play(tmp_path, caplog, _together)


async def _together(world: World) -> None:
    here, copy = world.here, world.copy
    world.clone()
    here.start()
    copy.start()
    await until(lambda: bool(here.error()) or bool(copy.error()), "the end of one")
    sent = [await asyncio.to_thread(world.send, f"m{number}") for number in range(3)]
    await until(lambda: here.turns() + copy.turns() == sent, "the turns")
    assert sorted((here.error(), copy.error())) == ["", "identity.elsewhere"]


def test_a_restart_a_reconnect_and_a_lost_connection_are_no_clone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _play(tmp_path, caplog, _no_clone)


async def _no_clone(world: World) -> None:
    here = world.here
    here.start()
    await until(here.is_connected, "the start")
    me = Peer(world.base_url, here.agent.identity)
    with contextlib.closing(me), contextlib.ExitStack() as lost:
        # The relay has not noticed that these ended: nobody reads them.
        for number in (1, 2):
            path = f"/stream?instance=0.{number}.00000000000000aa"
            headers = me.headers("GET", path)
            lost.enter_context(httpx.stream("GET", world.base_url + RELAY + path, headers=headers))
        # Restarts, with such connections still open.
        for number in range(3):
            await here.stop()
            here.start()
            sent = await asyncio.to_thread(world.send, f"after restart {number}")
            await until(lambda sent=sent: sent in here.turns(), "its turn")  # type: ignore[misc]
    assert here.error() == ""
    assert retirement_of(here.paths.identity) is None
    assert len(here.turns()) == 3
    assert not [one for one in world.caplog.messages if "two places" in one]


def test_places_that_this_store_never_took_in_and_somebody_acknowledged_are_told(tmp_path: Path) -> None:
    play(tmp_path, _acked_elsewhere)


async def _acked_elsewhere(made: Rig) -> None:
    made.know()
    # Taken in and acknowledged by a store before this one: that is no second place.
    made.send("of before")
    made.relay.drop(made.me.did, [1], "acknowledged")
    async with made.bridge():
        made.send("of ours")
        await until(lambda: len(made.gateway.turns) == 1, "its turn")
        await until(lambda: made.relay.inbox(made.me.did).places[1][1] is None, "its acknowledgement")
    assert _told_of(made) == []
    made.send("taken elsewhere")
    made.relay.drop(made.me.did, [3], "acknowledged")
    async with made.bridge():
        made.send("of ours again")
        await until(lambda: len(made.gateway.turns) == 2, "its turn")
    assert _told_of(made) == ["identity.acked_elsewhere"]


def _told_of(made: Rig) -> list[str]:
    with made.store() as store:
        return [one.code for one in seen_elsewhere(store, time.time())]


def test_the_relay_tells_a_stream_of_other_instances_and_old_clients_nothing(tmp_path: Path) -> None:
    first, second = "0.1.00000000000000aa", "0.2.00000000000000bb"
    with running_relay(tmp_path) as relay, relay.peer() as ann:
        with ann.stream() as plain, _stream(ann, first) as older:
            assert next(older) == ("alone", {"others": 0})
            with _stream(ann, second) as newer:
                assert next(newer) == ("alone", {"others": 1})
                assert next(older) == ("other", {"instance": second})
                # Whoever was told and comes again is alive.
                with _stream(ann, first) as again:
                    assert next(again) == ("alone", {"others": 1})
                    assert next(again) == ("other", {"instance": second})
                    assert next(newer) == ("other", {"instance": first})
            assert plain.hello["event"] == "hello"
        assert ann.ask("GET", "/stream?instance=%0d").status_code == 422


@contextlib.contextmanager
def _stream(peer: Peer, instance: str) -> Iterator[Iterator[tuple[str, Any]]]:
    path = f"/stream?instance={instance}"
    with peer.http.stream("GET", peer.base_url + RELAY + path, headers=peer.headers("GET", path)) as answer:
        events = _events(answer.iter_lines())
        assert next(events)[0] == "hello"
        yield events


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = json.loads(line.removeprefix("data: "))
            assert_valid(data, "relay-event")
            yield name, data


_instances = st.builds(
    Instance, st.integers(0, 3), st.integers(0, 5), st.sampled_from([f"{number:016x}" for number in range(4)])
)


@given(_instances, _instances)
def test_of_two_instances_exactly_one_gives_way(one: Instance, other: Instance) -> None:
    assert (one.gives_way_to(other) + other.gives_way_to(one)) == (one != other)
    assert Instance.parse(str(one)) == one
    assert is_instance(str(one))


def test_a_person_s_claim_wins_over_age_and_else_the_one_that_ran_first() -> None:
    first, later, claimed = Instance(0, 1, "0" * 16), Instance(0, 2, "0" * 16), Instance(1, 9, "0" * 16)
    assert later.gives_way_to(first)
    assert first.gives_way_to(claimed)
    assert not claimed.gives_way_to(first)


def test_identity_move_seals_it_and_retires_this_place_and_claim_brings_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [one for one in os.environ if one.startswith("PINGAGENT_")]:
        monkeypatch.delenv(name)
    profile = Profile.make(tmp_path)
    words = tmp_path / "words"
    words.write_text("correct horse battery staple\n")
    words.chmod(0o600)

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = run_command(pingagent, (*arguments, "--json"), program=PROGRAM, bare=PROGRAM)
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return code, document

    bundle = tmp_path / "bundle.json"
    move = ("identity", "move", str(bundle), "--passphrase-file", str(words))
    assert run(*move, "--dry-run")[0] == 0
    assert not bundle.exists()
    # Without a person's word nothing happens.
    assert run(*move)[1]["errors"][0]["code"] == "usage.consent"
    assert not bundle.exists()
    code, document = run(*move, "--yes")
    assert (code, document["result"]["did"]) == (0, profile.me.did)
    assert_valid(document["result"], "pingagent-identity-result")
    with pytest.raises(RelayError) as refused:
        require_here(profile.paths.identity)
    assert refused.value.error_code == "identity.elsewhere"
    found = run("doctor")[1]["result"]["findings"]
    assert [one["code"] for one in found if one["code"] in ("identity.elsewhere", "runtime.stopped")] == [
        "identity.elsewhere"
    ]
    # The new place takes over.
    code, document = run(
        "--profile", "new", "identity", "import", str(bundle), "--passphrase-file", str(words)
    )
    assert (code, document["result"]["did"]) == (0, profile.me.did)
    monkeypatch.setenv("PINGAGENT_SERVER_URL", "http://127.0.0.1:9")
    assert run("identity", "claim", "--yes")[0] == 0
    assert retirement_of(profile.paths.identity) is None
