"""The relay over HTTP: cards, envelopes, inboxes, and every way to be turned away."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from openclaw_install.hub.relay.errors import CODES, refused
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.protocol.canonical import b64u, canonical_json
from openclaw_install.protocol.card import make_card, verify_card
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.envelope import open_envelope
from openclaw_install.protocol.header import parse_envelope
from openclaw_install.protocol.identity import new_identity, rename, rotate_encryption, rotate_signing
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import verify_receipt
from tests.hub_rig import Log
from tests.relay_rig import RELAY, Peer, RunningRelay, relay_in_memory, running_relay
from tests.schemas import assert_valid
from tests.support.clocks import GoingClock
from tests.support.memory_relay_store import MemoryRelayStore

LONG = "\U0001f642" * 40_000


@pytest.fixture(scope="module")
def relay() -> Iterator[RunningRelay]:
    with relay_in_memory(RelayLimits(registration_burst=10_000, request_burst=10_000)) as running:
        yield running


@pytest.fixture
def ann(relay: RunningRelay) -> Iterator[Peer]:
    with relay.peer() as peer:
        yield peer


@pytest.fixture
def bob(relay: RunningRelay) -> Iterator[Peer]:
    with relay.peer() as peer:
        yield peer


def code(answer: httpx.Response) -> tuple[int, str]:
    assert_valid(answer.json(), "relay-error")
    return answer.status_code, answer.json()["error"]["code"]


def test_a_message_arrives_with_the_receipt_that_its_sender_got_and_opens(tmp_path: Path) -> None:
    with running_relay(tmp_path) as relay, relay.peer(alias="ann") as ann, relay.peer() as bob:
        envelope = ann.sealed(bob, "good morning")
        receipt = ann.commit(envelope)
        assert (receipt.seq, receipt.log_id) == (1, relay.about()["log_id"])
        page = bob.inbox()
        assert (page["head"], page["next"], page["previous"]) == (1, 1, None)
        entry = page["entries"][0]
        assert entry["receipt"] == receipt.to_json()
        verify_receipt(entry["receipt"], ann.relay_id(), parse_envelope(entry["envelope"]))
        opened = open_envelope(entry["envelope"], bob.identity, ann.card, time.time())
        assert opened.body["text"] == "good morning"
        assert bob.ack(seqs=[1]) == 1
        assert bob.ack(up_to=1) == 0
        assert bob.inbox()["entries"] == [{"seq": 1, "gone": "acked"}]
        assert bob.inbox(1)["previous"] == envelope.header.message_id
        assert ann.inbox()["entries"] == []


def test_the_same_bytes_again_have_the_same_receipt_and_other_bytes_a_conflict(ann: Peer, bob: Peer) -> None:
    envelope = ann.sealed(bob)
    first = ann.post(envelope)
    assert ann.post(envelope).content == first.content
    spelled = json.dumps(json.loads(envelope.wire), indent=1).encode()
    assert ann.ask("POST", "/envelopes", spelled).content == first.content
    bob.ack(up_to=1)
    assert ann.post(envelope).content == first.content
    other = ann.sealed(bob, message_id=envelope.header.message_id)
    assert code(ann.post(other)) == (409, "message_id_reused")
    assert bob.inbox()["head"] == 1


def test_another_sender_may_use_the_same_message_id(relay: RunningRelay, ann: Peer, bob: Peer) -> None:
    with relay.peer() as cat:
        envelope = ann.sealed(bob)
        ann.commit(envelope)
        assert cat.commit(cat.sealed(bob, message_id=envelope.header.message_id)).seq == 2


def test_envelopes_in_any_order_keep_the_order_of_their_commits(ann: Peer, bob: Peer) -> None:
    sealed = [ann.sealed(bob, str(number)) for number in range(3)]
    for envelope in reversed(sealed):
        ann.commit(envelope)
    ids = [entry["envelope"]["message_id"] for entry in bob.whole_inbox(limit=1)]
    assert ids == [envelope.header.message_id for envelope in reversed(sealed)]


def test_what_is_wrong_with_an_envelope_is_said(relay: RunningRelay, ann: Peer, bob: Peer) -> None:
    good = ann.sealed(bob)
    fields = good.to_json()

    def posted(**changes: object) -> tuple[int, str]:
        return code(ann.ask("POST", "/envelopes", canonical_json({**fields, **changes})))

    assert posted(v=3) == (422, "wrong_version")
    assert posted(extra=1) == (422, "malformed")
    assert posted(to=ann.did) == (422, "malformed")
    assert posted(seq=1) == (422, "malformed")
    stranger = new_identity(time.time())
    assert posted(to=stranger.did) == (422, "wrong_conversation")
    conversation = conversation_of(ann.did, stranger.did, version=1)
    assert posted(to=stranger.did, conversation_id=conversation) == (404, "unknown_recipient")
    assert code(ann.ask("POST", "/envelopes", b"{")) == (422, "malformed")
    assert code(ann.ask("POST", "/envelopes", good.wire.replace(b'"v":1', b'"v":1,"v":1'))) == (
        422,
        "malformed",
    )
    assert code(bob.post(good)) == (403, "wrong_sender")
    assert bob.inbox()["head"] == 0


def test_an_envelope_out_of_its_time_is_refused(ann: Peer, bob: Peer) -> None:
    def sent(ahead: float, lifetime: float) -> tuple[int, str]:
        ann.ahead = ahead
        envelope = ann.sealed(bob, lifetime=lifetime)
        ann.ahead = 0.0
        answer = ann.post(envelope)
        return (200, "") if answer.status_code == 200 else code(answer)

    assert sent(-7200, 3600) == (410, "expired")
    assert sent(-86_000, 86_400) == (200, "")
    assert sent(86_400, 3600) == (422, "from_future")
    assert sent(200, 3600) == (200, "")


def test_a_clock_that_is_a_day_off_is_told_so(ann: Peer) -> None:
    ann.ahead = 86_400
    answer = ann.ask("GET", "/inbox")
    assert code(answer) == (401, "token_from_future")
    assert "clock" in answer.json()["error"]["next_step"]
    ann.ahead = -86_400
    assert code(ann.ask("GET", "/inbox")) == (401, "token_expired")


def test_bodies_beyond_the_limits_are_refused_before_they_are_read(ann: Peer, bob: Peer) -> None:
    fields = ann.sealed(bob).to_json()
    wire = canonical_json({**fields, "ciphertext": "A" * 262_144})
    assert code(ann.ask("POST", "/envelopes", wire)) == (413, "oversized")
    assert code(ann.ask("POST", "/envelopes", b" " * 300_000)) == (413, "body_too_large")
    assert code(ann.ask("PUT", f"/agents/{ann.did}/card", b" " * 100_000)) == (413, "body_too_large")
    assert code(ann.ask("POST", "/acks", b" " * 100_000)) == (413, "body_too_large")
    largest = ann.sealed(bob, LONG)
    assert ann.commit(largest).seq == 1
    assert parse_envelope(bob.inbox()["entries"][0]["envelope"]) == largest


def test_pages_are_bounded_by_bytes_and_lose_nothing(ann: Peer, bob: Peer) -> None:
    sent = [ann.commit(ann.sealed(bob, LONG)).message_id for _ in range(20)]
    assert len(bob.inbox()["entries"]) < 20
    entries = bob.whole_inbox()
    assert [entry["seq"] for entry in entries] == list(range(1, 21))
    assert [entry["receipt"]["message_id"] for entry in entries] == sent


def test_only_the_signer_of_this_request_is_served(relay: RunningRelay, ann: Peer, bob: Peer) -> None:
    body = ann.sealed(bob).wire
    url = f"{relay.base_url}{RELAY}"

    def asked(method: str, path: str, headers: dict[str, str], sent: bytes = b"") -> tuple[int, str]:
        answer = httpx.request(method, url + path, headers=headers, content=sent or None)
        assert answer.status_code != 401 or answer.headers["www-authenticate"].startswith("PingAgent")
        return code(answer)

    unauthorized = (401, "unauthorized")
    good = ann.headers("GET", "/inbox")["Authorization"]
    payloads = (b"[]", b"x", b'{"iss":1}', json.dumps({"iss": ann.did, "iat": "1"}).encode(), b"\xff")
    odd = [f"PingAgent a.{b64u(payload)}.b" for payload in payloads] + ["PingAgent a.A.b"]
    for header in (
        "",
        "Bearer x",
        "PingAgent",
        "PingAgent x.y.z",
        good[:-9] + "AAAAAAAAA",
        good + "x" * 5000,
        *odd,
    ):
        assert asked("GET", "/inbox", {"Authorization": header}) == unauthorized
    with relay.peer(register=False) as stranger:
        assert asked("GET", "/inbox", stranger.headers("GET", "/inbox")) == unauthorized
    thief = Peer(relay.base_url, replace(ann.identity, signing=SigningKey.generate()))
    assert asked("GET", "/inbox", thief.headers("GET", "/inbox")) == unauthorized
    thief.close()
    elsewhere = ann.headers("GET", "/inbox", audience="another")
    assert asked("GET", "/inbox", elsewhere) == (401, "token_wrong_audience")
    for method, path in (("GET", "/inbox?after=1"), ("GET", "/stream"), ("POST", "/acks")):
        assert asked(method, path, ann.headers("GET", "/inbox")) == (401, "token_wrong_request")
    assert asked("POST", "/envelopes", ann.headers("POST", "/envelopes", b"x"), body) == (
        401,
        "token_wrong_body",
    )
    with_body = ann.headers("GET", "/inbox", body_sha256="0" * 64)
    assert asked("GET", "/inbox", with_body) == (401, "token_wrong_body")
    assert bob.inbox()["head"] == 0


def test_a_token_counts_once(relay: RunningRelay, ann: Peer, bob: Peer) -> None:
    for method, path, body in (("GET", "/inbox", b""), ("POST", "/envelopes", ann.sealed(bob).wire)):
        headers = ann.headers(method, path, body)
        url = f"{relay.base_url}{RELAY}{path}"
        answers = [httpx.request(method, url, headers=headers, content=body or None) for _ in range(2)]
        assert answers[0].status_code == 200
        assert code(answers[1]) == (401, "token_replayed")


def test_an_agent_reads_its_own_inbox_and_no_other(relay: RunningRelay, ann: Peer, bob: Peer) -> None:
    ann.commit(ann.sealed(bob))
    assert ann.inbox()["entries"] == []
    assert ann.ack(up_to=5, seqs=[1]) == 0
    assert "envelope" in bob.inbox()["entries"][0]


def test_cards_are_found_by_did_and_by_alias(relay: RunningRelay, ann: Peer) -> None:
    with relay.peer(alias="Bob.B") as bob:
        answer = ann.ask("GET", f"/agents/{bob.did}/card")
        assert verify_card(answer.content).did == bob.did
        assert ann.ask("GET", f"/agents/{quote(bob.did)}/card").content == answer.content
        for alias in ("bob.b", "BOB.B", "@bob.b", "%40Bob.b"):
            assert ann.ask("GET", f"/aliases/{alias}").json() == {"did": bob.did}
    assert code(ann.ask("GET", "/aliases/nobody")) == (404, "unknown_alias")
    assert code(ann.ask("GET", "/aliases/%C3%A9")) == (404, "unknown_alias")
    for name in ("did:agent:" + "a" * 32, "x", "..%2F..%2Fhealthz"):
        assert ann.ask("GET", f"/agents/{name}/card").status_code == 404


def test_a_newer_card_replaces_the_older_and_nothing_else_does(relay: RunningRelay) -> None:
    with relay.peer(register=False) as peer:
        now = time.time()
        first = make_card(peer.identity, 1, now)
        assert peer.put_card(first).status_code == 200
        assert peer.put_card(first).status_code == 200
        peer.identity = rotate_encryption(peer.identity, now)
        second = make_card(peer.identity, 3, now)
        assert peer.put_card(second).json() == {"did": peer.did, "version": 3}
        assert code(peer.put_card(first)) == (409, "card_version")
        assert code(peer.put_card(make_card(peer.identity, 3, now, capabilities=("x",)))) == (
            409,
            "card_fork",
        )
        before = peer.identity
        peer.identity = rotate_signing(before, now)
        assert peer.put_card(make_card(peer.identity, 4, now)).status_code == 200
        assert peer.inbox()["head"] == 0
        peer.identity = rotate_signing(before, now)
        assert code(peer.put_card(make_card(peer.identity, 5, now))) == (409, "card_fork")
        peer.identity = before
        assert code(peer.ask("GET", "/inbox")) == (401, "unauthorized")


def test_a_card_is_published_by_its_own_agent(relay: RunningRelay, ann: Peer, bob: Peer) -> None:
    card = canonical_json(bob.card.to_json())
    assert code(ann.ask("PUT", f"/agents/{bob.did}/card", card)) == (403, "wrong_agent")
    assert code(ann.ask("PUT", f"/agents/{ann.did}/card", card)) == (403, "wrong_agent")
    forged = bob.card.to_json() | {"display_name": "Ann"}
    assert code(bob.ask("PUT", f"/agents/{bob.did}/card", canonical_json(forged))) == (422, "malformed")
    assert code(bob.ask("PUT", f"/agents/{bob.did}/card", b"[]")) == (422, "malformed")


def test_an_alias_goes_to_the_first_and_some_to_nobody(relay: RunningRelay) -> None:
    with relay.peer(alias="twice") as first, relay.peer(alias="Twice", register=False) as second:
        assert code(second.put_card()) == (409, "alias_taken")
        assert code(second.ask("GET", "/inbox")) == (401, "unauthorized")
        second.identity = rename(second.identity, alias="relay", display_name=None)
        assert code(second.put_card()) == (422, "alias_reserved")
        second.identity = rename(second.identity, alias="thrice", display_name=None)
        assert second.put_card().status_code == 200
        assert first.ask("GET", "/aliases/thrice").json() == {"did": second.did}


def test_closed_registration_keeps_strangers_out_and_members_in() -> None:
    store, key = MemoryRelayStore(), SigningKey.generate()
    with relay_in_memory(store=store, key=key) as relay, relay.peer() as ann:
        identity = ann.identity
    with relay_in_memory(RelayLimits(registration="closed"), store=store, key=key) as relay:
        assert relay.about()["limits"]["open_registration"] is False
        member = Peer(relay.base_url, identity, version=1)
        assert member.put_card().status_code == 200
        member.close()
        with relay.peer(register=False) as stranger:
            assert code(stranger.put_card()) == (403, "registration_closed")


def test_acks_and_queries_of_another_form_are_refused(ann: Peer) -> None:
    bodies = [b"[]", b"{}", b"x", b'{"up_to":-1}', b'{"up_to":"1"}', b'{"seqs":1}', b'{"seqs":[true]}']
    for body in [*bodies, b'{"upto":1}', json.dumps({"seqs": [1] * 5001}).encode(), b'{"up_to":1.5}']:
        assert code(ann.ask("POST", "/acks", body)) == (422, "malformed")
    for query in ("after=-1", "after=x", "limit=", "after=99999999999999999999", "after=9999999999999999"):
        assert code(ann.ask("GET", f"/inbox?{query}")) == (422, "malformed")
    assert ann.inbox(limit=0)["entries"] == []


def test_other_places_methods_and_types_are_refused(relay: RunningRelay, ann: Peer) -> None:
    assert code(ann.ask("GET", "/nothing")) == (404, "not_found")
    assert code(ann.ask("GET", "/")) == (404, "not_found")
    assert code(ann.ask("DELETE", "/inbox")) == (405, "method_not_allowed")
    assert code(ann.ask("POST", "/acks", b'{"up_to":1}', **{"Content-Type": "text/plain"})) == (
        415,
        "not_json",
    )
    url = f"{relay.base_url}{RELAY}/about"
    assert httpx.head(url).status_code == 405, "a token is for one method"
    assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 421
    assert httpx.get(url, headers={"Origin": "https://evil.example"}).status_code == 403
    assert relay.about()["api"] == 1


def test_every_code_has_status_words_and_a_next_step() -> None:
    for name in CODES:
        answer = refused(name, retry_after=3)
        assert 400 <= answer.status < 600
        assert_valid({"error": answer.to_json()}, "relay-error")
        assert answer.headers["Retry-After"] == "3"


def test_the_log_has_no_ciphertext_token_or_name_in_a_path() -> None:
    log = Log()
    with relay_in_memory(write_log=log) as relay, relay.peer(alias="ann") as ann, relay.peer() as bob:
        envelope = ann.sealed(bob, "a secret")
        ann.commit(envelope)
        ann.ask("GET", "/aliases/ann")
        bob.inbox()
        headers = bob.headers("GET", "/inbox")
        bob.http.get(f"{relay.base_url}{RELAY}/inbox", headers=headers)
        log.wait(path="/relay/v1/envelopes", agent=ann.did, seq=1)
        log.wait(path="/relay/v1/aliases/{alias}")
    for event in log.events:
        assert_valid(event, "hub-log")
    text = json.dumps(log.events)
    assert envelope.to_json()["ciphertext"][:40] not in text
    assert headers["Authorization"].removeprefix("PingAgent ")[:40] not in text


def test_a_body_that_takes_too_long_is_given_up_and_so_are_headers(relay: RunningRelay) -> None:
    slow = RelayLimits(body_seconds=0.2, header_seconds=0.5)
    with relay_in_memory(slow) as running, running.peer() as ann:
        parts = urlsplit(running.base_url)
        assert parts.hostname
        headers = ann.headers("POST", "/acks", b"12345")
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(
            ["POST /relay/v1/acks HTTP/1.1", f"Host: {parts.netloc}", "Content-Length: 5", *lines]
        )
        with socket.create_connection((parts.hostname, parts.port or 0), timeout=30) as client:
            client.sendall(f"{head}\r\n\r\n1".encode())
            answer = client.makefile("rb").read()
        assert b" 408 " in answer
        assert b"body_too_slow" in answer
        for sent in (b"", b"GET /healthz HTTP/1.1\r\n"):
            with socket.create_connection((parts.hostname, parts.port or 0), timeout=30) as client:
                client.sendall(sent)
                # The end comes as one, or as a reset where bytes were left unread.
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(1) == b""


def test_a_second_request_on_a_connection_has_a_limit_for_its_headers_too() -> None:
    with relay_in_memory(RelayLimits(header_seconds=0.5)) as running:
        parts = urlsplit(running.base_url)
        assert parts.hostname
        with socket.create_connection((parts.hostname, parts.port or 0), timeout=30) as client:
            client.sendall(f"GET /healthz HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            assert b" 200 " in client.recv(65_536)
            client.sendall(b"GET /healthz HTTP/1.1\r\n")
            with contextlib.suppress(ConnectionResetError):
                while client.recv(65_536):
                    pass


def test_the_clock_of_the_relay_is_what_about_tells() -> None:
    clock = GoingClock()
    clock.step(3600)
    with relay_in_memory(clock=clock) as relay, relay.peer(register=False) as ann:
        assert code(ann.put_card()) == (401, "token_expired")
        ann.ahead = 3600
        assert ann.put_card().status_code == 200
