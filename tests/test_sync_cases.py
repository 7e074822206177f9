"""Faults of services and folders that were seen in the field: each is told for what it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.data_files import data_folder
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from openclaw_install.sync.errors import AnswerError, KeyRejectedError
from tests.sync_desk import Desk, desk_in
from tests.sync_rig import Asked, Manners, Reply, skill_text, structured, write_skill
from tests.test_sync_wire import serving, sync_one

SECRET = "ghp" + "_" + "q7RtY2uWc9LkP4sXv1Bn8Md3Zj6Hf5Ga0EbK"


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    with desk_in(tmp_path, monkeypatch, capsys) as made:
        yield made


def _rejecting(calls: int, *, sessions: bool = False) -> tuple[Manners, list[str]]:
    """A service that accepts the key, and after `mysta_list_agents` answers 401 to so many requests."""
    left, seen = calls, []

    def before(asked: Asked) -> Reply | None:
        nonlocal left
        seen.append(asked.tool or asked.rpc or asked.method)
        listed = "mysta_list_agents" in seen
        wanted = asked.tool == "mysta_sync_skill" or (sessions and asked.rpc == "initialize" and listed)
        if left and wanted:
            left -= 1
            return Reply(401)
        return None

    return Manners(before=before), seen


def test_case_stale_session_401_opens_one_new_session_for_a_key_that_was_accepted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    manners, seen = _rejecting(1)
    with serving(manners) as server:
        monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        assert desk.outcomes("alpha", "--agent", "all", "--yes") == {"one": {"alpha": "acknowledged"}}
    assert seen.count("initialize") == 2


@pytest.mark.parametrize("sessions", [False, True])
def test_case_stale_session_401_says_that_the_key_was_accepted_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, sessions: bool
) -> None:
    manners, seen = _rejecting(100, sessions=sessions)
    with serving(manners) as server:
        monkeypatch.setenv("MYSTA_MCP_URL", server.url)
        document = desk.document("alpha", "--agent", "all", "--yes")
    assert document["exit_code"] == 1
    told = document["result"]["agents"][0]["skills"][0]
    assert told["code"] == "sync.key_rejected"
    assert "before" in told["reason"]
    assert told["next_step"].startswith("openclaw-install hub keys create --owner NAME")
    assert seen.count("initialize") == 2


def test_a_key_that_was_never_accepted_is_rejected_at_once() -> None:
    with serving(Manners(before=lambda _asked: Reply(401))) as server:
        with pytest.raises(KeyRejectedError) as told:
            sync_one(server.url)
        assert "before" not in told.value.message
        assert len([asked for asked in server.asked if asked.method == "POST"]) == 1


def test_case_structured_only_says_that_content_is_lacking() -> None:
    def without(_arguments: object) -> dict[str, object]:
        return {"structuredContent": {"ok": True}}

    with serving(mysta_sync_skill=without) as server, pytest.raises(AnswerError) as told:
        sync_one(server.url)
    assert told.value.error_code == "sync.answer"
    assert "`content`" in told.value.message
    assert "MYSTA_MCP_URL" not in told.value.next_step


def test_an_empty_content_beside_structured_content_is_an_answer() -> None:
    def empty(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**structured({"ok": True, "skill": arguments["skillName"]}), "content": []}

    with serving(mysta_sync_skill=empty) as server:
        assert sync_one(server.url).kind == "acknowledged"


def test_case_trailing_slash_is_served_by_the_hub(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.hub.create_agent("main", "owner")
    monkeypatch.setenv("MYSTA_MCP_URL", f"{desk.hub.url}/")
    assert desk.outcomes("alpha", "--yes") == {"main": {"alpha": "acknowledged"}}


@pytest.mark.parametrize("path", ["", "/mcp/", "/api/v2/mcp/more"])
def test_case_trailing_slash_names_the_address_and_the_usual_path_where_nothing_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    root = desk.hub.url.removesuffix("/api/v2/mcp")
    monkeypatch.setenv("MYSTA_MCP_URL", f"{root}{path}")
    error = desk.document("alpha", "--yes")["errors"][0]
    assert f"{root}{path or '/'}" in error["message"]
    assert "/api/v2/mcp" in error["next_step"]


@pytest.mark.parametrize(
    ("name", "shown"), [("café", "cafe\\u0301"), ("fish🐟", "fish\\U0001f41f"), ("Upper", "Upper")]
)
def test_case_doubled_backslash_escapes_a_name_once(desk: Desk, name: str, shown: str) -> None:
    desk.hub.create_agent("main", "owner")
    folder = unicodedata.normalize("NFD", name)
    write_skill(desk.skills, folder, skill_text(folder))
    document = desk.document(folder, "--yes")
    assert document["exit_code"] == 1
    (skill,) = document["result"]["agents"][0]["skills"]
    assert (skill["outcome"], skill["code"]) == ("refused", "invalid_name")
    assert f"'{shown}'" in skill["reason"]
    assert f"'{shown}'" in desk.run(folder, "--yes")[1]


@pytest.mark.parametrize("file", ["skill.md", "Skill.md", "SKILL.MD"])
def test_case_lowercase_skill_md_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    folder = tmp_path / "skills" / "deep" / "lower"
    folder.mkdir(parents=True)
    (folder / file).write_text(skill_text("lower"))
    write_skill(tmp_path / "skills", "good")
    (tmp_path / "skills" / "good" / "skill.md").write_text("beside a real one")
    assert run_command(cli, ("skills", "check", str(tmp_path / "skills"), "--json")) == 0
    (note,) = json.loads(capsys.readouterr().out)["result"]["notes"]
    assert note.startswith(f"{folder / file} is passed over: ")


def test_case_lowercase_skill_md_is_counted_where_there_are_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(45):
        folder = tmp_path / f"skill-{number:02}"
        folder.mkdir()
        (folder / "skill.md").write_text(skill_text(folder.name))
    assert run_command(cli, ("skills", "check", str(tmp_path), "--json")) == 0
    *named, counted = json.loads(capsys.readouterr().out)["result"]["notes"]
    assert len({note.partition(" ")[0] for note in named}) == 20
    assert all(note.partition(" ")[0].endswith("/skill.md") for note in named)
    assert counted.startswith("25 ")
    assert str(tmp_path) in counted


def test_a_secret_that_was_allowed_for_one_agent_goes_to_that_agent_only(desk: Desk) -> None:
    helper, second = (desk.hub.create_agent(name, "owner") for name in ("helper", "second"))
    write_skill(desk.skills, "leaky", skill_text("leaky", f"# Use\n\nexport TOKEN={SECRET}\n"))
    allowed = desk.outcomes("leaky", "--agent", "helper", "--allow-secrets", "leaky", "--yes")
    assert allowed == {"helper": {"leaky": "acknowledged"}}
    everybody = desk.outcomes("--all", "--agent", "all", "--yes")
    assert everybody["second"]["leaky"] == "blocked"
    assert everybody["helper"]["leaky"] == "unchanged"
    assert "leaky" in desk.held(helper.id)
    assert "leaky" not in desk.held(second.id)


def test_a_secret_that_was_allowed_is_listed_and_can_be_revoked_alone(desk: Desk) -> None:
    desk.hub.create_agent("helper", "owner")
    write_skill(desk.skills, "leaky", skill_text("leaky", f"# Use\n\nexport TOKEN={SECRET}\n"))
    desk.run("leaky", "--allow-secrets", "leaky", "--yes", "--dry-run")
    assert desk.document("consent")["result"]["consents"] == []
    for _ in range(2):
        assert desk.document("leaky", "--allow-secrets", "leaky", "--yes")["ok"]
    given = desk.document("consent")["result"]["consents"]
    (secret,) = (one for one in given if one["kind"] == "secret")
    assert (secret["skill"], secret["agent_name"], secret["given_by"]) == (
        "leaky",
        "helper",
        "--allow-secrets",
    )
    assert len(given) == 3
    assert secret["endpoint"] == desk.hub.url
    assert secret["sha256"] == hashlib.sha256((desk.skills / "leaky" / "SKILL.md").read_bytes()).hexdigest()
    code, out, _ = desk.run("consent")
    assert (code, len(out.splitlines())) == (0, 3)
    assert desk.document("consent", "--revoke", str(secret["id"]))["result"]["revoked"] == 1
    assert desk.outcomes("leaky", "--force") == {"helper": {"leaky": "blocked"}}
    assert (
        desk.document("consent", "--revoke", str(secret["id"]))["errors"][0]["code"]
        == "usage.no_such_consent"
    )
    for word in ("leaky", str(2**63), ""):
        assert desk.document("consent", "--revoke", word)["exit_code"] == 2
    assert desk.document("alpha")["ok"], "the other consents stand"


def test_content_without_a_finding_needs_no_permission(desk: Desk) -> None:
    desk.hub.create_agent("helper", "owner")
    assert desk.document("alpha", "--allow-secrets", "alpha", "--yes")["ok"]
    assert [one["kind"] for one in desk.document("consent")["result"]["consents"]] == ["connect", "upload"]


def test_the_bundles_of_the_setup_go_up_only_by_name(desk: Desk) -> None:
    desk.hub.create_agent("main", "owner")
    for bundle in ("pingagent", "mysta-sync"):
        shutil.copytree(data_folder("skills") / bundle, desk.skills / bundle)
    # A skill of the operator's own that happens to have such a name has no manifest beside it.
    write_skill(desk.skills, "mistro-connect")
    sent = desk.outcomes("--all", "--yes")["main"]
    assert set(sent) == {"alpha", "beta", "mistro-connect"}
    assert "pingagent" not in {one["skill"] for one in desk.document("status")["result"]["skills"]}
    assert desk.outcomes("pingagent", "--yes") == {"main": {"pingagent": "acknowledged"}}


def test_removing_a_skill_at_an_agent_is_told_to_be_beyond_the_service(desk: Desk) -> None:
    error = desk.document("remove", "alpha", "beta")["errors"][0]
    assert error["code"] == "sync.cannot_remove"
    assert all(word in error["message"] for word in (desk.hub.url, "alpha", "beta"))
    assert error["next_step"] == (
        "delete it in the agent's own skills folder; what is gone here is not sent again"
    )
