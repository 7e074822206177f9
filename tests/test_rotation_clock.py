"""Rotations by a wrong clock: others refuse them, their owner cures them, and they help no thief."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.database import Database, migrations
from openclaw_install.protocol.card import make_card, sender_key, succession, verify_card
from openclaw_install.protocol.errors import RotationError
from openclaw_install.protocol.identity import MAX_LIFETIME, new_identity, rotate_signing
from openclaw_install.protocol.rotation import is_from_future
from openclaw_install.protocol.times import DAY, MAX_SKEW
from tests.collab_rig import Rig, play
from tests.relay_rig import relay_in_memory
from tests.support.async_waiting import until
from tests.support.clocks import GoingClock

NOW = 1_800_000_000.0
AHEAD = NOW + 30 * DAY


def test_a_rotation_from_the_future_is_told_and_its_first_key_is_none() -> None:
    identity = new_identity(NOW)
    wrong = rotate_signing(identity, AHEAD)
    assert is_from_future(wrong.rotation, NOW)
    assert not is_from_future(wrong.rotation, AHEAD - MAX_SKEW)
    assert not is_from_future(new_identity(AHEAD).rotation, NOW), "there is no earlier key that could speak"


def test_who_rotated_by_a_wrong_clock_is_told_the_cure_and_rotates_again() -> None:
    wrong = rotate_signing(new_identity(NOW), AHEAD)
    with pytest.raises(RotationError, match="clock") as refused:
        rotate_signing(wrong, NOW)
    assert "--correct-time" in refused.value.next_step
    right = rotate_signing(wrong, NOW, correcting=True)
    assert verify_card(make_card(right, 3, NOW).to_json()).signing_key == right.signing.public_raw
    assert not is_from_future(right.rotation, NOW)
    again = rotate_signing(right, NOW + DAY, correcting=True)
    assert not is_from_future(again.rotation, NOW + DAY)
    later = rotate_signing(again, AHEAD + DAY)
    assert not is_from_future(later.rotation, AHEAD + DAY)
    assert succession(make_card(right, 3, NOW), make_card(again, 4, NOW)) == "succeeds"


def test_nothing_is_corrected_where_the_last_rotation_is_past() -> None:
    identity = rotate_signing(new_identity(NOW), NOW + 100, correcting=True)
    assert identity.rotation[-1].at == NOW + 100


@pytest.mark.parametrize("days", [0, 20, 29, 31, 45])
def test_a_key_before_a_correction_never_speaks_again(days: int) -> None:
    first = new_identity(NOW)
    wrong = rotate_signing(first, AHEAD)
    card = make_card(rotate_signing(wrong, NOW, correcting=True), 3, NOW)
    at = NOW + days * DAY
    for stolen in (first, wrong):
        assert sender_key(card, stolen.signing.kid, at, at) is None
    assert sender_key(card, card.rotation[-1].kid, at, at) == card.signing_key


def test_a_superseded_key_ends_when_its_successor_was_first_seen() -> None:
    first = new_identity(NOW)
    card = make_card(rotate_signing(first, AHEAD), 2, NOW)
    old, seen = first.signing.kid, {0: NOW, 1: NOW + DAY}
    assert sender_key(card, old, NOW + 100, NOW + 2 * DAY, seen) == first.signing.public_raw
    assert sender_key(card, old, NOW + 20 * DAY, NOW + 20 * DAY, seen) is None, (
        "signed after it was superseded"
    )
    over = NOW + DAY + MAX_LIFETIME + MAX_SKEW
    assert sender_key(card, old, NOW + 100, over, seen) == first.signing.public_raw
    assert sender_key(card, old, NOW + 100, over + 1, seen) is None, "no such message can be under way"
    assert sender_key(card, old, NOW + 100, NOW + 100) is None, "nobody knows when it ended"


def test_a_log_that_says_an_earlier_time_than_when_it_was_seen_counts() -> None:
    first = new_identity(NOW)
    card = make_card(rotate_signing(first, NOW + 100), 2, NOW + 100)
    seen = {0: NOW, 1: NOW + DAY}
    assert sender_key(card, first.signing.kid, NOW + 99, NOW + DAY, seen) == first.signing.public_raw
    assert sender_key(card, first.signing.kid, NOW + 101, NOW + DAY, seen) is None


def test_the_relay_takes_no_card_from_the_future_and_takes_the_corrected_one() -> None:
    clock = GoingClock()
    with relay_in_memory(clock=clock) as relay, relay.peer() as ann:
        now = clock.wall()
        before = ann.identity
        ann.identity = rotate_signing(before, now + 30 * DAY)
        answer = ann.put_card()
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "card_from_future")
        assert "--correct-time" in answer.json()["error"]["next_step"]
        ann.identity = rotate_signing(ann.identity, now, correcting=True)
        assert ann.put_card().status_code == 200
        ann.identity = replace(before)
        assert ann.ask("GET", "/inbox").status_code == 401


def test_a_store_knows_when_it_saw_a_key_and_a_thief_cannot_date_around_it(tmp_path: Path) -> None:
    """The successor says that it takes over in 30 days: a card that was kept before such were refused."""

    async def scenario(made: Rig) -> None:
        made.know()
        made.send("before")
        thief = replace(made.peer)
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
        now = time.time()
        made.peer.identity = rotate_signing(made.peer.identity, now + 30 * DAY)
        with made.store() as store:
            card = make_card(made.peer.identity, 2, now)
            made.relay.cards[made.peer.did] = card
            text = json.dumps(card.to_json())
            store.contacts.set_card(made.peer.did, text, now, alias=None, display_name=None)
            store.contacts.add_keys_seen(made.peer.did, {0: now - 100, 1: now - 50})
            store.contacts.add_keys_seen(made.peer.did, {1: now + 99})
            assert store.contacts.keys_seen(made.peer.did)[1] == now - 50, "what was seen first counts"
        stolen = thief.sealed(made.me, "I am still your friend")
        made.relay.commit(stolen)
        made.relay.commit(made.peer.sealed(made.me, "by the new key"))
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 2)
        assert "by the new key" in made.gateway.turns[-1][2]

    play(tmp_path, scenario)


def test_a_card_from_the_future_is_refused_and_its_message_is_asked_for_again_when_it_was_cured(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        made.know()
        made.send("before")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            now, before = time.time(), made.peer.identity
            made.peer.identity = rotate_signing(before, now + 30 * DAY)
            made.relay.cards[made.peer.did] = make_card(made.peer.identity, 2, now)
            made.send("by a key from the future")
            with made.store() as store:
                await until(lambda: bool(store.relay.deferred(made.relay.log_id)))
                assert store.ingress.rejections() == []
            wrong = made.peer.identity
            made.peer.identity = rotate_signing(wrong, now, correcting=True)
            made.relay.cards[made.peer.did] = make_card(made.peer.identity, 3, now)
            made.send("by the key after it")
            await until(lambda: len(made.gateway.turns) == 2)
            # The key of the wrong rotation speaks for nobody, so its message is turned away by its name.
            with made.store() as store:
                await until(lambda: [one.reason for one in store.ingress.rejections()] == ["unknown_key"])

    play(tmp_path, scenario)


def test_when_keys_were_seen_is_taken_over_from_the_cards_of_an_earlier_store(tmp_path: Path) -> None:
    identity = rotate_signing(new_identity(NOW), AHEAD)
    steps = tuple(step for step in migrations() if step.version < 8)
    with contextlib.closing(Database(tmp_path / "store.db", steps)) as old, old.write() as connection:
        connection.execute(
            "INSERT INTO contact (did, state, origin, first_seen_at, updated_at, card, card_at) "
            "VALUES (?, 'approved', 'inbound', 1, 1, ?, ?)",
            (identity.did, json.dumps(make_card(identity, 2, NOW).to_json()), NOW + 5),
        )
    with Store(tmp_path / "store.db") as store:
        assert store.contacts.keys_seen(identity.did) == {0: NOW + 5, 1: NOW + 5}
