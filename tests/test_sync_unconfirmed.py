"""What a service neither confirms nor refuses: repeated once, reported, and not sent again by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sync_desk import Desk, desk_in
from tests.sync_rig import (
    Manners,
    ScriptedServer,
    Tool,
    plain,
    skill_text,
    storing_tools,
    structured,
    write_skill,
)
from tests.watch_rig import Bench, bench_in

BATCH, SINGLE = "mysta_sync_all_skills", "mysta_sync_skill"


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    with desk_in(tmp_path, monkeypatch, capsys) as made:
        yield made


def vague_tools(agent: str = "a") -> dict[str, Tool]:
    """Tools that take every skill and only talk about it."""
    tools = storing_tools({}, [{"id": agent, "name": "main", "podState": "running"}])
    tools[SINGLE] = tools[BATCH] = lambda _arguments: plain("Thank you, we got it.")
    return tools


def sent_skills(server: ScriptedServer) -> Counter[str]:
    """How often each skill was sent."""
    alone = [asked.arguments["skillName"] for asked in server.calls(SINGLE)]
    together = [skill["name"] for asked in server.calls(BATCH) for skill in asked.arguments["skills"]]
    return Counter([*alone, *together])


def states(desk: Desk) -> dict[str, str]:
    rows = desk.document("status")["result"]["skills"]
    return {row["skill"]: row["agents"][0]["state"] for row in rows}


def test_what_no_answer_confirms_is_repeated_once_alone_and_not_sent_again_until_it_changes(
    desk: Desk,
) -> None:
    tools = vague_tools()
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        document = desk.document("--all", "--yes")
        assert document["exit_code"] == 1
        (agent,) = document["result"]["agents"]
        assert agent["totals"]["unconfirmed"] == document["result"]["totals"]["unconfirmed"] == 2
        for skill in agent["skills"]:
            assert (skill["outcome"], skill["code"]) == ("unconfirmed", "sync.unconfirmed")
            assert "--force" in skill["next_step"]
        assert (len(server.calls(BATCH)), len(server.calls(SINGLE))) == (1, 2)
        for planned in (desk.document("--all", "--dry-run"), desk.document("--all")):
            assert planned["exit_code"] == 1
            (agent,) = planned["result"]["agents"]
            assert {skill["action"] for skill in agent["skills"]} == {"unconfirmed"}
            assert all(skill["next_step"] for skill in agent["skills"])
        assert states(desk) == {"alpha": "unconfirmed", "beta": "unconfirmed"}
        assert desk.run("status")[0] == 1
        assert sent_skills(server) == {"alpha": 2, "beta": 2}
        write_skill(desk.skills, "beta", skill_text("beta", "changed\n"))
        assert desk.outcomes("--all") == {"main": {"alpha": "unconfirmed", "beta": "unconfirmed"}}
        assert sent_skills(server) == {"alpha": 2, "beta": 4}
        tools.update({name: storing_tools({}, [])[name] for name in (SINGLE, BATCH)})
        assert desk.outcomes("--all", "--force") == {
            "main": {"alpha": "acknowledged", "beta": "acknowledged"}
        }
        assert states(desk) == {"alpha": "in_sync", "beta": "in_sync"}


def test_a_batch_that_only_counts_what_it_stored_is_not_sent_a_second_time(desk: Desk) -> None:
    tools = vague_tools()
    counted: dict[str, Any] = {"success": True, "synced": 2, "failed": []}
    tools[BATCH] = lambda _arguments: structured(counted)
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        assert desk.outcomes("--all", "--yes") == {"main": {"alpha": "acknowledged", "beta": "acknowledged"}}
        assert sent_skills(server) == {"alpha": 1, "beta": 1}
        counted.update(synced=1, failed=[{"name": "beta", "error": "quota"}])
        assert desk.outcomes("--all", "--force") == {"main": {"alpha": "acknowledged", "beta": "refused"}}
        assert sent_skills(server) == {"alpha": 2, "beta": 2}


def test_a_canary_that_confirms_nothing_spares_the_others(desk: Desk) -> None:
    tools = storing_tools({}, [{"id": "a"}, {"id": "b"}])
    tools[SINGLE] = tools[BATCH] = lambda _arguments: plain("fine")
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        for _ in range(2):
            document = desk.document("--all", "--yes", "--agent", "all", "--canary", "b")
            spared = document["result"]["agents"][1]
            assert {skill["code"] for skill in spared["skills"]} == {"sync.canary"}
    assert {asked.arguments["agentId"] for asked in server.calls(BATCH)} == {"b"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as made:
        yield made


def test_a_watcher_reports_what_is_not_confirmed_and_waits_for_another_content(bench: Bench) -> None:
    agent = bench.agents["main"]
    tools = vague_tools(agent)
    stored: dict[tuple[str, str], str] = {}
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        bench.hub = replace(bench.hub, url=server.url)
        bench.choose(("alpha",))
        with bench.watching(reconcile_seconds=0.02, check_seconds=0.02) as watched:
            event = watched.wait("unconfirmed", "alpha", agent=agent, code="sync.unconfirmed")
            assert event.next_step
            watched.until(lambda: [e.kind for e in watched.events[-3:]] == ["reconciled"] * 3)
            assert watched.events[-1].pending == 0
            assert sent_skills(server) == {"alpha": 2}
            assert watched.kinds("alpha").count("unconfirmed") == 1
        with bench.watching() as watched:
            watched.wait("unconfirmed", "alpha", agent=agent)  # known from the ledger
            assert sent_skills(server) == {"alpha": 2}
            tools[SINGLE] = storing_tools(stored, [])[SINGLE]
            bench.save("alpha", "changed\n")
            watched.wait("acknowledged", "alpha")
    assert stored == {(agent, "alpha"): skill_text("alpha", "changed\n")}


def test_a_cut_off_upload_is_still_tried_again_by_itself(bench: Bench) -> None:
    agent = bench.agents["main"]
    tools = vague_tools(agent)
    good = storing_tools({}, [])[SINGLE]
    cut = iter([True])

    def single(arguments: Mapping[str, Any]) -> Any:
        if next(cut, False):
            reply = Manners().result(server.asked[-1], structured({}))
            return replace(reply, body=reply.body[:20], claimed_length=len(reply.body))
        return good(arguments)

    tools[SINGLE] = single
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        bench.hub = replace(bench.hub, url=server.url)
        bench.choose(("alpha",))
        with bench.watching() as watched:
            watched.wait("waiting", "alpha")
            watched.wait("acknowledged", "alpha")
    assert sent_skills(server) == {"alpha": 2}
