"""`pingagent trust`: rules from the command line, their reasons, and a replay before anything is saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from openclaw_install.messaging.models.trust_replay import TrustReplay
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.messages import TASK
from openclaw_install.surfaces.schemas import record_schema
from openclaw_install.surfaces.tools import TRUST
from tests.pingagent_rig import Profile
from tests.schemas import assert_valid
from tests.test_pingagent_cli import Terminal
from tests.trust_rig import Place, did

HOSTILE = "\x1b[31mevil\x1b[0m\n\u202efake"


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    return Terminal(Profile.make(home), capsys)


def as_tool(tool: str, result: Any) -> None:
    (row,) = (one for one in TRUST if one.name == f"pingagent_trust_{tool}")
    jsonschema.Draft202012Validator(row.answer_schema).validate(result)


def test_rules_are_set_shown_explained_and_removed(terminal: Terminal) -> None:
    assert terminal.run("trust", "set", "contact", "@acme-*", "approve", "--note", HOSTILE)[0] == 0
    assert terminal.run("trust", "set", "task", "default", "manual")[0] == 0
    code, out, _ = terminal.run("trust", "show")
    assert code == 0
    assert "  1. @acme-*: approve" in out
    assert "otherwise: manual" in out
    assert "anybody can register an alias that fits @acme-*" in out
    assert "\x1b" not in out
    as_tool("policy", terminal.document("trust", "show")["result"])
    document = terminal.document("trust", "explain", "@acme-bot")["result"]
    as_tool("policy_explain", document)
    assert document["contact"]["rule"]["match"] == "@acme-*"
    removed = terminal.document("trust", "remove", "contact", "@acme-*")["result"]
    as_tool("policy_remove", removed)
    assert removed["before"] == "approve"
    assert terminal.error("trust", "remove", "contact", "@acme-*")["code"] == "trust.no_rule"
    assert_valid(json.loads(terminal.profile.paths.trust_policy.read_text()), "pingagent-trust-policy")


def test_the_environment_names_another_policy_file(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = terminal.profile.home / "elsewhere" / "policy.json"
    monkeypatch.setenv("PINGAGENT_TRUST_POLICY_PATH", str(other))
    assert terminal.run("trust", "set", "task", "default", "deny")[0] == 0
    assert json.loads(other.read_text())["task_policy"]["default_action"] == "deny"


def test_a_dry_run_writes_nothing(terminal: Terminal) -> None:
    code, out, _ = terminal.run("trust", "set", "task", "default", "deny", "--dry-run")
    assert (code, "only tried" in out) == (0, True)
    assert "would write" in terminal.run("trust", "restore", "--dry-run")[1]
    assert "would apply" in terminal.run("trust", "apply", "@x", "--dry-run")[1]
    assert not terminal.profile.paths.trust_policy.exists()


def test_supposing_from_the_command_line(terminal: Terminal) -> None:
    document = terminal.document("trust", "simulate", "--alias", "new", "--with", "contact:@n*=block")[
        "result"
    ]
    as_tool("policy_simulate", document)
    assert document["changed_contact"]["action"] == "block"
    code, out, _ = terminal.run("trust", "simulate", "--did", did(1))
    assert (code, "manual is the default" in out) == (0, True)
    assert terminal.error("trust", "simulate")["code"] == "trust.nobody"


def test_a_replay_shows_each_decision_that_would_change_and_saves_nothing(terminal: Terminal) -> None:
    profile = terminal.profile
    profile.clock -= 10_000_000  # so that all of it lies in the past
    bob, eve = profile.meet("bob", state="pending"), profile.meet("eve", state="blocked", alias=HOSTILE)
    arguments = (
        "trust",
        "replay",
        "--since",
        "500w",
        "--with",
        "contact:*=approve",
        "--with",
        "task:default=deny",
    )
    code, out, _ = terminal.run(*arguments)
    assert code == 0
    assert f"manual -> approve  wider    {bob}" in out
    assert eve in out
    assert "cli:tester decided: blocked" in out
    assert "2 would change, 2 wider" in out
    assert "1 of them go against what a person decided" in out
    assert "\x1b" not in out
    assert out.endswith("nothing was saved\n")
    document = terminal.document(*arguments)["result"]
    assert document["proposed"] == ["contact:*=approve", "task:default=deny"]
    jsonschema.Draft202012Validator(record_schema(TrustReplay)).validate(document)
    assert not profile.paths.trust_policy.exists()
    terminal.run("trust", "set", "contact", "@bob", "block")
    without = terminal.document("trust", "replay", "--without", "contact:@bob")["result"]
    assert without["proposed"] == ["remove contact:@bob"]
    assert terminal.error("trust", "replay", "--since", "soon")["code"] == "trust.span"
    assert terminal.error("trust", "replay", "--with", "nonsense")["code"] == "trust.rule_form"


def test_a_broken_file_is_a_blocker_until_it_is_put_back(terminal: Terminal) -> None:
    terminal.run("trust", "set", "contact", "@evil", "block")
    path = terminal.profile.paths.trust_policy
    good = path.read_text()
    path.write_text("{")
    code, out, _ = terminal.run("trust", "show")
    assert code == 1
    assert "Blocker: the trust policy cannot be used" in out
    assert "pingagent trust restore" in out
    assert "@evil: block" in out
    assert terminal.error("trust", "restore")["code"] == "usage.consent"
    code, out, _ = terminal.run("trust", "restore", "--yes")
    assert code == 0
    assert "restore  the whole policy tp_" in out
    assert path.read_text() == good


def test_recommendations_from_the_command_line(terminal: Terminal) -> None:
    profile = terminal.profile
    who = profile.meet("bob", alias="bob")
    with Store(profile.paths.store) as store:
        here = Place(profile.home, store, profile.me, now=profile.tick())
        here.receive(who, schema=TASK)
        for _ in range(5):
            here.answer(who)
            here.receive(who)
    assert "Recommended: task execute" in terminal.run("trust", "show", "@bob")[1]
    as_tool("status", terminal.document("trust", "show", "@bob")["result"])
    assert "Dismissed: task execute" in terminal.run("trust", "dismiss", "@bob", "--reason", HOSTILE)[1]
    assert "Open: task execute" in terminal.run("trust", "reopen", "@bob")[1]
    applied = terminal.document("trust", "apply", "@bob")["result"]
    as_tool("apply_session_recommendation", applied)
    assert applied["policy_change"]["saved"] is True


def test_a_persons_decision_about_a_contact_is_recorded_with_the_policy(terminal: Terminal) -> None:
    who = terminal.profile.meet("bob", state="pending", alias="bob")
    assert terminal.run("contacts", "approve", "@bob", "--reason", "met")[0] == 0
    with Store(terminal.profile.paths.store) as store:
        (decision,) = store.trust.decisions(did=who)
    assert (decision.kind, decision.after, decision.detail.carried()) == ("contact", "approved", "met")
    assert decision.by.startswith("cli:")
    assert decision.policy_after.startswith("tp_")
