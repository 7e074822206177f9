"""Envelopes: what opens, and how each altered, misdirected, late or malformed one is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_install.protocol.canonical import b64u, canonical_json, unb64u
from openclaw_install.protocol.card import AgentCard, make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    Header,
    Routing,
    check_times,
    is_message_id,
    new_message_id,
    open_envelope,
    parse_envelope,
    seal,
)
from openclaw_install.protocol.errors import EnvelopeError, EnvelopeReason, NoUsableKey, ProtocolError
from openclaw_install.protocol.identity import (
    ENCRYPTION_LIFETIME,
    MAX_LIFETIME,
    Identity,
    prune_encryption,
    rotate_encryption,
    rotate_signing,
)
from openclaw_install.protocol.messages import RESULT, TEXT, result_body, text_body
from openclaw_install.protocol.padding import BUCKETS, MAX_PLAINTEXT, pad, unpad
from openclaw_install.protocol.times import DAY, MAX_SKEW, iso
from tests.protocol_rig import MESSAGE_ID, NOW, agent, hpke_seal, pair
from tests.schemas import assert_valid

P = pair()
WIRE = P.sealed().to_json()
OTHER = agent(3)
_INFO = b"pingagent-envelope-v1\0"


def _open(wire: Any, now: float = NOW, me: Identity = P.recipient, card: AgentCard = P.sender_card) -> Any:
    return open_envelope(wire, me, card, now)


def _reason(act: Callable[[], object]) -> str:
    with pytest.raises(EnvelopeError) as refused:
        act()
    assert refused.value.error_code == f"envelope.{refused.value.reason}"
    assert refused.value.next_step
    return refused.value.reason


def _refusal(wire: Any) -> str:
    return _reason(lambda: _open(wire))


# --- the way that is meant


@pytest.mark.parametrize("pending", [True, False])
def test_what_one_agent_seals_the_other_opens(pending: bool) -> None:
    conversation = conversation_of(P.sender.did, P.recipient.did, pending=pending)
    envelope = P.sealed(text_body("Grüße 🙂"), conversation_id=conversation)
    assert_valid(envelope.to_json(), "pingagent-envelope")
    opened = _open(envelope.wire)
    assert opened.body == {"text": "Grüße 🙂"}
    assert opened.header == envelope.header
    assert opened.sha256 == envelope.sha256 == parse_envelope(envelope.wire).sha256


def test_the_same_envelope_in_another_spelling_has_the_same_hash_and_opens() -> None:
    spelled = json.dumps(WIRE, indent=3, sort_keys=False).encode()
    assert parse_envelope(spelled).sha256 == parse_envelope(canonical_json(WIRE)).sha256
    assert _open(spelled).body == {"text": "hello"}


def test_neither_text_nor_signature_shows_in_the_wire_or_in_what_is_printed() -> None:
    envelope = P.sealed(text_body("the secret plan"))
    assert b"secret" not in envelope.wire
    assert "secret" not in repr(_open(envelope.wire))


def test_sealing_twice_gives_other_bytes() -> None:
    assert P.sealed().sha256 != P.sealed().sha256


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400))
def test_any_text_arrives_to_the_letter(text: str) -> None:
    assert _open(P.sealed(text_body(text)).wire).body["text"] == text


def test_message_ids_sort_by_time_and_are_never_the_same() -> None:
    ids = [new_message_id(NOW + number) for number in range(50)]
    assert ids == sorted(set(ids))
    assert all(is_message_id(one) for one in ids)
    assert not is_message_id(ids[0] + "\n")
    assert not is_message_id(ids[0].lower())


def test_routing_fields_are_what_the_relay_may_see_and_agree_with_the_body() -> None:
    body = result_body("t-1", "processed", output={"n": 1})
    envelope = P.sealed(body, schema=RESULT, routing=Routing("t-1", "processed"))
    assert envelope.to_json()["routing"] == {"task_id": "t-1", "status": "processed"}
    assert _open(envelope.wire).body == body
    lie = Routing("t-2", "processed")
    assert _reason(lambda: P.sealed(body, schema=RESULT, routing=lie)) == "bad_body"
    assert _reason(lambda: P.sealed(schema=TEXT, routing=Routing("t-1"))) == "bad_body"


# --- altered on the way

_ALTERED: dict[str, tuple[Any, str]] = {
    "v": (3, "wrong_version"),
    "message_id": (MESSAGE_ID[:-1] + "6", "bad_ciphertext"),
    "conversation_id": (
        conversation_of(P.sender.did, P.recipient.did, pending=True, version=1),
        "bad_ciphertext",
    ),
    "from": (OTHER.did, "wrong_conversation"),
    "to": (OTHER.did, "wrong_conversation"),
    "schema": ("pingagent.task@1", "bad_ciphertext"),
    "sent_at": (iso(NOW - 1), "bad_ciphertext"),
    "expires_at": (iso(NOW + 9 * DAY), "bad_ciphertext"),
    "sender_kid": (OTHER.signing.kid, "bad_ciphertext"),
    "recipient_kid": (OTHER.current_encryption.kid, "unknown_key"),
    "epoch": (2, "unknown_key"),
    "routing": ({"status": "failed"}, "bad_ciphertext"),
    "enc": (b64u(OTHER.current_encryption.private.public_raw), "bad_ciphertext"),
    "ciphertext": (b64u(bytes(528)), "bad_ciphertext"),
}


def test_the_table_of_alterations_names_every_field() -> None:
    assert _ALTERED.keys() == WIRE.keys()


@pytest.mark.parametrize("field", sorted(_ALTERED))
def test_an_envelope_altered_in_any_field_is_refused(field: str) -> None:
    value, reason = _ALTERED[field]
    assert value != WIRE[field]
    assert _reason(lambda: _open({**WIRE, field: value})) == reason


@pytest.mark.parametrize("field", sorted(_ALTERED))
def test_an_envelope_without_a_field_or_with_another_type_in_it_is_refused(field: str) -> None:
    expected = {"wrong_version"} if field == "v" else {"malformed"}
    odd: list[Any] = [None, 5.0, [], True, "\0", "", -1]
    without = {key: value for key, value in WIRE.items() if key != field}
    for altered in (without, *({**WIRE, field: value} for value in odd)):
        assert _refusal(altered) in expected


@settings(max_examples=60)
@given(st.integers(0, 31), st.integers(0, 527), st.integers(0, 7))
def test_a_flipped_bit_in_what_is_encrypted_is_refused(place: int, other_place: int, bit: int) -> None:
    for field, index in (("enc", place), ("ciphertext", other_place)):
        data = bytearray(unb64u(WIRE[field]))
        data[index] ^= 1 << bit
        if field == "enc" and index == 31 and bit == 7:
            continue  # X25519 ignores this bit of a public key, but HPKE binds it: the next test
        assert _refusal({**WIRE, field: b64u(bytes(data))}) == "bad_ciphertext"


def test_the_bit_that_x25519_ignores_is_bound_too() -> None:
    data = bytearray(unb64u(WIRE["enc"]))
    data[31] ^= 0x80
    assert _reason(lambda: _open({**WIRE, "enc": b64u(bytes(data))})) == "bad_ciphertext"


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)])
def test_a_key_of_small_order_is_refused_on_both_sides(point: bytes) -> None:
    assert _reason(lambda: _open({**WIRE, "enc": b64u(point)})) == "bad_ciphertext"
    weak = replace(P.recipient_card.encryption_keys[0], key=point)
    card = replace(P.recipient_card, encryption_keys=(weak,))
    with pytest.raises(NoUsableKey):
        seal(text_body("x"), P.draft(), P.sender, card, NOW)


# --- misdirected, replayed into another place, from somebody else


def test_an_envelope_for_another_agent_is_refused() -> None:
    assert _reason(lambda: _open(WIRE, me=OTHER)) == "wrong_recipient"


def test_the_card_of_another_agent_proves_nothing() -> None:
    assert _reason(lambda: _open(WIRE, card=make_card(OTHER, 1, NOW))) == "unknown_key"


def test_a_message_that_somebody_else_signed_is_refused() -> None:
    """The forger knows everything public, puts the sender's names on it, and signs with his own key."""
    forger = replace(P.sender, signing=OTHER.signing)
    envelope = seal(text_body("x"), P.draft(), forger, P.recipient_card, NOW)
    assert _reason(lambda: _open(envelope.wire)) == "unknown_key"


