"""The probe reads every answer right, is bounded in time, and gives up its token to nobody else."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.ports import free_port
from openclaw_install.common.redaction import Secret
from openclaw_install.host.gateway.probe import (
    GatewayAddress,
    LivePolicy,
    LiveState,
    ask_gateway,
    read_answer,
    wait_for_policy,
)

TOKEN = Secret("the-hook-token-of-this-test-0123456789")
HEALTH = b'{"ok":true,"status":"live"}'


def _refusal(text: str) -> str:
    return json.dumps({"ok": False, "error": text})


@pytest.mark.parametrize(
    ("status", "body", "state", "request_keys", "prefixes"),
    [
        (
            400,
            _refusal("sessionKey must start with one of: hook:im:, feishu:default:"),
            "enforced",
            True,
            ("hook:im:", "feishu:default:"),
        ),
        (
            400,
            _refusal("sessionKey is disabled for externally supplied hook payload values; set"),
            "enforced",
            False,
            None,
        ),
        (
            400,
            _refusal(
                "hooks.allowedSessionKeyPrefixes is required when direct hook sessionMode is persistent"
            ),
            "enforced",
            True,
            (),
        ),
        (400, _refusal("agentId is required when multiple agents are configured"), "agent_rule", None, None),
        (400, _refusal("agentId is not allowed by hooks.allowedAgentIds"), "agent_rule", None, None),
        (400, _refusal("something new"), "not_openclaw", None, None),
        (400, "not json", "not_openclaw", None, None),
        (400, "[1]", "not_openclaw", None, None),
        (200, '{"ok":true}', "not_openclaw", None, None),
        (401, "Unauthorized", "token_rejected", None, None),
        (404, "Not Found", "hooks_off", None, None),
        (429, "Too Many Requests", "throttled", None, None),
        (503, "", "starting", None, None),
    ],
)
def test_every_answer_of_the_gateway_has_its_meaning(
    status: int, body: str, state: LiveState, request_keys: bool | None, prefixes: tuple[str, ...] | None
) -> None:
    live = read_answer(status, body, 1)
    assert (live.state, live.allow_request_session_key, live.allowed_session_key_prefixes) == (
        state,
        request_keys,
        prefixes,
    )


def test_control_characters_of_an_answer_never_reach_the_report() -> None:
    live = read_answer(400, _refusal("sessionKey must start with one of: \x1b[31mred:"), 1)
    assert "\x1b" not in live.detail
    assert live.allowed_session_key_prefixes == (" [31mred:",)


Talk = Callable[[bytes, "_Handler"], None]


class _Handler(socketserver.StreamRequestHandler):
    talk: Talk

    def handle(self) -> None:
        request = self.rfile.readline()
        length = 0
        while (line := self.rfile.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self.server.requests.append((request, self.rfile.read(length)))  # type: ignore[attr-defined]
        type(self).talk(request, self)

    def answer(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.wfile.write(head.encode() + body)


@contextmanager
def _server(talk: Talk) -> Iterator[tuple[int, list[tuple[bytes, bytes]]]]:
    handler = type("Handler", (_Handler,), {"talk": staticmethod(talk)})
    requests: list[tuple[bytes, bytes]] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.requests = requests  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1], requests
        finally:
            server.shutdown()
            thread.join()


def test_the_probe_asks_for_health_first_and_then_for_what_is_refused_before_dispatch() -> None:
    def talk(request: bytes, handler: _Handler) -> None:
        if request.startswith(b"GET /healthz"):
            handler.answer(200, HEALTH)
        else:
            handler.answer(400, _refusal("sessionKey must start with one of: hook:im:").encode())

    with _server(talk) as (port, requests):
        live = ask_gateway(GatewayAddress(port, "/in"), TOKEN, agent_id="main")
    assert live == LivePolicy(
        "enforced", port, True, ("hook:im:",), "sessionKey must start with one of: hook:im:"
    )
    assert [request.split()[1] for request, _ in requests] == [b"/healthz", b"/in/agent"]
    body = json.loads(requests[1][1])
    assert body["sessionMode"] == "persistent"
    assert body["agentId"] == "main"
    assert 0xF0000 <= ord(body["sessionKey"][0]) < 0xFFFFE


def test_what_is_no_openclaw_never_sees_the_token() -> None:
    with _server(lambda _request, handler: handler.answer(200, b"<html>hello</html>")) as (port, requests):
        live = ask_gateway(GatewayAddress(port), TOKEN)
    assert live.state == "not_openclaw"
    assert len(requests) == 1
    assert not live.reachable


@pytest.mark.parametrize("words", ["agent ", "sessionKey must start with one of: hook:im:, "])
def test_a_token_that_is_sent_back_is_shown_to_nobody(words: str) -> None:
    def talk(request: bytes, handler: _Handler) -> None:
        if request.startswith(b"GET /healthz"):
            handler.answer(200, HEALTH)
        else:
            handler.answer(400, _refusal(f"{words}Bearer {TOKEN.reveal().upper()}!").encode())

    with _server(talk) as (port, _requests):
        live = ask_gateway(GatewayAddress(port), TOKEN)
    assert live.detail == f"{words}Bearer <redacted>!"
    assert TOKEN.reveal() not in json.dumps(jsonable(live)).lower()


def test_a_token_of_a_few_letters_does_not_change_what_the_answer_says() -> None:
    def talk(request: bytes, handler: _Handler) -> None:
        health = request.startswith(b"GET /healthz")
        answer = (
            (200, HEALTH) if health else (400, _refusal("sessionKey must start with one of: hook:").encode())
        )
        handler.answer(*answer)

    with _server(talk) as (port, _requests):
        assert ask_gateway(GatewayAddress(port), Secret("hook")).allowed_session_key_prefixes == ("hook:",)


def test_without_a_token_only_health_is_asked() -> None:
    with _server(lambda _request, handler: handler.answer(200, HEALTH)) as (port, requests):
        assert ask_gateway(GatewayAddress(port), None).state == "no_token"
    assert len(requests) == 1


def test_a_port_that_nobody_listens_on_is_unreachable() -> None:
    assert ask_gateway(GatewayAddress(free_port()), TOKEN).state == "unreachable"


def test_a_gateway_that_hangs_costs_no_more_than_the_time_limit() -> None:
    release, over = threading.Event(), threading.Event()

    def hang(_request: bytes, _handler: _Handler) -> None:
        release.wait(30)
        over.set()

    with _server(hang) as (port, requests):
        live = ask_gateway(GatewayAddress(port), TOKEN, timeout=0.3)
        # The gateway hangs still, and was asked no second time: it is neither waited for nor tried again.
        assert (over.is_set(), len(requests) <= 1) == (False, True)
        release.set()
    assert live.state == "timeout"


def test_a_gateway_that_drips_costs_no_more_than_the_time_limit() -> None:
    release = threading.Event()

    def drip(_request: bytes, handler: _Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not release.wait(0.05):
            handler.wfile.write(b"X-Drip: 1\r\n")

    with _server(drip) as (port, _):
        assert ask_gateway(GatewayAddress(port), TOKEN, timeout=0.4).state == "timeout"
        release.set()


def test_an_answer_without_end_is_read_no_further_than_needed() -> None:
    release = threading.Event()

    def flood(_request: bytes, handler: _Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not release.is_set():
            try:
                handler.wfile.write(b"x" * 65536)
            except OSError:
                return

    with _server(flood) as (port, _):
        assert ask_gateway(GatewayAddress(port), TOKEN).state == "not_openclaw"
        release.set()


def test_what_does_not_speak_http_is_told() -> None:
    def talk(_request: bytes, handler: _Handler) -> None:
        handler.wfile.write(b"SSH-2.0-x\r\n")

    with _server(talk) as (port, _):
        assert ask_gateway(GatewayAddress(port), TOKEN).state == "not_openclaw"


@pytest.mark.parametrize("token", ["snowman-\N{SNOWMAN}", "line\r\nX-Injected: 1"])
def test_a_token_that_no_header_can_carry_is_no_crash_and_no_leak(token: str) -> None:
    with _server(lambda _request, handler: handler.answer(200, HEALTH)) as (port, requests):
        live = ask_gateway(GatewayAddress(port), Secret(token))
    assert live.state == "token_unsendable"
    assert token not in live.detail
    assert [request for request, _ in requests if request.startswith(b"POST")] == []


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def test_waiting_doubles_its_pauses_so_that_wrong_tokens_lock_nobody_out() -> None:
    clock = _Clock()
    answers = iter([LivePolicy("token_rejected", 1)] * 99)
    live, wanted = wait_for_policy(
        lambda: next(answers), lambda _live: False, timeout=15, sleep=clock.sleep, clock=lambda: clock.now
    )
    assert not wanted
    assert live.state == "token_rejected"
    assert sum(clock.pauses) == pytest.approx(15)
    assert len(clock.pauses) + 1 < 20  # the gateway locks a client out after 20 bad tokens within a minute


@pytest.mark.parametrize(
    ("state", "patient"), [("throttled", True), ("unreachable", False), ("timeout", False)]
)
def test_waiting_ends_at_once_where_it_cannot_help(state: LiveState, patient: bool) -> None:
    clock = _Clock()
    live, wanted = wait_for_policy(
        lambda: LivePolicy(state, 1),
        lambda _live: False,
        patient=patient,
        sleep=clock.sleep,
        clock=lambda: clock.now,
    )
    assert (live.state, wanted, clock.pauses) == (state, False, [])


def test_waiting_ends_with_the_wanted_policy() -> None:
    clock = _Clock()
    answers = iter([LivePolicy("starting", 1), LivePolicy("enforced", 1)])
    live, wanted = wait_for_policy(
        lambda: next(answers),
        lambda live: live.state == "enforced",
        sleep=clock.sleep,
        clock=lambda: clock.now,
    )
    assert (live.state, wanted, clock.pauses) == ("enforced", True, [0.2])
