"""The three tools on a real hub: what is stored and acknowledged, and what is refused for which reason."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import sha256
from openclaw_install.hub.app import Stores
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.mcp.service import HubService, Upload
from openclaw_install.hub.mcp.tools import TOOLS
from openclaw_install.hub.model import AddAgent, Agent, Key
from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.hub.settings import HubSettings
from tests.hub_rig import Caller, Log, read_result, skill_file
from tests.support.memory_metadata import MemoryMetadata
from tests.support.memory_skill_files import MemorySkillFiles
from tests.test_hub_rules import HOSTILE_NAMES

LIMITS = Limits(content_bytes=2000, skills_per_call=20, skills_per_agent=40, burst=10_000)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def hub(tmp_path: Path, log: Log) -> Iterator[RunningHub]:
    with running_hub(tmp_path / "hub", settings=HubSettings(limits=LIMITS), write_log=log) as running:
        yield running


@pytest.fixture
def agent(hub: RunningHub) -> Agent:
    return hub.create_agent("kitchen", "ann")


@pytest.fixture
def caller(hub: RunningHub) -> Iterator[Caller]:
    made = Caller(hub.url, hub.create_key("ann").reveal()).open()
    yield made
    made.close()


def outcomes(hub: RunningHub) -> list[tuple[str | None, str]]:
    rows = hub.admin.audit_rows()
    return [(row.entry.skill, row.entry.outcome) for row in rows if row.entry.action == "upload"]


def test_the_table_the_schemas_and_the_served_list_agree(caller: Caller) -> None:
    served = read_result(caller.rpc("tools/list"))["tools"]
    assert [tool["name"] for tool in served] == [entry.name for entry in TOOLS]
    for tool, entry in zip(served, TOOLS, strict=True):
        described = entry.described().model_dump(by_alias=True, exclude_none=True, mode="json")
        assert tool == described
        assert tool["annotations"]["readOnlyHint"] is (tool["name"] == "mysta_list_agents")
        assert tool["annotations"]["openWorldHint"] is False
        assert tool["annotations"]["idempotentHint"] is True
        assert tool["annotations"]["destructiveHint"] is not tool["annotations"]["readOnlyHint"]


def test_a_key_sees_its_owner_s_agents_and_their_pods(hub: RunningHub, caller: Caller, agent: Agent) -> None:
    hub.create_agent("attic", "ann", running=False)
    hub.create_agent("cellar", "bob")
    agents = caller.call("mysta_list_agents")["structuredContent"]["agents"]
    assert [(one["name"], one["podState"]) for one in agents] == [
        ("attic", "stopped"),
        ("kitchen", "running"),
    ]
    assert agents[1]["id"] == agent.id


def test_an_acknowledged_skill_is_in_the_folder_byte_for_byte_and_in_the_audit(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    content = "---\nname: hello\n---\r\n# Gr\u00fc\u00df dich \U0001f44b\n"
    answer = caller.sync(agent.id, "hello", content)
    data = content.encode()
    assert answer == {
        "agentId": agent.id,
        "skillName": "hello",
        "sha256": sha256(data),
        "bytes": len(data),
        "live": True,
        "unchanged": False,
    }
    assert skill_file(hub, agent.id, "hello").read_bytes() == data
    row = list(hub.admin.audit_rows())[-1].entry
    assert (row.action, row.outcome, row.owner, row.agent_id) == ("upload", "stored", "ann", agent.id)
    assert (row.skill, row.sha256, row.bytes) == ("hello", sha256(data), len(data))
    assert row.key_id == hub.admin.keys()[0].id
    assert hub.admin.verify_audit().ok


def test_the_same_content_again_is_unchanged_and_new_content_replaces_it(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    caller.sync(agent.id, "s", "one")
    file = skill_file(hub, agent.id, "s")
    before = file.stat().st_mtime_ns
    assert caller.sync(agent.id, "s", "one")["unchanged"] is True
    assert file.stat().st_mtime_ns == before
    assert caller.sync(agent.id, "s", "two")["unchanged"] is False
    assert file.read_text() == "two"
    assert outcomes(hub) == [("s", "stored"), ("s", "unchanged"), ("s", "stored")]


def test_what_somebody_changed_in_the_folder_is_not_called_unchanged(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    caller.sync(agent.id, "s", "one")
    skill_file(hub, agent.id, "s").write_text("tampered")
    assert caller.sync(agent.id, "s", "one")["unchanged"] is False
    skill_file(hub, agent.id, "s").unlink()
    assert caller.sync(agent.id, "s", "one")["unchanged"] is False
    assert skill_file(hub, agent.id, "s").read_text() == "one"


def test_a_stopped_pod_s_skills_are_kept_and_live_from_its_start(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    hub.admin.set_pod_state(agent.id, "stopped")
    assert caller.sync(agent.id, "s", "one")["live"] is False
    assert skill_file(hub, agent.id, "s").read_text() == "one"
    hub.admin.set_pod_state("kitchen", "running")
    assert caller.sync(agent.id, "s", "one") | {"sha256": ""} == {
        "agentId": agent.id,
        "skillName": "s",
        "sha256": "",
        "bytes": 3,
        "live": True,
        "unchanged": True,
    }


def test_many_skills_go_in_one_call_and_bad_ones_fail_alone(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    skills: list[Any] = [
        {"name": "a", "content": "A"},
        {"name": "../b", "content": "B"},
        {"name": "c", "content": ""},
        {"name": "d", "content": "x" * 2001},
        {"name": "e", "content": "E"},
        {"name": "e", "content": "another E"},
    ]
    body = caller.call("mysta_sync_all_skills", agentId=agent.id, skills=skills)["structuredContent"]
    assert (body["synced"], body["failed"], body["live"]) == (2, 4, True)
    assert [one["skillName"] for one in body["results"]] == [skill["name"] for skill in skills]
    codes = [one.get("error", {}).get("code") for one in body["results"]]
    assert codes == [None, "invalid_name", "content_empty", "content_too_large", None, "duplicate_name"]
    assert body["results"][0]["sha256"] == sha256(b"A")
    assert skill_file(hub, agent.id, "e").read_text() == "E"
    assert sorted(path.name for path in hub.skills_folder(agent.id).iterdir()) == ["a", "e"]
    assert len(outcomes(hub)) == 6


def test_items_that_are_no_skills_fail_alone_too(caller: Caller, agent: Agent) -> None:
    odd: list[Any] = [{"name": "a", "content": "A"}, 7, {"name": 7, "content": ""}, {"name": "b"}, {"x": 1}]
    answer = caller.rpc(
        "tools/call", {"name": "mysta_sync_all_skills", "arguments": {"agentId": agent.id, "skills": odd}}
    )
    result = read_result(answer)
    assert result["isError"] is False
    body = result["structuredContent"]
    assert [one["ok"] for one in body["results"]] == [True, False, False, False, False]
    assert {one["error"]["code"] for one in body["results"][1:]} == {"invalid_arguments"}


def test_a_call_in_which_nothing_was_stored_is_an_error_that_still_says_each(
    caller: Caller, agent: Agent
) -> None:
    skills = [{"name": "", "content": "x"}, {"name": "b", "content": " "}]
    result = caller.call("mysta_sync_all_skills", agentId=agent.id, skills=skills)
    assert result["isError"] is True
    body = result["structuredContent"]
    assert body["error"]["code"] == "nothing_stored"
    assert [one["error"]["code"] for one in body["results"]] == ["invalid_name", "content_empty"]
    empty = caller.call("mysta_sync_all_skills", agentId=agent.id, skills=[])
    assert (empty["isError"], empty["structuredContent"]["synced"]) == (False, 0)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("mysta_list_agents", {"unknown": 1}),
        ("mysta_sync_skill", {}),
        ("mysta_sync_skill", {"agentId": 7, "skillName": "a", "content": "b"}),
        ("mysta_sync_skill", {"agentId": "a", "skillName": None, "content": "b"}),
        ("mysta_sync_skill", {"agentId": "a", "skillName": "a", "content": {"SECRET": "SECRET"}}),
        ("mysta_sync_all_skills", {"agentId": "a", "skills": "SECRET"}),
        ("mysta_sync_all_skills", {"agentId": "a"}),
    ],
)
def test_arguments_that_break_the_schema_are_refused_without_being_quoted(
    caller: Caller, tool: str, arguments: dict[str, Any]
) -> None:
    result = caller.call(tool, **arguments)
    assert result["isError"] is True
    assert result["structuredContent"]["error"]["code"] == "invalid_arguments"
    assert "SECRET" not in json.dumps(result)


def test_an_unknown_tool_is_a_protocol_error(caller: Caller) -> None:
    answer = caller.rpc("tools/call", {"name": "mysta_delete_everything", "arguments": {}})
    assert answer.json()["error"]["code"] == -32602


def test_hostile_names_are_refused_and_leave_nothing_on_disk(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    for name in HOSTILE_NAMES:
        if name.encode("utf-8", "replace") == name.encode("utf-8", "surrogatepass"):
            assert caller.sync(agent.id, name, "x")["error"]["code"] == "invalid_name", name
    assert list(hub.skills_folder(agent.id).iterdir()) == []
    tree = {path.name for path in hub.data.rglob("*")}
    databases = {f"{room}.db{more}" for room in ("hub", "relay") for more in ("", "-wal", "-shm")}
    assert tree <= {"agents", agent.id, "skills", "hub.lock", "relay.key", "relay.reserve", *databases}
    rows = [row.entry for row in hub.admin.audit_rows() if row.entry.action == "upload"]
    assert {row.outcome for row in rows} == {"invalid_name"}
    assert all(row.skill is not None and row.skill.isascii() and len(row.skill) <= 128 for row in rows)


def test_a_lone_surrogate_is_refused_by_both_generations_of_the_protocol(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    arguments = f'{{"agentId":"{agent.id}","skillName":"s","content":"\\ud800"}}'
    params = f'{{"name":"mysta_sync_skill","arguments":{arguments}'
    old = caller.post(f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}}}'.encode())
    assert old.status_code == 400
    meta = (
        '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
        '"io.modelcontextprotocol/clientCapabilities":{}}'
    )
    modern = Caller(hub.url, caller.key, http=caller.http)
    new = modern.post(
        f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params},{meta}}}}}'.encode(),
        **{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "mysta_sync_skill"},
    )
    assert new.status_code == 200, new.text
    assert new.json()["result"]["structuredContent"]["error"]["code"] == "content_not_utf8"
    assert list(hub.skills_folder(agent.id).iterdir()) == []


def test_bytes_that_are_not_utf8_are_a_bad_request(caller: Caller) -> None:
    assert (
        caller.post(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\xff\xfe"}}').status_code == 400
    )
    assert caller.post(b"not json").status_code == 400
    assert caller.post([]).status_code == 400


def test_an_agent_of_somebody_else_and_one_that_is_not_there_look_the_same(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    foreign = hub.create_agent("cellar", "bob")
    caller.sync(agent.id, "mine", "x")
    for target in (foreign.id, "agt_0000000000000000", "../../etc", "x" * 5000):
        one = caller.sync(target, "s", "x")["error"]
        many = caller.call("mysta_sync_all_skills", agentId=target, skills=[{"name": "s", "content": "x"}])
        assert one["code"] == many["structuredContent"]["error"]["code"] == "forbidden"
        assert one["message"].replace(target, "") == "this key has no agent ''" or len(target) > 128
    assert list(hub.skills_folder(foreign.id).iterdir()) == []
    assert [outcome for _, outcome in outcomes(hub)] == ["stored", *["forbidden"] * 8]


def test_too_many_skills_in_a_call_or_for_an_agent_are_refused(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    def many(first: int, count: int) -> dict[str, Any]:
        skills = [{"name": f"s{number}", "content": "x"} for number in range(first, first + count)]
        return caller.call("mysta_sync_all_skills", agentId=agent.id, skills=skills)

    assert many(0, 21)["structuredContent"]["error"]["code"] == "too_many_skills"
    many(0, 20)
    many(20, 18)
    body = many(38, 20)["structuredContent"]
    assert (body["synced"], body["failed"]) == (2, 18), (
        "those of one call, too, are counted before they are there"
    )
    assert {one["error"]["code"] for one in body["results"] if not one["ok"]} == {"too_many_skills"}
    full = caller.sync(agent.id, "one-more", "x")
    assert full["error"]["code"] == "too_many_skills"
    assert caller.sync(agent.id, "s0", "replaced")["unchanged"] is False


def test_uploads_of_one_skill_at_once_end_with_one_whole_content_and_a_row_that_matches(
    hub: RunningHub, caller: Caller, agent: Agent
) -> None:
    def upload(number: int) -> str:
        client = Caller(hub.url, caller.key).open()
        try:
            for round_ in range(5):
                answer = client.sync(agent.id, "s", f"{number}.{round_} " * 200)
                assert "error" not in answer
            return str(answer["sha256"])
        finally:
            client.close()

    with ThreadPoolExecutor(6) as pool:
        last = set(pool.map(upload, range(6)))
    digest = sha256(skill_file(hub, agent.id, "s").read_bytes())
    assert digest in last
    stored = [row.entry for row in hub.admin.audit_rows() if row.entry.action == "upload"]
    assert len(stored) == 30
    assert stored[-1].sha256 == digest, "the order of the rows is the order of the folder"


def test_a_full_disk_is_told_acknowledges_nothing_and_heals(tmp_path: Path, log: Log) -> None:
    files = MemorySkillFiles()
    stores = Stores(MemoryMetadata(), files)
    with running_hub(tmp_path, stores=stores, settings=HubSettings(sse=True), write_log=log) as hub:
        agent = hub.create_agent("kitchen", "ann")
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        for code, expected in (("file.enospc", "storage_full"), ("file.eio", "storage_failed")):
            files.failure = FileError("cannot write /somewhere", next_step="free some", code=code)
            refused = caller.sync(agent.id, "s", "x")
            assert refused["error"]["code"] == expected
            assert "/somewhere" not in refused["error"]["message"]
        files.failure = None
        assert files.names(agent.id) == []
        assert caller.sync(agent.id, "s", "x")["unchanged"] is False
        assert [outcome for _, outcome in outcomes(hub)] == ["storage_full", "storage_failed", "stored"]
        caller.close()


class _FailingMetadata(MemoryMetadata):
    failing = False

    def commit(self, changes: Any) -> None:
        if self.failing:
            raise FileError(
                "cannot write hub.db: SQLITE_FULL", next_step="free some", code="hub.database_full"
            )
        super().commit(changes)


def test_what_cannot_be_recorded_is_not_acknowledged_and_the_next_try_stores_it(tmp_path: Path) -> None:
    metadata = _FailingMetadata()
    with running_hub(tmp_path, stores=Stores(metadata, MemorySkillFiles())) as hub:
        agent = hub.create_agent("kitchen", "ann")
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        metadata.failing = True
        assert caller.sync(agent.id, "s", "x")["error"]["code"] == "storage_full"
        assert caller.sync(agent.id, "../s", "x")["error"]["code"] == "invalid_name"
        metadata.failing = False
        assert caller.sync(agent.id, "s", "x")["unchanged"] is False
        assert outcomes(hub) == [("s", "stored")]
        caller.close()


class _UnreadableMetadata(MemoryMetadata):
    """Fails every look-up of agents, or of keys too, with words that are no client's business."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.broken: set[str] = set()

    def agents(self, owner: str | None = None) -> list[Agent]:
        if "agents" in self.broken:
            raise self.error
        return super().agents(owner)

    def agent(self, agent_id: str) -> Agent | None:
        if "agents" in self.broken:
            raise self.error
        return super().agent(agent_id)

    def key_by_digest(self, digest: str) -> Key | None:
        if "keys" in self.broken:
            raise self.error
        return super().key_by_digest(digest)