def _crafted(inside: Any, padded: bool = True, **changes: Any) -> dict[str, Any]:
    """An envelope around anything, as a sender could make it that does not keep to the rules."""
    header = {key: value for key, value in WIRE.items() if key not in {"enc", "ciphertext"}} | changes
    plaintext = inside if isinstance(inside, bytes) else canonical_json(inside)
    enc, ciphertext = hpke_seal(
        pad(plaintext) if padded else plaintext,
        P.recipient.current_encryption.private.public_raw,
        _INFO + canonical_json(header),
        bytes([77]) * 32,
    )
    return {**header, "enc": b64u(enc), "ciphertext": b64u(ciphertext)}


def _signature(header: Header, body: dict[str, Any], signer: Identity) -> str:
    digest = hashlib.sha256(canonical_json(body)).hexdigest()
    return b64u(signer.signing.sign(b"pingagent-message-v1\0", {**header.to_json(), "body_sha256": digest}))


def test_a_signature_is_worth_nothing_under_another_header_or_body() -> None:
    header = parse_envelope(WIRE).header
    body = {"text": "hello"}
    good = _signature(header, body, P.sender)
    assert _open(_crafted({"body": body, "sig": good})).body == body
    assert _reason(lambda: _open(_crafted({"body": {"text": "bye"}, "sig": good}))) == "bad_signature"
    moved = replace(header, message_id=MESSAGE_ID[:-1] + "6")
    assert _reason(lambda: _open(_crafted({"body": body, "sig": good}, message_id=moved.message_id))) == (
        "bad_signature"
    )
    by_other = _signature(header, body, OTHER)
    assert _reason(lambda: _open(_crafted({"body": body, "sig": by_other}))) == "bad_signature"


