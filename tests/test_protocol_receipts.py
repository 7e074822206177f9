"""Commit receipts and request tokens: what a relay signs, and what an agent signs to a relay."""

from __future__ import annotations

import copy
import json
from typing import Any

import jwt
import pytest

from openclaw_install.protocol.canonical import b64u, canonical_json
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.errors import ReceiptError, TokenError
from openclaw_install.protocol.identity import rotate_signing
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import (
    is_committed,
    read_receipt,
    relay_id_of,
    sign_receipt,
    verify_receipt,
)
from openclaw_install.protocol.times import DAY, iso
from openclaw_install.protocol.tokens import (
    LEEWAY,
    LIFETIME,
    RelayRequest,
    make_token,
    token_issuer,
    verify_token,
)
from tests.protocol_rig import NOW, RELAY, agent, pair
from tests.schemas import assert_valid
from tests.support.memory_replay_guard import MemoryReplayGuard

ENVELOPE = pair().sealed()
RELAY_ID = relay_id_of(RELAY)
RECEIPT = sign_receipt(RELAY, ENVELOPE, 1, "log-1", NOW)


def test_a_receipt_proves_the_commit_of_its_envelope() -> None:
    assert_valid(RECEIPT.to_json(), "pingagent-commit-receipt")
    assert verify_receipt(RECEIPT.to_json(), RELAY_ID, ENVELOPE) == RECEIPT
    assert verify_receipt(canonical_json(RECEIPT.to_json()), RELAY_ID, ENVELOPE) == RECEIPT
    assert read_receipt(RECEIPT.to_json()) == RECEIPT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("message_id", "msg_01M7XWKGZPNNHMK8DFE3CA69Y6"),
        ("to", agent(3).did),
        ("seq", 2),
        ("seq", 0),
        ("seq", True),
        ("seq", 1.0),
        ("committed_at", iso(NOW + 1)),
        ("relay", relay_id_of(SigningKey.from_seed(bytes(32)))),
        ("relay", "AA"),
        ("log_id", "log-2"),
        ("log_id", ""),
        ("log_id", "log-1\n"),
        ("envelope_sha256", "0" * 64),
        ("signature", b64u(bytes(64))),
        ("more", 1),
    ],
)
def test_a_receipt_altered_in_any_field_proves_nothing(field: str, value: Any) -> None:
    with pytest.raises(ReceiptError):
        read_receipt({**RECEIPT.to_json(), field: value})


@pytest.mark.parametrize("field", sorted(RECEIPT.to_json()))
def test_a_receipt_without_one_of_its_fields_proves_nothing(field: str) -> None:
    with pytest.raises(ReceiptError):
        read_receipt({key: value for key, value in RECEIPT.to_json().items() if key != field})


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b" " * 5000])
def test_bytes_that_are_no_receipt_prove_nothing(data: bytes) -> None:
    with pytest.raises(ReceiptError):
        read_receipt(data)


def test_a_receipt_of_another_relay_or_for_another_envelope_proves_nothing() -> None:
    other = sign_receipt(SigningKey.generate(), ENVELOPE, 1, "log-1", NOW)
    with pytest.raises(ReceiptError, match="another relay"):
        verify_receipt(other.to_json(), RELAY_ID, ENVELOPE)
    with pytest.raises(ReceiptError, match="another envelope"):
        verify_receipt(RECEIPT.to_json(), RELAY_ID, pair().sealed())


@pytest.mark.parametrize(("seq", "log_id"), [(0, "log-1"), (-1, "log-1"), (1, ""), (1, "a b")])
def test_a_relay_signs_no_receipt_that_commits_to_nothing(seq: int, log_id: str) -> None:
    with pytest.raises(ReceiptError):
        sign_receipt(RELAY, ENVELOPE, seq, log_id, NOW)


@pytest.mark.parametrize(
    ("message_id", "seq", "committed"),
    [
        ("msg", 1, True),
        ("msg", 0, False),
        ("msg", None, False),
        ("", 1, False),
        (None, 1, False),
        ("msg", True, False),
    ],
)
def test_committed_means_a_message_id_and_a_place(message_id: str, seq: int, committed: bool) -> None:
    assert is_committed(message_id, seq) is committed


