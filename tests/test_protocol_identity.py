"""Identities, rotation logs and cards: who speaks for an agent, and what a forger or a thief can't do."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_install.protocol.canonical import b64u, canonical_json
from openclaw_install.protocol.card import (
    AgentCard,
    make_card,
    newest_usable_key,
    recorded_card,
    sender_key,
    succession,
    verify_card,
)
from openclaw_install.protocol.errors import (
    CardError,
    IdentityError,
    NoUsableKey,
    ProtocolError,
    RotationError,
)
from openclaw_install.protocol.identity import (
    ENCRYPTION_LIFETIME,
    MAX_LIFETIME,
    MAX_OWN_KEYS,
    ROTATE_ENCRYPTION_AFTER,
    Identity,
    needs_encryption_rotation,
    new_identity,
    prune_encryption,
    rename,
    rotate_encryption,
    rotate_signing,
)
from openclaw_install.protocol.keys import SigningKey, is_signed, kid_of
from openclaw_install.protocol.rotation import (
    MAX_ENTRIES,
    ROTATION,
    extends,
    forks,
    next_entry,
    verify_rotation,
)
from openclaw_install.protocol.times import DAY, MAX_SKEW
from tests.protocol_rig import NOW, agent
from tests.schemas import assert_valid


def _rotated(identity: Identity, times: int) -> Identity:
    for number in range(1, times + 1):
        identity = rotate_signing(identity, NOW + number)
    return identity


def test_a_new_agent_has_its_own_did_and_keys() -> None:
    one, other = new_identity(NOW, alias="@Ann", display_name="Ann"), new_identity(NOW)
    assert one.did != other.did
    assert one.alias == "ann"
    assert verify_rotation(one.did, one.rotation) == one.signing.public_raw


def test_the_did_stays_when_the_signing_key_rotates() -> None:
    identity = _rotated(agent(1), 3)
    assert identity.did == agent(1).did
    assert verify_rotation(identity.did, identity.rotation) == identity.signing.public_raw
    assert extends(agent(1).rotation, identity.rotation)
    assert not extends(identity.rotation, agent(1).rotation)


@pytest.mark.parametrize("field", ["seq", "key", "previous_hash", "at", "signature", "possession"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_rotation_log_altered_in_any_field_leads_nowhere(number: int, field: str) -> None:
    identity = _rotated(agent(1), 2)
    entries = [entry.to_json() for entry in identity.rotation]
    other = [entry.to_json() for entry in _rotated(agent(3), 2).rotation]
    changed = entries[number][field]
    entries[number][field] = changed + 1 if field == "seq" else other[number][field]
    if entries[number][field] == changed:
        entries[number][field] = "2026-11-21T01:27:50.000Z" if field == "at" else "0" * 64
    with pytest.raises(RotationError):
        verify_rotation(identity.did, ROTATION.read("rotation", entries))


@pytest.mark.parametrize(
    "pick",
    [lambda log: log[1:], lambda log: log[::-1], lambda log: (log[0], log[2]), lambda log: (*log, log[2])],
)
def test_a_rotation_log_with_entries_left_out_swapped_or_repeated_leads_nowhere(
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]],
) -> None:
    identity = _rotated(agent(1), 2)
    with pytest.raises(RotationError):
        verify_rotation(identity.did, pick(identity.rotation))


def test_a_stolen_log_names_nobody_elses_key() -> None:
    victim, thief = agent(1), agent(3)
    forged = replace(victim, signing=thief.signing)
    with pytest.raises(RotationError, match="only the current"):
        rotate_signing(forged, NOW + 1)
    entry = next_entry(thief.did, thief.rotation, thief.signing, SigningKey.generate(), NOW + 1)
    with pytest.raises(RotationError):
        verify_rotation(victim.did, (*victim.rotation, entry))


def test_a_key_does_not_come_back_and_the_clock_does_not_go_back() -> None:
    identity = _rotated(agent(1), 1)
    with pytest.raises(RotationError, match="come back"):
        next_entry(identity.did, identity.rotation, identity.signing, agent(1).signing, NOW + 9)
    with pytest.raises(RotationError, match="clock") as refused:
        rotate_signing(identity, NOW)
    assert "clock" in refused.value.next_step


def test_a_log_in_which_a_key_comes_back_is_refused_though_all_is_signed() -> None:
    """Entries are made for shorter logs, so that the maker does not see the key that comes back."""
    first, second = agent(1), agent(3)
    there = next_entry(first.did, first.rotation, first.signing, second.signing, NOW + 1)
    back = next_entry(first.did, (there,), second.signing, first.signing, NOW + 2)
    with pytest.raises(RotationError, match="comes back"):
        verify_rotation(first.did, (*first.rotation, there, back))


def test_a_rotation_log_ends_somewhere() -> None:
    identity = _rotated(agent(1), MAX_ENTRIES - 1)
    assert verify_rotation(identity.did, identity.rotation) == identity.signing.public_raw
    assert verify_card(canonical_json(make_card(identity, 1, NOW + 999).to_json())).did == identity.did
    with pytest.raises(RotationError, match="limit"):
        rotate_signing(identity, NOW + 999)
    broken_logs: list[Any] = [[], [1], {}, "x", [*[entry.to_json() for entry in identity.rotation], {}]]
    for broken in broken_logs:
        with pytest.raises(ProtocolError, match="rotation"):
            ROTATION.read("rotation", broken)
    with pytest.raises(RotationError):
        verify_rotation(identity.did, ())


def test_encryption_keys_rotate_weekly_and_go_when_nothing_under_way_can_need_them() -> None:
    first = agent(1)
    assert not needs_encryption_rotation(first, NOW + ROTATE_ENCRYPTION_AFTER - 1)
    assert needs_encryption_rotation(first, NOW + ROTATE_ENCRYPTION_AFTER)
    second = rotate_encryption(first, NOW + ROTATE_ENCRYPTION_AFTER)
    assert [key.epoch for key in second.encryption] == [1, 2]
    last_use = NOW + ENCRYPTION_LIFETIME + MAX_LIFETIME
    assert prune_encryption(second, last_use) == second
    pruned = prune_encryption(second, last_use + MAX_SKEW + 1)
    assert [key.epoch for key in pruned.encryption] == [2]
    assert pruned.encryption_key(first.current_encryption.kid) is None
    assert prune_encryption(pruned, NOW + 1000 * DAY) == pruned


def test_a_key_that_a_wrong_clock_dated_into_the_future_is_replaced() -> None:
    assert needs_encryption_rotation(agent(1, NOW + 365 * DAY), NOW)


def test_keys_do_not_pile_up_beyond_what_the_file_can_hold() -> None:
    identity = agent(1)
    for number in range(MAX_OWN_KEYS - 1):
        identity = rotate_encryption(identity, NOW + number)
    with pytest.raises(IdentityError) as refused:
        rotate_encryption(identity, NOW)
    assert refused.value.error_code == "identity.keys_full"


def test_names_can_be_changed_and_are_checked() -> None:
    assert rename(agent(1), alias="@Bo", display_name="Bo").alias == "bo"
    for names in ({"alias": "\u0430nn", "display_name": None}, {"alias": None, "display_name": "A\u202eB"}):
        with pytest.raises(ProtocolError):
            rename(agent(1), alias=names["alias"], display_name=names["display_name"])


@pytest.mark.parametrize("show", [repr, str, lambda it: f"{it}", lambda it: f"{it!r:>200}"])
def test_no_private_key_shows_in_an_identity(show: Callable[[Identity], str]) -> None:
    shown = show(agent(1))
    for number in (1, 101):
        seed = bytes([number]) * 32
        assert not any(form in shown for form in (repr(seed), seed.hex(), b64u(seed)))
    assert "redacted" in shown


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_private_keys_are_neither_pickled_nor_copied(act: Callable[[object], object]) -> None:
    for key in (agent(1).signing, agent(1).current_encryption.private):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            act(key)
    with pytest.raises(TypeError):
        asdict(agent(1))


def test_keys_compare_by_their_public_half() -> None:
    assert agent(1) == agent(1)
    assert agent(1) != agent(3)
    assert len({agent(1).signing, agent(1).signing, agent(3).signing}) == 2
    assert len({agent(1).current_encryption.private, agent(3).current_encryption.private}) == 2
    assert agent(1).signing != agent(1).current_encryption.private
    assert agent(1).current_encryption.private != agent(1).signing


def test_a_signature_for_one_purpose_does_not_pass_for_another() -> None:
    key = agent(1).signing
    signature = key.sign(b"one\0", {"a": 1})
    assert is_signed(key.public_raw, signature, b"one\0", {"a": 1})
    assert not is_signed(key.public_raw, signature, b"two\0", {"a": 1})
    assert not is_signed(key.public_raw, signature[:-1], b"one\0", {"a": 1})
    assert not is_signed(b"short", signature, b"one\0", {"a": 1})


def test_a_log_over_its_limit_is_refused_before_any_signature_is_checked() -> None:
    entry = agent(1).rotation[0]
    for log in ((), (entry,) * (MAX_ENTRIES + 1)):
        with pytest.raises(RotationError, match="1 to 128"):
            verify_rotation(agent(1).did, log)


# --- cards


def _resigned(document: dict[str, Any], identity: Identity) -> dict[str, Any]:
    content = {key: value for key, value in document.items() if key != "signature"}
    return {**content, "signature": b64u(identity.signing.sign(b"pingagent-card-v1\0", content))}


def test_a_card_is_read_back_from_its_bytes_and_fits_its_schema() -> None:
    identity = _rotated(agent(1, alias="ann", display_name="Ann"), 2)
    card = make_card(identity, 3, NOW + 9, capabilities=["review", "code.python"])
    assert_valid(card.to_json(), "pingagent-card")
    assert verify_card(canonical_json(card.to_json())) == card
    assert verify_card(json.dumps(card.to_json(), indent=1).encode()) == card


@pytest.mark.parametrize(
    "field", sorted(make_card(agent(1, alias="ann", display_name="A"), 1, NOW).to_json())
)
def test_a_card_altered_in_any_field_is_refused(field: str) -> None:
    document = make_card(agent(1, alias="ann", display_name="A"), 2, NOW).to_json()
    other = make_card(
        agent(3, NOW + 1, alias="bob", display_name="B"), 3, NOW + 1, capabilities=["x"]
    ).to_json()
    swapped = {**document, field: "pingagent.card@2" if field == "schema" else other[field]}
    removed = {key: value for key, value in document.items() if key != field}
    for altered in (swapped, removed, {**document, field: None}, {**document, field: 1.5}):
        with pytest.raises((CardError, RotationError)):
            verify_card(altered)


@pytest.mark.parametrize("field", ["kid", "epoch", "key", "not_before", "expires_at", "signature"])
def test_an_encryption_key_swapped_into_a_card_is_refused_even_where_the_card_is_signed_again(
    field: str,
) -> None:
    identity = agent(1)
    document = make_card(identity, 1, NOW).to_json()
    other = make_card(rotate_encryption(agent(3), NOW + 5), 1, NOW + 5).to_json()["encryption_keys"][1]
    keys = [{**document["encryption_keys"][0], field: other[field]}]
    with pytest.raises(CardError):
        verify_card({**document, "encryption_keys": keys})
    with pytest.raises(CardError):
        verify_card(_resigned({**document, "encryption_keys": keys}, identity))


def test_a_whole_key_of_another_agent_is_refused_in_a_card() -> None:
    identity = agent(1)
    document = make_card(identity, 1, NOW).to_json()
    theirs = make_card(agent(3), 1, NOW).to_json()["encryption_keys"]
    with pytest.raises(CardError, match="not signed"):
        verify_card(_resigned({**document, "encryption_keys": theirs}, identity))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0},
        {"version": True},
        {"version": "1"},
        {"capabilities": ["A"]},
        {"capabilities": ["x"] * 65},
        {"capabilities": "x"},
        {"capabilities": [1]},
        {"alias": "Ann"},
        {"display_name": "A\u202eB"},
        {"display_name": 7},
        {"issued_at": "2026-11-21"},
        {"issued_at": 5},
        {"signing_key": "AA"},
        {"signing_key": 5},
        {"unknown": 1},
        {"rotation": []},
        {"rotation": [{}]},
        {"encryption_keys": [{}]},
    ],
)
def test_a_malformed_card_is_refused_even_where_it_is_signed(change: dict[str, Any]) -> None:
    identity = agent(1)
    with pytest.raises((CardError, RotationError)):
        verify_card(_resigned({**make_card(identity, 1, NOW).to_json(), **change}, identity))


def test_a_card_with_the_same_key_twice_or_a_key_without_a_lifetime_is_refused() -> None:
    identity = agent(1)
    document = make_card(identity, 1, NOW).to_json()
    key = document["encryption_keys"][0]
    for keys in ([key, key], [{**key, "expires_at": key["not_before"]}]):
        with pytest.raises(CardError):
            verify_card(_resigned({**document, "encryption_keys": keys}, identity))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"{" * 9, b" " * 98_305, b'{"did":1,"did":1}'])
def test_bytes_that_are_no_card_are_refused(data: bytes) -> None:
    with pytest.raises(CardError):
        verify_card(data)


@settings(max_examples=150)
@given(
    st.sampled_from(
        ["version", "issued_at", "alias", "display_name", "capabilities", "did", "schema", "more"]
    ),
    st.one_of(
        st.none(),
        st.integers(-1, 2**53 - 1),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        st.lists(st.text("ab.-A\n", max_size=4), max_size=3),
        st.sampled_from(["2026-11-21T01:29:00.123Z", "2026-11-21T01:29:00.123Z\n", "x" * 81]),
    ),
)
def test_a_card_that_the_code_takes_fits_its_schema(field: str, value: Any) -> None:
    identity = agent(1)
    document = _resigned({**make_card(identity, 1, NOW).to_json(), field: value}, identity)
    try:
        card = verify_card(document)
    except (CardError, RotationError):
        return
    assert_valid(document, "pingagent-card")
    assert card.to_json() == document


def test_a_card_publishes_the_keys_that_may_still_be_used_and_the_newest_is_taken() -> None:
    identity = rotate_encryption(agent(1), NOW + 7 * DAY)
    card = make_card(identity, 2, NOW + 8 * DAY)
    assert [key.epoch for key in card.encryption_keys] == [1, 2]
    assert newest_usable_key(card, NOW + 8 * DAY).epoch == 2
    assert newest_usable_key(card, NOW + 6 * DAY).epoch == 1, (
        "a sender whose clock is behind uses the older one"
    )
    assert [key.epoch for key in make_card(identity, 3, NOW + 15 * DAY).encryption_keys] == [2]


@pytest.mark.parametrize("now", [NOW - DAY, NOW + ENCRYPTION_LIFETIME])
def test_without_a_usable_key_nothing_is_sealed(now: float) -> None:
    with pytest.raises(NoUsableKey) as refused:
        newest_usable_key(make_card(agent(1), 1, NOW), now)
    assert refused.value.error_code == "no_usable_key"


def _card(identity: Identity, version: int, **more: Any) -> AgentCard:
    return make_card(identity, version, NOW + 100, **more)


def test_a_newer_card_succeeds_and_an_older_one_is_a_rollback() -> None:
    first = agent(1)
    second = rotate_encryption(rotate_signing(first, NOW + 1), NOW + 1)
    old, new = _card(first, 1), _card(second, 2)
    assert succession(old, new) == "succeeds"
    assert succession(new, old) == "rollback"
    assert succession(old, old) == "same"
    assert succession(old, _card(agent(3), 2)) == "other_agent"


def test_a_thief_of_the_old_key_cannot_roll_the_card_back_or_fork_it() -> None:
    first = agent(1)
    second = rotate_signing(first, NOW + 1)
    known = _card(second, 2)
    assert succession(known, _card(first, 99)) == "rollback"
    assert succession(known, _card(rotate_signing(first, NOW + 2), 99)) == "fork"
    assert forks(second.rotation, rotate_signing(first, NOW + 2).rotation)


def test_two_cards_of_one_version_with_different_content_are_a_fork() -> None:
    assert succession(_card(agent(1), 2), _card(agent(1), 2, capabilities=["x"])) == "fork"


def test_a_card_that_takes_an_encryption_key_back_is_a_rollback() -> None:
    newer = rotate_encryption(agent(1), NOW)
    assert succession(_card(newer, 1), _card(agent(1), 2)) == "rollback"


def test_an_earlier_signing_key_counts_only_for_what_it_signed_in_its_time() -> None:
    first = agent(1)
    card = make_card(rotate_signing(first, NOW + 100), 2, NOW + 100)
    old, new = kid_of(first.signing.public_raw), kid_of(card.signing_key)
    assert sender_key(card, new, NOW, NOW) == card.signing_key
    assert sender_key(card, old, NOW + 99, NOW + 200) == first.signing.public_raw
    assert sender_key(card, old, NOW + 101, NOW + 200) is None, "it signed after its successor took over"
    late = NOW + 100 + MAX_LIFETIME + MAX_SKEW + 1
    assert sender_key(card, old, NOW + 99, late) is None, "no such message can still be under way"
    assert sender_key(card, kid_of(b"x" * 32), NOW, NOW) is None


def test_a_relays_own_record_is_read_without_its_signatures_and_still_by_its_form() -> None:
    card = make_card(new_identity(NOW), 1, NOW)
    assert recorded_card(canonical_json(card.to_json())) == card
    for bad in (b"[]", canonical_json({**card.to_json(), "did": "did:agent:x"}), b"{}", b'{"a":1.5}'):
        with pytest.raises(CardError):
            recorded_card(bad)