def test_a_recipient_cannot_pass_a_message_on_as_if_it_were_sent_to_a_third() -> None:
    """Bob opens Ann's message and seals it, signature and all, to Carl."""
    body = {"text": "hello"}
    sig = _signature(parse_envelope(WIRE).header, body, P.sender)
    carl = agent(4)
    header = {
        **{key: value for key, value in WIRE.items() if key not in {"enc", "ciphertext"}},
        "to": carl.did,
        "conversation_id": conversation_of(P.sender.did, carl.did, version=1),
        "recipient_kid": carl.current_encryption.kid,
    }
    enc, ciphertext = hpke_seal(
        pad(canonical_json({"body": body, "sig": sig})),
        carl.current_encryption.private.public_raw,
        _INFO + canonical_json(header),
        bytes([78]) * 32,
    )
    passed_on = {**header, "enc": b64u(enc), "ciphertext": b64u(ciphertext)}
    assert _reason(lambda: _open(passed_on, me=carl)) == "bad_signature"


_SIG = b64u(bytes(64))


@pytest.mark.parametrize(
    "inside",
    [
        b"",
        b"not json",
        [],
        {},
        {"body": {}},
        {"body": [], "sig": _SIG},
        {"body": "x", "sig": _SIG},
        {"body": {}, "sig": "AA"},
        {"body": {}, "sig": 5},
        {"body": {}, "sig": _SIG, "more": 1},
        b'{"body":{},"body":{},"sig":"' + _SIG.encode() + b'"}',
        b'{"body":{"n":1.5},"sig":"' + _SIG.encode() + b'"}',
    ],
)
def test_content_that_is_not_as_it_must_be_is_a_bad_body(inside: Any) -> None:
    assert _reason(lambda: _open(_crafted(inside))) == "bad_body"


def test_a_well_signed_body_that_breaks_its_schema_is_a_bad_body() -> None:
    for body in ({}, {"text": 5}, {"text": ""}, {"text": "x", "more": 1}):
        sig = _signature(parse_envelope(WIRE).header, body, P.sender)
        assert _refusal(_crafted({"body": body, "sig": sig})) == "bad_body"


def test_a_schema_that_this_version_does_not_know_is_a_bad_body_not_a_crash() -> None:
    header = replace(parse_envelope(WIRE).header, schema="pingagent.dance@7")
    sig = _signature(header, {}, P.sender)
    assert (
        _reason(lambda: _open(_crafted({"body": {}, "sig": sig}, schema="pingagent.dance@7"))) == "bad_body"
    )


@pytest.mark.parametrize("size", [1, 511, 513, BUCKETS[0]])
def test_padding_that_is_not_ours_is_a_bad_body(size: int) -> None:
    assert _reason(lambda: _open(_crafted(b"\xff" * size, padded=False))) == "bad_body"


