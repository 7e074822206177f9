"""Session bindings: only in map-active-group, only what the gateway admits, and the bridge follows them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import pytest

from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.messaging.app import AppContext
from openclaw_install.messaging.bridge.settings import HostView
from openclaw_install.messaging.models.bindings import Binding
from openclaw_install.messaging.routing import mode_in_force, route, tell_route_mode
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.did import conversation_of
from tests.collab_rig import rig
from tests.pingagent_rig import Profile
from tests.support.async_waiting import until
from tests.tool_rig import HOSTILE, Call, code, tools_at

FIX = "openclaw-install verify-runtime --fix-hooks"
ADMITS = LivePolicy("enforced", 1, True, ("hook:im:", "feishu:default:"))
MODE = {"IM_INGRESS_SESSION_ROUTE_MODE": "map-active-group"}


@dataclass
class Host:
    """What the host says of itself."""

    active_group: str | None = "feishu:default:oc_1"
    live: LivePolicy = field(default_factory=lambda: ADMITS)

    def view(self) -> HostView:
        return HostView(_no_target, lambda: self.active_group, lambda: self.live)


def _no_target() -> NoReturn:
    raise AssertionError("no tool sends a turn to the gateway")


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    made = Profile.make(tmp_path / "home")
    made.meet("a")
    made.receive("a", "hello")
    return made


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def use(profile: Profile, host: Host) -> Iterator[Call]:
    place = AppContext(MODE, profile.home, "mcp:test", host.view)
    yield tools_at(place)
    place.close()


def test_a_thread_is_bound_to_the_current_session_and_to_a_named_one_and_let_go(
    profile: Profile, use: Call
) -> None:
    thread = profile.thread("a")
    bound = use("session_binding_bind_current", session="@a")
    assert bound.body["binding"]["session_key"] == "feishu:default:oc_1"
    assert bound.body["binding"]["origin"] == "current"
    assert bound.body["before"] is None
    assert use("session_binding_bind_current", session="@a").body["changed"] is False
    use("focus_session", session="@a")
    named = use("session_binding_set", session_key="feishu:default:oc_2")
    assert named.body["before"]["session_key"] == "feishu:default:oc_1"
    listed = use("session_bindings")
    assert listed.body["in_use"] is True
    assert [(one["thread_id"], one["admitted"]) for one in listed.body["bindings"]] == [(thread, True)]
    assert [one["session_key"] for one in listed.body["bindings"]] == ["feishu:default:oc_2"]
    assert use("session_overview").body["binding"]["session_key"] == "feishu:default:oc_2"
    assert use("session_binding_clear").body["binding"] is None
    assert use("session_binding_clear").body["changed"] is False
    assert use("session_bindings").body["total"] == 0


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("session_binding_bind_current", {}),
        ("session_binding_set", {"session_key": "feishu:default:oc_1"}),
        ("session_binding_clear", {}),
    ],
)
def test_in_the_other_mode_bindings_are_refused_with_the_reason(
    profile: Profile, host: Host, tool: str, arguments: dict[str, str]
) -> None:
    place = AppContext({}, profile.home, "mcp:test", host.view)
    use = tools_at(place)
    refused = use(tool, session="@a", **arguments)
    assert code(refused) == "binding.other_mode"
    assert "IM_INGRESS_SESSION_ROUTE_MODE=map-active-group" in refused.body["error"]["next_step"]
    listed = use("session_bindings").body
    assert (listed["in_use"], listed["route_mode"]) == (False, "stable-hook-session")
    place.close()


def test_what_the_running_gateway_does_not_admit_is_refused_with_the_command_that_mends_it(
    host: Host, use: Call
) -> None:
    host.live = LivePolicy("enforced", 1, True, ("hook:im:",))
    refused = use("session_binding_bind_current", session="@a")
    assert code(refused) == "binding.not_admitted"
    assert refused.body["error"]["next_step"].endswith(FIX)
    other = use("session_binding_set", session="@a", session_key="telegram:42")
    assert "telegram:" in other.body["error"]["next_step"]
    assert FIX in other.body["error"]["next_step"]
    host.live = LivePolicy("enforced", 1, False)
    assert code(use("session_binding_bind_current", session="@a")) == "binding.not_admitted"
    assert use("session_bindings").body["admitted_prefixes"] == []
    host.live = LivePolicy("unreachable", 1, detail="nothing listens")
    assert code(use("session_binding_bind_current", session="@a")) == "binding.gateway_unknown"
    assert use("session_bindings").body["admitted_prefixes"] is None


def test_no_thread_is_bound_to_nowhere_to_nonsense_or_into_another_agents_thread(
    profile: Profile, host: Host, use: Call
) -> None:
    own = f"hook:im:{profile.thread('a')}"
    assert use("session_binding_set", session="@a", session_key=own).body["changed"] is True
    foreign = use("session_binding_set", session="@a", session_key=f"hook:im:{profile.thread('b')}")
    assert code(foreign) == "binding.foreign_thread"
    host.live = LivePolicy("enforced", 1, True, ("hook:im:", "agent:"))
    for before in ("agent:main:", "Agent:other:", "agent:a:agent:b:"):
        key = f"{before}hook:im:{profile.thread('b')}"
        assert code(use("session_binding_set", session="@a", session_key=key)) == "binding.foreign_thread"
    for key in (HOSTILE, "just words", "feishu:default:x\nfeishu:y:z", "# feishu:default:oc"):
        assert code(use("session_binding_set", session="@a", session_key=key)) == "binding.bad_key"
    host.active_group = None
    assert code(use("session_binding_bind_current", session="@a")) == "binding.no_active_group"
    host.active_group = "# only a heading"
    assert code(use("session_binding_bind_current", session="@a")) == "binding.no_active_group"
    assert code(use("session_binding_clear", session="@nobody")) == "thread.unknown"


def test_bindings_are_listed_page_by_page_with_what_is_not_admitted_any_more(
    profile: Profile, host: Host, use: Call
) -> None:
    with Store(profile.paths.store) as store:
        for number in range(3):
            key = f"feishu:default:oc_{number}"
            store.bindings.put(Binding(profile.thread(f"p{number}"), key, "set", 1.0, "cli:alice"))
    host.live = replace(ADMITS, allowed_session_key_prefixes=("hook:im:",))
    page = use("session_bindings", limit=2)
    assert [one["admitted"] for one in page.body["bindings"]] == [False, False]
    rest = use("session_bindings", limit=2, page=page.body["next_page"]).body
    assert len(rest["bindings"]) == 1
    assert rest["bindings"][0]["peer"] is None
    assert rest["next_page"] is None


def test_the_runtimes_own_mode_counts_before_that_of_the_tools_environment(profile: Profile) -> None:
    with Store(profile.paths.store) as store:
        assert mode_in_force(store, None, running=False) == "stable-hook-session"
        assert mode_in_force(store, "map-active-group", running=True) == "map-active-group"
        tell_route_mode(store, "map-active-group", 1.0)
        assert mode_in_force(store, "stable-hook-session", running=True) == "map-active-group"
        assert mode_in_force(store, "stable-hook-session", running=False) == "stable-hook-session"
        assert mode_in_force(store, "", running=False) == "map-active-group"
        assert mode_in_force(store, "nonsense", running=False) == "map-active-group"


def test_a_binding_stands_above_active_group_and_falls_back_to_the_threads_own_session() -> None:
    prefixes = ("hook:im:", "feishu:default:")
    bound = route("c_dm_x", "map-active-group", "feishu:default:oc_1", prefixes, "feishu:default:oc_2")
    assert (bound.session_key, bound.degraded) == ("feishu:default:oc_2", None)
    refused = route("c_dm_x", "map-active-group", "feishu:default:oc_1", prefixes, "telegram:42")
    assert refused.session_key == "hook:im:c_dm_x"
    assert refused.degraded is not None
    assert "telegram:42" in refused.degraded
    assert route("c_dm_x", "stable-hook-session", None, None, "telegram:42").session_key == "hook:im:c_dm_x"


def test_the_bridge_sends_a_bound_thread_to_its_own_working_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        with rig(tmp_path) as made:
            made.know()
            made.policy, made.active_group = ADMITS, "feishu:default:oc_1"
            made.settings = replace(made.settings, route_mode="map-active-group")
            thread = conversation_of(made.me.did, made.peer.did)
            async with made.bridge():
                made.send("first")
                await until(lambda: len(made.gateway.turns) == 1)
                with made.store() as store:
                    assert mode_in_force(store, None, running=True) == "map-active-group"
                    store.bindings.put(Binding(thread, "feishu:default:oc_2", "set", 1.0, "cli:alice"))
                made.send("second")
                await until(lambda: len(made.gateway.turns) == 2)
                with made.store() as store:
                    store.bindings.put(Binding(thread, "telegram:42", "set", 1.0, "cli:alice"))
                made.send("third")
                await until(lambda: len(made.gateway.turns) == 3)
                with made.store() as store:
                    await until(lambda: "telegram:42" in str(store.sessions.get(thread)), "the reason")
            assert [key for key, _, _ in made.gateway.turns] == [
                "feishu:default:oc_1",
                "feishu:default:oc_2",
                f"hook:im:{thread}",
            ]

    asyncio.run(scenario())


def test_retries_and_repairs_of_the_bridge_are_in_the_timeline(tmp_path: Path) -> None:
    async def scenario() -> None:
        with rig(tmp_path) as made:
            made.know()
            made.gateway.script = [(503, {"ok": False}, {})] * 3
            async with made.bridge():
                made.send("hello")
                await until(lambda: len(made.gateway.turns) == 1)
                with made.store() as store:
                    await until(lambda: "transport.repaired" in _kinds(store), "the repair")
            with made.store() as store:
                kinds = _kinds(store)
            # Of three failed tries the first and the second are told.
            assert kinds.count("message.retry") == 2
            assert kinds.index("transport.degraded") < kinds.index("transport.repaired")

    asyncio.run(scenario())


def _kinds(store: Store) -> list[str]:
    return [event.kind for event in store.events.since(0)]


def test_without_a_host_the_tools_say_that_no_gateway_tells_what_it_admits(profile: Profile) -> None:
    place = AppContext({**MODE, "HOME": str(profile.home)}, profile.home, "mcp:test")
    use = tools_at(place)
    refused = use("session_binding_set", session="@a", session_key="feishu:default:oc_1")
    assert refused.is_error
    assert refused.body["error"]["next_step"]
    assert use("session_binding_clear", session="@a").body["changed"] is False
    place.close()
