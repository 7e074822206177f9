"""What a relay answers is read as if it meant harm: sizes, numbers, names and time are bounded."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.server
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.messaging.relay.client import RelayRefused, RelayUnreachable
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.messaging.relay.responses import MOST_ANSWER, TooLarge, stream_items
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import relay_id_of
from openclaw_install.protocol.times import iso
from tests.collab_rig import Agent

Handler = http.server.BaseHTTPRequestHandler
Reply = Callable[[Handler], None]
RELAY_ID = relay_id_of(SigningKey.from_seed(b"\7" * 32))


def _about(**changes: Any) -> dict[str, Any]:
    return {"relay_id": RELAY_ID, "log_id": "log_1", "time": iso(time.time()), "limits": {}, **changes}


def _says(document: Any, **headers: str) -> Reply:
    """Answers 200 with a document, or with bytes as they are."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    return reply


@contextlib.contextmanager
def _relay(replies: dict[str, Reply], seen: list[Handler] | None = None) -> Iterator[str]:
    """Serves `about`, and what the test gives for the last part of a path."""
    table = {"about": _says(_about()), **replies}

    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(self)
            table[self.path.partition("?")[0].rpartition("/")[2]](self)

        def log_message(self, *_args: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _ask(tmp_path: Path, url: str, ask: Callable[[HttpRelay], Any], whole_seconds: float = 60.0) -> Any:
    me = Agent.make(tmp_path / "me")

    async def whole() -> Any:
        relay = HttpRelay(url, lambda: me.identity, whole_seconds=whole_seconds)
        try:
            return await ask(relay)
        finally:
            await relay.aclose()

    return asyncio.run(whole())


async def _first(relay: HttpRelay) -> object:
    async with contextlib.aclosing(relay.stream(0)) as items:
        return await anext(items)


@pytest.mark.parametrize(
    "change",
    [
        {"time": float("inf")},
        {"time": float("nan")},
        {"time": 10**400},
        {"time": "2026-11-21"},
        {"relay_id": "short"},
        {"relay_id": None},
        {"log_id": "x" * 65},
        {"log_id": 7},
    ],
    ids=str,
)
def test_an_about_that_cannot_be_is_no_relay(tmp_path: Path, change: dict[str, Any]) -> None:
    with _relay({"about": _says(_about(**change))}) as url, pytest.raises(RelayUnreachable) as told:
        _ask(tmp_path, url, lambda relay: relay.about())
    assert told.value.error_code == "relay.not_a_relay"


_PAGE = {"log_id": "log_1", "head": 3, "next": 3, "floor": 0, "entries": [{"seq": 3, "gone": "acked"}]}


@pytest.mark.parametrize(
    "change",
    [
        {"head": float("inf")},
        {"head": 2**63},
        {"head": "3"},
        {"floor": 4},
        {"floor": -1},
        {"next": 1.5},
        {"entries": [{"seq": 10**30}]},
        {"entries": [{"seq": 4, "gone": "acked"}]},
        {"entries": [{"seq": 1}] * 49},
        {"entries": [3]},
        {"entries": [[]]},
        {"entries": {}},
    ],
    ids=str,
)
def test_a_page_that_cannot_be_is_no_inbox(tmp_path: Path, change: dict[str, Any]) -> None:
    with _relay({"inbox": _says({**_PAGE, **change})}) as url, pytest.raises(RelayUnreachable) as told:
        _ask(tmp_path, url, lambda relay: relay.inbox(0, 48))
    assert told.value.error_code == "relay.not_a_relay"


@pytest.mark.parametrize("data", ['{"log_id":"a","head":1e400}', '{"log_id":"a","head":-1}', "[]", "3"])
def test_a_hello_that_cannot_be_ends_the_stream(tmp_path: Path, data: str) -> None:
    stream = _says(f"event: hello\ndata: {data}\n\n".encode())
    with _relay({"stream": stream}) as url, pytest.raises(RelayUnreachable) as told:
        _ask(tmp_path, url, _first)
    assert told.value.error_code == "relay.not_a_relay"


def test_an_alias_that_stands_for_no_agent_is_told(tmp_path: Path) -> None:
    with _relay({"bob": _says({"did": "../../about"})}) as url, pytest.raises(RelayUnreachable):
        _ask(tmp_path, url, lambda relay: relay.resolve("bob"))


@pytest.mark.parametrize("reply", [_says(b" " * (MOST_ANSWER + 1)), _says(gzip.compress(b" " * 9_000_000))])
def test_more_than_an_answer_can_have_is_not_read(tmp_path: Path, reply: Reply) -> None:
    with _relay({"about": reply}) as url, pytest.raises(RelayUnreachable) as told:
        _ask(tmp_path, url, lambda relay: relay.about())
    assert told.value.error_code == "relay.not_a_relay"


def test_compressed_answers_are_neither_asked_for_nor_unpacked(tmp_path: Path) -> None:
    seen: list[Handler] = []
    packed = _says(gzip.compress(json.dumps(_about()).encode()), Content_Encoding="gzip")
    with _relay({"about": packed}, seen) as url, pytest.raises(RelayUnreachable):
        _ask(tmp_path, url, lambda relay: relay.about())
    assert seen[0].headers["accept-encoding"] == "identity"


def test_an_answer_that_drips_is_given_up(tmp_path: Path) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.02)

    with _relay({"about": drip}) as url, pytest.raises(RelayUnreachable) as told:
        _ask(tmp_path, url, lambda relay: relay.about(), whole_seconds=0.5)
    assert told.value.error_code == "relay.unreachable"


def test_a_redirect_is_refused_and_the_token_goes_nowhere_else(tmp_path: Path) -> None:
    elsewhere: list[Handler] = []

    def away(handler: Handler) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"{other}/relay/v1/inbox")
        handler.end_headers()

    with _relay({}, elsewhere) as other, _relay({"inbox": away}) as url, pytest.raises(RelayRefused):
        _ask(tmp_path, url, lambda relay: relay.inbox(0))
    assert elsewhere == []


def test_no_proxy_sees_what_is_meant_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Handler] = []
    with _relay({}, seen) as proxy, _relay({}) as url:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        assert _ask(tmp_path, url, lambda relay: relay.about()).log_id == "log_1"
    assert seen == []


def test_a_relay_leaves_no_cookies_here(tmp_path: Path) -> None:
    seen: list[Handler] = []
    with _relay({"about": _says(_about(), Set_Cookie="a=b; Path=/")}, seen) as url:

        async def twice(relay: HttpRelay) -> None:
            await relay.about()
            await relay.about()

        _ask(tmp_path, url, twice)
    assert [handler.headers["cookie"] for handler in seen] == [None, None]


async def _parts(part: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield part


@pytest.mark.parametrize("part", [b"data: " + b"x" * 65_000 + b"\n", b"x" * 65_000], ids=["event", "line"])
def test_an_event_or_a_line_that_never_ends_is_not_gathered(part: bytes) -> None:
    async def read() -> None:
        async for _ in stream_items(_parts(part, 100), 50.0):
            raise AssertionError("nothing was whole")

    with pytest.raises(TooLarge):
        asyncio.run(read())


def test_a_line_that_comes_byte_by_byte_for_too_long_ends_the_stream() -> None:
    ticks = iter(range(1000))

    async def read() -> None:
        async for _ in stream_items(_parts(b":", 100), 50.0, lambda: float(next(ticks))):
            raise AssertionError("nothing was whole")

    with pytest.raises(TooLarge):
        asyncio.run(read())
