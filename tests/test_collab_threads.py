"""A thread's two names, and which of them a store uses."""

from __future__ import annotations

import time
from pathlib import Path

from openclaw_install.messaging.actions.names import find_session
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import NewMessage, Outgoing
from openclaw_install.messaging.outgoing import enqueue
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.did import thread_names
from openclaw_install.protocol.identity import new_identity
from openclaw_install.protocol.messages import TEXT, text_body

ME, PEER, OTHER = (new_identity(time.time()) for _ in range(3))


def _old_thread(store: Store) -> str:
    """A thread as version 0.2.0 left it: under its shorter name."""
    older, _ = thread_names(ME.did, PEER.did)
    message = NewMessage(
        direction="in",
        sender=PEER.did,
        message_id="msg_01M7XWKGZPNNHMK8DFE3CA69Y5",
        thread_id=older,
        peer=PEER.did,
        schema=TEXT,
        body=text_body("before"),
        sent_at=1.0,
        known_at=1.0,
        state="accepted",
    )
    number = store.messages.add(message)
    store.sessions.touch(older, PEER.did, number, "in", "before", 1.0)
    store.contacts.add(PEER.did, "approved", "operator", 1.0, by="test")
    return older


def test_a_thread_that_began_under_version_1_keeps_its_id_and_others_get_the_longer_one(
    tmp_path: Path,
) -> None:
    with Store(tmp_path / "store.db") as store:
        older = _old_thread(store)
        item = enqueue(store, ME.did, Outgoing(PEER.did, TEXT, text_body("after"), "cli:test"), 2.0)
        assert item.thread_id == older == store.sessions.local_id(ME.did, PEER.did)
        new = enqueue(store, ME.did, Outgoing(OTHER.did, TEXT, text_body("hello"), "cli:test"), 3.0)
        assert new.thread_id == thread_names(ME.did, OTHER.did)[1]


def test_a_thread_is_found_by_either_name(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        older = _old_thread(store)
        enqueue(store, ME.did, Outgoing(OTHER.did, TEXT, text_body("hello"), "cli:test"), 3.0)
        desk = App(store, ME, "cli:test")
        for name in thread_names(ME.did, PEER.did):
            assert find_session(desk, name).thread_id == older
            assert find_session(desk, name.replace("c_dm_", "c_pdm_")).thread_id == older
        for name in thread_names(ME.did, OTHER.did):
            assert find_session(desk, name).peer == OTHER.did
