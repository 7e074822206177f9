"""The door of a real hub: keys, sessions, hosts, limits, slow and huge bodies, the log, TLS and shutdown."""

from __future__ import annotations

import contextlib
import gc
import gzip
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from openclaw_install.common.errors import ConflictError, HostError, UsageError
from openclaw_install.hub.app import Stores
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.model import PutSkill
from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.hub.settings import HubSettings, check_tls_files
from tests.hub_rig import BOTH, Caller, Log
from tests.support.memory_metadata import MemoryMetadata
from tests.support.memory_skill_files import MemorySkillFiles
from tests.support.waiting import until

ROOMY = Limits(burst=10_000)


@contextlib.contextmanager
def hub_with(
    limits: Limits,
    log: Log | None = None,
    *,
    settings: HubSettings | None = None,
    metadata: MemoryMetadata | None = None,
) -> Iterator[RunningHub]:
    """A hub in memory: these tests are about the door, not the disk."""
    chosen = replace(settings or HubSettings(), limits=limits)
    stores = Stores(metadata or MemoryMetadata(), MemorySkillFiles())
    with running_hub(Path("unused"), stores=stores, settings=chosen, write_log=log) as hub:
        yield hub


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningHub]:
    with hub_with(ROOMY) as hub:
        yield hub


