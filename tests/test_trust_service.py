"""Trust as commands and tools use it: who may change what, what is recorded, and what history recommends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from openclaw_install.common import renames
from openclaw_install.common.errors import ConflictError, FileError
from openclaw_install.messaging.actions.contacts import decide_contact
from openclaw_install.messaging.actions.names import ThreadError
from openclaw_install.messaging.actions.recommendations import (
    trust_apply_session_recommendation,
    trust_dismiss_session_recommendation,
    trust_reopen_session_recommendation,
    trust_status,
)
from openclaw_install.messaging.actions.trust import (
    trust_policy,
    trust_policy_explain,
    trust_policy_simulate,
    trust_replay,
)
from openclaw_install.messaging.actions.trust_changes import change_policy, trust_restore
from openclaw_install.messaging.app import App
from openclaw_install.messaging.outgoing import ContactError
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.trust.edits import Edit, RemoveRule, SetDefault, SetRule
from openclaw_install.messaging.trust.gate import (
    TrustRefusedError,
    contact_action,
    settle_all,
    settle_contact,
)
from openclaw_install.messaging.trust.match import Subject, TrustPolicyError, read_match
from openclaw_install.messaging.trust.policy import action_for
from openclaw_install.messaging.trust.policy_file import TrustBook
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.messages import TASK
from tests.trust_rig import DAY, Place, did, place

BOB = did(1)
EVE = did(2)
OPEN = SetRule("contact", read_match(BOB), "approve")
EXECUTE = SetRule("task", read_match(BOB), "execute")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


@pytest.fixture
def desk(here: Place) -> App:
    return here.desk()


@pytest.fixture
def agent(here: Place) -> App:
    return here.desk("mcp:session")


def proven(here: Place) -> None:
    """A contact that sent a task and was answered often."""
    here.meet(BOB, "approved", alias="bob")
    here.receive(BOB, schema=TASK)
    for _ in range(5):
        here.answer(BOB)
        here.receive(BOB)


def test_a_change_is_saved_recorded_with_who_and_versions_and_told_as_an_event(
    here: Place, desk: App
) -> None:
    before = desk.policy_state().policy.version
    change = change_policy(desk, EXECUTE, detail="we know them")
    assert (change.changed, change.saved, change.before, change.after, change.position) == (
        True,
        True,
        None,
        "execute",
        1,
    )
    assert change.version_before == before != change.policy.version
    assert change.policy.source == "file"
    (decision,) = trust_policy(desk).decisions
    assert (decision.by, decision.kind, decision.did, decision.at) == ("cli:alice", "set_rule", BOB, here.now)
    assert (decision.policy_before, decision.policy_after) == (before, change.policy.version)
    assert decision.detail == "we know them"
    (event,) = here.store.events.since(0)
    assert event.kind == "trust.set_rule"
    assert event.data["policy_version"] == change.policy.version
    assert here.file.stat().st_mode & 0o777 == 0o600


def saved_at_our_exchange(monkeypatch: pytest.MonkeyPatch, save: Callable[[], None]) -> None:
    """Another program saves the policy in the moment of our change."""
    genuine = renames.exchange

    def exchange(one: Path, other: Path) -> None:
        if other.name == "trust-policy.json" and '"deny"' in one.read_text():
            save()
        genuine(one, other)

    monkeypatch.setattr(renames, "exchange", exchange)


def test_a_rule_that_an_editor_saves_in_our_last_moment_stays_and_ours_joins_it(
    here: Place, desk: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_policy(desk, EXECUTE)
    theirs = json.loads(here.file.read_text())
    theirs["contact_policy"] = {"rules": [{"match": "@mallory", "action": "block"}]}
    saves = [theirs]
    saved_at_our_exchange(monkeypatch, lambda: here.write(saves.pop()) if saves else None)
    change = change_policy(desk, replace(EXECUTE, action="deny"))
    assert change.saved
    document = json.loads(here.file.read_text())
    assert document["contact_policy"] == theirs["contact_policy"]
    assert document["task_policy"]["rules"][0]["action"] == "deny"


def test_an_editor_that_saves_at_each_of_our_tries_is_told_of_and_wins(
    here: Place, desk: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_policy(desk, EXECUTE)
    decisions = len(trust_policy(desk).decisions)
    theirs = json.loads(here.file.read_text())
    numbers = count()
    saved_at_our_exchange(monkeypatch, lambda: here.write(theirs | {"x-save": next(numbers)}))
    with pytest.raises(ConflictError) as caught:
        change_policy(desk, replace(EXECUTE, action="deny"))
    assert caught.value.error_code == "trust.changed_meanwhile"
    assert caught.value.exit_code == 1
    assert json.loads(here.file.read_text())["x-save"] == next(numbers) - 1
    assert len(trust_policy(desk).decisions) == decisions, "what was not saved is not recorded"


def test_the_same_change_again_writes_and_records_nothing(here: Place, desk: App) -> None:
    change_policy(desk, EXECUTE)
    text, mtime = here.file.read_text(), here.file.stat().st_mtime_ns
    again = change_policy(desk, EXECUTE)
    assert (again.changed, again.saved) == (False, False)
    assert (here.file.read_text(), here.file.stat().st_mtime_ns) == (text, mtime)
    assert len(trust_policy(desk).decisions) == 1


def test_a_change_can_be_tried_without_saving_it(here: Place, desk: App) -> None:
    change = change_policy(desk, SetDefault("task", "deny"), save=False)
    assert (change.changed, change.saved) == (True, False)
    assert not here.file.exists()
    assert trust_policy(desk).decisions == ()


def test_a_file_that_cannot_be_written_leaves_no_record(
    here: Place, desk: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise FileError("no space", next_step="free some")

    monkeypatch.setattr(TrustBook, "write", full)
    with pytest.raises(FileError):
        change_policy(desk, EXECUTE)
    assert trust_policy(desk).decisions == ()
    assert here.store.events.newest() == 0


def test_many_writers_lose_no_change_of_each_other(here: Place) -> None:
    def work(number: int) -> None:
        with Store(here.store.path) as store:
            own = App(
                store, here.me, f"cli:{number}", clock=lambda: here.now, trust=TrustBook(here.file, store)
            )
            for turn in range(3):
                change_policy(own, SetRule("contact", read_match(f"@w{number}-{turn}"), "block"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    state = here.desk().policy_state()
    assert len(state.policy.contact.rules) == 12
    assert len(here.store.trust.decisions(limit=100)) == 12


def test_an_editor_that_saves_in_between_is_not_overwritten(
    here: Place, desk: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    write = TrustBook.write

    def raced(book: TrustBook, text: str, expected: str) -> None:
        if not turns:
            here.write({"x-mine": 1})
        turns.append(1)
        write(book, text, expected)

    monkeypatch.setattr(TrustBook, "write", raced)
    change_policy(desk, EXECUTE)
    assert '"x-mine": 1' in here.file.read_text()
    assert len(turns) == 2
    assert len(trust_policy(desk).decisions) == 1


@pytest.mark.parametrize(
    "edit",
    [
        OPEN,
        EXECUTE,
        SetDefault("contact", "approve"),
        SetDefault("task", "execute"),
        RemoveRule("contact", read_match("@evil")),
        SetRule("contact", read_match("@evil"), "manual"),
        SetRule("contact", read_match("@e*"), "manual", position=1),
    ],
)
def test_an_agent_may_not_widen_trust_by_itself(here: Place, agent: App, desk: App, edit: Edit) -> None:
    change_policy(desk, SetRule("contact", read_match("@evil"), "block"))
    text = here.file.read_text()
    with pytest.raises(TrustRefusedError) as refused:
        change_policy(agent, edit)
    assert refused.value.error_code == "trust.needs_a_person"
    assert here.file.read_text() == text
    assert change_policy(desk, edit).changed


def test_an_agent_may_narrow_trust_and_no_switch_lets_it_widen(here: Place, agent: App) -> None:
    assert change_policy(agent, SetRule("contact", read_match("@evil"), "block")).saved
    assert change_policy(agent, SetDefault("task", "manual")).saved
    here.write({"contact_policy": {"agent_may_approve": True}, "task_policy": {"agent_may_execute": True}})
    for edit in (OPEN, EXECUTE):
        with pytest.raises(TrustRefusedError):
            change_policy(agent, edit)
    assert trust_policy(agent).decisions[0].by == "mcp:session"


def test_an_agent_cannot_approve_a_first_contact_and_no_switch_lets_it(
    here: Place, agent: App, desk: App
) -> None:
    here.meet(BOB, alias="bob")
    for who in (BOB, "@bob", EVE):
        with pytest.raises(TrustRefusedError):
            decide_contact(agent, who, "approve")
    assert decide_contact(agent, BOB, "block").contact.state == "blocked"
    with pytest.raises(TrustRefusedError):
        decide_contact(agent, BOB, "undo")
    assert decide_contact(desk, BOB, "undo").contact.state == "pending"
    here.write({"contact_policy": {"agent_may_approve": True}})
    with pytest.raises(TrustRefusedError):
        decide_contact(agent, BOB, "approve")
    assert decide_contact(desk, BOB, "approve", reason="asked").contact.state == "approved"
    newest = here.store.trust.decisions(did=BOB)[0]
    assert (newest.kind, newest.by, newest.after, newest.detail.carried()) == (
        "contact",
        "cli:alice",
        "approved",
        "asked",
    )
    assert newest.policy_after == agent.policy_state().policy.version
    with pytest.raises(ContactError):
        decide_contact(desk, "@nobody", "approve")


def test_the_gate_does_what_the_policy_says_of_undecided_contacts_only(here: Place, desk: App) -> None:
    here.meet(BOB, alias="acme-bot")
    here.receive(BOB, stage="pending")
    here.meet(EVE, "blocked", alias="acme-eve")
    undone = did(3)
    here.meet(undone, alias="acme-undone")
    decide_contact(desk, undone, "reject")
    decide_contact(desk, undone, "undo")
    here.write({"contact_policy": {"rules": [{"match": "@acme-*", "action": "approve"}]}})
    state = desk.policy_state()
    assert contact_action(state.policy, BOB, "acme-bot") == "approve"
    assert contact_action(state.policy, BOB, None) == "manual"
    assert action_for(state.policy, "task", Subject(BOB, None)) == "bridge"
    assert settle_all(here.store, state, here.now, page=1) == 1
    states = [contact.state for one in (BOB, EVE, undone) if (contact := here.store.contacts.get(one))]
    assert states == ["approved", "blocked", "pending"]
    contact = here.store.contacts.get(BOB)
    assert contact is not None
    assert contact.decided_by == f"policy:{state.policy.version}"
    assert contact.waiting == 0
    assert here.store.ingress.open_count() == 1
    (decision,) = here.store.trust.decisions(did=BOB)
    assert (decision.kind, decision.match, decision.after) == ("applied_by_policy", "@acme-*", "approved")
    assert settle_contact(here.store, state, contact, here.now) is contact


def test_a_contact_that_the_policy_refuses_has_what_waits_refused(here: Place, desk: App) -> None:
    here.meet(BOB)
    here.receive(BOB, stage="pending")
    change = change_policy(desk, SetRule("contact", read_match("*"), "reject"))
    assert change.settled == 1
    contact = here.store.contacts.get(BOB)
    assert contact is not None
    assert contact.state == "rejected"
    assert here.store.ingress.open_count() == 0
    assert here.store.messages.incoming()[0].state == "refused"


def test_explaining_takes_a_did_an_alias_a_thread_or_the_focused_one(here: Place, desk: App) -> None:
    here.meet(BOB, "approved", alias="bob")
    here.receive(BOB)
    here.write({"task_policy": {"rules": [{"match": "@bob", "action": "execute"}]}})
    for who in (BOB, "@bob", here.thread(BOB), here.thread(BOB).replace("c_dm_", "c_pdm_")):
        found = trust_policy_explain(desk, session=who)
        assert found.task.action == "execute"
        assert (found.trust, found.supposed) == ("approved", False)
    with pytest.raises(ThreadError):
        trust_policy_explain(desk)
    here.store.sessions.set_focus(desk.caller, here.thread(BOB), here.now)
    assert trust_policy_explain(desk).subject.did == BOB
    assert trust_policy_explain(desk, session="@nobody").supposed
    assert trust_policy_explain(desk, session=EVE).task.action == "bridge"
    with pytest.raises(ProtocolError):
        trust_policy_explain(desk, session="\x1b[2J")


def test_supposing_changes_nothing_and_shows_what_a_change_would_do(here: Place, desk: App) -> None:
    found = trust_policy_simulate(desk, alias="@Acme-Bot", changes=["contact:@acme-*=approve"])
    assert found.supposed
    assert found.contact.action == "manual"
    assert found.changed_contact is not None
    assert found.changed_contact.action == "approve"
    assert not here.file.exists()
    assert trust_policy_simulate(desk, did=BOB).changed_contact is None
    for wrong in (None, "did:agent:x"):
        with pytest.raises(TrustPolicyError):
            trust_policy_simulate(desk, did=wrong)


def test_a_broken_file_refuses_changes_until_it_is_put_back(here: Place, desk: App, agent: App) -> None:
    change_policy(desk, SetRule("contact", read_match("@evil"), "block"))
    good = here.file.read_text()
    here.file.write_text("{ broken")
    with pytest.raises(TrustPolicyError) as refused:
        change_policy(desk, EXECUTE)
    assert "trust restore" in refused.value.next_step
    with pytest.raises(TrustRefusedError):
        trust_restore(agent)
    assert trust_restore(desk).policy.problem is None
    assert here.file.read_text() == good
    assert here.file.with_name("trust-policy.json.bak").read_text() == "{ broken"
    assert trust_policy(desk).decisions[0].kind == "restore"
    assert trust_restore(desk, defaults=True).contact_policy.rules == ()


def test_there_is_nothing_to_put_back_where_nothing_was_read(here: Place, desk: App) -> None:
    with pytest.raises(TrustPolicyError) as refused:
        trust_restore(desk)
    assert refused.value.error_code == "trust.no_last_good"
    here.file.write_text("{")
    assert trust_restore(desk, defaults=True).policy.source == "file"


def test_a_proven_contact_is_recommended_for_tasks_and_applying_it_makes_the_rule(
    here: Place, desk: App
) -> None:
    proven(here)
    status = trust_status(desk, session="@bob")
    assert status.recommendation is not None
    assert (status.recommendation.kind, status.recommendation.id) == ("task_execute", 0)
    assert "answered 5 times" in status.recommendation.why
    assert here.store.trust.recommendations(here.thread(BOB)) == []
    done = trust_apply_session_recommendation(desk, session=BOB)
    assert done.policy_change is not None
    assert done.policy_change.saved
    assert action_for(desk.policy_state().policy, "task", Subject(BOB, "bob")) == "execute"
    after = trust_status(desk, session=BOB)
    assert after.recommendation is None
    assert after.task.action == "execute"
    assert [one.kind for one in after.decisions] == ["recommendation_applied", "set_rule"]
    (stored,) = here.store.trust.recommendations(here.thread(BOB))
    assert (stored.state, stored.changed_by) == ("applied", "cli:alice")
    assert stored.policy_version == desk.policy_state().policy.version
    with pytest.raises(TrustPolicyError):
        trust_apply_session_recommendation(desk, session=BOB)


def test_an_agent_that_applies_what_widens_trust_only_asks_its_person(
    here: Place, agent: App, desk: App
) -> None:
    proven(here)
    before = desk.policy_state().policy
    asked = trust_apply_session_recommendation(agent, session=BOB)
    assert asked.ask_your_person == f"pingagent trust apply {here.thread(BOB)}"
    assert (asked.policy_change, asked.trust, desk.policy_state().policy) == (None, None, before)
    assert here.store.trust.recommendations(here.thread(BOB)) == []
    here.write({"task_policy": {"agent_may_execute": True}})
    assert trust_apply_session_recommendation(agent, session=BOB).ask_your_person == asked.ask_your_person
    assert trust_apply_session_recommendation(desk, session=BOB).recommendation.state == "applied"


def test_a_dismissed_recommendation_comes_back_reopened_or_with_twice_the_evidence(
    here: Place, desk: App
) -> None:
    proven(here)
    with pytest.raises(TrustPolicyError):
        trust_reopen_session_recommendation(desk, session=BOB)
    gone = trust_dismiss_session_recommendation(desk, session=BOB, reason="not yet").recommendation
    assert gone.state == "dismissed"
    status = trust_status(desk, session=BOB)
    assert status.recommendation is None
    assert status.reopenable is not None
    with pytest.raises(TrustPolicyError):
        trust_dismiss_session_recommendation(desk, session=BOB)
    assert trust_reopen_session_recommendation(desk, session=BOB).recommendation.id == gone.id
    reopened = trust_status(desk, session=BOB)
    assert reopened.recommendation is not None
    assert reopened.recommendation.id == gone.id
    trust_dismiss_session_recommendation(desk, session=BOB)
    for _ in range(5):
        here.receive(BOB)
        here.answer(BOB)
    again = trust_status(desk, session=BOB).recommendation
    assert again is not None
    assert again.weight >= 10
    kinds = [one.kind for one in here.store.trust.decisions(did=BOB)]
    assert kinds == ["recommendation_dismissed", "recommendation_reopened", "recommendation_dismissed"]


def test_a_flood_of_an_undecided_contact_recommends_to_block_it_and_an_agent_may(
    here: Place, agent: App
) -> None:
    here.meet(BOB)
    for _ in range(25):
        here.receive(BOB, stage="pending")
    found = trust_status(agent, session=BOB).recommendation
    assert found is not None
    assert (found.kind, found.section, found.action) == ("block_flood", "contact", "block")
    done = trust_apply_session_recommendation(agent, session=BOB)
    assert done.trust == "blocked"
    assert trust_status(agent, session=BOB).recommendation is None


def test_messages_without_end_and_without_answer_recommend_to_block_a_known_contact(
    here: Place, desk: App
) -> None:
    here.meet(BOB, "approved")
    for _ in range(100):
        here.receive(BOB)
    found = trust_status(desk, session=BOB).recommendation
    assert found is not None
    assert found.kind == "block_flood"
    here.now += 2 * DAY
    assert trust_status(desk, session=BOB).recommendation is None


def test_who_goes_on_after_a_rejection_is_recommended_for_blocking(here: Place, desk: App) -> None:
    here.meet(BOB, "rejected")
    here.receive(BOB, stage="refused")
    for seq in range(10):
        here.store.ingress.reject("log", seq + 1000, "contact_rejected", (BOB, f"m{seq}"), here.now)
    found = trust_status(desk, session=BOB).recommendation
    assert found is not None
    assert found.kind == "block_persistent"


def test_trouble_supersedes_a_recommendation_to_trust(here: Place, desk: App) -> None:
    proven(here)
    trust_dismiss_session_recommendation(desk, session=BOB)
    trust_reopen_session_recommendation(desk, session=BOB)
    for _ in range(3):
        here.receive(BOB, stage="parked")
    found = trust_status(desk, session=BOB).recommendation
    assert found is not None
    assert (found.kind, found.action) == ("task_caution", "manual")
    trust_apply_session_recommendation(desk, session=BOB)
    states = {one.kind: one.state for one in here.store.trust.recommendations(here.thread(BOB))}
    assert states == {"task_execute": "superseded", "task_caution": "applied"}
    reopened = trust_reopen_session_recommendation(desk, session=BOB).recommendation
    assert reopened.kind == "task_execute"
    assert trust_status(desk, session=BOB).recommendation == replace(reopened)


def test_a_denial_by_a_person_is_not_recommended_away(here: Place, desk: App) -> None:
    proven(here)
    change_policy(desk, SetRule("task", read_match(BOB), "deny"))
    assert trust_status(desk, session=BOB).recommendation is None


def test_a_replay_runs_a_proposed_rule_over_what_was_recorded(here: Place, desk: App) -> None:
    here.meet(did(9))
    here.now += 40 * DAY
    here.meet(BOB, alias="acme-bob")
    here.now += 1
    here.meet(EVE, "blocked", alias="acme-eve")
    here.receive(EVE, schema=TASK)
    here.receive(EVE)
    edits: list[Edit] = [SetRule("contact", read_match("@acme-*"), "approve"), SetDefault("task", "deny")]
    report = trust_replay(desk, edits, since_seconds=30 * DAY)
    told = [(one.section, one.subject.did, one.direction, one.against) for one in report.changed]
    assert told == [
        ("contact", BOB, "wider", None),
        ("contact", EVE, "wider", "cli:alice"),
        ("task", EVE, "narrower", None),
    ]
    assert (report.decisions, report.agents, report.older_left_out) == (3, 2, False)
    assert report.policy.version != report.version_proposed
    assert not here.file.exists()
    past, cut = here.store.trust.past(0.0, limit=1)
    assert cut
    assert len(past) == 2


def test_the_history_behind_replays_and_recommendations_is_found_by_indices(here: Place) -> None:
    def plan(sql: str) -> str:
        return " ".join(str(row[3]) for row in here.store.database.rows(f"EXPLAIN QUERY PLAN {sql}"))

    assert "message_tasks_in" in plan(
        "SELECT 1 FROM message WHERE direction = 'in' AND schema = 'pingagent.task@1' AND known_at >= 1 "
        "ORDER BY known_at DESC LIMIT 5"
    )
    assert "contact_first_seen" in plan(
        "SELECT 1 FROM contact WHERE first_seen_at >= 1 AND origin = 'inbound'"
    )
    assert "rejection_of" in plan(
        "SELECT count(*) FROM rejection WHERE claimed_sender = 'x' AND reason = 'y'"
    )


def test_a_desk_without_a_named_file_takes_the_one_beside_the_store(here: Place) -> None:
    here.write({"task_policy": {"default_action": "deny"}})
    desk = App(here.store, here.me, "cli:x", clock=lambda: here.now)
    assert desk.policy_state().policy.task.default == "deny"
