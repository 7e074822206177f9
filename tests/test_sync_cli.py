"""`sync` as an operator runs it, against a real hub: choices, consent, plans, canaries, exit codes."""

from __future__ import annotations

import json
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
    document = desk.document("--all", "--yes")
    assert (document["exit_code"], desk.texts[-1]) == (0, "")
    (agent,) = document["result"]["agents"]
    assert agent["id"].startswith("agt_")
    assert (agent["name"], agent["running"], agent["live"]) == ("asleep", False, False)
    assert agent["totals"]["acknowledged"] == 2
    desk.hub.create_agent("awake", "owner")
    (agent,) = desk.document("--all", "--agent", "awake", "--yes")["result"]["agents"]
    assert (agent["running"], agent["live"]) == (True, True)


def test_names_choose_skills_and_an_unknown_one_lists_what_there_is(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner")
    assert desk.outcomes("beta", "--yes") == {"main": {"beta": "acknowledged"}}
    document = desk.document("gamma")
    assert document["exit_code"] == 2
    (error,) = document["errors"]
    assert error["code"] == "usage.no_such_skill"
    assert "gamma" in error["message"]
    assert all(name in error["next_step"] for name in ("alpha", "beta"))
    assert desk.document("alpha", "--all")["exit_code"] == 2


def test_without_a_terminal_nothing_is_chosen_silently(desk: Desk) -> None:
    error = desk.document("--yes")["errors"][0]
    assert error["code"] == "usage.nothing_chosen"
    assert all(name in error["next_step"] for name in ("alpha", "beta"))


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
        error = desk.document("--all", "--yes", "--agent", "same")["errors"][0]
        assert error["code"] == "usage.no_such_agent"
        assert all(one in error["next_step"] for one in ("a1", "a2"))
        document = desk.document("--all", "--yes", "--agent", "a2")
    assert document["exit_code"] == 0
    assert [(agent["id"], agent["live"]) for agent in document["result"]["agents"]] == [("a2", True)]


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
    assert (document["exit_code"], document["errors"][0]["code"]) == (2, "usage")
    assert "--dry-run" in document["errors"][0]["message"]
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
    again = desk.document("--all", "--dry-run")["result"]
    assert again["dry_run"]
    skills = {skill["skill"]: skill for skill in again["agents"][0]["skills"]}
    assert (skills["alpha"]["outcome"], skills["alpha"]["action"]) == ("planned", "create")
    assert skills["alpha"]["reason"] == "never acknowledged"


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
    document = desk.document("--all", "--yes")
    assert document["exit_code"] == 1
    (leaky,) = (one for one in document["result"]["agents"][0]["skills"] if one["skill"] == "leaky")
    assert (leaky["outcome"], leaky["code"]) == ("blocked", "secret")
    assert leaky["findings"] == [{"line": 7, "kind": "GitHub Token"}]
    assert desk.run("--all")[0] == 1
    assert not any(SECRET in text for text in desk.texts)
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
    warnings = document["result"]["warnings"]
    assert any("Workspace" in warning for warning in warnings)
    (broken,) = (warning for warning in warnings if warning.startswith("broken: "))
    assert skills["broken"]["reason"] == "OpenClaw refuses it: description is required"
    assert skills["broken"]["reason"] in broken


def test_a_refusal_of_the_service_is_told_with_its_cause(desk: Desk) -> None:
    tools = storing_tools({}, [{"id": "a", "name": "one", "podState": "odd"}])
    tools["mysta_sync_skill"] = lambda _arguments: plain("the name is taken", is_error=True)
    with ScriptedServer(Manners(tools=tools)).serving() as server:
        desk.monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        document = desk.document("alpha", "--yes")
        assert document["exit_code"] == 1
        (skill,) = document["result"]["agents"][0]["skills"]
        assert (skill["outcome"], skill["code"], skill["reason"]) == (
            "refused",
            "refused",
            "the name is taken",
        )
        assert skill["next_step"] == "correct what the service names, and sync again"
        status = desk.document("status")["result"]
        assert [(agent["id"], agent["name"]) for agent in status["agents"]] == [("a", "one")]
        alpha = next(one for one in status["skills"] if one["skill"] == "alpha")
        assert alpha["agents"][0]["last_error"]["code"] == "refused"
        tools["mysta_sync_skill"] = lambda _arguments: structured({"ok": True})
        (agent,) = desk.document("alpha")["result"]["agents"]
        assert (agent["totals"]["acknowledged"], agent["live"]) == (1, None)


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
        document = desk.document("--all", "--yes", "--agent", "all", "--canary", "b")
    assert document["exit_code"] == 1
    assert set(order) == {"b"}
    spared = document["result"]["agents"][1]
    assert spared["skipped"] == "the canary b did not acknowledge all"
    assert {(skill["outcome"], skill["code"]) for skill in spared["skills"]} == {("not_sent", "sync.canary")}


def test_a_canary_is_one_agent(desk: Desk) -> None:
    for name in ("one", "two"):
        desk.hub.create_agent(name, "owner")
    for word in ("all", "three"):
        document = desk.document("--all", "--yes", "--agent", "all", "--canary", word)
        assert document["exit_code"] == 2
        assert [error["code"] for error in document["errors"]] == ["usage.no_such_agent"]
        assert document["errors"][0]["next_step"].startswith("give --canary one id of: one (")


def test_status_tells_drift_doubt_and_what_is_gone_without_the_network(desk: Desk) -> None:
    document = desk.document("status")
    assert (document["exit_code"], document["result"]["agents"]) == (0, [])
    desk.hub.create_agent("main", "owner")
    desk.document("--all", "--yes")
    write_skill(desk.skills, "beta", skill_text("beta", "changed"))
    write_skill(desk.skills, "fresh")
    (desk.skills / "alpha" / "SKILL.md").unlink()
    desk.monkeypatch.delenv("MYSTA_API_KEY")
    with no_network(desk.monkeypatch):
        document = desk.document("status")
        named = desk.document("status", "--agent", "main")
    assert document["exit_code"] == 1
    for shown in (document, named):
        states = {row["skill"]: row["agents"][0] for row in shown["result"]["skills"]}
        assert {name: state["state"] for name, state in states.items()} == {
            "alpha": "deleted_locally",
            "beta": "drifted",
            "fresh": "never_acknowledged",
        }
        assert all(0 <= states[name]["age_seconds"] < 3600 for name in ("alpha", "beta"))
        assert states["fresh"]["age_seconds"] is None
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
    document = desk.document("status")
    assert document["exit_code"] == 1
    ids = [agent["id"] for agent in document["result"]["agents"]]
    assert "agt_former" in ids
    (main,) = (place for place, agent in enumerate(ids) if agent != "agt_former")
    stands = {row["skill"]: row["agents"][main] for row in document["result"]["skills"]}
    assert {name: one["state"] for name, one in stands.items()} == {
        "alpha": "never_acknowledged",
        "beta": "in_sync",
        "fresh": "in_doubt",
    }
    assert all(7300 <= stands[name]["age_seconds"] < 10_800 for name in ("beta", "fresh"))
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
    assert desk.run("consent")[1] == "you have not agreed to anything\n"
    assert desk.run("agents", "--yes")[1] == "the service lists no agents\n"
    agent = desk.hub.create_agent("main", "owner")
    assert desk.run("agents")[1] == f"{agent.id}  main  running\n"
    desk.run("--all", "--yes")
    assert len(desk.run("consent")[1].splitlines()) == 2
    told = desk.document("consent", "--revoke")["result"]
    assert told["revoked"] == 2
    (upload,) = (one for one in told["consents"] if one["kind"] == "upload")
    assert (upload["endpoint"], upload["agent_name"]) == (desk.hub.url, "main")
    assert (upload["roots"], upload["given_by"]) == ([str(desk.skills)], "--yes")
    assert upload["revoked_at"] is not None


def test_the_group_takes_names_options_and_commands_in_one_place(desk: Desk) -> None:
    for words in (("--help",), ("-h",)):
        code, out, _ = desk.run(*words)
        assert code == 0
        assert out.splitlines()[0].endswith(" sync [OPTIONS] [NAME]...")
        assert "--canary" in out
        assert "consent" in out
        assert ":push" not in out
    assert "--revoke" in desk.run("consent", "--help")[1]
    write_skill(desk.skills, "status")
    desk.hub.create_agent("main", "owner")
    code, out, _ = desk.run("--yes", "--json", "--", "status")
    (skill,) = json.loads(out)["result"]["agents"][0]["skills"]
    assert (code, skill["skill"], skill["outcome"]) == (0, "status", "acknowledged")
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