# --- time


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - DAY, "from_future"),
        (NOW - MAX_SKEW - 1, "from_future"),
        (NOW + 7 * DAY + MAX_SKEW + 1, "expired"),
        (NOW + 8 * DAY, "expired"),
    ],
)
def test_an_envelope_out_of_its_time_is_told_as_such(now: float, reason: str) -> None:
    assert _reason(lambda: _open(WIRE, now)) == reason


@pytest.mark.parametrize("now", [NOW - MAX_SKEW, NOW, NOW + 7 * DAY + MAX_SKEW - 1])
def test_a_few_minutes_between_two_clocks_are_allowed(now: float) -> None:
    assert _open(WIRE, now).body == {"text": "hello"}
    check_times(parse_envelope(WIRE).header, now)


def test_the_error_tells_by_how_much_the_clocks_differ() -> None:
    with pytest.raises(EnvelopeError, match="86400 s from now"):
        _open(WIRE, NOW - DAY)


@pytest.mark.parametrize("lifetime", [0, -1, MAX_LIFETIME + 1])
def test_a_lifetime_of_nothing_or_beyond_the_longest_is_refused(lifetime: float) -> None:
    assert _reason(lambda: P.sealed(lifetime=lifetime)) == "malformed"
    late = {**WIRE, "expires_at": iso(NOW + lifetime)}
    assert _reason(lambda: parse_envelope(late)) == "malformed"


def test_the_longest_lifetime_is_allowed() -> None:
    assert P.sealed(lifetime=MAX_LIFETIME).header.expires_at == pytest.approx(NOW + MAX_LIFETIME)


# --- keys that rotate while a message is under way


def test_what_was_sealed_to_the_key_before_opens_until_that_key_is_pruned() -> None:
    envelope = P.sealed(now=NOW + ENCRYPTION_LIFETIME - 1, lifetime=MAX_LIFETIME)
    later = rotate_encryption(P.recipient, NOW + 7 * DAY)
    arrival = envelope.header.expires_at
    assert _open(envelope.wire, arrival, me=prune_encryption(later, arrival)).body == {"text": "hello"}
    pruned = prune_encryption(later, arrival + MAX_SKEW + 2)
    assert _reason(lambda: _open(envelope.wire, arrival, me=pruned)) == "unknown_key"


def test_a_message_is_sealed_to_the_newest_key_of_the_card() -> None:
    rotated = rotate_encryption(P.recipient, NOW)
    envelope = seal(text_body("x"), P.draft(), P.sender, make_card(rotated, 2, NOW), NOW)
    assert envelope.header.epoch == 2
    assert envelope.header.recipient_kid == rotated.current_encryption.kid


def test_a_message_signed_before_its_senders_rotation_still_opens_with_the_new_card() -> None:
    envelope = P.sealed()
    new_card = make_card(rotate_signing(P.sender, NOW + 60), 2, NOW + 60)
    assert _open(envelope.wire, NOW + 3600, card=new_card).body == {"text": "hello"}


def test_the_key_before_signs_nothing_more_after_the_rotation() -> None:
    new_card = make_card(rotate_signing(P.sender, NOW + 60), 2, NOW + 60)
    by_thief = P.sealed(now=NOW + 61)
    assert _reason(lambda: _open(by_thief.wire, NOW + 61, card=new_card)) == "unknown_key"


def test_a_message_signed_by_a_newer_key_than_the_card_at_hand_asks_for_the_new_card() -> None:
    newer = rotate_signing(P.sender, NOW + 1)
    envelope = seal(text_body("x"), P.draft(), newer, P.recipient_card, NOW)
    assert _reason(lambda: _open(envelope.wire)) == "unknown_key"
    assert _open(envelope.wire, card=make_card(newer, 2, NOW + 1)).body == {"text": "x"}


def test_without_a_published_key_nothing_is_sealed() -> None:
    for card in (replace(P.recipient_card, encryption_keys=()), P.recipient_card):
        later = NOW if not card.encryption_keys else NOW + ENCRYPTION_LIFETIME
        with pytest.raises(NoUsableKey):
            seal(text_body("x"), P.draft(), P.sender, card, later)


# --- malformed and oversized


