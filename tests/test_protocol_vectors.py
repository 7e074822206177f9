"""Test vectors: RFC 9180's own, and ours, which every later version must still make or open."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.canonical import canonical_json, parse_strict, unb64u
from openclaw_install.protocol.card import make_card, verify_card
from openclaw_install.protocol.chain import Link, Seen
from openclaw_install.protocol.did import conversation_of, did_of
from openclaw_install.protocol.envelope import open_envelope, parse_envelope
from openclaw_install.protocol.errors import EnvelopeError, ProtocolError
from openclaw_install.protocol.identity_document import import_identity, read_identity
from openclaw_install.protocol.keys import SigningKey, kid_of
from openclaw_install.protocol.padding import pad
from openclaw_install.protocol.receipts import relay_id_of, sign_receipt, verify_receipt
from openclaw_install.protocol.times import seconds_of
from tests.protocol_rig import hpke_open, hpke_seal
from tests.schemas import assert_valid

_FOLDER = Path(__file__).parent / "vectors"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _vectors(name: str) -> Any:
    return json.loads((_FOLDER / f"{name}.json").read_bytes())


RFC = {key: bytes.fromhex(value) for key, value in _vectors("rfc9180-a.2.1").items() if key != "source"}
OURS = _vectors("protocol-v1")
NEWER = _vectors("protocol-v2")


def test_the_independent_hpke_gives_the_known_answer_of_the_rfc() -> None:
    enc, ciphertext = hpke_seal(RFC["pt"], RFC["pkRm"], RFC["info"], RFC["skEm"], RFC["aad"])
    assert (enc, ciphertext) == (RFC["enc"], RFC["ct"])
    assert hpke_open(enc, ciphertext, RFC["skRm"], RFC["info"], RFC["aad"]) == RFC["pt"]


def test_the_library_and_the_independent_hpke_open_each_others_messages() -> None:
    """The library's one-shot call takes no `aad`, so it can't be held against the RFC's vector itself."""
    sealed = _SUITE.encrypt(b"hello", X25519PublicKey.from_public_bytes(RFC["pkRm"]), RFC["info"])
    assert hpke_open(sealed[:32], sealed[32:], RFC["skRm"], RFC["info"]) == b"hello"
    enc, ciphertext = hpke_seal(b"hello", RFC["pkRm"], RFC["info"], RFC["skEm"])
    private = X25519PrivateKey.from_private_bytes(RFC["skRm"])
    assert _SUITE.decrypt(enc + ciphertext, private, RFC["info"]) == b"hello"


@pytest.mark.parametrize("vector", OURS["canonical_json"])
def test_canonical_json(vector: dict[str, str]) -> None:
    assert canonical_json(parse_strict(vector["document"].encode(), 10_000)).decode() == vector["canonical"]


@pytest.mark.parametrize("vector", OURS["names"])
def test_names_of_keys_agents_and_threads(vector: dict[str, str]) -> None:
    first, second = (SigningKey.from_seed(unb64u(vector[key])) for key in ("seed_a", "seed_b"))
    one, other = did_of(first.public_raw), did_of(second.public_raw)
    assert (one, other) == (vector["did_a"], vector["did_b"])
    assert kid_of(first.public_raw) == vector["kid_a"]
    assert conversation_of(one, other, version=1) == vector["conversation"]
    assert conversation_of(one, other, pending=True, version=1) == vector["pending_conversation"]


@pytest.mark.parametrize("vector", OURS["cards"], ids=lambda vector: vector["name"])
def test_cards(vector: dict[str, Any]) -> None:
    """Ed25519 signs the same content the same way, so a card can be made again to the letter."""
    identity = read_identity(canonical_json(vector["identity"]))
    now = seconds_of(vector["now"])
    card = make_card(identity, vector["card"]["version"], now, capabilities=vector["card"]["capabilities"])
    assert card.to_json() == vector["card"]
    assert verify_card(vector["card"]) == card


@pytest.mark.parametrize("vector", OURS["envelopes"], ids=lambda vector: vector["name"])
def test_envelopes_open(vector: dict[str, Any]) -> None:
    me = read_identity(canonical_json(vector["recipient_identity"]))
    card = verify_card(vector["sender_card"])
    opened = open_envelope(vector["envelope"], me, card, seconds_of(vector["now"]))
    assert opened.body == vector["body"]
    assert opened.sha256 == vector["sha256"]


@pytest.mark.parametrize("vector", OURS["envelopes"], ids=lambda vector: vector["name"])
def test_envelopes_are_made_to_the_letter_once_the_ephemeral_key_is_given(vector: dict[str, Any]) -> None:
    """Written down step by step from `docs/protocol.md`, without the code that seals."""
    header = {key: value for key, value in vector["envelope"].items() if key not in {"enc", "ciphertext"}}
    inside = pad(canonical_json({"body": vector["body"], "sig": vector["sig"]}))
    me = read_identity(canonical_json(vector["recipient_identity"]))
    own = me.encryption_key(header["recipient_kid"])
    assert own is not None
    info = b"pingagent-envelope-v1\0" + canonical_json(header)
    sealed = hpke_seal(inside, own.private.public_raw, info, unb64u(vector["ephemeral_seed"]))
    envelope = parse_envelope(vector["envelope"])
    assert sealed == (envelope.enc, envelope.ciphertext)


