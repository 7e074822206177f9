"""A store of version 0.2.0: its thread, session key, contact and waiting messages go on as they were."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from openclaw_install.messaging.actions.names import find_session
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.card import ENVELOPE_2, make_card
from openclaw_install.protocol.chain import Link, new_chain_id
from openclaw_install.protocol.did import conversation_of, thread_names
from openclaw_install.protocol.envelope import Draft, Opened, open_envelope, seal
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import Identity, identity_from
from openclaw_install.protocol.keys import DecryptionKey, SigningKey
from openclaw_install.protocol.messages import TEXT, text_body
from openclaw_install.protocol.profile_files import store_new_identity
from tests.collab_rig import Agent, Rig, stub_gateway
from tests.support.async_waiting import until
from tests.support.memory_relay import MemoryRelayServer

AT = 1_795_900_000.0
_DUMP = Path(__file__).parent / "vectors" / "store-0.2.0.sql"
_BEGUN = time.monotonic()


def _clock() -> float:
    """The time at which the store was left, and what passed since."""
    return AT + 60.0 + time.monotonic() - _BEGUN


def _identity(number: int, alias: str | None = None) -> Identity:
    """One of the two agents whose keys the store was made with."""
    return identity_from(
        SigningKey.from_seed(bytes([number]) * 32),
        DecryptionKey.from_seed(bytes([number + 100]) * 32),
        AT - 3 * 86_400,
        alias=alias,
    )


def _agent(folder: Path, number: int, alias: str | None = None) -> Agent:
    folder.mkdir(parents=True)
    identity = _identity(number, alias)
    store_new_identity(folder / "identity.json", identity)
    return Agent(folder, identity)


def _before(made: Rig) -> list[tuple[str, str]]:
    """State and text of what was in the store."""
    with contextlib.closing(sqlite3.connect(made.me.store_path)) as connection:
        return connection.execute("SELECT state, preview FROM message ORDER BY id").fetchall()


@contextlib.contextmanager
def _taken_over(root: Path) -> Iterator[Rig]:
    relay = MemoryRelayServer(_clock, key=SigningKey.from_seed(bytes([43]) * 32), log_id="log_of_before")
    with stub_gateway(root / "openclaw") as gateway:
        me, peer = _agent(root / "me", 41), _agent(root / "peer", 42, "peer")
        made = Rig(root, relay, me, peer, gateway)
        made.settings = replace(made.settings, clock=_clock)
        relay.cards[me.did] = make_card(me.identity, 1, AT)
        relay.cards[peer.did] = make_card(peer.identity, 2, _clock(), capabilities=(ENVELOPE_2,))
        with contextlib.closing(sqlite3.connect(me.store_path)) as connection:
            connection.executescript(_DUMP.read_text())
            ids = [row[0] for row in connection.execute("SELECT message_id FROM message WHERE seq > 0")]
        for message_id in ids:
            draft = Draft(message_id, conversation_of(me.did, peer.did), TEXT)
            relay.commit(seal(text_body("x"), draft, peer.identity, relay.cards[me.did], AT))
        yield made


def _sent(made: Rig) -> list[Opened]:
    card = made.relay.cards[made.me.did]
    places = [one for _, one in made.relay.inbox(made.peer.did).places if one]
    return [open_envelope(one.wire, made.peer.identity, card, _clock()) for one in places]


def test_threads_session_keys_and_waiting_messages_of_0_2_0_go_on(tmp_path: Path) -> None:
    with _taken_over(tmp_path) as made:
        assert _before(made) == [
            ("accepted", "answered before"),
            ("approved", "first that waits"),
            ("approved", "second that waits"),
            ("queued", "sealed before"),
            ("queued", "queued before"),
        ]
        asyncio.run(_goes_on(made))


async def _goes_on(made: Rig) -> None:
    older, newer = thread_names(made.me.did, made.peer.did)
    with contextlib.closing(sqlite3.connect(made.me.store_path)) as connection:
        (wire,) = connection.execute("SELECT wire FROM outbox WHERE wire IS NOT NULL").fetchone()
    async with made.bridge():
        await until(lambda: len(made.gateway.turns) == 2)
        await until(lambda: len([one for one in _sent(made) if one.header.schema == TEXT]) == 2)
        now = _clock()
        draft = Draft(new_message_id(now), newer, TEXT, chain=Link(new_chain_id(), 1))
        made.relay.commit(
            seal(text_body("in version 2"), draft, made.peer.identity, made.relay.cards[made.me.did], now)
        )
        await until(lambda: len(made.gateway.turns) == 3)
    texts = [line for _, _, text in made.gateway.turns for line in text.splitlines() if line[:2] == "> "]
    assert texts == ["> first that waits", "> second that waits", "> in version 2"]
    assert {key for key, _, _ in made.gateway.turns} == {f"hook:im:{older}"}
    first, second = (one for one in _sent(made) if one.header.schema == TEXT)
    # What was sealed goes out as it was; what was not, in version 2 and under the id that it had.
    assert wire.encode() in [one.wire for _, one in made.relay.inbox(made.peer.did).places if one]
    assert (first.body, first.header.version) == (text_body("sealed before"), 1)
    assert (second.body, second.header.version) == (text_body("queued before"), 2)
    assert len(second.header.message_id) == 30
    with Store(made.me.store_path) as store:
        contact = store.contacts.get(made.peer.did)
        assert contact is not None
        assert (contact.state, contact.decided_by) == ("approved", "cli:alice")
        assert [one.thread_id for one in store.sessions.recent()] == [older]
    with made.desk() as desk:
        assert find_session(desk, newer).thread_id == older
