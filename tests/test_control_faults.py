"""Several processes on one store: tools and the runtime write at once, and an upgrade comes in between."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.migrations import Migration
from openclaw_install.messaging.app import AppContext
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.database import Database, migrations
from tests.collab_rig import Rig, rig
from tests.pingagent_rig import Profile, StdioClient
from tests.support.async_waiting import until
from tests.tool_rig import Call, tools_at

_ROUNDS = 12
_FIELDS = ("objective", "context")


def _server(made: Rig) -> StdioClient:
    return StdioClient(
        made.me.folder,
        PINGAGENT_IDENTITY_PATH=str(made.me.folder / "identity.json"),
        PINGAGENT_STORE_PATH=str(made.me.store_path),
    )


def _kinds(store: Store) -> list[str]:
    return [event.kind for event in store.events.since(0, limit=10_000)]


def test_two_servers_and_the_runtime_write_at_once_and_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    def work(client: StdioClient, number: int) -> list[dict[str, Any]]:
        """What one agent does: it reads, notes, marks and replies, again and again."""
        said = []
        for turn in range(_ROUNDS):
            client.call("pingagent_next_unread", messages=3)
            note = {_FIELDS[number]: f"{number}:{turn}"}
            assert not client.call("pingagent_session_summary", session="@peer", **note)["isError"]
            client.call("pingagent_mark_read", session="@peer")
            client.call("pingagent_since_last_seen", operator=f"agent{number}")
            said.append(
                client.call(
                    "pingagent_reply",
                    session="@peer",
                    message=f"reply {turn} of {number}",
                    idempotency_key=f"{number}-{turn}",
                    wait_seconds=30,
                )["structuredContent"]
            )
        return said

    async def scenario(made: Rig) -> list[list[dict[str, Any]]]:
        made.know()
        with made.store() as store:
            store.contacts.set_card(made.peer.did, "{}", 1.0, alias="peer", display_name=None)
        async with made.bridge():
            made.send("hello")
            await until(lambda: len(made.gateway.turns) == 1)
            with _server(made) as one, _server(made) as two, ThreadPoolExecutor(2) as pool:
                loop = asyncio.get_running_loop()
                tasks = [loop.run_in_executor(pool, work, *pair) for pair in ((one, 0), (two, 1))]
                for number in range(_ROUNDS):
                    made.send(f"and {number}")
                    await asyncio.sleep(0)
                results = await asyncio.gather(*tasks)
                with made.store() as store:
                    await until(lambda: _kinds(store).count("message.accepted") == _ROUNDS + 1, "all turns")
        return list(results)

    with rig(tmp_path) as made:
        results = asyncio.run(scenario(made))
        with made.store() as store:
            thread = store.sessions.recent()[0].thread_id
            note = store.summaries.get(thread)
            events = _kinds(store)
            assert store.database.check() == "ok"
    assert all(one["sent"] for said in results for one in said)
    assert len({one["seq"] for said in results for one in said}) == 2 * _ROUNDS
    assert dict(note.fields.carried()) == {name: f"{n}:{_ROUNDS - 1}" for n, name in enumerate(_FIELDS)}
    assert note.revision == 2 * _ROUNDS
    assert events.count("outbox.committed") == 2 * _ROUNDS
    assert events.count("message.received") == events.count("message.accepted") == _ROUNDS + 1
    assert len({key for _, key, _ in made.gateway.turns}) == _ROUNDS + 1


def test_a_store_that_is_upgraded_under_a_running_server_goes_on_for_both(tmp_path: Path) -> None:
    profile = Profile.make(tmp_path / "home")
    profile.meet("a")
    profile.receive("a", "hello")
    later = Migration(
        migrations()[-1].version + 1,
        "later.sql",
        "ALTER TABLE session ADD COLUMN later TEXT NOT NULL DEFAULT '';\nCREATE TABLE later (id INTEGER);\n",
    )
    with StdioClient(profile.home) as client:
        assert not client.call("pingagent_focus_session", session="@a")["isError"]
        Database(profile.paths.store, (*migrations(), later)).close()
        # The server that was there first goes on: what a later version adds does not disturb it.
        noted = client.call("pingagent_session_summary", objective="still here")
        assert noted["structuredContent"]["revision"] == 1
        for tool in ("recent_sessions", "session_overview", "runtime_overview", "delivery_timeline"):
            assert not client.call(f"pingagent_{tool}")["isError"], tool
    # One that starts afterwards says who wrote the file, and what helps.
    with StdioClient(profile.home) as client:
        refused = client.call("pingagent_recent_sessions")["structuredContent"]["error"]
    assert refused["code"] == "store.newer"
    assert "upgrade" in refused["next_step"]


def test_a_store_of_the_version_before_is_brought_up_by_the_first_tool_and_keeps_what_is_in_it(
    tmp_path: Path,
) -> None:
    profile = Profile.make(tmp_path / "home")
    profile.paths.store.unlink()
    for path in profile.paths.store.parent.glob("store.db-*"):
        path.unlink()
    old = Database(profile.paths.store, migrations()[:4])
    with old.write() as connection:
        connection.execute(
            "INSERT INTO event (at, kind, message_id) VALUES (1800000000.0, 'message.received', 'msg_x')"
        )
    place = AppContext({}, profile.home, "mcp:test")
    use = tools_at(place)
    assert use("since_last_seen").body["events"] == {"message.received": 1}
    # The program that had it open before the upgrade still reads and writes.
    with old.write() as connection:
        connection.execute("INSERT INTO event (at, kind) VALUES (1800000001.0, 'message.accepted')")
    assert use("since_last_seen").body["events"] == {"message.accepted": 1}
    old.close()
    place.close()


def test_threads_page_by_page_are_each_told_once_while_new_messages_come(tmp_path: Path) -> None:
    profile = Profile.make(tmp_path / "home")
    names = [f"n{number}" for number in range(9)]
    for name in names:
        profile.meet(name)
        profile.receive(name, "hello")
    place = AppContext({}, profile.home, "mcp:test")
    use = tools_at(place)
    seen: list[str] = []
    page: dict[str, Any] = use("recent_sessions", limit=2).body
    for _ in range(20):
        seen += [one["peer"]["alias"] for one in page["sessions"]]
        if page["next_page"] is None:
            break
        # One that was told, and a new one, come to the front between the pages.
        profile.receive(seen[0], "more")
        profile.receive(f"new{len(seen)}", "hello")
        page = use("recent_sessions", limit=2, page=page["next_page"]).body
    place.close()
    assert seen == names[::-1]


@pytest.mark.parametrize("policy", ["{", '{"contact_policy": {"agent_may_approve": "yes"}}'])
def test_a_policy_file_that_breaks_in_the_middle_of_the_work_approves_nobody(
    tmp_path: Path, policy: str
) -> None:
    profile = Profile.make(tmp_path / "home")
    did = profile.meet("stranger", state="pending")
    place = AppContext({}, profile.home, "mcp:test")
    use = tools_at(place)
    assert use("runtime_overview").body["policy"]["problem"] is None
    profile.paths.trust_policy.write_text(policy, encoding="utf-8")
    assert use("contacts_approve", contact=did).is_error
    overview = use("runtime_overview")
    assert overview.body["policy"]["problem"] is not None
    assert "Blocker: " in overview.text
    place.close()


def test_answers_stay_whole_while_others_change_what_they_tell_of(tmp_path: Path) -> None:
    """A thread is written to in one thread of this process while tools read it in another."""
    profile = Profile.make(tmp_path / "home")
    profile.meet("a")
    profile.receive("a", "hello")
    place = AppContext({}, profile.home, "mcp:test")
    stop = threading.Event()

    def write() -> None:
        with Store(profile.paths.store) as store:
            thread, number = profile.thread("a"), 0
            while not stop.wait(0.005):
                number += 1
                with store.write():
                    store.events.add("message.received", 1.8e9 + number, thread_id=thread, message_id="m")
                    store.sessions.touch(thread, profile.peer("a"), number, "in", "x" * 50, 1.8e9 + number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        _read_all(tools_at(place))
    finally:
        stop.set()
        writer.join()
        place.close()


def _read_all(use: Call) -> None:
    use("focus_session", session="@a")
    for _ in range(10):
        for tool in ("session_overview", "delivery_timeline", "since_last_seen", "next_unread"):
            outcome = use(tool)
            assert not outcome.is_error, json.dumps(outcome.body)
