"""The bridge as a component of the runtime: it waits for a store that somebody else drives for a moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.common.files import make_private_folder
from openclaw_install.host.locate import locate
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.bridge import bridge
from openclaw_install.messaging.bridge.context import BridgeEvent, EventSink, Worked
from openclaw_install.messaging.bridge.settings import BridgeSettings
from openclaw_install.messaging.profile_settings import ProfileSettings, save_settings
from openclaw_install.protocol.profile import ProfilePaths, profile_paths
from openclaw_install.protocol.profile_files import ensure_identity
from openclaw_install.runtime import message_bridge
from openclaw_install.runtime.component import Context
from tests.support.async_waiting import until
from tests.test_embedded_hub import Notes

_BOUND = 60.0
_NOW = 1_800_000_000.0


@pytest.fixture
def context(tmp_path: Path) -> Context:
    env = {"HOME": str(tmp_path / "home")}
    return Context(locate(env), lambda: env)


@pytest.fixture
def paths(context: Context) -> ProfilePaths:
    """Agreed to a relay that nothing answers for."""
    paths = profile_paths(context.environment(), context.location.home)
    make_private_folder(paths.folder)
    ensure_identity(paths.identity, _NOW)
    save_settings(paths, ProfileSettings("http://127.0.0.1:1", "2026-01-01T00:00:00Z"))
    return paths


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_store_that_somebody_else_drives_is_told_and_taken_when_it_is_let_go(
    context: Context, paths: ProfilePaths
) -> None:
    async def live(notes: Notes) -> None:
        with store_lock.held(paths.store):
            task = asyncio.create_task(message_bridge.run(context, notes))
            await until(lambda: bool(notes.problems))
            assert not paths.store.exists()
        # Connected to nobody it says so itself, which only a bridge that has the store can.
        await until(lambda: bool(notes.said))
        await _ended(task)

    notes = Notes()
    asyncio.run(live(notes))
    assert [problem.error_code for problem in notes.problems] == ["conflict.bridge_running"]


def test_what_does_not_pass_ends_the_component_and_what_does_is_tried_again(
    context: Context, paths: ProfilePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[InstallError] = [
        FileError("full", next_step="free some", code="file.enospc"),
        FileError("damaged", next_step="move it away", code="store.damaged"),
    ]
    seen: list[Path] = []

    async def fails(settings: BridgeSettings, tell: EventSink, _worked: Worked) -> None:
        seen.append(settings.store)
        tell(BridgeEvent("degraded", "about to fail"))
        raise errors.pop(0)

    monkeypatch.setattr(bridge, "run_bridge", fails)
    notes = Notes()
    with pytest.raises(FileError, match="damaged"):
        asyncio.run(message_bridge.run(context, notes))
    assert seen == [paths.store, paths.store]
    assert [problem.error_code for problem in notes.problems] == ["file.enospc"]
