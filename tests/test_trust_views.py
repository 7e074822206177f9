"""What lists and changes of contacts, bindings and the policy hold, and how many queries the lists take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openclaw_install.messaging.actions.bindings import session_bindings
from openclaw_install.messaging.actions.contacts import contacts_block, contacts_list
from openclaw_install.messaging.actions.trust_changes import trust_policy_set
from openclaw_install.messaging.models.bindings import Binding
from openclaw_install.messaging.store.database import Database, Row
from tests.trust_rig import NOW, Place, did, place

BOB = did(1)


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


def test_a_list_of_contacts_has_what_waits_and_the_first_words(here: Place) -> None:
    here.receive(here.meet(BOB, alias="bob"), stage="pending")
    here.meet(did(2), "approved")
    page = contacts_list(here.desk())
    listed = {one.did: (one.state, one.alias, one.waiting, one.first_words) for one in page.contacts}
    assert listed == {BOB: ("pending", "bob", 1, "hello"), did(2): ("approved", None, 0, None)}
    assert {state: count for state, count in page.counts.items() if count} == {"pending": 1, "approved": 1}


def test_a_block_refuses_what_waited_and_the_same_again_changes_nothing(here: Place) -> None:
    here.receive(here.meet(BOB), stage="pending")
    for changed, released in ((True, 1), (False, 0)):
        made = contacts_block(here.desk(), contact=BOB)
        assert (made.contact.did, made.contact.state) == (BOB, "blocked")
        assert (made.changed, made.released) == (changed, released)


def test_a_change_of_the_policy_has_its_rule_and_both_versions(here: Place) -> None:
    change = trust_policy_set(here.desk(), policy="task", match="@b*", action="deny")
    assert (change.section, change.match, change.position) == ("task", "@b*", 1)
    assert (change.before, change.after, change.changed, change.saved) == (None, "deny", True, True)
    assert change.version_before != change.policy.version
    again = trust_policy_set(here.desk(), policy="task", match="@b*", action="deny")
    assert (again.before, again.after, again.changed) == ("deny", "deny", False)
    assert again.policy.version == change.policy.version
