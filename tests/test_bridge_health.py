"""What the bridge announces of its way to the relay: ready only while it is reached."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.common.problems import Problem, problem_from
from openclaw_install.messaging import health
from openclaw_install.messaging.bridge import context as shared
from openclaw_install.messaging.bridge.context import BridgeEvent, HealthMonitor
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.transport_health import Connection

_NOW = 1_800_000_000.0


def _announced(path: Path, *connections: Connection) -> list[str]:
    told: list[BridgeEvent] = []

    async def play() -> None:
        with Store(path) as store:
            monitor = HealthMonitor(store, told.append, lambda: _NOW)
            for connection in connections:
                monitor.set(connection=connection)
                await monitor.publish()

    asyncio.run(play())
    return [event.kind for event in told]


def test_a_first_try_that_fails_is_not_announced_as_ready(tmp_path: Path) -> None:
    assert _announced(tmp_path / "store.db", "connecting", "down") == []


def test_ready_is_announced_once_when_the_relay_is_reached(tmp_path: Path) -> None:
    assert _announced(tmp_path / "store.db", "connecting", "down", "connected", "connected") == ["ready"]
    assert _announced(tmp_path / "other.db", "polling") == ["ready"]


def _full_disk(*_args: object) -> None:
    raise FileError("the disk is full", next_step="make room", code="file.enospc")


def test_a_health_that_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    told: list[BridgeEvent] = []

    async def play() -> None:
        with Store(tmp_path / "store.db") as store:
            monitor = HealthMonitor(store, told.append, lambda: _NOW)
            monitor.trouble("gateway", "the gateway is away")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(shared, "write_health", _full_disk)
                with pytest.raises(FileError):
                    await monitor.publish()
            await monitor.publish()
            assert read_health(store, running=True, now=_NOW).detail == "the gateway is away"

    asyncio.run(play())


def test_a_bridge_that_writes_nothing_any_more_is_never_told_as_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awake = [1000.0]
    monkeypatch.setattr("openclaw_install.messaging.health.time.monotonic", lambda: awake[0])
    with Store(tmp_path / "store.db") as store:
        monitor = HealthMonitor(store, lambda _event: None, lambda: _NOW)
        monitor.set(connection="connected")
        asyncio.run(monitor.publish())
        # However the wall clock stands: a machine that slept woke up just now.
        awake[0] += 119.0
        assert read_health(store, running=True, now=_NOW + 86_400.0).state == "ok"
        awake[0] += 2.0
        found = read_health(store, running=True, now=_NOW)
        assert found.state == "blocked"
        assert found.blocker is not None
        assert found.blocker.code == "runtime.stalled"
        assert found.blocker.next_step == found.next_step == "openclaw-install runtime restart"
        assert "for 121 s" in found.detail
        assert read_health(store, running=False, now=_NOW).connection == "stopped"
        asyncio.run(monitor.beat())
        assert read_health(store, running=True, now=_NOW).state == "ok"
        awake[0] = 5.0
        monkeypatch.setattr(health, "boot_id", lambda: "another run of the machine")
        assert read_health(store, running=True, now=_NOW).state == "ok"


def test_a_health_that_an_older_bridge_stored_is_read(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        monitor = HealthMonitor(store, lambda _event: None, lambda: _NOW)
        monitor.trouble("gateway", "the gateway is away")
        asyncio.run(monitor.publish())
        stored = store.facts.get(health.FACT)
        advice = stored.pop("next_step")
        store.facts.set(health.FACT, {**stored, "recommendation": advice}, _NOW)
        found = read_health(store, running=True, now=_NOW)
    assert (found.state, found.next_step) == ("degraded", advice)
    assert advice


def test_a_blocker_that_version_0_2_0_stored_is_read() -> None:
    old = {"id": "hooks.off", "severity": "critical", "path": "hooks", "message": "off", "repair": "fix it"}
    read = Problem("hooks.off", "off", "fix it", path="hooks")
    assert problem_from(old) == problem_from(asdict(read)) == read