# --- tokens

ANN = agent(1)
CARD = make_card(ANN, 1, NOW)
REQUEST = RelayRequest(RELAY_ID, "POST", "/relay/v1/envelopes?x=1", "ab" * 32)


def _guard() -> MemoryReplayGuard:
    return MemoryReplayGuard(lambda: NOW)


def _refused(token: str, now: float = NOW, request: RelayRequest = REQUEST, card: Any = CARD) -> str:
    with pytest.raises(TokenError) as refused:
        verify_token(token, card, request, now, _guard())
    assert refused.value.error_code == f"token.{refused.value.reason}"
    return refused.value.reason


def _forged(claims: dict[str, Any], headers: dict[str, Any] | None = None) -> str:
    whole = {
        "iss": ANN.did,
        "aud": RELAY_ID,
        "iat": int(NOW),
        "exp": int(NOW) + LIFETIME,
        "jti": "x" * 22,
        "htm": REQUEST.method,
        "hth": REQUEST.path,
        "bdh": REQUEST.body_sha256,
    }
    kept = {key: value for key, value in {**whole, **claims}.items() if value is not None}
    header = {"typ": "pingagent-token+jwt", "kid": ANN.signing.kid, **(headers or {})}
    return jwt.encode(kept, ANN.signing.reveal(), algorithm="EdDSA", headers=header)


def test_a_token_speaks_for_its_request_once() -> None:
    token, guard = make_token(ANN, REQUEST, NOW), _guard()
    assert "redacted" in repr(token)
    assert token_issuer(token.reveal()) == ANN.did
    verify_token(token.reveal(), CARD, REQUEST, NOW, guard)
    with pytest.raises(TokenError) as refused:
        verify_token(token.reveal(), CARD, REQUEST, NOW, guard)
    assert refused.value.reason == "replayed"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (RelayRequest("another", REQUEST.method, REQUEST.path, REQUEST.body_sha256), "wrong_audience"),
        (RelayRequest(RELAY_ID, "PUT", REQUEST.path, REQUEST.body_sha256), "wrong_request"),
        (RelayRequest(RELAY_ID, "POST", "/relay/v1/envelopes", REQUEST.body_sha256), "wrong_request"),
        (RelayRequest(RELAY_ID, "POST", REQUEST.path), "wrong_body"),
    ],
)
def test_a_token_for_another_request_is_refused(request_: RelayRequest, reason: str) -> None:
    assert _refused(make_token(ANN, REQUEST, NOW).reveal(), request=request_) == reason


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW + DAY, "expired"),
        (NOW + LIFETIME + LEEWAY + 1, "expired"),
        (NOW - LEEWAY - 1, "from_future"),
        (NOW - DAY, "from_future"),
    ],
)
def test_a_token_out_of_its_minute_is_refused_and_the_clock_is_named(now: float, reason: str) -> None:
    token = make_token(ANN, REQUEST, NOW).reveal()
    assert _refused(token, now) == reason
    with pytest.raises(TokenError) as refused:
        verify_token(token, CARD, REQUEST, now, _guard())
    assert "clock" in refused.value.next_step


@pytest.mark.parametrize("now", [NOW - LEEWAY, NOW, NOW + LIFETIME + LEEWAY - 1])
def test_half_a_minute_between_the_clocks_is_allowed(now: float) -> None:
    verify_token(make_token(ANN, REQUEST, NOW).reveal(), CARD, REQUEST, now, _guard())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": int(NOW) + 3600}, "too_long_lived"),
        ({"exp": int(NOW)}, "too_long_lived"),
        ({"exp": None}, "malformed"),
        ({"exp": NOW + 60.5}, "malformed"),
        ({"iat": True}, "malformed"),
        ({"jti": None}, "malformed"),
        ({"jti": "short"}, "malformed"),
        ({"jti": "x" * 22 + "\n"}, "malformed"),
        ({"htm": ["POST"]}, "malformed"),
        ({"aud": [RELAY_ID]}, "malformed"),
        ({"iss": "did:agent:x"}, "wrong_issuer"),
        ({"iss": None}, "wrong_issuer"),
        ({"iss": agent(3).did}, "wrong_issuer"),
        ({"bdh": None}, "malformed"),
    ],
)
def test_a_token_with_other_claims_is_refused_though_its_signature_holds(
    claims: dict[str, Any], reason: str
) -> None:
    assert _refused(_forged(claims)) == reason


