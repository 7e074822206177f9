"""Sealing and opening a message against the bare primitives under it: HPKE and one Ed25519 signature.

Usage: python benchmarks/protocol_seal.py
The bare side encrypts (decrypts) the same padded bytes under the same info and signs (verifies) once.
Ours adds the header, canonical JSON, padding, base64url, the schema of the body and every check.
Exit code 1 if ours takes more than four times as long, or more than 2 ms, for a message of 200 characters.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from openclaw_install.protocol.canonical import canonical_json
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import Draft, new_message_id, open_envelope, parse_envelope, seal
from openclaw_install.protocol.identity import new_identity
from openclaw_install.protocol.messages import TEXT, text_body

_SIZES = (200, 4_000, 60_000)
_ROUNDS = 7
_CALLS = 100
_MOST_RATIO = 4.0
_MOST_SECONDS = 0.002


def main() -> int:
    """Prints both sides' times for a few sizes; the first size decides."""
    results = [_measure(size) for size in _SIZES]
    ratio, seconds = results[0]
    print(f"ratio at {_SIZES[0]} characters: {ratio:.1f} (target: at most {_MOST_RATIO:.0f})")
    return 0 if ratio <= _MOST_RATIO and seconds <= _MOST_SECONDS else 1


def _measure(size: int) -> tuple[float, float]:
    now = time.time()
    sender, recipient = new_identity(now), new_identity(now)
    sender_card, card = make_card(sender, 1, now), make_card(recipient, 1, now)
    draft = Draft(new_message_id(now), conversation_of(sender.did, recipient.did), TEXT)
    body = text_body("x" * size)
    envelope = seal(body, draft, sender, card, now)
    assert open_envelope(envelope.wire, recipient, sender_card, now).body == body

    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    info = canonical_json(envelope.header.to_json())
    private = recipient.current_encryption.private.reveal()
    public = X25519PublicKey.from_public_bytes(card.encryption_keys[0].key)
    plaintext = bytes(len(envelope.ciphertext) - 16)
    sealed = suite.encrypt(plaintext, public, info)
    signing = sender.signing.reveal()
    signature = signing.sign(info)
    verifying = Ed25519PublicKey.from_public_bytes(sender_card.signing_key)

    def bare_seal() -> None:
        signing.sign(info)
        suite.encrypt(plaintext, public, info)

    def bare_open() -> None:
        suite.decrypt(sealed, private, info)
        verifying.verify(signature, info)

    times = {
        "seal": (_seconds(lambda: seal(body, draft, sender, card, now)), _seconds(bare_seal)),
        "open": (
            _seconds(lambda: open_envelope(envelope.wire, recipient, sender_card, now)),
            _seconds(bare_open),
        ),
    }
    print(f"{size} characters, {len(envelope.wire)} bytes on the wire")
    for name, (ours, bare) in times.items():
        print(
            f"  {name}: {ours * 1e6:7.0f} us; bare primitives {bare * 1e6:7.0f} us; ratio {ours / bare:.1f}"
        )
    read = _seconds(lambda: parse_envelope(envelope.wire))
    print(f"  read without opening, as the relay does: {read * 1e6:.0f} us")
    return max(ours / bare for ours, bare in times.values()), max(ours for ours, _ in times.values())


def _seconds(act: Callable[[], object]) -> float:
    """Seconds of one call: the best of some rounds, so that other work on the machine counts little."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(_CALLS):
            act()
        best = min(best, time.perf_counter() - started)
    return best / _CALLS


if __name__ == "__main__":
    sys.exit(main())
