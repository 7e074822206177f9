"""`sync` as an operator runs it, against a real hub: choices, consent, plans, canaries, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.server import running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from openclaw_install.sync.ledger import Ledger
from tests.sync_desk import Desk, desk_in
from tests.sync_rig import (
    Asked,
    Manners,
    Reply,
    ScriptedServer,
    plain,
    skill_text,
    storing_tools,
    structured,
    write_skill,
)

SECRET = "ghp" + "_" + "q7RtY2uWc9LkP4sXv1Bn8Md3Zj6Hf5Ga0EbK"

# On this machine it is an own hub, whose keys no page of the cloud makes.
NEW_KEY = "openclaw-install hub keys create --owner NAME"


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    with desk_in(tmp_path, monkeypatch, capsys) as made:
        yield made


def test_the_first_sync_sends_all_the_second_nothing_a_change_only_itself(desk: Desk) -> None:
    agent = desk.hub.create_agent("main", "owner")
    assert desk.outcomes("--all", "--yes") == {"main": {"alpha": "acknowledged", "beta": "acknowledged"}}
    assert desk.held(agent.id) == ["alpha", "beta"]
    assert desk.outcomes("--all") == {"main": {"alpha": "unchanged", "beta": "unchanged"}}
    write_skill(desk.skills, "beta", skill_text("beta", "# New\n"))
    assert desk.outcomes("--all") == {"main": {"alpha": "unchanged", "beta": "acknowledged"}}
    stored = desk.hub.skills_folder(agent.id) / "beta" / "SKILL.md"
    assert stored.read_text() == skill_text("beta", "# New\n")
    assert desk.outcomes("alpha", "--force") == {"main": {"alpha": "acknowledged"}}


def test_the_summary_says_whether_the_skills_are_live(desk: Desk) -> None:
    desk.hub.create_agent("asleep", "owner", running=False)
    code, out, err = desk.run("--all", "--yes")
    assert (code, err) == (0, "")
    assert "agent asleep (agt_" in out
    assert "2 synced" in out
    assert "the dev pod is not running: start it to apply the skills" in out
    desk.hub.create_agent("awake", "owner")
    _, out, _ = desk.run("--all", "--agent", "awake", "--yes")
    assert "the dev pod is running: the skills are live now" in out


def test_names_choose_skills_and_an_unknown_one_lists_what_there_is(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner")
    assert desk.outcomes("beta", "--yes") == {"main": {"beta": "acknowledged"}}
    document = desk.document("gamma")
    assert document["exit_code"] == 2
    assert "gamma" in document["errors"][0]["message"]
    assert "alpha, beta" in document["errors"][0]["next_step"]
    assert desk.document("alpha", "--all")["exit_code"] == 2


def test_without_a_terminal_nothing_is_chosen_silently(desk: Desk) -> None:
    document = desk.document("--yes")
    assert document["errors"][0]["code"] == "usage.nothing_chosen"
    assert "alpha, beta" in document["errors"][0]["next_step"]


def test_agents_none_one_several_all_by_id_and_by_name(desk: Desk) -> None:
    none = desk.document("--all", "--yes")
    assert (none["exit_code"], none["errors"][0]["code"]) == (1, "sync.no_agents")
    assert "https://app.staging.mysta.tech" in none["errors"][0]["next_step"]
    first = desk.hub.create_agent("first", "owner")
    assert set(desk.outcomes("--all", "--yes")) == {"first"}
    second = desk.hub.create_agent("second", "owner")
    desk.hub.create_agent("not-ours", "somebody-else")
    several = desk.document("--all", "--yes")
    assert several["errors"][0]["code"] == "usage.agent"
    assert first.id in several["errors"][0]["next_step"]
    assert second.id in several["errors"][0]["next_step"]
    assert set(desk.outcomes("--all", "--yes", "--agent", second.id)) == {"second"}
    assert set(desk.outcomes("--all", "--yes", "--agent", "First", "--agent", "second")) == {
        "first",
        "second",
    }
    assert set(desk.outcomes("--all", "--agent", "all")) == {"first", "second"}
    assert desk.document("--all", "--agent", "not-ours")["errors"][0]["code"] == "usage.no_such_agent"


def test_two_agents_of_one_name_are_told_apart_by_their_ids(desk: Desk) -> None:
    tools = storing_tools({}, [{"id": "a1", "name": "same"}, {"id": "a2", "name": "same"}])
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        document = desk.document("--all", "--yes", "--agent", "same")
        assert "several agents are called same" in document["errors"][0]["message"]
        assert "a1" in document["errors"][0]["next_step"]
        code, out, _ = desk.run("--all", "--yes", "--agent", "a2")
    assert code == 0
    assert "the skills are live now" in out


def test_nothing_is_sent_without_consent_and_it_is_asked_only_once(desk: Desk) -> None:
    agent = desk.hub.create_agent("main", "owner")
    refused = desk.document("--all")
    assert (refused["exit_code"], refused["errors"][0]["code"]) == (2, "usage.consent")
    assert desk.held(agent.id) == []
    assert desk.document("--all", "--yes")["ok"]
    assert desk.document("--all")["ok"]
    given = desk.document("consent")["result"]["consents"]
    assert [(one["kind"], one["agent_name"], one["given_by"]) for one in given] == [
        ("connect", "", "--yes"),
        ("upload", "main", "--yes"),
    ]
    assert given[1]["roots"] == [str(desk.skills)]
    assert desk.document("consent", "--revoke", "--dry-run")["result"]["revoked"] == 0
    assert desk.document("consent", "--revoke")["result"]["revoked"] == 2
    assert desk.document("--all")["errors"][0]["code"] == "usage.consent"


def test_skills_of_a_new_folder_need_a_new_consent(desk: Desk, tmp_path: Path) -> None:
    desk.hub.create_agent("main", "owner")
    desk.document("--all", "--yes")
    write_skill(tmp_path / "more", "gamma")
    refused = desk.document("--all", "--root", str(tmp_path / "more"))
    assert refused["errors"][0]["code"] == "usage.consent"
    assert str(tmp_path / "more") in refused["errors"][0]["message"]
    assert (
        desk.outcomes("--all", "--yes", "--root", str(tmp_path / "more"))["main"]["gamma"] == "acknowledged"
    )


def test_a_dry_run_without_consent_plans_without_the_service(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner")
    desk.monkeypatch.delenv("MYSTA_API_KEY")
    first = desk.document("--all", "--dry-run")
    assert first["ok"]
    assert first["result"]["agents_known_from"] == "ledger"
    assert first["result"]["totals"]["planned"] == 2
    assert desk.document("consent")["result"]["consents"] == []


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    def written() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in desk.home.rglob("*") if path.is_file()}

    for arguments in (("--all",), ("status",), ("consent", "--revoke")):
        before = written()
        assert desk.run(*arguments, "--dry-run")[0] == 0
        assert written() == before
    desk.hub.create_agent("one", "owner")
    assert desk.run("--all", "--yes")[0] == 0
    write_skill(desk.skills, "alpha", skill_text("alpha", "changed\n"))
    desk.hub.create_agent("two", "owner")
    before = written()
    assert desk.outcomes("--all", "--agent", "all", "--dry-run")["two"] == dict.fromkeys(
        ("alpha", "beta"), "planned"
    )
    assert written() == before


def test_the_agents_are_not_asked_for_in_a_dry_run(desk: Desk) -> None:
    document = desk.document("agents", "--dry-run", "--yes")
    assert document["exit_code"] == 2
    assert "--dry-run would not" in document["errors"][0]["message"]
    assert desk.document("consent")["result"]["consents"] == []


def test_what_the_sdk_logs_reaches_no_terminal() -> None:
    script = (
        "import logging, openclaw_install.sync.mcp_connection\n"
        "for name in ('mcp.client.streamable_http', 'mcp.shared.session'):\n"
        "    logging.getLogger(name).error('a server sent %r', 'Bearer mysta_x')\n"
        "logging.getLogger('other').error('seen')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "seen\n"


def test_a_dry_run_lists_agents_once_that_was_agreed_to_and_sends_nothing(desk: Desk) -> None:
    agent = desk.hub.create_agent("main", "owner")
    assert desk.document("agents", "--yes")["result"]["agents"] == [
        {"id": agent.id, "name": "main", "running": True}
    ]
    planned = desk.document("--all", "--dry-run")
    assert planned["result"]["agents_known_from"] == "service"
    assert {skill["action"] for skill in planned["result"]["agents"][0]["skills"]} == {"create"}
    assert desk.held(agent.id) == []
    desk.monkeypatch.delenv("MYSTA_API_KEY")
    offline = desk.document("--all", "--dry-run", "--agent", "main")
    assert offline["result"]["agents"][0]["id"] == agent.id
    _, out, _ = desk.run("--all", "--dry-run")
    assert "to send      alpha (create): never acknowledged" in out
    assert "dry run" in out


def test_a_key_is_needed_and_has_to_look_like_one(desk: Desk) -> None:
    desk.monkeypatch.setenv("MYSTA_API_KEY", "  ")
    for arguments in (("--all", "--yes"), ("agents",)):
        missing = desk.document(*arguments)
        assert (missing["exit_code"], missing["errors"][0]["code"]) == (1, "sync.key_missing")
        assert missing["errors"][0]["next_step"].startswith(NEW_KEY)
    for bad in ("sk-something", "mysta_with blank", "mysta_\x1b", "mysta_" + "x" * 600):
        desk.monkeypatch.setenv("MYSTA_API_KEY", bad)
        document = desk.document("--all", "--yes")
        assert document["errors"][0]["code"] == "sync.key_malformed"
        assert bad not in json.dumps(document)


def test_a_rejected_key_stops_everything_and_says_where_to_renew(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner")
    desk.monkeypatch.setenv("MYSTA_API_KEY", "mysta_" + "0" * 40)
    document = desk.document("--all", "--yes")
    assert (document["exit_code"], document["errors"][0]["code"]) == (1, "sync.key_rejected")
    step = document["errors"][0]["next_step"]
    assert step.startswith(NEW_KEY)
    assert "https://" not in step


def test_a_key_that_is_revoked_meanwhile_is_told_and_nothing_more_is_tried(desk: Desk) -> None:
    def before(asked: Asked) -> Reply | None:
        return Reply(401) if asked.tool.startswith("mysta_sync") else None

    tools = storing_tools({}, [{"id": "a", "name": "one"}])
    with ScriptedServer(Manners(tools=tools, before=before)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        document = desk.document("--all", "--yes")
        # The key was accepted a moment ago, so that it is asked once more in a new session, and never again.
        assert len(server.calls("mysta_sync_all_skills")) == 2
        assert len([asked for asked in server.asked if asked.rpc == "initialize"]) == 2
        assert server.calls("mysta_sync_skill") == []
    assert document["exit_code"] == 1
    assert [error["code"] for error in document["errors"]] == ["sync.key_rejected"]
    skills = document["result"]["agents"][0]["skills"]
    assert {(skill["outcome"], skill["code"]) for skill in skills} == {("not_sent", "sync.key_rejected")}
    assert skills[0]["next_step"].startswith(NEW_KEY)


def test_the_key_of_another_owner_sees_and_changes_nothing(desk: Desk) -> None:
    agent = desk.hub.create_agent("main", "owner")
    desk.document("--all", "--yes")
    desk.monkeypatch.setenv("MYSTA_API_KEY", desk.hub.create_key("thief").reveal())
    assert desk.document("--all", "--yes", "--agent", agent.id)["errors"][0]["code"] == "sync.no_agents"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/mcp",
        "ftp://example.com",
        "https://",
        "https://user:" + "pw@example.com/mcp",
        "https://example.com/mcp?x=1",
        "https://example.com/a b",
        "https://[::1/mcp",
        "https://example.com:99999/mcp",
        "not a url",
    ],
)
def test_an_endpoint_that_is_unsafe_is_refused_without_showing_it(desk: Desk, url: str) -> None:
    desk.monkeypatch.setenv("MYSTA_MCP_URL", url)
    document = desk.document("--all", "--yes")
    assert document["errors"][0]["code"] == "sync.endpoint"
    assert url not in document["errors"][0]["message"]


def test_a_finding_of_the_gate_blocks_that_skill_until_it_is_allowed_for_this_content(desk: Desk) -> None:
    agent = desk.hub.create_agent("main", "owner")
    write_skill(desk.skills, "leaky", skill_text("leaky", f"# Use\n\nexport TOKEN={SECRET}\n"))
    code, out, _ = desk.run("--all", "--yes")
    assert code == 1
    assert "line 7: GitHub Token" in out
    assert "--allow-secrets leaky" in out
    assert SECRET not in out
    assert desk.held(agent.id) == ["alpha", "beta"]
    assert desk.document("--all", "--allow-secrets", "nothing")["exit_code"] == 2
    planned = desk.document("--all", "--dry-run", "--allow-secrets", "leaky")
    assert planned["result"]["totals"]["planned"] == 1
    assert desk.outcomes("--all")["main"]["leaky"] == "blocked"
    assert desk.outcomes("--all", "--allow-secrets", "leaky")["main"]["leaky"] == "acknowledged"
    assert desk.outcomes("--all", "--force")["main"]["leaky"] == "acknowledged"
    write_skill(desk.skills, "leaky", skill_text("leaky", f"# Use\n\nexport TOKEN={SECRET}\nmore\n"))
    (blocked,) = (s for s in desk.document("leaky")["result"]["agents"][0]["skills"])
    assert (blocked["outcome"], blocked["code"]) == ("blocked", "secret")
    assert blocked["findings"] == [{"line": 7, "kind": "GitHub Token"}]


def test_skills_that_cannot_go_up_are_told_and_the_others_go(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner")
    write_skill(desk.skills, "broken", "no frontmatter")
    write_skill(desk.skills, "latin", skill_text("latin").encode() + b"\xe9\n")
    write_skill(desk.home / "Workspace" / "openclaw" / "skills", "alpha", skill_text("alpha", "lower"))
    document = desk.document("--all", "--yes")
    assert document["exit_code"] == 1
    skills = {skill["skill"]: skill for skill in document["result"]["agents"][0]["skills"]}
    assert {name: skill["outcome"] for name, skill in skills.items()} == {
        "alpha": "acknowledged",
        "beta": "acknowledged",
        "broken": "blocked",
        "latin": "blocked",
    }
    assert (skills["broken"]["code"], skills["latin"]["code"]) == ("invalid", "not_utf8")
    warnings = "\n".join(document["result"]["warnings"])
    assert "Workspace" in warnings
    assert "description is required" in warnings


def test_a_refusal_of_the_service_is_told_with_its_cause(desk: Desk) -> None:
    tools = storing_tools({}, [{"id": "a", "name": "one", "podState": "odd"}])
    tools["mysta_sync_skill"] = lambda _arguments: plain("the name is taken", is_error=True)
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        code, out, _ = desk.run("alpha", "--yes")
        assert code == 1
        assert "refused      alpha: the name is taken" in out
        assert "next: correct what the service names" in out
        code, out, _ = desk.run("status")
        assert "last error of alpha at one (a)" in out
        tools["mysta_sync_skill"] = lambda _arguments: structured({"ok": True})
        _, out, _ = desk.run("alpha")
        assert "the service does not say whether the dev pod is running" in out


def test_a_canary_goes_first_and_its_failure_spares_the_others(desk: Desk) -> None:
    ids = {name: desk.hub.create_agent(name, "owner").id for name in ("one", "two", "three")}
    good = desk.document("--all", "--yes", "--agent", "one", "--agent", "three", "--canary", "two")
    assert good["result"]["agents"][0]["name"] == "two"
    assert good["ok"]
    assert {len(desk.held(agent)) for agent in ids.values()} == {2}
    order: list[str] = []
    stored: dict[tuple[str, str], str] = {}
    tools = storing_tools(stored, [{"id": "a"}, {"id": "b"}])
    many = tools["mysta_sync_all_skills"]

    def fail(arguments: Mapping[str, Any]) -> Any:
        order.append(arguments["agentId"])
        return plain("no", is_error=True) if arguments["agentId"] == "b" else many(arguments)

    tools["mysta_sync_all_skills"] = tools["mysta_sync_skill"] = fail
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        code, out, _ = desk.run("--all", "--yes", "--agent", "all", "--canary", "b")
        document = desk.document("--all", "--yes", "--agent", "all", "--canary", "b")
    assert code == 1
    assert set(order) == {"b"}
    assert "nothing was sent: the canary b did not acknowledge all" in out
    spared = document["result"]["agents"][1]
    assert spared["skipped"] == "the canary b did not acknowledge all"
    assert {(skill["outcome"], skill["code"]) for skill in spared["skills"]} == {("not_sent", "sync.canary")}


def test_status_tells_drift_doubt_and_what_is_gone_without_the_network(desk: Desk) -> None:
    code, out, _ = desk.run("status")
    assert (code, "no agent is known yet" in out) == (0, True)
    desk.hub.create_agent("main", "owner")
    desk.document("--all", "--yes")
    write_skill(desk.skills, "beta", skill_text("beta", "changed"))
    write_skill(desk.skills, "fresh")
    (desk.skills / "alpha" / "SKILL.md").unlink()
    desk.monkeypatch.delenv("MYSTA_API_KEY")
    with no_network(desk.monkeypatch):
        document = desk.document("status")
        _, out, _ = desk.run("status", "--agent", "main")
    assert document["exit_code"] == 1
    states = {row["skill"]: row["agents"][0]["state"] for row in document["result"]["skills"]}
    assert states == {"alpha": "deleted_locally", "beta": "drifted", "fresh": "never_acknowledged"}
    assert re.search(r"beta   differs \(\d+ s\)", out)
    assert re.search(r"alpha  deleted here \(\d+ s\)", out)
    desk.monkeypatch.setenv("MYSTA_API_KEY", desk.hub.create_key("owner").reveal())
    assert desk.outcomes("--all")["main"]["alpha"] == "deleted_locally"
    assert desk.document("--all")["ok"]
    with Ledger() as ledger:
        ledger.connection.execute("UPDATE acknowledgement SET acknowledged_at = acknowledged_at - 7300")
        ledger.connection.execute("UPDATE acknowledgement SET agent_id = 'agt_former' WHERE skill = 'alpha'")
        ledger.connection.execute(
            "INSERT INTO attempt (endpoint, agent_id, skill, sha256, begun_at) "
            "SELECT endpoint, agent_id, skill, 'h', 1.0 FROM acknowledgement WHERE skill = 'fresh'"
        )
    code, out, _ = desk.run("status")
    assert code == 1
    assert "same (2 h)" in out
    assert "unknown (2 h)" in out
    assert "agt_former" in out
    assert desk.document("status", "--agent", "nobody")["exit_code"] == 2


@contextmanager
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within this, opening a connection fails the test."""

    def refuse(*_args: object) -> None:
        raise AssertionError("the network was used")

    with monkeypatch.context() as patch:
        patch.setattr("socket.socket.connect", refuse)
        yield


