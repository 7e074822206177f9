"""`pingagent trust`: rules from the command line, their reasons, and a replay before anything is saved."""

from __future__ import annotations

import json

import jsonschema
import pytest

from openclaw_install.messaging.models.trust_replay import TrustReplay
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.messages import TASK
from openclaw_install.surfaces.schemas import record_schema
from tests.schemas import assert_valid
from tests.test_pingagent_cli import Terminal, as_tool, terminal
from tests.trust_rig import Place, did

__all__ = ["terminal"]
HOSTILE = "\x1b[31mevil\x1b[0m\n\u202efake"


def test_rules_are_set_shown_explained_and_removed(terminal: Terminal) -> None:
    assert terminal.run("trust", "set", "contact", "@acme-*", "approve", "--note", HOSTILE)[0] == 0
    assert terminal.run("trust", "set", "task", "default", "manual")[0] == 0
    code, out, _ = terminal.run("trust", "show")
    assert code == 0
    assert "\x1b" not in out
    shown = terminal.document("trust", "show")["result"]
    as_tool("trust_policy", shown)
    assert shown["contact_policy"]["rules"] == [
        {"position": 1, "match": "@acme-*", "action": "approve", "note": HOSTILE}
    ]
    assert shown["task_policy"]["default_action"] == "manual"
    assert [one["code"] for one in shown["warnings"]] == ["trust.rule_claimed"]
    document = terminal.document("trust", "explain", "@acme-bot")["result"]
    as_tool("trust_policy_explain", document)
    assert document["contact"]["rule"]["match"] == "@acme-*"
    removed = terminal.document("trust", "remove", "contact", "@acme-*")["result"]
    as_tool("trust_policy_remove", removed)
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
    tried = terminal.document("trust", "set", "task", "default", "deny", "--dry-run")
    assert (tried["exit_code"], tried["result"]["after"], tried["result"]["saved"]) == (0, "deny", False)
    for words in (("restore",), ("apply", "@x")):
        planned = terminal.document("trust", *words, "--dry-run")
        assert (planned["exit_code"], planned["result"]["dry_run"]) == (0, True)
    assert not terminal.profile.paths.trust_policy.exists()


def test_supposing_from_the_command_line(terminal: Terminal) -> None:
    document = terminal.document("trust", "simulate", "--alias", "new", "--with", "contact:@n*=block")[
        "result"
    ]
    as_tool("trust_policy_simulate", document)
    assert document["changed_contact"]["action"] == "block"
    simulated = terminal.document("trust", "simulate", "--did", did(1))
    assert simulated["exit_code"] == 0
    contact = simulated["result"]["contact"]
    assert (contact["action"], contact["rule"]) == ("manual", None)
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
    assert "\x1b" not in out
    document = terminal.document(*arguments)["result"]
    changed = {one["subject"]["did"]: one for one in document["changed"]}
    assert changed.keys() == {bob, eve}
    assert all(
        (one["before"], one["after"], one["direction"]) == ("manual", "approve", "wider")
        for one in changed.values()
    )
    assert (changed[eve]["was"], changed[eve]["against"]) == ("blocked", "cli:tester")
    assert changed[bob]["against"] is None
    counted = (document["changed_total"], document["wider"], document["against_a_person"])
    assert counted == (2, 2, 1)
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
    broken = terminal.document("trust", "show")
    assert broken["exit_code"] == 1
    problem = broken["result"]["policy"]["problem"]
    assert problem["code"] == "trust.policy_invalid"
    assert "pingagent trust restore" in problem["next_step"]
    (rule,) = broken["result"]["contact_policy"]["rules"]
    assert (rule["match"], rule["action"]) == ("@evil", "block")
    assert terminal.error("trust", "restore")["code"] == "usage.consent"
    restored = terminal.document("trust", "restore", "--yes")
    assert restored["ok"]
    newest = restored["result"]["decisions"][0]
    assert (newest["kind"], newest["policy_after"]) == ("restore", restored["result"]["policy"]["version"])
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
    status = terminal.document("trust", "show", "@bob")["result"]
    as_tool("trust_status", status)
    recommended = status["recommendation"]
    assert (recommended["section"], recommended["action"]) == ("task", "execute")
    for words, state in (
        (("dismiss", "@bob", "--reason", HOSTILE), "dismissed"),
        (("reopen", "@bob"), "open"),
    ):
        became = terminal.document("trust", *words)["result"]["recommendation"]
        assert (became["kind"], became["state"]) == ("task_execute", state)
        code, out, _ = terminal.run("trust", "show", "@bob")
        assert (code, "\x1b" in out) == (0, False)
    applied = terminal.document("trust", "apply", "@bob")["result"]
    as_tool("trust_apply_session_recommendation", applied)
    assert applied["policy_change"]["saved"] is True


def test_a_persons_decision_about_a_contact_is_recorded_with_the_policy(terminal: Terminal) -> None:
    who = terminal.profile.meet("bob", state="pending", alias="bob")
    assert terminal.run("contacts", "approve", "@bob", "--reason", "met")[0] == 0
    with Store(terminal.profile.paths.store) as store:
        (decision,) = store.trust.decisions(did=who)
    assert (decision.kind, decision.after, decision.detail.carried()) == ("contact", "approved", "met")
    assert decision.by.startswith("cli:")
    assert decision.policy_after.startswith("tp_")