@pytest.mark.parametrize("headers", [{"kid": "k_x"}, {"typ": "JWT"}])
def test_a_token_with_another_header_is_refused(headers: dict[str, Any]) -> None:
    assert _refused(_forged({}, headers)) in {"bad_signature", "malformed"}


def test_a_token_of_another_kind_of_key_is_refused() -> None:
    for algorithm, key in (("none", ""), ("HS256", CARD.signing_key)):
        claims = jwt.decode(_forged({}), options={"verify_signature": False})
        headers = {"typ": "pingagent-token+jwt", "kid": ANN.signing.kid}
        token = jwt.encode(claims, key, algorithm=algorithm, headers=headers)
        assert _refused(token) == "bad_signature"


def test_a_token_signed_by_somebody_else_or_altered_is_refused() -> None:
    forger = agent(3)
    headers = {"typ": "pingagent-token+jwt", "kid": ANN.signing.kid}
    claims = jwt.decode(_forged({}), options={"verify_signature": False})
    assert (
        _refused(jwt.encode(claims, forger.signing.reveal(), algorithm="EdDSA", headers=headers))
        == "bad_signature"
    )
    head, _, signature = _forged({}).split(".")
    other = jwt.encode({**claims, "htm": "GET"}, forger.signing.reveal(), algorithm="EdDSA").split(".")[1]
    assert _refused(f"{head}.{other}.{signature}") == "bad_signature"


def test_a_signing_key_that_was_replaced_signs_no_more_tokens() -> None:
    newer = make_card(rotate_signing(ANN, NOW + 1), 2, NOW + 1)
    assert _refused(make_token(ANN, REQUEST, NOW + 2).reveal(), NOW + 2, card=newer) == "bad_signature"


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "....", "é.é.é", "\ud800", "x" * 5000, "e30.W10.AA", "e30.e30.AA"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert _refused(token) in {"malformed", "wrong_issuer"}


def test_a_token_whose_key_id_is_no_text_is_refused() -> None:
    head = b64u(b'{"alg":"EdDSA","typ":"pingagent-token+jwt","kid":5}')
    _, payload, signature = _forged({}).split(".")
    assert _refused(f"{head}.{payload}.{signature}") == "malformed"


def test_a_token_nested_beyond_reason_is_refused() -> None:
    token = ".".join([b64u(b'{"alg":"EdDSA"}'), b64u(b"[" * 2000), "AA"])
    assert _refused(token) == "malformed"


def test_a_refused_token_leaves_no_trace_and_each_agent_has_its_own_ids() -> None:
    guard = _guard()
    token = _forged({})
    with pytest.raises(TokenError):
        verify_token(token, CARD, RelayRequest("another", "GET", "/"), NOW, guard)
    verify_token(token, CARD, REQUEST, NOW, guard)
    assert guard.first_time(f"{agent(3).did}/{'x' * 22}", NOW + 1)


def test_the_guard_forgets_what_has_expired() -> None:
    now = NOW
    guard = MemoryReplayGuard(lambda: now)
    assert guard.first_time("a", NOW + 10)
    assert not guard.first_time("a", NOW + 10)
    now = NOW + 5 * LIFETIME
    assert guard.first_time("b", now + 10)
    assert guard.first_time("a", now + 10)
    assert len(guard._seen) == 2


def test_a_token_stays_secret_in_a_copy() -> None:
    token = make_token(ANN, REQUEST, NOW)
    assert token.reveal() not in repr(copy.copy(token))
    assert token.reveal() not in json.dumps({"token": str(token)})