def test_agents_and_consent_are_told_to_people_too(desk: Desk) -> None:
    assert "you have not agreed to anything" in desk.run("consent")[1]
    assert desk.run("agents", "--yes")[1] == "the service lists no agents\n"
    agent = desk.hub.create_agent("main", "owner")
    assert desk.run("agents")[1] == f"{agent.id}  main  running\n"
    desk.run("--all", "--yes")
    told = desk.run("consent", "--revoke")[1]
    assert f"upload to {desk.hub.url}, agent main, from {desk.skills} (by --yes, revoked " in told
    assert "revoked: 2" in told


def test_the_group_takes_names_options_and_commands_in_one_place(desk: Desk) -> None:
    for words in (("--help",), ("-h",)):
        code, out, _ = desk.run(*words)
        assert code == 0
        assert "sync [OPTIONS] [NAME]..." in out
        assert "--canary" in out
        assert "consent" in out
        assert ":push" not in out
    assert "--revoke" in desk.run("consent", "--help")[1]
    write_skill(desk.skills, "status")
    desk.hub.create_agent("main", "owner")
    code, out, _ = desk.run("--yes", "--", "status")
    assert (code, "1 synced" in out) == (0, True)
    assert desk.document("--nonsense")["exit_code"] == 2


def test_a_sync_in_progress_excludes_another(desk: Desk) -> None:
    with Ledger() as ledger, ledger.lock(desk.hub.url):
        document = desk.document("--all", "--yes")
    assert (document["exit_code"], document["errors"][0]["code"]) == (1, "conflict.sync_locked")