@pytest.mark.parametrize("known", [True, False])
def test_a_failure_of_the_hub_is_told_without_its_own_words_which_the_log_has(
    tmp_path: Path, log: Log, caplog: pytest.LogCaptureFixture, *, known: bool
) -> None:
    words = "cannot read /private/hub.db"
    error = FileError(words, next_step="look", code="hub.database") if known else RuntimeError(words)
    metadata = _UnreadableMetadata(error)
    with running_hub(tmp_path, stores=Stores(metadata, MemorySkillFiles()), write_log=log) as hub:
        caller = Caller(hub.url, hub.create_key("ann").reveal()).open()
        metadata.broken = {"agents"}
        upload = {"agentId": "agt_x", "skillName": "s", "content": "x"}
        for tool, arguments in (("mysta_list_agents", {}), ("mysta_sync_skill", upload)):
            answer = caller.rpc("tools/call", {"name": tool, "arguments": arguments})
            if known:
                code = answer.json()["result"]["structuredContent"]["error"]["code"]
                assert code == "storage_failed"
            else:
                assert answer.json()["error"]["code"] == -32603
            assert "private" not in answer.text
        if known:
            metadata.broken = {"keys"}
            refused = caller.rpc("ping")
            assert (refused.status_code, refused.json()["error"]["code"]) == (500, "storage_failed")
            assert "private" not in refused.text
            assert log.wait(refused="storage_failed")["status"] == 500
        metadata.broken = set()
        assert caller.rpc("ping").status_code == 200
        caller.close()
    assert words in caplog.text


