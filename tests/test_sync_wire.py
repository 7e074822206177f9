"""What a server can do wrong on the wire: the client neither hangs nor takes it for an acknowledgement."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from benchmarks.certificate import write_certificate

from openclaw_install.common.ports import free_port
from openclaw_install.common.redaction import Secret
from openclaw_install.hub.server import running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.sync.endpoint import Endpoint, connect_mcp, new_key
from openclaw_install.sync.errors import (
    AnswerError,
    BrokenOffError,
    BusyError,
    ForbiddenError,
    KeyRejectedError,
    ServerFaultError,
    ServiceError,
    TimedOutError,
    TooLargeError,
    ToolError,
    UnconfirmedError,
    UnreachableError,
)
from openclaw_install.sync.http_guard import Wire, guarded_client, retry_after
from openclaw_install.sync.mcp_connection import Connection
from openclaw_install.sync.service import Agent, Outcome, RetryPolicy
from tests.sync_rig import (
    KEY,
    QUICK,
    Asked,
    Manners,
    Reply,
    ScriptedServer,
    Tool,
    plain,
    service_at,
    storing_tools,
    structured,
    upload,
)

IMPATIENT = RetryPolicy(tries=1, first_pause=0.01, longest_pause=0.1, call_seconds=0.5)


@contextmanager
def serving(manners: Manners | None = None, **tools: Tool) -> Iterator[ScriptedServer]:
    made = manners or Manners()
    made.tools = {**storing_tools({}, [{"id": "a", "name": "one"}]), **made.tools, **tools}
    with ScriptedServer(made).serving() as server:
        yield server


def sync_one(url: str, policy: RetryPolicy = QUICK, **wire: Any) -> Outcome:
    async def work() -> Outcome:
        async with service_at(url, policy, **wire) as service:
            return await service.sync_skill("a", upload("alpha"))

    return asyncio.run(work())


def failure(url: str, policy: RetryPolicy = QUICK, **wire: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        sync_one(url, policy, **wire)
    assert KEY.reveal() not in f"{caught.value}{caught.value.next_step}"
    return caught.value


def always(reply: Reply) -> Manners:
    """Every tool call gets this reply."""
    return Manners(before=lambda asked: reply if asked.tool else None)


def first(times: int, reply: Reply) -> Manners:
    """The first tool calls get this reply, later ones a proper answer."""
    left = [times]

    def before(asked: Asked) -> Reply | None:
        if not asked.tool or not left[0]:
            return None
        left[0] -= 1
        return reply

    return Manners(before=before)


def answer(text: str, kind: str = "application/json") -> Reply:
    return Reply(200, text.encode(), {"content-type": kind})


@pytest.mark.parametrize(
    ("status", "kind", "calls"),
    [
        (401, KeyRejectedError, 1),
        (403, ForbiddenError, 1),
        (413, TooLargeError, 1),
        (429, BusyError, 3),
        (500, ServerFaultError, 3),
        (503, ServerFaultError, 3),
        (400, AnswerError, 1),
    ],
)
def test_each_http_status_is_told_and_only_passing_ones_are_tried_again(
    status: int, kind: type[ServiceError], calls: int
) -> None:
    with serving(always(Reply(status))) as server:
        assert type(failure(server.url)) is kind
        assert len(server.calls("mysta_sync_skill")) == calls


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_a_status_at_the_handshake_is_told_just_as_well(status: int) -> None:
    kinds = {
        401: KeyRejectedError,
        403: ForbiddenError,
        404: AnswerError,
        429: BusyError,
        500: ServerFaultError,
    }
    with ScriptedServer(lambda _asked: Reply(status)).serving() as server:
        assert type(failure(server.url)) is kinds[status]


def test_a_rejected_key_says_where_to_get_another() -> None:
    with serving(always(Reply(401))) as server:
        error = failure(server.url)
    assert error.for_all
    # On this machine it is an own hub; elsewhere the page of the cloud makes keys.
    assert error.next_step.startswith("openclaw-install hub keys create --owner NAME")
    assert "https://app.staging.mysta.tech/en/profile#api-keys" in new_key("https://api.example/mcp")


def test_a_service_that_recovers_is_tried_again_until_it_answers() -> None:
    with serving(first(2, Reply(503))) as server:
        assert sync_one(server.url).kind == "acknowledged"


def test_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = RetryPolicy(tries=3, first_pause=0.01, longest_pause=60.0, call_seconds=5)
    slept: list[float] = []
    really_sleep = anyio.sleep  # others wait by it too

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await really_sleep(0)

    monkeypatch.setattr("openclaw_install.sync.mcp_service.anyio.sleep", sleep)
    with serving(first(1, Reply(429, headers={"retry-after": "31"}))) as server:
        assert sync_one(server.url, policy).kind == "acknowledged"
    assert int(max(slept)) == 31


def test_a_retry_after_beyond_the_bounds_is_not_waited_for() -> None:
    with serving(always(Reply(429, headers={"retry-after": "3600"}))) as server:
        error = failure(server.url)
        assert len(server.calls("mysta_sync_skill")) == 1
    assert isinstance(error, BusyError)
    assert "3600" in error.message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-1", None),
        ("soon", None),
        ("9" * 40, 86400.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("Thu, 99 Jan 1970 00:00:01 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 10.0) == seconds


def test_a_lost_session_is_replaced_once_and_the_call_repeated() -> None:
    sessions = iter(["first", "second", "third"])
    manners = Manners(session=next(sessions))

    def before(asked: Asked) -> Reply | None:
        if asked.tool and asked.headers.get("mcp-session-id") == "first":
            manners.session = "second"
            return Reply(404)
        return None

    manners.before = before
    with serving(manners) as server:
        assert sync_one(server.url).kind == "acknowledged"
        assert [asked.rpc for asked in server.asked].count("initialize") == 2
        assert server.calls("mysta_sync_skill")[-1].headers["mcp-session-id"] == "second"


def test_a_server_that_loses_every_session_is_given_up() -> None:
    with serving(always(Reply(404))) as server:
        error = failure(server.url)
        assert [asked.rpc for asked in server.asked].count("initialize") == 2
    assert type(error) is AnswerError
    assert "sessions" in error.message


def test_the_session_is_closed_at_the_end() -> None:
    with serving() as server:
        sync_one(server.url)
        assert [asked.method for asked in server.asked][-1] == "DELETE"
        assert server.asked[-1].headers["mcp-session-id"] == "session-1"


def test_a_farewell_and_a_warm_up_that_are_answered_without_end_hold_nothing_up() -> None:
    def endless(asked: Asked) -> Reply | None:
        return Reply(drips=True) if asked.method in ("DELETE", "OPTIONS") else None

    async def warmed(url: str) -> None:
        async with guarded_client(Wire(url, KEY)) as client:
            await asyncio.wait_for(client.warm_up(url), 30)

    with serving(Manners(before=endless)) as server:
        asyncio.run(warmed(server.url))
        assert sync_one(server.url).kind == "acknowledged"
        assert [asked.method for asked in server.asked][-1] == "DELETE"


@pytest.mark.parametrize(
    "reply",
    [
        answer("<html>It works!</html>", "text/html"),
        answer("not json at all"),
        answer("{}"),
        answer("[]"),
        answer('{"jsonrpc":"2.0","id":null,"result":17}'),
        answer("\x00\xff", "application/json"),
        answer("", "application/json"),
        answer("data: garbage\n\n", "text/event-stream"),
        answer("data: {}\n\n", "text/event-stream"),
        Reply(200),
        Reply(204),
        Reply(202),
    ],
)
def test_garbage_is_no_acknowledgement_and_ends_at_once(reply: Reply) -> None:
    with serving(always(reply)) as server:
        error = failure(server.url, RetryPolicy(tries=1, call_seconds=3.0))
    assert isinstance(error, AnswerError | BrokenOffError)
    assert error.in_doubt


def test_a_result_of_another_shape_is_no_acknowledgement() -> None:
    with serving(mysta_sync_skill=lambda _arguments: {"content": "words", "isError": "perhaps"}) as server:
        assert isinstance(failure(server.url), AnswerError)


@pytest.mark.parametrize("version", ["2099-01-01", "2026-07-28", "banana"])
def test_a_version_that_a_handshake_cannot_agree_on_is_named(version: str) -> None:
    with serving(Manners(version=version)) as server:
        error = failure(server.url)
        assert isinstance(error, AnswerError)
        assert version in str(error)


def test_what_cannot_be_read_is_not_quoted_since_it_may_hold_a_part_of_the_key() -> None:
    with serving(always(answer(f'{{"echo": "{KEY.reveal()[:-2]}'))) as server:
        assert "mysta_" not in str(failure(server.url))


def test_half_an_event_is_no_acknowledgement() -> None:
    good = json.dumps({"jsonrpc": "2.0", "id": 2, "result": structured({"skillName": "alpha"})})
    half = Reply(200, f"data: {good}"[:-20].encode(), {"content-type": "text/event-stream"})
    with serving(always(half)) as server:
        error = failure(server.url, IMPATIENT)
    assert isinstance(error, BrokenOffError)
    assert error.in_doubt


def test_a_connection_that_breaks_in_the_answer_leaves_a_doubt() -> None:
    for kind in ("application/json", "text/event-stream"):
        cut = Reply(200, b'{"jsonrpc"', {"content-type": kind}, claimed_length=500)
        with serving(always(cut)) as server:
            error = failure(server.url, IMPATIENT)
        assert isinstance(error, BrokenOffError), kind


def test_a_huge_answer_is_not_taken_into_memory() -> None:
    for kind, prefix in (("application/json", b'{"a":"'), ("text/event-stream", b"data: ")):
        huge = Reply(200, prefix + b"x" * 5_000_000, {"content-type": kind})
        with serving(always(huge)) as server:
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            error = failure(server.url, IMPATIENT, max_answer=100_000)
            peak = tracemalloc.get_traced_memory()[1] - before
            tracemalloc.stop()
        assert isinstance(error, AnswerError), kind
        assert peak < 4_000_000


def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = Reply(200, b"\x1f\x8b\x08", {"content-type": "application/json", "content-encoding": "gzip"})
    with serving(always(bomb)) as server:
        assert "compressed" in failure(server.url).message


def test_an_answer_of_another_session_is_not_taken() -> None:
    result = structured({"agentId": "a", "skillName": "alpha", "ok": True})
    text = json.dumps({"jsonrpc": "2.0", "id": 2, "result": result})
    other = Reply(200, text.encode(), {"content-type": "application/json", "mcp-session-id": "somebody-else"})
    with serving(always(other)) as server:
        error = failure(server.url)
    assert type(error) is AnswerError
    assert "session" in error.message
    assert error.in_doubt


def test_a_server_that_never_answers_is_left_after_the_deadline() -> None:
    with serving(always(Reply(silent=True))) as server:
        error = failure(server.url, IMPATIENT)
        assert not server.ending.is_set()  # only then it would have answered
    assert isinstance(error, TimedOutError)


def test_a_server_that_is_silent_at_the_handshake_is_left_too() -> None:
    with ScriptedServer(lambda _asked: Reply(silent=True)).serving() as server:
        assert isinstance(failure(server.url, IMPATIENT), TimedOutError)


def test_after_a_silence_the_next_call_opens_a_new_session() -> None:
    with serving(first(1, Reply(silent=True))) as server:
        assert asyncio.run(_one_after_a_silence(server.url)).kind == "acknowledged"
        assert [asked.rpc for asked in server.asked].count("initialize") == 2


async def _one_after_a_silence(url: str) -> Outcome:
    async with service_at(url, IMPATIENT) as service:
        with pytest.raises(TimedOutError):
            await service.sync_skill("a", upload("alpha"))
        return await service.sync_skill("a", upload("alpha"))


def test_nobody_at_the_address_is_unreachable_and_nothing_was_sent() -> None:
    error = failure(f"http://127.0.0.1:{free_port()}/mcp", IMPATIENT)
    assert isinstance(error, UnreachableError)
    assert not error.in_doubt
    assert error.for_all


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(status: int) -> None:
    with serving() as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        with serving(always(Reply(status, headers={"location": target}))) as server:
            error = failure(server.url)
        assert not elsewhere.asked
    assert "redirect" in error.message


def test_a_redirect_on_the_same_origin_is_followed() -> None:
    manners = Manners()
    seen: list[str] = []

    def before(asked: Asked) -> Reply | None:
        if asked.tool and not seen:
            seen.append(asked.tool)
            return Reply(308, headers={"location": "/api/v2/mcp/"})
        return None

    manners.before = before
    with serving(manners) as server:
        assert sync_one(server.url).kind == "acknowledged"


def test_a_tool_error_is_a_refusal_with_its_reason() -> None:
    refusal = structured({"error": {"code": "skill_name", "message": "bad\x1b[31m name"}}, is_error=True)
    with serving(mysta_sync_skill=lambda _arguments: refusal) as server:
        outcome = sync_one(server.url)
    assert (outcome.kind, outcome.code) == ("refused", "skill_name")
    assert outcome.detail == "bad\N{REPLACEMENT CHARACTER}[31m name"


@pytest.mark.parametrize(
    ("code", "kind"), [("forbidden", ForbiddenError), ("unauthorized", KeyRejectedError)]
)
def test_a_tool_can_say_what_the_http_layer_could_not_know(code: str, kind: type[ServiceError]) -> None:
    refusal = structured({"error": {"code": code, "message": "no"}}, is_error=True)
    with serving(mysta_sync_skill=lambda _arguments: refusal) as server:
        assert type(failure(server.url)) is kind


def test_a_json_rpc_error_about_the_arguments_is_a_refusal() -> None:
    def before(asked: Asked) -> Reply | None:
        error = {"code": -32602, "message": "content is too long"}
        message = {"jsonrpc": "2.0", "id": asked.message.get("id"), "error": error}
        return answer(json.dumps(message)) if asked.tool else None

    with serving(Manners(before=before)) as server:
        error = failure(server.url)
    assert isinstance(error, ToolError)
    assert (error.reason, error.message) == ("rpc -32602", "content is too long")


def test_a_service_that_echoes_the_key_does_not_get_it_into_a_message() -> None:
    echo = plain(f"error: the key {KEY.reveal()} may not do this", is_error=True)
    with serving(mysta_sync_skill=lambda _arguments: echo) as server:
        outcome = sync_one(server.url)
        echo = structured(
            {"error": {"message": f"no {KEY.reveal()}", "seen": [KEY.reveal(), 1]}}, is_error=True
        )
        told = sync_one(server.url)
    for detail in (outcome.detail, told.detail):
        assert KEY.reveal() not in detail
        assert "<redacted>" in detail


def test_the_key_goes_into_the_header_and_nowhere_else() -> None:
    with serving() as server:
        sync_one(server.url)
        assert all(asked.headers["authorization"] == f"Bearer {KEY.reveal()}" for asked in server.asked)
        assert not any(KEY.reveal() in json.dumps(asked.message) for asked in server.asked)


def test_no_stream_is_held_open_for_messages_that_never_come() -> None:
    with serving() as server:
        sync_one(server.url)
        assert "GET" not in {asked.method for asked in server.asked}


def test_prose_is_neither_an_acknowledgement_nor_a_broken_answer() -> None:
    with serving(mysta_sync_skill=lambda _arguments: plain("Skill alpha was stored.")) as server:
        assert isinstance(failure(server.url), UnconfirmedError)


class Trusted:
    """A hub behind TLS with a certificate that only `SSL_CERT_FILE` makes good."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = write_certificate(folder)

    @contextmanager
    def hub(self, folder: Path) -> Iterator[tuple[str, Secret, str]]:
        settings = HubSettings(tls_cert=self.certificate, tls_key=self.key)
        with running_hub(folder, settings=settings) as hub:
            yield hub.url, hub.create_key("owner"), hub.create_agent("main", "owner").id