def test_a_service_that_is_away_is_told(desk: Desk) -> None:
    desk.monkeypatch.setenv("MYSTA_MCP_URL", "http://127.0.0.1:9/mcp")
    document = desk.document("--all", "--yes")
    assert (document["exit_code"], document["errors"][0]["code"]) == (1, "sync.unreachable")


def test_batches_shrink_until_the_service_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for number in range(40):
        text = skill_text(f"s{number}", "word " * 1000)
        write_skill(tmp_path / ".openclaw" / "skills", f"s{number}", text)
    write_skill(tmp_path / ".openclaw" / "skills", "large", skill_text("large", "word " * 10_000))
    settings = HubSettings(limits=Limits(body_bytes=30_000))
    with running_hub(tmp_path / "hub", settings=settings) as hub:
        agent = hub.create_agent("main", "owner")
        monkeypatch.setenv("MYSTA_MCP_URL", hub.url)
        monkeypatch.setenv("MYSTA_API_KEY", hub.create_key("owner").reveal())
        assert run_command(cli, ["sync", "--all", "--yes"]) == 1
        assert len(list(hub.skills_folder(agent.id).iterdir())) == 40
        with Ledger() as ledger:
            records = ledger.records(hub.url)
    assert records[agent.id, "large"].error_code == "sync.too_large"
    assert not any(record.in_doubt for record in records.values())