class _HeldMetadata(MemoryMetadata):
    """Holds each commit until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go_on = threading.Event(), threading.Event()

    def commit(self, changes: Any) -> None:
        self.entered.set()
        assert self.go_on.wait(10)
        super().commit(changes)


def test_closing_the_service_waits_for_an_upload_that_nobody_waits_for() -> None:
    metadata, files = _HeldMetadata(), MemorySkillFiles()
    files.prepare("agt_k")

    async def play() -> None:
        service = HubService(metadata, files)
        upload = asyncio.create_task(service.sync_skill(key, "agt_k", Upload("s", "x")))
        assert await asyncio.to_thread(metadata.entered.wait, 10)
        upload.cancel()
        closing = asyncio.create_task(service.close())
        await asyncio.sleep(0)
        assert not closing.done()
        metadata.go_on.set()
        await closing

    key = Key("key_a", "ann", "t")
    MemoryMetadata.commit(metadata, [AddAgent(Agent("agt_k", "ann", "kitchen", "running", "t"))])
    asyncio.run(play())
    assert metadata.skill_count("agt_k") == 1
    assert metadata.audit()[-1].entry.outcome == "stored"


@pytest.mark.parametrize("protocol", ["2025-03-26", "2025-06-18", "2025-11-25"])
@pytest.mark.parametrize("sse", [False, True])
def test_every_version_and_both_shapes_of_an_answer_are_spoken(
    tmp_path: Path, protocol: str, *, sse: bool
) -> None:
    with running_hub(tmp_path / "hub", settings=HubSettings(sse=sse)) as hub:
        agent = hub.create_agent("kitchen", "ann")
        caller = Caller(hub.url, hub.create_key("ann").reveal(), protocol=protocol).open()
        answer = caller.rpc("ping")
        assert answer.headers["content-type"].startswith("text/event-stream" if sse else "application/json")
        assert caller.sync(agent.id, "s", "x")["live"] is True
        caller.close()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("sse", [False, True])
def test_the_official_client_is_served_with_sessions_and_without(
    tmp_path: Path, mode: Literal["legacy", "2026-07-28"], *, sse: bool
) -> None:
    async def play(url: str, key: str, agent: str) -> list[Any]:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            listed = await client.list_tools()
            good = {"agentId": agent, "skillName": "s", "content": "x"}
            stored = await client.call_tool("mysta_sync_skill", good)
            refused = await client.call_tool("mysta_sync_skill", {**good, "skillName": "../s"})
            return [len(listed.tools), stored.structured_content, refused.is_error]

    with running_hub(tmp_path / "hub", settings=HubSettings(sse=sse)) as hub:
        agent = hub.create_agent("kitchen", "ann")
        tools, stored, refused = asyncio.run(play(hub.url, hub.create_key("ann").reveal(), agent.id))
        assert (tools, stored["live"], refused) == (3, True, True)
        assert skill_file(hub, agent.id, "s").read_text() == "x"
