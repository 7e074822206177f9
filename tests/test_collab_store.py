"""The store: several processes, damaged and newer files, many rows, and what the service reads of it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from pathlib import Path
from typing import get_type_hints

import pytest

from openclaw_install.common.errors import ConflictError, FileError, UsageError
from openclaw_install.host.hooks.turn_evidence import evidence_of
from openclaw_install.host.locate import locate
from openclaw_install.messaging.actions import contacts, sessions
from openclaw_install.messaging.actions import messages as service
from openclaw_install.messaging.actions.names import ThreadError
from openclaw_install.messaging.app import App, AppContext
from openclaw_install.messaging.bridge.settings import bridge_settings, route_mode
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.models import (
    Event,
    Ingress,
    IngressChanges,
    NewMessage,
    OutboxChanges,
    OutboxItem,
    Outgoing,
    RelayCursor,
)
from openclaw_install.messaging.outgoing import ContactError, enqueue
from openclaw_install.messaging.store import Store, opened_aside
from openclaw_install.messaging.store.database import STORE, Database, migrations
from openclaw_install.messaging.store.messages import preview
from openclaw_install.messaging.store.store_thread import NAME as THREAD_NAME
from openclaw_install.protocol.errors import EnvelopeError
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.profile_files import create_identity
from tests.collab_rig import Agent
from tests.lock_order import LockOrder


def _message(number: int, thread: str = "c_dm_t", *, sender: str = "did:agent:p") -> NewMessage:
    return NewMessage(
        direction="in",
        sender=sender,
        message_id=f"msg_{number}",
        thread_id=thread,
        peer=sender,
        schema=TEXT,
        body={"text": f"text {number}"},
        sent_at=float(number),
        known_at=float(number),
        state="approved",
        seq=number,
    )


def _fill(store: Store, count: int, threads: int) -> None:
    with store.write():
        for number in range(count):
            thread = f"c_dm_{number % threads:05}"
            row = store.messages.add(_message(number, thread))
            store.sessions.touch(thread, f"did:agent:{number % threads}", row, "in", "x", float(number))


def test_an_upgraded_store_equals_a_fresh_one(tmp_path: Path) -> None:
    def shape(path: Path, steps: int) -> list[tuple[str, ...]]:
        Database(path, migrations()[:steps]).close()
        database = Database(path)
        found = database.rows("SELECT type, name, sql FROM sqlite_master ORDER BY name")
        database.close()
        return [tuple(row) for row in found]

    fresh = shape(tmp_path / "fresh.db", len(migrations()))
    for steps in range(1, len(migrations())):
        assert shape(tmp_path / f"old{steps}.db", steps) == fresh


def test_a_damaged_a_newer_and_an_unreadable_store_are_told_with_their_cure(tmp_path: Path) -> None:
    (tmp_path / "damaged.db").write_bytes(b"no database" * 1000)
    with pytest.raises(FileError) as damaged:
        Store(tmp_path / "damaged.db")
    assert damaged.value.error_code == "store.damaged"
    Store(tmp_path / "newer.db").close()
    connection = sqlite3.connect(tmp_path / "newer.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FileError) as newer:
        Store(tmp_path / "newer.db")
    assert newer.value.error_code == "store.newer"
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(FileError):
        Store(tmp_path / "folder.db")
    for name, code in (("SQLITE_FULL", "file.enospc"), ("SQLITE_IOERR", "store.unusable")):
        error = sqlite3.OperationalError("x")
        error.sqlite_errorname = name
        assert STORE.error(error, tmp_path).error_code == code


def test_a_store_that_stays_locked_is_told_and_nothing_is_written(
    tmp_path: Path, lock_order: LockOrder
) -> None:
    with Store(tmp_path / "s.db") as first, Store(tmp_path / "s.db", lock_seconds=0.1) as second:
        with first.write():
            first.facts.set("a", 1, 0.0)
            with pytest.raises(FileError) as busy:
                second.facts.set("a", 2, 0.0)
            assert busy.value.error_code == "store.busy"
        assert second.facts.get("a") == 1
        assert second.facts.set_once("a", 3, 0.0) == 1
    lock_order.problems.clear()  # this one thread plays both programs


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        with pytest.raises(FileError):
            _half(store)
        assert store.facts.get("a") is None
        with pytest.raises(ValueError, match="no such column"):
            store.ingress.update(1, stagee="x")  # type: ignore[call-arg]  # the table too
        with pytest.raises(ValueError, match="no such column"):
            store.outbox.update(1, stagee="x")  # type: ignore[call-arg]  # the table too


def _half(store: Store) -> None:
    with store.write():
        store.facts.set("a", 1, 0.0)
        with store.write():
            store.facts.set("b", 1, 0.0)
        raise sqlite3.ProgrammingError


def test_many_writers_of_several_tasks_and_connections_lose_nothing(tmp_path: Path) -> None:
    async def work(store: Store, name: str) -> None:
        for number in range(50):
            await store.run(store.events.add, f"{name}.{number}", 0.0)

    async def play() -> list[Event]:
        async with opened_aside(tmp_path / "s.db") as one, opened_aside(tmp_path / "s.db") as two:
            await asyncio.gather(*(work(store, f"{n}") for n, store in enumerate((one, one, two, two))))
            return await one.run(one.events.since, 0, limit=1000)

    events = asyncio.run(play())
    assert len({event.kind for event in events}) == 200
    assert [event.id for event in events] == list(range(1, 201))


def test_a_store_belongs_to_the_thread_that_opened_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with opened_aside(tmp_path / "s.db") as store:
            with pytest.raises(FileError, match="thread"):
                store.facts.get("a")
            assert await store.run(store.facts.get, "a") is None

    asyncio.run(play())


def test_an_error_keeps_its_type_on_the_way_back_from_the_stores_thread(tmp_path: Path) -> None:
    async def play() -> None:
        async with opened_aside(tmp_path / "s.db") as store:
            with pytest.raises(UsageError):
                await store.run(store.facts.set, "a", "\ud800", 0.0)
            with pytest.raises(FileError) as trouble:
                await store.run(_half, store)
            assert trouble.value.error_code == "store.unusable"
            assert await store.run(store.facts.get, "a") is None

    asyncio.run(play())


def test_who_is_cancelled_leaves_no_half_of_a_change_and_no_thread(tmp_path: Path) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(store: Store) -> None:
        with store.write():
            store.facts.set("first", 1, 0.0)
            began.set()
            assert go_on.wait(60)
            store.facts.set("second", 2, 0.0)

    async def play() -> None:
        async with opened_aside(tmp_path / "s.db") as store:
            running = asyncio.create_task(store.run(slow, store))
            await asyncio.to_thread(began.wait, 60)
            waiting = asyncio.create_task(store.run(store.facts.set, "never", 3, 0.0))
            await asyncio.sleep(0)
            for task in (running, waiting):
                task.cancel()
            await asyncio.gather(running, waiting, return_exceptions=True)
            assert running.cancelled()
            assert waiting.cancelled()
            go_on.set()

    asyncio.run(play())
    with Store(tmp_path / "s.db") as store:
        assert [store.facts.get(name) for name in ("first", "second", "never")] == [1, 2, None]
    assert not [one for one in threading.enumerate() if one.name.startswith(THREAD_NAME)]


def test_who_is_cancelled_while_a_store_is_opened_or_closed_leaves_it_closed(tmp_path: Path) -> None:
    opened: list[Store] = []

    async def open_it() -> None:
        async with opened_aside(tmp_path / "s.db") as store:
            opened.append(store)
            await asyncio.Event().wait()

    async def play() -> None:
        for turns in range(4):
            task = asyncio.create_task(open_it())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        task = asyncio.create_task(open_it())
        while not opened:
            await asyncio.sleep(0.01)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())
    for thread in threading.enumerate():
        if thread.name.startswith(THREAD_NAME):
            thread.join(60)
            assert not thread.is_alive()


def test_heads_of_threads_are_found_without_walking_a_long_queue(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        with store.write():
            for number in range(5000):
                thread = "c_dm_long" if number % 100 else f"c_dm_{number:05}"
                row = store.messages.add(_message(number, thread))
                store.ingress.add(row, thread, "did:agent:p", "log", number, "approved")
        head = store.ingress.head("c_dm_long")
        assert head is not None
        assert head.seq == 1
        assert len(store.ingress.due_threads(1.0, limit=100)) == 51
        assert store.ingress.due_threads(1.0, after="c_dm_04900", limit=9) == ["c_dm_long"]
        store.ingress.update(head.id, next_attempt_at=50.0)
        assert "c_dm_long" not in store.ingress.due_threads(1.0, limit=100)
        assert store.ingress.next_due(1.0) == 50.0
        for sql in (
            "SELECT * FROM ingress WHERE stage IN ('approved', 'dispatching') AND turn IS NOT NULL "
            "AND thread_id = 'x' ORDER BY turn",
            "SELECT min(next_attempt_at) FROM ingress WHERE stage IN ('approved', 'dispatching') "
            "AND turn IS NOT NULL AND next_attempt_at > 1",
            "SELECT max(turn) FROM ingress",
            "SELECT * FROM session WHERE last_activity_at <= 5 "
            "ORDER BY last_activity_at DESC, thread_id LIMIT 5",
            "SELECT * FROM session WHERE unread > 0 AND last_activity_at <= 5 "
            "ORDER BY last_activity_at DESC, thread_id LIMIT 5",
            "SELECT * FROM message WHERE thread_id = 'x' AND id < 5 ORDER BY id DESC LIMIT 5",
        ):
            plan = " ".join(row[3] for row in store.database.rows(f"EXPLAIN QUERY PLAN {sql}"))
            assert "SEARCH" in plan, plan
            assert "TEMP B-TREE" not in plan, plan


def test_pages_of_threads_and_messages_cover_all_once(tmp_path: Path) -> None:
    me = Agent.make(tmp_path / "me")
    with Store(me.store_path) as store:
        _fill(store, 60, 7)
        desk = App(store, me.identity, "cli:test")
        seen: list[str] = []
        page = sessions.recent_sessions(desk, limit=3)
        while True:
            seen += [one.thread_id for one in page.sessions]
            if page.next_page is None:
                break
            page = sessions.recent_sessions(desk, limit=3, page=page.next_page)
        assert len(seen) == len(set(seen)) == 7
        with pytest.raises(UsageError):
            sessions.recent_sessions(desk, page="nonsense")
        view = sessions.focus_session(desk, session=_thread_of(store), messages=5)
        assert view.session.focused
        assert view.session.unread == 0
        earlier = sessions.focus_session(desk, messages=100, before=view.before)
        assert len(view.messages) + len(earlier.messages) == len(
            store.messages.of_thread(view.session.thread_id, limit=100)
        )
        assert sessions.recent_sessions(desk, unread_only=True).unread_threads == 6
        assert store.sessions.with_prefix("c_dm_0000") == sorted(seen[1:])
        inbox = service.inbox(desk, limit=4)
        assert len(service.inbox(desk, before=inbox.before, limit=100).messages) == 56


def _thread_of(store: Store) -> str:
    """A thread with an id of the right form, taken from the newest."""
    found = store.sessions.recent(limit=1)[0]
    thread = "c_dm_" + "a" * 26
    with store.write() as connection:
        connection.execute("UPDATE session SET thread_id = ? WHERE thread_id = ?", (thread, found.thread_id))
        connection.execute("UPDATE message SET thread_id = ? WHERE thread_id = ?", (thread, found.thread_id))
    return thread


def test_what_does_not_exist_is_told_with_what_to_do(tmp_path: Path) -> None:
    me, peer = Agent.make(tmp_path / "me"), Agent.make(tmp_path / "peer")
    with Store(me.store_path) as store:
        desk = App(store, me.identity, "cli:test")
        for target, code in (
            (None, "thread.none_focused"),
            (peer.did, "thread.unknown"),
            (me.did, "thread.unknown"),
            ("@nobody", "thread.unknown"),
            ("c_dm_" + "a" * 26, "thread.unknown"),
        ):
            with pytest.raises(ThreadError) as unknown:
                sessions.focus_session(desk, session=target)
            assert unknown.value.error_code == code
        with pytest.raises(ThreadError):
            asyncio.run(service.chat(desk, to="@nobody", message="hello"))
        with pytest.raises(ContactError):
            contacts.decide(desk, me.did, "approve")
        with pytest.raises(ContactError):
            contacts.decide(desk, "@nobody", "approve")
        with pytest.raises(EnvelopeError):
            asyncio.run(service.chat(desk, to=peer.did, message=""))
        assert store.contacts.get(peer.did) is None
        unsent = asyncio.run(service.chat(desk, to=peer.did, message="hello"))
        assert (unsent.sent, unsent.state, unsent.runtime_running) == (False, "queued", False)
        assert "runtime" in unsent.next_step
        changes = service.changes_since(desk, cursor=0)
        assert [event.kind for event in changes.events] == ["contact.approved", "outbox.queued"]
        assert service.changes_since(desk, cursor=None).cursor == changes.cursor
        assert service.changes_since(desk, cursor=changes.cursor, session=peer.did).events == ()
        page = contacts.contacts_list(desk, limit=1)
        assert (page.counts["approved"], page.next_page) == (1, None)
        assert sessions.whoami(desk).health.connection == "stopped"


def test_pruned_events_are_told_as_a_gap(tmp_path: Path) -> None:
    me = Agent.make(tmp_path / "me")
    with Store(me.store_path) as store:
        for number in range(10):
            store.events.add("x", float(number))
        assert store.events.prune(5.0, 100) == 5
        desk = App(store, me.identity, "t")
        assert service.changes_since(desk, cursor=2).gap
        assert not service.changes_since(desk, cursor=7).gap


def test_an_idempotency_key_belongs_to_one_message(tmp_path: Path) -> None:
    me, peer = Agent.make(tmp_path / "me"), Agent.make(tmp_path / "peer")
    with Store(me.store_path) as store:
        one = enqueue(store, me.did, Outgoing(peer.did, TEXT, text_body("x"), "t", "k"), 1.0)
        assert enqueue(store, me.did, Outgoing(peer.did, TEXT, text_body("x"), "u", "k"), 2.0) == one
        with pytest.raises(ConflictError):
            enqueue(store, me.did, Outgoing(peer.did, TEXT, text_body("y"), "t", "k"), 3.0)
        assert store.outbox.in_state("queued") == [one]


def test_old_replay_rows_and_cursors_come_and_go(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        store.messages.remember("p", "m", "d", 0.0, 10.0)
        assert store.messages.forget_replays(9.0) == 0
        assert store.messages.replayed("p", "m") == "d"
        assert store.messages.forget_replays(11.0) == 1
        assert store.messages.replayed("p", "m") is None
        store.relay.set_cursor(RelayCursor("u", "r", "l", 5), 0.0)
        store.relay.set_cursor(RelayCursor("u", "r", "l", 6), 0.0)
        assert store.relay.cursor("u") == RelayCursor("u", "r", "l", 6)
        assert store.database.check() == "ok"
        assert read_health(store, running=False, now=1.0).state == "blocked"


def test_previews_are_one_short_line_without_what_cannot_be_seen() -> None:
    assert preview(TEXT, {"text": "a\n b\x1b[31m\u202e" + "x" * 500}).startswith("a b [31m x")
    assert len(preview(TEXT, {"text": "x" * 500})) == 160
    assert preview("pingagent.task@1", {"task_id": "t"}) == "pingagent.task@1"


def test_the_settings_come_from_the_environment_and_the_host(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "OPENCLAW_STATE_DIR": str(tmp_path / "state")}
    (tmp_path / "state").mkdir()
    location = locate(env)
    with pytest.raises(UsageError) as none:
        bridge_settings(location, env)
    assert none.value.error_code == "relay.none"
    env["PINGAGENT_SERVER_URL"] = "http://127.0.0.1:9/"
    location.config_path.write_text(
        '{gateway:{port:4711}, hooks:{enabled:true, token:"t", path:"/in"}, agents:{}}'
    )
    settings = bridge_settings(location, env)
    target = settings.host.target()
    assert (target.address.port, target.address.hooks_path) == (4711, "/in")
    assert settings.host.target() is target
    assert settings.host.active_group() is None
    assert settings.host.live_policy().state == "unreachable"
    assert settings.url == "http://127.0.0.1:9"
    identity = create_identity(settings.identity, time.time())
    assert settings.load_identity().did == identity.did
    with contextlib.closing(AppContext(env, tmp_path, "cli:test")) as context:
        assert context.app().did == identity.did
        assert context.app().relay_url == settings.url
    with pytest.raises(UsageError):
        route_mode({"IM_INGRESS_SESSION_ROUTE_MODE": "both"})
    assert route_mode({"IM_INGRESS_SESSION_ROUTE_MODE": "map-active-group"}) == "map-active-group"


def test_transcripts_of_each_layout_are_searched_and_others_are_not_guessed(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path)
    assert evidence.look("mark", 0.0) == "unreadable"
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "openclaw.sqlite").touch()
    assert evidence.look("mark", 0.0) == "absent"
    sessions = tmp_path / "agents" / "main" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / "s.jsonl").write_text("x" * 5_000_000 + "the mark\n")
    assert evidence.look("mark", 0.0) == "found"
    assert evidence.look("other", 0.0) == "absent"
    assert evidence.look("mark", time.time() + 10_000) == "absent"
    database = tmp_path / "agents" / "main" / "agent" / "openclaw-agent.sqlite"
    database.parent.mkdir()
    database.write_bytes(b"damaged" * 100)
    assert evidence.look("other", 0.0) == "unreadable"
    assert evidence.look("mark", 0.0) == "found"


def test_a_store_that_another_rewrites_while_it_is_looked_at_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    with Store(path) as store, store.write():
        for number in range(300):
            store.events.add("some.event", float(number), thread_id=f"c_dm_{number}", detail="y" * 900)
    with Store(path, reading=True) as reading:
        assert reading.database.count("SELECT count(*) FROM event") == 300
        with Store(path) as other, other.write() as connection:
            connection.execute("DELETE FROM event WHERE id > 20")
            for number in range(300):
                other.facts.set(f"fact.{number}", "z" * 2000, 1.0)
        assert reading.facts.get("fact.200") == "z" * 2000
        assert reading.database.count("SELECT count(*) FROM event") == 20


def test_a_store_that_is_damaged_is_told_by_a_look_that_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    with Store(path) as store:
        store.facts.set("fact", "z" * 20_000, 1.0)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (size - 4096))
    with Store(path, reading=True) as reading, pytest.raises(FileError, match="is damaged"):
        reading.facts.get("fact")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("changes", "record"), [(IngressChanges, Ingress), (OutboxChanges, OutboxItem)], ids=["ingress", "outbox"]
)
def test_what_a_step_may_change_has_the_types_of_the_record(changes: type, record: type) -> None:
    columns = get_type_hints(record)
    assert {name: columns[name] for name in get_type_hints(changes)} == get_type_hints(changes)


@pytest.mark.parametrize("threads", [5, 50])
def test_a_list_of_threads_is_as_many_queries_however_long_it_is(tmp_path: Path, threads: int) -> None:
    me = Agent.make(tmp_path / "me")
    with Store(me.store_path) as store:
        _fill(store, threads, threads)
        app = App(store, me.identity, "cli:test")
        statements: list[str] = []
        store.database._connection.set_trace_callback(statements.append)
        page = sessions.recent_sessions(app, limit=50)
        store.database._connection.set_trace_callback(None)
    assert len(page.sessions) == threads
    assert len(statements) <= 5
