"""The rig: one real OpenClaw for the session, a scratch host for each test, a guard on the home folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from openclaw_install.demo.provision import OpenClaw, cache_folder, provision
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.messaging.app import AppContext
from tests.lock_order import LockOrder, watched
from tests.pingagent_rig import Profile
from tests.tool_rig import Call, tools_at

# How fast a machine is says nothing about the code: no test may fail for it.
settings.register_profile(
    "steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("steady")

_CACHE = cache_folder()
_REAL_HOME = Path.home()
_PRIVATE = ("OPENCLAW_", "PINGAGENT_", "MYSTA_", "MISTRO_", "IM_INGRESS_")


@pytest.fixture(autouse=True)
def home_guard(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives every test a home of its own and takes the operator's variables away."""
    home = tmp_path_factory.mktemp("guarded-home")
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(_PRIVATE) or name.startswith("XDG_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def lock_order() -> Iterator[LockOrder]:
    """Fails a test in which locks were taken in an order by which two threads could stop each other."""
    with watched() as order:
        yield order
    assert order.problems == []


def _forbid_real_state(event: str, args: tuple[object, ...]) -> None:
    """An audit hook: opening OpenClaw's or our own state in the real home is a bug in a test."""
    if event == "open" and isinstance(args[0], str):
        for name in (".openclaw", ".pingagent", ".config/mistro", ".config/openclaw-install"):
            if args[0].startswith(str(_REAL_HOME / name)):
                raise RuntimeError(f"a test touched the real home folder: {args[0]}")


sys.addaudithook(_forbid_real_state)


@pytest.fixture(scope="session")
def openclaw() -> OpenClaw:
    """The pinned OpenClaw, fetched into the cache when it is missing."""
    return provision(lambda line: print(line, file=sys.stderr), cache=_CACHE)


@pytest.fixture
def scratch_host(openclaw: OpenClaw, tmp_path: Path) -> ScratchHost:
    """A host of its own, in a folder that goes with the test."""
    root = tmp_path / "host"
    root.mkdir()
    return ScratchHost(openclaw, root)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """An agent with an identity and a store, in a home of its own."""
    return Profile.make(tmp_path / "home")


@pytest.fixture
def use(profile: Profile) -> Iterator[Call]:
    """Calls the agent's tools as an MCP client does."""
    place = AppContext({}, profile.home, "mcp:test")
    yield tools_at(place)
    place.close()
