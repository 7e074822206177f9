"""The server as a process: real clients on its stdin and stdout."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import anyio
import pytest
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.surfaces.mcp.pingagent.server import described
from openclaw_install.surfaces.tools import TOOLS
from tests.pingagent_rig import Profile, StdioClient, _coverage
from tests.support.waiting import until


def test_the_official_client_lists_the_table_and_accepts_every_answer(profile: Profile) -> None:
    profile.meet("baker")
    profile.receive("baker", "is the oven free?")
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "openclaw_install", "mcp", "pingagent"],
        env={"HOME": str(profile.home), "PATH": os.environ["PATH"], **_coverage()},
    )

    async def talk() -> None:
        async with (
            stdio_client(parameters) as streams,
            ClientSession(*streams) as session,
        ):
            await session.initialize()
            listed = (await session.list_tools()).tools
            assert listed == [described(tool) for tool in TOOLS]
            # The client checks each structured answer against the schema that was listed.
            focused = await session.call_tool("pingagent_focus_session", {"session": profile.thread("baker")})
            assert not focused.is_error
            queued = await session.call_tool("pingagent_openclaw_queue_reply", {"message": "yes"})
            assert queued.structured_content is not None
            assert queued.structured_content["status"] == "unconfirmed"
            refused = await session.call_tool("pingagent_focus_session", {"session": "@nobody"})
            assert refused.is_error

    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(talk)


def test_the_end_of_stdin_ends_the_server_quietly(profile: Profile) -> None:
    with StdioClient(profile.home) as client:
        assert not client.call("pingagent_whoami")["isError"]
        assert client.end() == (0, "")
    assert not list(profile.home.glob("**/*.log"))


def test_the_end_of_stdin_in_the_middle_of_a_wait_ends_the_server_too_and_keeps_the_message(
    profile: Profile,
) -> None:
    did = profile.meet("baker")
    with profile.runtime(), StdioClient(profile.home) as client:
        client.ask(
            "tools/call",
            {"name": "pingagent_chat", "arguments": {"to": did, "message": "hi", "wait_seconds": 60}},
        )
        # A second call is served while the first one waits.
        until(lambda: client.call("pingagent_recent_sessions")["structuredContent"]["total"], "queued")
        code, stderr = client.end()
    assert (code, stderr) == (0, "")
    profile.commit_next()


def test_a_cancelled_call_gives_no_receipt_and_the_message_stays_queued(profile: Profile) -> None:
    did = profile.meet("baker")
    with profile.runtime(), StdioClient(profile.home) as client:
        number = client.ask(
            "tools/call",
            {"name": "pingagent_chat", "arguments": {"to": did, "message": "hi", "wait_seconds": 60}},
        )
        until(lambda: client.call("pingagent_recent_sessions")["structuredContent"]["total"], "queued")
        client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})
        client.call("pingagent_whoami")
        assert not [line for line in client.lines if "result" in line]
    profile.commit_next()


def test_garbage_and_unknown_tools_are_refused_and_the_session_goes_on(profile: Profile) -> None:
    with StdioClient(profile.home) as client:
        client.send(b"this is no JSON")
        client.send(b'{"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {"name": 5}}')
        assert client.answer(77)["error"]["code"] == -32602
        unknown = client.request("tools/call", {"name": "pingagent_nonsense", "arguments": {}})
        assert unknown["error"] == {"code": -32602, "message": "there is no such tool"}
        assert not client.call("pingagent_whoami")["isError"]
        assert client.end()[0] == 0


def test_a_host_without_an_identity_sees_the_tools_and_is_told_what_is_missing(tmp_path: Path) -> None:
    with StdioClient(tmp_path) as client:
        assert len(client.request("tools/list", {})["result"]["tools"]) == len(TOOLS)
        refused = client.call("pingagent_whoami")
        assert refused["isError"]
        assert refused["structuredContent"]["error"]["code"] == "identity.missing"
        profile = Profile.make(tmp_path)
        assert client.call("pingagent_whoami")["structuredContent"]["did"] == profile.me.did


def test_an_unexpected_error_goes_to_a_log_and_says_only_that(profile: Profile) -> None:
    text = "a text that must be in no log"
    did = profile.meet("baker")
    profile.receive("baker", text, body={"text": text})
    from openclaw_install.messaging.store import Store

    with Store(profile.paths.store) as store, store.write() as connection:
        # A body that no version of ours would write.
        connection.execute("UPDATE message SET body = ?", (text,))
    with StdioClient(profile.home) as client:
        answer = client.call("pingagent_focus_session", session=did)
        code, stderr = client.end()
    assert answer["isError"]
    error = answer["structuredContent"]["error"]
    assert error["code"] == "unexpected"
    log = Path(error["next_step"].rpartition(" ")[2])
    assert log.is_relative_to(profile.home)
    assert "JSONDecodeError" in log.read_text()
    assert text not in log.read_text() + json.dumps(answer) + stderr
    assert code == 0


def test_what_one_server_focuses_is_no_other_ones_focus(profile: Profile) -> None:
    for name in ("baker", "miller"):
        profile.meet(name)
        profile.receive(name, f"from {name}")
    with StdioClient(profile.home) as one, StdioClient(profile.home) as two:
        one.call("pingagent_focus_session", session=profile.thread("baker"))
        assert two.call("pingagent_reply", message="to whom?")["structuredContent"]["error"]["code"] == (
            "thread.none_focused"
        )
        two.call("pingagent_focus_session", session="@miller")
        sent = [client.call("pingagent_openclaw_queue_reply", message="hello") for client in (one, two)]
        focused = [
            client.call("pingagent_whoami")["structuredContent"]["focused_thread"] for client in (one, two)
        ]
    assert [one["structuredContent"]["recipient"] for one in sent] == [
        profile.peer("baker"),
        profile.peer("miller"),
    ]
    assert focused == [profile.thread("baker"), profile.thread("miller")]


@pytest.mark.gateway
def test_a_real_openclaw_lists_the_tools_without_warnings(scratch_host: ScratchHost) -> None:
    command = {"command": sys.executable, "args": ["-m", "openclaw_install", "mcp", "pingagent"]}
    scratch_host.write_config({"mcp": {"servers": {"pingagent": command}}})
    probed = scratch_host.run("mcp", "probe", "pingagent", "--json")
    assert probed.returncode == 0, probed.stderr
    report = json.loads(probed.stdout)
    assert report["tools"] == sorted(f"pingagent__{tool.name}" for tool in TOOLS)
    assert report["diagnostics"] == []
    assert "warn" not in (probed.stdout + probed.stderr).lower()