def test_a_draft_that_breaks_the_rules_is_not_sealed() -> None:
    assert _reason(lambda: P.sealed(message_id="msg_1")) == "malformed"
    assert _reason(lambda: P.sealed(conversation_id="c_dm_" + "a" * 26)) == "wrong_conversation"
    assert _reason(lambda: P.sealed(schema="pingagent.dance@1")) == "bad_body"
    assert _reason(lambda: P.sealed({"text": 1.5})) == "bad_body"
    card = make_card(P.sender, 1, NOW)
    assert _reason(lambda: seal(text_body("x"), P.draft(), P.sender, card, NOW)) == "malformed"


@pytest.mark.parametrize("wire", [b"", b"[]", b"null", b"{", b'{"v":1,"v":1}', b"\xff", b"[" * 10_000, []])
def test_what_is_no_json_object_is_malformed(wire: Any) -> None:
    assert _reason(lambda: parse_envelope(wire)) == "malformed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_id", MESSAGE_ID + "\n"),
        ("message_id", "msg_8" + MESSAGE_ID[5:]),
        ("from", P.sender.did.upper()),
        ("schema", "pingagent.text@0"),
        ("schema", "other.text@1"),
        ("epoch", 0),
        ("epoch", 2**53),
        ("epoch", "1"),
        ("enc", b64u(bytes(31))),
        ("enc", b64u(bytes(32)) + "="),
        ("enc", b64u(bytes(32))[:-1] + "B"),
        ("ciphertext", b64u(bytes(16))),
        ("routing", {"task_id": "t", "more": 1}),
        ("routing", {"task_id": ""}),
        ("routing", {"task_id": "x" * 129}),
        ("routing", {"status": "Done"}),
        ("more", 1),
    ],
)
def test_a_field_out_of_form_is_malformed(field: str, value: Any) -> None:
    assert _reason(lambda: parse_envelope({**WIRE, field: value})) == "malformed"


def test_an_envelope_to_oneself_is_malformed() -> None:
    assert _reason(lambda: parse_envelope({**WIRE, "to": WIRE["from"]})) == "malformed"


def test_an_envelope_over_256_kib_is_refused_before_it_is_read() -> None:
    assert _reason(lambda: parse_envelope(b" " * (MAX_ENVELOPE_BYTES + 1))) == "oversized"
    assert _reason(lambda: parse_envelope({**WIRE, "ciphertext": b64u(bytes(200_000))})) == "oversized"


def test_the_largest_message_fits_with_the_longest_header_and_one_byte_more_does_not() -> None:
    bare = len(canonical_json({"body": result_body("t" * 128, "processed", output=""), "sig": _SIG}))
    routing = Routing("t" * 128, "processed")

    def sealed(length: int) -> Envelope:
        body = result_body("t" * 128, "processed", output="x" * length)
        return P.sealed(body, schema=RESULT, routing=routing)

    largest = sealed(MAX_PLAINTEXT - bare)
    longest_task = len(
        canonical_json({**largest.to_json(), "epoch": 2**53 - 1, "schema": "pingagent." + "x" * 32 + "@999"})
    )
    assert longest_task <= MAX_ENVELOPE_BYTES
    assert len(_open(largest.wire).body["output"]) == MAX_PLAINTEXT - bare
    assert _reason(lambda: sealed(MAX_PLAINTEXT - bare + 1)) == "oversized"


# --- padding


@settings(max_examples=60)
@given(st.integers(0, MAX_PLAINTEXT))
def test_padding_comes_off_again_and_leaves_few_sizes(length: int) -> None:
    padded = pad(b"x" * length)
    assert len(padded) in BUCKETS
    assert unpad(padded) == b"x" * length


def test_short_messages_all_have_one_size() -> None:
    assert len({len(P.sealed(text_body("x" * length)).wire) for length in (1, 50, 200)}) == 1


@pytest.mark.parametrize(
    "padded", [b"", bytes(511), b"\0\0\0\1xy" + bytes(506), b"\xff" * 512, pad(b"x" * 900)[:512]]
)
def test_another_padding_is_refused(padded: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpad(padded)
    with pytest.raises(ProtocolError):
        pad(bytes(MAX_PLAINTEXT + 1))


def test_each_reason_has_a_next_step() -> None:
    steps = {EnvelopeError(reason, "x").next_step for reason in EnvelopeReason}
    assert len(steps) == len(EnvelopeReason)