@pytest.mark.parametrize("vector", OURS["refused_envelopes"], ids=lambda vector: vector["reason"])
def test_envelopes_that_must_be_refused(vector: dict[str, Any]) -> None:
    base = OURS["envelopes"][0]
    me = read_identity(canonical_json(base["recipient_identity"]))
    with pytest.raises(EnvelopeError) as refused:
        open_envelope(
            {**base["envelope"], **vector["change"]},
            me,
            verify_card(base["sender_card"]),
            seconds_of(vector.get("now", base["now"])),
        )
    assert refused.value.reason == vector["reason"]


@pytest.mark.parametrize("vector", OURS["receipts"])
def test_receipts(vector: dict[str, Any]) -> None:
    key = SigningKey.from_seed(unb64u(vector["relay_seed"]))
    envelope = parse_envelope(OURS["envelopes"][0]["envelope"])
    told = vector["receipt"]
    made = sign_receipt(key, envelope, told["seq"], told["log_id"], seconds_of(told["committed_at"]))
    assert made.to_json() == told
    assert verify_receipt(told, relay_id_of(key), envelope) == made


@pytest.mark.parametrize("vector", OURS["exports"])
def test_exported_identities_open(vector: dict[str, Any]) -> None:
    identity = import_identity(canonical_json(vector["export"]), Secret(vector["passphrase"]))
    assert identity == read_identity(canonical_json(vector["identity"]))


@pytest.mark.parametrize("vector", NEWER["names"])
def test_names_of_keys_and_threads_in_version_2(vector: dict[str, str]) -> None:
    first, second = (SigningKey.from_seed(unb64u(vector[key])) for key in ("seed_a", "seed_b"))
    one, other = did_of(first.public_raw), did_of(second.public_raw)
    assert kid_of(first.public_raw, 2) == vector["kid_a"]
    assert conversation_of(one, other) == vector["conversation"]
    assert conversation_of(other, one, pending=True) == vector["pending_conversation"]


@pytest.mark.parametrize("vector", NEWER["envelopes"], ids=lambda vector: vector["name"])
def test_envelopes_of_version_2_open(vector: dict[str, Any]) -> None:
    me = read_identity(canonical_json(NEWER["recipient_identity"]))
    card = verify_card(NEWER["sender_card"])
    opened = open_envelope(vector["envelope"], me, card, seconds_of(vector["now"]))
    content = vector["content"]
    assert opened.sha256 == vector["sha256"]
    assert opened.body == content["body"]
    assert opened.chain is not None
    assert opened.chain.to_json() == content["chain"]
    assert (opened.seen.to_json() if opened.seen else None) == content.get("seen")
    assert (opened.access_key.reveal() if opened.access_key else None) == content.get("access_key")
    assert_valid(vector["envelope"], "pingagent-envelope")
    assert_valid({**content, "sig": vector["sig"]}, "pingagent-envelope-content")


@pytest.mark.parametrize("vector", NEWER["envelopes"], ids=lambda vector: vector["name"])
def test_envelopes_of_version_2_are_made_to_the_letter(vector: dict[str, Any]) -> None:
    """Written down step by step from `docs/protocol.md`, without the code that seals."""
    header = {key: value for key, value in vector["envelope"].items() if key not in {"enc", "ciphertext"}}
    content_sha256 = hashlib.sha256(canonical_json(vector["content"])).hexdigest()
    signed = b"pingagent-message-v2\0" + canonical_json({**header, "content_sha256": content_sha256})
    card = verify_card(NEWER["sender_card"])
    Ed25519PublicKey.from_public_bytes(card.signing_key).verify(unb64u(vector["sig"]), signed)
    inside = pad(canonical_json({**vector["content"], "sig": vector["sig"]}))
    me = read_identity(canonical_json(NEWER["recipient_identity"]))
    own = me.encryption_key(header["recipient_kid"])
    assert own is not None
    info = b"pingagent-envelope-v2\0" + canonical_json(header)
    sealed = hpke_seal(inside, own.private.public_raw, info, unb64u(vector["ephemeral_seed"]))
    envelope = parse_envelope(vector["envelope"])
    assert sealed == (envelope.enc, envelope.ciphertext)


def test_the_first_two_envelopes_of_version_2_are_linked() -> None:
    first, second, _ = NEWER["envelopes"]
    assert second["content"]["chain"]["previous"] == first["sha256"]


@pytest.mark.parametrize("vector", NEWER["refused_envelopes"], ids=lambda vector: str(vector["change"]))
def test_envelopes_of_version_2_that_must_be_refused(vector: dict[str, Any]) -> None:
    base = NEWER["envelopes"][0]
    me = read_identity(canonical_json(NEWER["recipient_identity"]))
    with pytest.raises(EnvelopeError) as refused:
        open_envelope(
            {**base["envelope"], **vector["change"]},
            me,
            verify_card(NEWER["sender_card"]),
            seconds_of(vector.get("now", base["now"])),
        )
    assert refused.value.reason == vector["reason"]


@pytest.mark.parametrize("vector", NEWER["refused_links"], ids=lambda vector: vector["why"])
def test_links_that_must_be_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        Link.read(vector["link"])


@pytest.mark.parametrize("vector", NEWER["refused_seen"], ids=lambda vector: vector["why"])
def test_counters_that_must_be_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        Seen.read(vector["seen"])
