"""The texts about trust, contacts and bindings, word by word; and how many queries their lists take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openclaw_install.messaging.actions.bindings import session_bindings
from openclaw_install.messaging.actions.contacts import contacts_block, contacts_list
from openclaw_install.messaging.actions.trust_changes import trust_policy_set
from openclaw_install.messaging.models.bindings import Binding, BindingChange, BindingPage, BoundThread
from openclaw_install.messaging.models.contacts import Peer
from openclaw_install.messaging.models.trust import (
    PolicyInForce,
    Recommendation,
    RecommendationChange,
    ShownSubject,
)
from openclaw_install.messaging.models.trust_replay import ReplayedDecision, TrustReplay
from openclaw_install.messaging.store.database import Database, Row
from openclaw_install.surfaces.views import view
from tests.trust_rig import NOW, Place, did, place

BOB = did(1)
POLICY = PolicyInForce(version="tp_0", source="file", problem=None)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def queries_of(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> int:
    """How many queries `work` makes."""
    made: list[str] = []
    genuine = Database.rows

    def rows(self: Database, sql: str, *values: object) -> list[Row]:
        made.append(sql)
        return genuine(self, sql, *values)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "rows", rows)
        work()
    return len(made)


def test_a_list_of_contacts_takes_as_many_queries_for_fifty_as_for_one(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        here.receive(here.meet(did(number)), stage="pending")
    app = here.desk()
    listed = contacts_list(app, limit=50)
    assert [one.first_words for one in listed.contacts] == ["hello"] * 50
    assert queries_of(monkeypatch, lambda: contacts_list(app, limit=50)) == 3
    assert queries_of(monkeypatch, lambda: contacts_list(app, limit=1)) == 3


def test_a_list_of_bindings_takes_at_most_five_queries(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        who = here.meet(did(number), "approved", alias=f"a{number}")
        here.receive(who)
        here.store.bindings.put(Binding(here.thread(who), "feishu:default:oc_1", "set", NOW, "cli:alice"))
    app = here.desk()
    names = {one.peer.alias for one in session_bindings(app, limit=50).bindings if one.peer}
    assert names == {f"a{number}" for number in range(50)}
    assert queries_of(monkeypatch, lambda: session_bindings(app, limit=50)) <= 5


def test_the_text_of_a_list_of_contacts(here: Place) -> None:
    here.receive(here.meet(BOB, alias="bob"), stage="pending")
    here.meet(did(2), "approved")
    assert view(contacts_list(here.desk())).lines == [
        f'pending         {BOB} @bob  1 messages wait\n                says "hello"',
        f"approved        {did(2)}",
        "1 pending, 0 awaiting_reply, 1 approved, 0 rejected, 0 blocked",
    ]


def test_the_text_of_a_decision_about_a_contact(here: Place) -> None:
    here.receive(here.meet(BOB), stage="pending")
    assert view(contacts_block(here.desk(), contact=BOB)).lines == [
        f"{BOB} is blocked",
        "1 messages that waited are refused",
    ]
    assert view(contacts_block(here.desk(), contact=BOB)).lines == [f"{BOB} is blocked already"]


def test_the_text_of_a_change_of_the_policy(here: Place) -> None:
    change = trust_policy_set(here.desk(), policy="task", match="@b*", action="deny")
    assert view(change).lines == [
        "Saved. task policy: @b* (rule 1): no rule -> deny.",
        f"Version {change.version_before} -> {change.policy.version}.",
    ]
    again = trust_policy_set(here.desk(), policy="task", match="@b*", action="deny")
    assert view(again).lines[0] == "Nothing to change. task policy: @b* (rule 1): deny -> deny."


def test_the_text_of_a_recommendation_that_a_person_has_to_apply() -> None:
    why = "it was answered 5 times"
    what = ("task_execute", "task", "execute", "open", why, 5, NOW, NOW, "history", "tp_0")
    one = Recommendation(0, "c_dm_1", BOB, *what)  # type: ignore[arg-type]  # a tuple of literals
    asked = RecommendationChange(recommendation=one, ask_your_person="pingagent trust apply c_dm_1")
    assert view(asked).lines == [
        f"Not applied: task execute (task_execute), because {why}.",
        "It widens trust, which a person decides. Ask; they run: pingagent trust apply c_dm_1",
    ]


def test_the_text_of_a_replay() -> None:
    changed = ReplayedDecision(
        at=NOW,
        section="contact",
        subject=ShownSubject(BOB, "bob"),
        thread_id=None,
        message_id=None,
        was="blocked",
        before="manual",
        after="approve",
        direction="wider",
        against="cli:alice",
        why="",
    )
    found = TrustReplay(
        policy=POLICY,
        since=NOW,
        proposed=("contact:*=approve",),
        version_proposed="tp_1",
        decisions=7,
        older_left_out=False,
        changed_total=1,
        wider=1,
        narrower=0,
        against_a_person=1,
        agents=1,
        changed=(changed,),
    )
    assert view(found).lines == [
        f"2027-01-15T08:00 contact manual -> approve  wider    {BOB} @bob "
        "(first contact; cli:alice decided: blocked)",
        "7 decisions since 2027-01-15T08:00: 1 would change, 1 wider, 0 narrower, about 1 agents",
        "1 of them go against what a person decided",
        "nothing was saved",
    ]


def test_the_texts_of_bindings() -> None:
    bound = BoundThread("c_dm_1", "feishu:default:oc_1", "set", NOW, "cli:alice", peer=None, admitted=False)
    page = BindingPage(
        route_mode="map-active-group",
        in_use=True,
        active_group=None,
        admitted_prefixes=("hook:im:",),
        bindings=(bound,),
        total=1,
        next_page=None,
    )
    assert view(page).lines == [
        "1 bindings. ACTIVE_GROUP.md: no session.",
        "The running gateway admits: hook:im:.",
        "- c_dm_1 -> feishu:default:oc_1 [not admitted: goes to its own session]",
    ]
    peer = Peer(BOB, "bob", None)
    cleared = BindingChange(thread_id="c_dm_1", peer=peer, changed=True, before=bound, binding=None)
    assert view(cleared).lines == ["c_dm_1 with @bob follows ACTIVE_GROUP.md; from the next message on."]
