"""Version 2 of the envelope: the chain inside, its names, and what an alteration of any of it comes to."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.redaction import MASK, Secret
from openclaw_install.protocol.canonical import MAX_INTEGER, b64u
from openclaw_install.protocol.card import ENVELOPE_2, make_card, reads_version_2
from openclaw_install.protocol.chain import Link, Seen, new_chain_id, spans
from openclaw_install.protocol.content import Content
from openclaw_install.protocol.did import conversation_of, names_thread_of, thread_names
from openclaw_install.protocol.envelope import Envelope, open_envelope, parse_envelope
from openclaw_install.protocol.errors import EnvelopeError
from openclaw_install.protocol.header import Header, is_message_id, new_message_id, short_message_id
from openclaw_install.protocol.identity import rotate_signing
from openclaw_install.protocol.keys import SigningKey, kid_of, names_key
from openclaw_install.protocol.messages import text_body
from openclaw_install.protocol.padding import MAX_PLAINTEXT
from tests.protocol_rig import MESSAGE_ID, NOW, agent, pair
from tests.schemas import assert_valid

P = pair()
OTHER = agent(7)
CHAIN = "ch_" + "a" * 32
KEY = Secret(b64u(bytes(range(32))))
_HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


def _sealed(**changes: Any) -> Envelope:
    return P.sealed(text_body("hello"), **{"chain": Link(CHAIN, 1), **changes})


def _open(wire: Any) -> Any:
    return open_envelope(wire, P.recipient, P.sender_card, NOW)


@st.composite
def _spans(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    return spans(sorted(draw(st.sets(st.integers(1, 60), max_size=12))))


@given(_spans(), st.integers(61, MAX_INTEGER), _HASHES)
def test_a_link_is_read_back_as_it_was_written(
    skipped: tuple[tuple[int, int], ...], counter: int, previous: str
) -> None:
    link = Link(new_chain_id(), counter, previous, skipped)
    assert Link.read(link.to_json()) == link


@given(_spans(), st.integers(61, MAX_INTEGER), st.none() | _HASHES, st.integers(0, 9))
def test_counters_are_read_back_as_they_were_written(
    missing: tuple[tuple[int, int], ...], newest: int, sha256: str | None, out_of_order: int
) -> None:
    counter = missing[0][0] - 1 if missing else newest
    seen = Seen(new_chain_id(), counter, newest, sha256 if counter else None, missing, out_of_order)
    assert Seen.read(seen.to_json()) == seen


@given(st.sets(st.integers(1, 40)))
def test_ranges_hold_exactly_the_counters_that_they_were_made_of(counters: set[int]) -> None:
    made = spans(sorted(counters))
    assert {one for first, last in made for one in range(first, last + 1)} == counters
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(made))


def test_what_is_sealed_with_a_chain_opens_with_it_and_is_version_2() -> None:
    link, seen = Link(CHAIN, 4, "ab" * 32, ((2, 3),)), Seen(new_chain_id(), 1, 3, None, ((2, 2),), 1)
    envelope = _sealed(chain=link, seen=seen, access_key=KEY)
    assert_valid(envelope.to_json(), "pingagent-envelope")
    opened = _open(envelope.wire)
    assert (opened.chain, opened.seen, opened.header.version) == (link, seen, 2)
    assert opened.access_key.reveal() == KEY.reveal()
    assert KEY.reveal() not in repr(opened)
    assert MASK in repr(opened)
    assert envelope.header.conversation_id == conversation_of(P.sender.did, P.recipient.did)
    assert len(envelope.header.sender_kid) == len(envelope.header.recipient_kid) == 34


def test_without_a_chain_it_is_version_1_with_the_names_of_version_1() -> None:
    long_id = new_message_id(NOW)
    envelope = P.sealed(message_id=long_id)
    assert_valid(envelope.to_json(), "pingagent-envelope")
    header = envelope.header
    assert (header.version, header.message_id) == (1, long_id[:30])
    assert header.conversation_id == conversation_of(P.sender.did, P.recipient.did, version=1)
    assert _open(envelope.wire).chain is None


_ALTERED: dict[str, tuple[Any, str]] = {
    "v": (1, "malformed"),
    "message_id": (MESSAGE_ID + "ABCDEFGH", "bad_ciphertext"),
    "conversation_id": (conversation_of(P.sender.did, P.recipient.did, pending=True), "bad_ciphertext"),
    "from": (OTHER.did, "wrong_conversation"),
    "to": (OTHER.did, "wrong_conversation"),
    "schema": ("pingagent.task@1", "bad_ciphertext"),
    "sent_at": ("2026-11-21T01:47:45.551Z", "bad_ciphertext"),
    "expires_at": ("2026-11-22T01:47:45.551Z", "bad_ciphertext"),
    "sender_kid": (kid_of(OTHER.signing.public_raw, 2), "bad_ciphertext"),
    "recipient_kid": (kid_of(OTHER.signing.public_raw, 2), "unknown_key"),
    "epoch": (2, "unknown_key"),
    "routing": ({"status": "failed"}, "bad_ciphertext"),
    "enc": (b64u(OTHER.current_encryption.private.public_raw), "bad_ciphertext"),
    "ciphertext": (b64u(bytes(528)), "bad_ciphertext"),
}
WIRE = _sealed().to_json()


@pytest.mark.parametrize("field", sorted(WIRE))
def test_an_envelope_of_version_2_altered_in_any_field_is_refused(field: str) -> None:
    value, reason = _ALTERED[field]
    assert value != WIRE[field]
    with pytest.raises(EnvelopeError) as refused:
        _open({**WIRE, field: value})
    assert refused.value.reason == reason


def test_an_inside_that_says_another_place_than_was_signed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever seals can put anything inside; only the sender's signature makes it the sender's."""
    honest = Content.signed

    def _forged(_mine: Content, header: Header, key: SigningKey) -> bytes:
        signed = honest(Content(text_body("hello"), Link(CHAIN, 2, "00" * 32)), header, key)
        return signed.replace(b'"counter":2', b'"counter":9')

    monkeypatch.setattr(Content, "signed", _forged)
    wire = _sealed().wire
    with pytest.raises(EnvelopeError) as refused:
        _open(wire)
    assert refused.value.reason == "bad_signature"