@pytest.fixture
def caller(shared: RunningHub) -> Iterator[Caller]:
    made = Caller(shared.url, shared.create_key("ann").reveal())
    yield made
    made.close()


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer mysta_", "Bearer mysta_wrong", "Basic bXlzdGFfeA==", "Bearer other"],
)
def test_without_a_valid_key_the_answer_is_401_with_a_challenge(
    shared: RunningHub, header: str | None
) -> None:
    headers = {"Authorization": header} if header is not None else {}
    for method in ("POST", "GET", "DELETE"):
        answer = httpx.request(method, shared.url, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Bearer realm="hub"')
        assert ("invalid_token" in answer.headers["www-authenticate"]) is bool(header)
        assert answer.json()["error"]["code"] == "unauthorized"


def test_a_revoked_key_ends_in_the_middle_of_its_session(shared: RunningHub, caller: Caller) -> None:
    caller.open()
    assert caller.rpc("ping").status_code == 200
    key = next(key for key in reversed(shared.admin.keys()) if key.owner == "ann")
    revoked = shared.admin.revoke_key(key.id)
    assert revoked.revoked_at
    assert shared.admin.revoke_key(key.id) == revoked
    assert caller.rpc("ping").status_code == 401
    assert caller.initialize().status_code == 401


def test_a_session_belongs_to_the_key_that_opened_it(shared: RunningHub, caller: Caller) -> None:
    caller.open()
    for owner in ("ann", "bob"):
        thief = Caller(shared.url, shared.create_key(owner).reveal(), session=caller.session)
        assert thief.rpc("ping").status_code == 404
        assert thief.http.delete(shared.url, headers=thief.headers()).status_code == 404
        thief.close()
    assert caller.rpc("ping").status_code == 200


def test_an_unknown_or_ended_session_is_404_and_a_missing_one_a_bad_request(caller: Caller) -> None:
    assert caller.rpc("ping").status_code == 400
    caller.open()
    assert caller.http.delete(caller.url, headers=caller.headers()).status_code == 200
    assert caller.rpc("ping").status_code == 404
    caller.session = "0" * 32
    assert caller.rpc("ping").status_code == 404


def test_hosts_and_origins_of_others_are_turned_away_everywhere(shared: RunningHub, caller: Caller) -> None:
    health = shared.url.replace("/api/v2/mcp", "/healthz")
    for url in (shared.url, health):
        assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 421
        assert httpx.get(url, headers={"Origin": "https://evil.example"}).status_code == 403
    assert httpx.get(health, headers={"Origin": "http://localhost:5173"}).json()["status"] == "live"
    assert caller.rpc("ping", Host="evil.example").status_code == 421


def test_only_the_two_paths_are_served(shared: RunningHub) -> None:
    root = shared.url.removesuffix("/api/v2/mcp")
    assert httpx.get(f"{root}/healthz").json()["ok"] is True
    refused = httpx.post(f"{root}/healthz")
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "method_not_allowed")
    assert httpx.get(f"{shared.url}/").status_code == 401, "a slash at the end is the same path"
    for path in ("/", "/api/v2/mcp//", "/api/v2/mcp/..%2f", "/docs"):
        answer = httpx.get(root + path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_another_content_type_is_415_and_another_accept_406(caller: Caller) -> None:
    caller.open()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"):
        assert caller.rpc("ping", **{"Content-Type": kind}).status_code == 415
    assert caller.rpc("ping", **{"Content-Type": "application/json; charset=utf-8"}).status_code == 200
    packed = caller.post(
        gzip.compress(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'), **{"Content-Encoding": "gzip"}
    )
    assert (packed.status_code, packed.json()["error"]["code"]) == (415, "encoded_body")
    assert caller.rpc("ping", **{"Content-Encoding": "identity"}).status_code == 200
    assert caller.rpc("ping", Accept="text/html").status_code == 406
    assert caller.post([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).status_code == 400, "no batches"
    assert caller.http.put(caller.url, headers=caller.headers()).status_code == 405


def test_a_key_that_asks_too_fast_is_told_when_to_come_again() -> None:
    with hub_with(Limits(requests_per_second=0.2, burst=3)) as hub:
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        assert caller.rpc("ping").status_code == 200
        answer = caller.rpc("ping")
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 5
        assert answer.json()["error"]["code"] == "rate_limited"
        other = Caller(hub.url, hub.create_key("ann").reveal())
        assert other.initialize().status_code == 200, "each key has a bucket of its own"
        caller.close()
        other.close()


def test_a_huge_body_is_413_before_it_is_read_and_the_client_hears_it(caller: Caller) -> None:
    caller.open()
    big = json.dumps({"x": "y" * 5_000_000}).encode()
    for _ in range(3):
        answer = caller.post(big)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert caller.rpc("ping").status_code == 200


def test_a_body_that_hides_its_size_is_413_when_it_is_too_much(caller: Caller) -> None:
    caller.open()
    chunks = (b"x" * 100_000 for _ in range(60))
    answer = caller.http.post(caller.url, content=chunks, headers=caller.headers())
    assert answer.status_code == 413


def _raw(hub: RunningHub, caller: Caller, length: str, sent: bytes, **more: str) -> socket.socket:
    parts = urlsplit(hub.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
    headers = {**caller.headers(**more), "Host": parts.netloc, "Content-Length": length}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection.sendall(f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + sent)
    return connection


def _answer(connection: socket.socket) -> bytes:
    received = b""
    with connection:
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_a_body_that_never_comes_is_408_and_frees_its_place() -> None:
    with hub_with(replace(ROOMY, body_seconds=0.3, requests_per_key=1)) as hub:
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        slow = _raw(hub, caller, "100", b'{"jsonrpc"')
        head = _answer(slow).split(b"\r\n")[0]
        assert b"408" in head
        assert caller.rpc("ping").status_code == 200
        caller.close()


def test_a_client_that_leaves_in_the_middle_of_its_body_frees_its_place() -> None:
    log = Log()
    with hub_with(replace(ROOMY, requests_per_key=1), log) as hub:
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        _raw(hub, caller, "100", b'{"jsonrpc"').close()
        log.wait(refused="client_gone")
        assert caller.rpc("ping").status_code == 200
        caller.close()


def test_a_client_that_asks_first_is_refused_without_sending(shared: RunningHub, caller: Caller) -> None:
    connection = _raw(shared, caller, "9999999999", b"", Expect="100-continue", Connection="close")
    answer = _answer(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer


def test_a_key_may_open_fifty_sessions_and_closing_one_makes_room(caller: Caller) -> None:
    for _ in range(50):
        caller.session = None
        caller.open()
    last = caller.session
    caller.session = None
    answer = caller.initialize()
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_sessions")
    assert int(answer.headers["retry-after"]) > 1
    caller.session = last
    assert caller.http.delete(caller.url, headers=caller.headers()).status_code == 200
    caller.session = None
    caller.open()


def test_requests_that_open_no_session_take_no_place() -> None:
    with hub_with(replace(ROOMY, sessions_per_key=1)) as hub:
        caller = Caller(hub.url, hub.create_key("ann").reveal())
        for _ in range(3):
            assert caller.rpc("ping").status_code == 400
        caller.open()
        caller.close()


def test_a_session_that_nobody_uses_ends_and_its_place_is_free() -> None:
    with hub_with(replace(ROOMY, sessions_per_key=1, session_idle_seconds=0.2)) as hub:
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        first, caller.session = caller.session, None
        until(lambda: caller.initialize().status_code == 200)
        caller.session = first
        until(lambda: caller.rpc("ping").status_code == 404)
        caller.close()


def test_an_open_stream_ends_with_the_hub_and_does_not_hold_it_up(caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.ExitStack() as running, contextlib.ExitStack() as client:
        hub = running.enter_context(hub_with(ROOMY))
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        headers = caller.headers(Accept="text/event-stream")
        stream = client.enter_context(caller.http.stream("GET", hub.url, headers=headers))
        assert stream.status_code == 200
        assert httpx.get(hub.url, headers=headers).status_code == 409, "a session has one stream"
        running.close()
        cut = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
        assert cut == [], "no request was still running when the time to end had passed"
        assert stream.read() == b"", "the stream ends as a stream should"
    caller.close()


def test_an_open_stream_ends_soon_after_its_key_and_no_other_does() -> None:
    with hub_with(replace(ROOMY, key_check_seconds=0.05)) as hub, contextlib.ExitStack() as clients:
        streams = []
        for owner in ("ann", "bob"):
            caller = Caller(hub.url, hub.create_key(owner).reveal()).open()
            clients.callback(caller.close)
            headers = caller.headers(Accept="text/event-stream")
            streams.append(clients.enter_context(caller.http.stream("GET", hub.url, headers=headers)))
        hub.admin.revoke_key(hub.admin.keys()[0].id)
        assert streams[0].read() == b""
        assert caller.rpc("ping").status_code == 200
        still = httpx.get(hub.url, headers=caller.headers(Accept="text/event-stream"))
        assert still.status_code == 409, "the other key's stream is open"


def test_the_log_tells_of_each_request_and_holds_no_key_no_content_and_no_chosen_path() -> None:
    log = Log()
    with hub_with(ROOMY, log) as hub:
        agent = hub.create_agent("kitchen", "ann")
        key = hub.create_key("ann").reveal()
        caller = Caller(hub.url, key).open()
        caller.sync(agent.id, "s", "CONTENT-OF-A-SKILL")
        httpx.get(hub.url.replace("/mcp", f"/{key}?key={key}"))
        httpx.request("STRANGE", hub.url, headers={"Authorization": f"Bearer {key}x", "Accept": BOTH})
        event = log.wait(path="other")
        assert (event["method"], event["status"]) == ("GET", 404)
        assert log.wait(method="other")["refused"] == "unauthorized"
        stored = log.wait(bytes_in=log.events[2]["bytes_in"])
        assert stored["key"] == hub.admin.keys()[0].id
        caller.close()
    text = json.dumps(log.events)
    assert key not in text
    assert "CONTENT-OF-A-SKILL" not in text


def test_the_last_use_of_a_key_is_noted_without_a_write_for_each_request() -> None:
    with hub_with(ROOMY) as hub:
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        until(lambda: hub.admin.keys()[0].last_used_at is not None)
        noted = hub.admin.keys()[0].last_used_at
        caller.rpc("ping")
        assert hub.admin.keys()[0].last_used_at == noted
        caller.close()


class _SlowMetadata(MemoryMetadata):
    """Holds the commit of an upload until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go_on = threading.Event(), threading.Event()

    def commit(self, changes: object) -> None:
        assert isinstance(changes, list)
        if any(isinstance(change, PutSkill) for change in changes):
            self.entered.set()
            assert self.go_on.wait(10)
        super().commit(changes)


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        (replace(ROOMY, requests_per_key=1), 429, "too_many_at_once"),
        (replace(ROOMY, requests_in_all=1), 503, "busy"),
        (replace(ROOMY, bytes_per_key=200), 429, "too_much_at_once"),
        (replace(ROOMY, bytes_in_all=200), 503, "busy"),
    ],
)
def test_more_at_once_than_a_key_or_the_hub_may_have_is_turned_away_and_then_served(
    limits: Limits, status: int, code: str
) -> None:
    metadata = _SlowMetadata()
    with hub_with(limits, metadata=metadata) as hub:
        agent = hub.create_agent("kitchen", "ann")
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        until(lambda: caller.rpc("ping").status_code == 200)
        body = _upload(agent.id)
        holding = _raw(hub, caller, str(len(body)), body, Connection="close")
        assert metadata.entered.wait(10)
        answer = caller.rpc("ping")
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "1")
        assert answer.json()["error"]["code"] == code
        metadata.go_on.set()
        assert b"200 OK" in _answer(holding)
        assert caller.rpc("ping").status_code == 200
        caller.close()


def _upload(agent_id: str) -> bytes:
    params = {
        "name": "mysta_sync_skill",
        "arguments": {"agentId": agent_id, "skillName": "s", "content": "x"},
    }
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


def _held(marker: str) -> int:
    """How many large texts that hold the marker are in this process's memory."""
    gc.collect()
    found = {
        id(text)
        for holder in gc.get_objects()
        for text in gc.get_referents(holder)
        if isinstance(text, (str, bytes)) and len(text) > 300_000
        if (marker in text if isinstance(text, str) else marker.encode() in text)
    }
    return len(found)


def test_a_session_that_is_left_open_keeps_no_large_request_in_memory() -> None:
    with hub_with(ROOMY) as hub:
        agent = hub.create_agent("kitchen", "ann")
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        # The name is refused, so that the content is kept nowhere on purpose.
        body = _upload(agent.id).replace(
            b'"s", "content": "x"', b'"S", "content": "MARKED%b"' % (b"x" * 400_000)
        )
        connection = _raw(hub, caller, str(len(body)), body, Connection="close")
        assert b"200 OK" in _answer(connection)
        opening = _raw(hub, replace(caller, session=None), str(len(body)), body, Connection="close")
        assert b"413" in _answer(opening).splitlines()[0], "what opens a session is kept, and so it is small"
        del body
        until(lambda: not _held("MARKED"))
        assert caller.rpc("ping").status_code == 200
        caller.close()


def test_an_upload_whose_client_went_away_is_finished_and_recorded() -> None:
    metadata, files = _SlowMetadata(), MemorySkillFiles()
    with running_hub(Path("unused"), stores=Stores(metadata, files)) as hub:
        agent = hub.create_agent("kitchen", "ann")
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        body = _upload(agent.id)
        connection = _raw(hub, caller, str(len(body)), body)
        assert metadata.entered.wait(10)
        connection.close()
        caller.http.delete(hub.url, headers=caller.headers())
        caller.close()
        metadata.go_on.set()
        until(lambda: metadata.skill_count(agent.id) == 1)
    assert files.read(agent.id, "s") == b"x"
    assert metadata.audit()[-1].entry.outcome == "stored"


class _UntilClosed(_SlowMetadata):
    """Holds the commit of an upload until the hub takes no more connections."""

    address = ("127.0.0.1", 0)

    def commit(self, changes: object) -> None:
        if self.address[1]:
            self.entered.set()
            until(self._closed)
        self.go_on.set()
        super().commit(changes)

    def _closed(self) -> bool:
        try:
            socket.create_connection(self.address, timeout=1).close()
        except OSError:
            return True
        return False


def test_a_shutdown_waits_for_the_upload_that_is_being_written() -> None:
    metadata = _UntilClosed()
    with hub_with(ROOMY, metadata=metadata) as hub:
        agent = hub.create_agent("kitchen", "ann")
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        until(lambda: hub.admin.keys()[0].last_used_at is not None)
        metadata.address = ("127.0.0.1", urlsplit(hub.url).port or 0)
        body = _upload(agent.id)
        connection = _raw(hub, caller, str(len(body)), body)
        assert metadata.entered.wait(10)
        caller.http.delete(hub.url, headers=caller.headers())
        connection.close()
        caller.close()
    assert metadata.skill_count(agent.id) == 1


def _certificate(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    subprocess.run(
        [*command, "-days", "1", "-keyout", str(key), "-out", str(cert), *subject],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_with_tls_files_the_hub_speaks_https(tmp_path: Path) -> None:
    cert, key = _certificate(tmp_path)
    with hub_with(ROOMY, settings=HubSettings(tls_cert=cert, tls_key=key)) as hub:
        assert hub.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(verify=context) as http:
            caller = Caller(hub.url, hub.create_key("ann").reveal(), http=http).open()
            assert caller.rpc("ping").status_code == 200


def test_unsafe_or_useless_settings_are_refused_before_anything_starts(tmp_path: Path) -> None:
    cert, key = _certificate(tmp_path)
    HubSettings(host="10.0.0.1", insecure_bind=True, allow_hosts=["hub.example.org", "HUB"]).check()
    HubSettings(host="10.0.0.1", tls_cert=cert, tls_key=key).check()
    for settings, words in (
        (HubSettings(host="10.0.0.1"), "in clear"),
        (HubSettings(tls_cert=cert), "certificate and its key"),
        (HubSettings(allow_hosts=["hub.example.org", "https://hub.example.org"]), "no host name"),
        (HubSettings(allow_hosts=["hub.example.org:8787"]), "no host name"),
        (HubSettings(tls_cert=cert, tls_key=tmp_path / "none"), "no file"),
    ):
        with pytest.raises(UsageError, match=words):
            settings.check()
    useless = HubSettings(tls_cert=key, tls_key=key)
    with pytest.raises(HostError, match="TLS files"), hub_with(ROOMY, settings=useless):
        raise AssertionError("it started without a certificate")


def test_a_tls_key_with_a_password_or_that_cannot_be_read_is_told_and_nobody_is_asked(tmp_path: Path) -> None:
    cert, key = _certificate(tmp_path)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    closed = serialization.BestAvailableEncryption(b"secret")
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed)
    )
    for unusable, words in ((locked, "has a password"), (tmp_path / "none", "cannot be read: No such file")):
        with pytest.raises(HostError, match=words) as caught:
            check_tls_files(cert, unusable)
        assert caught.value.error_code == "hub.tls"
    check_tls_files(cert, key)


def test_an_address_that_cannot_be_had_is_an_error_that_names_it(shared: RunningHub) -> None:
    port = urlsplit(shared.url).port
    assert port is not None
    for host, wanted in (("127.0.0.1", port), ("host.invalid", 0)):
        settings = HubSettings(host=host, port=wanted, insecure_bind=True)
        with pytest.raises(HostError, match="cannot listen on"), hub_with(ROOMY, settings=settings):
            raise AssertionError("it listens where it cannot")


def test_an_address_of_every_interface_is_named_by_this_machine() -> None:
    with hub_with(ROOMY, settings=HubSettings(host="::", insecure_bind=True)) as hub:
        assert urlsplit(hub.url).hostname == socket.gethostname().lower()
        port = urlsplit(hub.url).port
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", headers={"Host": "evil"}).status_code == 421


def test_a_folder_is_served_by_one_hub_only(tmp_path: Path) -> None:
    with (
        running_hub(tmp_path / "hub"),
        pytest.raises(ConflictError, match="another hub"),
        running_hub(tmp_path / "hub"),
    ):
        raise AssertionError("two hubs serve one folder")