async def _agents(url: str, key: Secret) -> Any:
    async with connect_mcp(Endpoint(url), key) as service:
        return await service.list_agents()


def test_a_trusted_certificate_is_taken_and_an_unknown_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = Trusted(tmp_path)
    with trusted.hub(tmp_path / "hub") as (url, key, agent):
        with pytest.raises(UnreachableError) as caught:
            asyncio.run(_listed(url, key))
        assert caught.value.error_code == "sync.tls"
        assert "self-signed" in caught.value.message
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.certificate))
        assert asyncio.run(_agents(url, key)) == (Agent(agent, "main", running=True),)
        with pytest.raises(UnreachableError, match="certificate"):
            asyncio.run(_listed(url.replace("127.0.0.1", "localhost"), key))


async def _listed(url: str, key: Secret) -> Any:
    async with service_at(url, IMPATIENT, key) as service:
        return await service.list_agents()


def test_plain_http_where_tls_is_expected_is_told(tmp_path: Path) -> None:
    with serving() as server:
        error = failure(server.url.replace("http:", "https:"), IMPATIENT)
    assert error.error_code == "sync.tls"


def test_a_closed_connection_is_no_session(tmp_path: Path) -> None:
    async def work() -> None:
        with serving() as server:
            wire = Wire(server.url, KEY)
            async with Connection(wire, guarded_client(wire)) as connection:
                session = await connection.session()
                assert await connection.session() is session
                await connection.drop(session)
                await connection.drop(session)  # dropping what is gone changes nothing
                assert await connection.session() is not session

    asyncio.run(work())