def test_a_message_that_was_named_under_version_1_keeps_its_id_in_version_2() -> None:
    assert _open(_sealed(message_id=MESSAGE_ID).wire).header.message_id == MESSAGE_ID


def test_the_largest_message_of_version_2_fits_with_the_longest_header() -> None:
    envelope = P.sealed(text_body("x"), chain=Link(CHAIN, 1))
    bare = {**envelope.to_json(), "epoch": MAX_INTEGER, "schema": "pingagent." + "x" * 32 + "@999"}
    bare |= {"message_id": new_message_id(NOW), "routing": {"task_id": "t" * 128, "status": "s" * 32}}
    bare["conversation_id"] = conversation_of(P.sender.did, P.recipient.did, pending=True)
    assert len(parse_envelope({**bare, "ciphertext": b64u(bytes(MAX_PLAINTEXT + 4 + 16))}).wire) <= 262_144


def test_new_names_have_160_bits_or_more() -> None:
    """Five bits a character; the first of a message id has three."""
    one, other = P.sender.did, P.recipient.did
    assert 5 * len(conversation_of(one, other).removeprefix("c_dm_")) == 160
    assert 5 * len(kid_of(bytes(32), 2).removeprefix("k_")) == 160
    assert 5 * len(new_chain_id().removeprefix("ch_")) == 160
    assert 5 * len(new_message_id(NOW).removeprefix("msg_")) - 2 == 168


def test_both_spellings_name_a_key_and_no_other_does() -> None:
    raw = P.sender.signing.public_raw
    own = P.recipient.current_encryption
    assert names_key(kid_of(raw), raw)
    assert names_key(kid_of(raw, 2), raw)
    assert not names_key(kid_of(raw, 2)[:28], raw)
    assert P.recipient.encryption_key(own.kid) == P.recipient.encryption_key(
        kid_of(own.private.public_raw, 2)
    )


def test_a_key_that_was_rotated_away_still_opens_what_it_signed_before() -> None:
    envelope = _sealed()
    rotated = make_card(rotate_signing(P.sender, NOW + 5), 2, NOW + 5)
    assert open_envelope(envelope.wire, P.recipient, rotated, NOW + 6).body == text_body("hello")


def test_both_names_of_a_thread_name_it_and_those_of_others_do_not() -> None:
    one, other = P.sender.did, P.recipient.did
    for name in thread_names(one, other):
        assert names_thread_of(name, other, one)
        assert names_thread_of(name.replace("c_dm_", "c_pdm_"), one, other)
        assert not names_thread_of(name, one, OTHER.did)
    assert not names_thread_of("c_dm_x", one, other)


def test_a_short_id_is_the_beginning_of_the_long_one_and_both_sort_by_time() -> None:
    ids = [new_message_id(NOW + number) for number in range(20)]
    short = [short_message_id(one) for one in ids]
    assert all(is_message_id(one) for one in (*ids, *short))
    assert sorted(ids) == ids
    assert sorted(short) == short
    assert all(more.startswith(less) for less, more in zip(short, ids, strict=True))


def test_a_card_says_by_a_capability_that_its_agent_reads_version_2() -> None:
    assert not reads_version_2(P.sender_card)
    assert reads_version_2(make_card(P.sender, 2, NOW, capabilities=(ENVELOPE_2,)))
