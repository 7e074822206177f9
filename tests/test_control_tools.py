"""The tools that steer threads: next unread, read marks, notes, overviews, approvals, timelines."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.health import write_health
from openclaw_install.messaging.models.sessions import Summary
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.summary import FIELDS, LISTS, SummaryError, changed_summary
from openclaw_install.messaging.transport_health import TransportHealth
from openclaw_install.protocol.header import new_message_id
from openclaw_install.protocol.identity import new_identity
from openclaw_install.protocol.times import seconds_of
from tests.pingagent_rig import Profile
from tests.tool_rig import HOSTILE, Call, code

# -- the next unread thread and read marks


def test_the_next_unread_thread_is_the_one_that_waits_for_longest(profile: Profile, use: Call) -> None:
    for name in ("a", "b"):
        profile.meet(name)
        profile.receive(name, f"hello from {name}")
    profile.meet("stranger", state="pending")
    profile.receive("stranger", "let me in", stage="pending")
    order = [use("next_unread") for _ in range(3)]
    peers = [one.body["thread"] and one.body["thread"]["session"]["peer"]["alias"] for one in order]
    assert peers == ["a", "b", None]
    assert order[0].body["thread"]["session"]["focused"] is True
    assert [one["body"]["text"] for one in order[0].body["thread"]["messages"]] == ["hello from a"]
    # The stranger's thread is unread still, and only a person makes it the agent's business.
    assert order[2].body["unread_threads"] == 1
    assert order[2].body["pending_contacts"] == 1
    assert use("whoami").body["focused_thread"] == profile.thread("b")


def test_the_focused_thread_comes_last_and_is_not_passed_over(profile: Profile, use: Call) -> None:
    for name in ("a", "b"):
        profile.meet(name)
        profile.receive(name, "one")
    use("focus_session", session="@a", mark_read=False)
    assert use("next_unread").body["thread"]["session"]["peer"]["alias"] == "b"
    assert use("next_unread", mark_read=False).body["thread"]["session"]["peer"]["alias"] == "a"
    assert use("next_unread").body["thread"]["session"]["unread"] == 0


def test_what_came_in_after_the_message_that_was_read_stays_unread(profile: Profile, use: Call) -> None:
    profile.meet("a")
    for text in ("one", "two", "three"):
        profile.receive("a", text)
    seen = use("focus_session", session="@a", mark_read=False).body["messages"]
    marked = use("mark_read", up_to=seen[1]["number"])
    assert marked.body["unread_before"] == 3
    assert marked.body["session"]["unread"] == 1
    # An older mark brings nothing back.
    assert use("mark_read", up_to=1).body["session"]["unread"] == 1
    assert use("mark_read").body["session"]["unread"] == 0
    assert use("mark_read").body["unread_before"] == 0


# -- contacts and approvals


def test_who_waits_for_approval_is_told_without_what_they_say(profile: Profile, use: Call) -> None:
    for name in ("one", "two"):
        profile.meet(name, state="pending", display_name=HOSTILE)
        profile.receive(name, f"{name} asks", stage="pending")
    profile.meet("friend")
    waiting = use("conversations", type="pending_dm")
    assert [one["contact"]["did"] for one in waiting.body["conversations"]] == list(
        map(profile.peer, ("one", "two"))
    )
    first = waiting.body["conversations"][0]
    assert first["conversation_id"] == profile.thread("one").replace("c_dm_", "c_pdm_")
    assert first["thread_id"] == profile.thread("one")
    assert "one asks" not in waiting.text
    assert [(one["withheld"], one["preview"]) for one in waiting.body["conversations"]] == [(True, "")] * 2
    assert waiting.body["counts"] == {
        "pending": 2,
        "awaiting_reply": 0,
        "approved": 1,
        "rejected": 0,
        "blocked": 0,
    }
    friends = use("conversations", type="dm").body["conversations"]
    assert [(one["type"], one["thread_id"]) for one in friends] == [("dm", None)]
    assert len(use("conversations").body["conversations"]) == 3


def test_pages_of_contacts_pass_nobody_over_while_others_come_and_go(profile: Profile, use: Call) -> None:
    names = [f"n{number}" for number in range(5)]
    for name in names:
        profile.meet(name, state="pending")
    page = use("conversations", type="pending_dm", limit=2).body
    seen = [one["contact"]["did"] for one in page["conversations"]]
    # The last one that was shown is decided about, and a new one comes, between the pages.
    with Store(profile.paths.store) as store:
        store.contacts.decide(profile.peer("n1"), "approved", "cli:alice", profile.tick())
    profile.meet("late", state="pending")
    while page["next_page"]:
        page = use("conversations", type="pending_dm", limit=2, page=page["next_page"]).body
        seen += [one["contact"]["did"] for one in page["conversations"]]
    assert seen == list(map(profile.peer, [*names, "late"]))
    assert code(use("conversations", page="nonsense")) == "usage"


def test_an_agent_turns_down_and_blocks_but_does_not_approve(profile: Profile, use: Call) -> None:
    did = profile.meet("stranger", state="pending")
    refused = use("contacts_approve", contact=did)
    assert code(refused) == "trust.needs_a_person"
    assert refused.body["error"]["next_step"] == (
        "ask your person; the commands are pingagent contacts approve and pingagent trust set"
    )
    turned = use("contacts_reject", contact="@stranger", reason="spam")
    assert turned.body["contact"]["state"] == "rejected"
    assert turned.body["decision"]["by"] == "mcp:test"
    # Rejected to pending or approved would be more than it has: that is a person's.
    assert code(use("contacts_approve", contact=did)) == "trust.needs_a_person"
    assert use("contacts_block", contact=did).body["decision"]["before"] == "rejected"
    assert use("contacts_block", contact=did).body["changed"] is False
    assert code(use("contacts_reject", contact=did)) == "trust.needs_a_person"
    assert code(use("contacts_block", contact="@nobody")) == "contact.unknown"


# -- the carry-forward note


def test_a_note_is_carried_forward_field_by_field_and_cleared_by_empty_ones(
    profile: Profile, use: Call
) -> None:
    profile.meet("a")
    profile.receive("a", "hi")
    empty = use("session_summary", session="@a")
    assert empty.body["revision"] == 0
    assert not any(empty.body["summary"].values())
    use("focus_session", session="@a")
    first = use(
        "session_summary", objective="ship it", constraints=["no downtime", " "], decisions=["use blue"]
    )
    assert first.body["changed"] == ["objective", "constraints", "decisions"]
    assert first.body["summary"]["constraints"] == ["no downtime"]
    second = use("session_summary", context="billing", decisions=[], clear_fields=["constraints"])
    assert second.body["summary"] | {} == {
        "objective": "ship it",
        "context": "billing",
        "constraints": [],
        "decisions": [],
        "open_questions": [],
        "next_steps": [],
    }
    assert second.body["cleared"] == ["constraints", "decisions"]
    assert second.body["revision"] == 2
    assert second.body["updated_by"] == "mcp:test"
    same = use("session_summary", objective="ship it")
    assert same.body["changed"] == []
    assert same.body["revision"] == 2
    assert same.body["summary"]["objective"] == "ship it"
    assert code(use("session_summary", objective="x", clear_fields=["objective"])) == "summary"
    assert code(use("session_summary", session="@nobody")) == "thread.unknown"
    kinds = [one["kind"] for one in use("changes_since", cursor=0).body["events"]]
    assert kinds.count("session.summary") == 2


_TEXT = st.text(max_size=8)
_GIVEN = st.dictionaries(st.sampled_from(FIELDS), st.one_of(_TEXT, st.lists(_TEXT, max_size=3)))


@given(st.lists(st.tuples(_GIVEN, st.sets(st.sampled_from(FIELDS)))))
def test_a_note_holds_no_empty_field_and_changes_only_what_is_named(
    steps: list[tuple[dict[str, object], set[str]]],
) -> None:
    current = Summary("c_dm_x")
    for given_fields, clear in steps:
        try:
            change = changed_summary(current, given_fields, sorted(clear), "mcp:test", 1.0)
        except SummaryError:
            continue
        untouched = set(FIELDS) - set(given_fields) - clear
        before, after = current.fields.carried(), change.summary.fields.carried()
        assert {name: after.get(name) for name in untouched} == {name: before.get(name) for name in untouched}
        assert all(after.values())
        assert not clear & set(after)
        assert (change.summary.revision > current.revision) == bool(change.changed)
        current = change.summary


@pytest.mark.parametrize(
    "given_fields",
    [{"nonsense": "x"}, {"objective": "x" * 2001}, {"objective": ["x"]}, {"decisions": ["x"] * 21}]
    + [{name: ["x" * 401]} for name in LISTS]
    + [{"next_steps": 3}, {"next_steps": [3]}],
)
def test_a_change_that_is_none_is_refused(given_fields: dict[str, object]) -> None:
    with pytest.raises(SummaryError):
        changed_summary(Summary("c_dm_x"), given_fields, (), "mcp:test", 1.0)


# -- overviews


def test_the_overview_of_a_thread_has_trust_note_and_what_is_stuck(profile: Profile, use: Call) -> None:
    profile.meet("a", display_name="The A")
    profile.receive("a", "hello")
    use("focus_session", session="@a")
    use("session_summary", objective="ship it")
    use("openclaw_queue_reply", message="on it")
    found = use("session_overview")
    assert found.body["figures"] == {"waiting": 0, "paced": 0, "parked": 0, "outgoing": 1, "failed": 0}
    assert found.body["summary"]["objective"] == "ship it"
    assert [one["direction"] for one in found.body["newest"]] == ["in", "out"]
    assert found.body["binding"] is None
    assert found.body["task_policy"]["action"] == "bridge"
    assert found.body["session"]["thread_id"] == profile.thread("a")
    assert [one["body"]["text"] for one in found.body["newest"]] == ["hello", "on it"]


def test_the_overview_of_the_host_has_what_is_stuck_first_hand(profile: Profile, use: Call) -> None:
    profile.meet("a")
    profile.receive("a", "hello")
    use("focus_session", session="@a")
    use("openclaw_queue_reply", message="never goes")
    profile.commit_next(state="failed", seq=None, reason=HOSTILE)
    found = use("runtime_overview")
    assert found.body["threads"] == 1
    assert found.body["transport"]["figures"]["failed"] == 1
    assert [one["body"]["text"] for one in found.body["stuck"]] == ["never goes"]
    assert found.body["route_mode"] == "stable-hook-session"
    health = found.body["transport"]["health"]
    assert (found.body["runtime_running"], health["connection"]) == (False, "stopped")
    assert health["next_step"] == "start the runtime: openclaw-install runtime start"


def test_the_transport_is_told_with_what_helps_and_its_history(profile: Profile, use: Call) -> None:
    blocker = Problem("hooks.off", f"hooks are off {HOSTILE}", "mend it", path="hooks.enabled")
    health = TransportHealth(
        "down", None, 5.0, 3, 0, 7, "blocked", 4.0, blocker.message, 0.5, "mend it", blocker
    )
    with Store(profile.paths.store) as store:
        write_health(store, health, 6.0)
        store.events.add("transport.blocked", 6.0, detail="hooks.off")
        store.relay.add_gaps("log", range(3, 5), 6.0)
    with profile.runtime():
        found = use("transport_health")
    told = found.body["health"]
    assert (told["blocker"]["code"], told["blocker"]["next_step"]) == ("hooks.off", "mend it")
    assert (told["connection"], told["state"], told["retries"]) == ("down", "blocked", 7)
    assert found.body["withheld"] == 2
    assert [one["kind"] for one in found.body["history"]] == ["transport.blocked"]
    assert use("transport_health").body["health"]["connection"] == "stopped"


# -- what is new, for each operator


def test_each_operator_has_a_mark_of_its_own(profile: Profile, use: Call) -> None:
    profile.meet("a")
    profile.receive("a", "one")
    first = use("since_last_seen", operator="alice")
    assert first.body["since"] is None
    assert first.body["threads"][0]["session"]["peer"]["alias"] == "a"
    assert use("since_last_seen", operator="alice").body["events"] == {}
    assert use("since_last_seen", operator="bob", mark_seen=False).body["events"] != {}
    assert use("since_last_seen", operator="bob").body["since"] is None
    profile.receive("a", "two")
    again = use("since_last_seen", operator="alice")
    assert again.body["events"] == {"message.accepted": 1}
    assert again.body["cursor_before"] == first.body["cursor"]
    assert code(use("since_last_seen", operator="no spaces")) == "invalid_arguments"


def test_what_went_wrong_is_told_apart_and_forgotten_events_are_a_gap(profile: Profile, use: Call) -> None:
    profile.meet("a")
    profile.receive("a", "one")
    use("since_last_seen")
    with Store(profile.paths.store) as store:
        thread = profile.thread("a")
        store.events.add("message.received", 1_800_000_100.0, thread_id=thread, message_id="m")
        store.events.add("message.parked", 1_800_000_101.0, thread_id=thread, message_id="m", detail=HOSTILE)
        store.events.add("outbox.committed", 1_800_000_102.0, thread_id=thread, message_id="n", seq=3)
    found = use("since_last_seen", mark_seen=False)
    assert [one["kind"] for one in found.body["attention"]] == ["message.parked"]
    assert [(one["received"], one["sent"], one["failed"]) for one in found.body["threads"]] == [(1, 1, 1)]
    assert found.body["gap"] is False
    with Store(profile.paths.store) as store:
        store.events.prune(1_800_000_101.5, 1000)
    assert use("since_last_seen").body["gap"] is True


def test_a_flood_of_events_is_looked_through_in_bounded_steps(profile: Profile, use: Call) -> None:
    use("since_last_seen")
    with Store(profile.paths.store) as store, store.write():
        for number in range(2005):
            thread = profile.thread(f"p{number % 30}")
            store.events.add("message.received", 1_800_000_000.0 + number, thread_id=thread)
    found = use("since_last_seen").body
    assert found["more"] is True
    assert found["threads_left_out"] == 10
    rest = use("since_last_seen").body
    assert (rest["more"], rest["events"]) == (False, {"message.received": 5})


# -- timelines


def test_the_timeline_of_a_sent_message_ends_with_its_receipts(profile: Profile, use: Call) -> None:
    profile.meet("a")
    profile.receive("a", "hello")
    use("focus_session", session="@a")
    sent = use("openclaw_queue_reply", message="on it").body["message_id"]
    with Store(profile.paths.store) as store:
        item = store.outbox.by_message_id(sent)
        assert item is not None
        at = item.queued_at
        about = {"thread_id": item.thread_id, "message_id": sent}
        store.events.add("outbox.retry", at + 1, **about, attempts=1, reason="the relay is down")
        store.events.add("transport.degraded", at + 1.5, detail="the relay is down")
        store.events.add("transport.repaired", at + 2)
        store.outbox.update(
            item.id, state="delivered", seq=4, committed_at=at + 3, delivered_at=at + 4, attempts=2
        )
        store.events.add("outbox.committed", at + 3, **about, seq=4)
    found = use("delivery_timeline", message_id=sent)
    steps = [(one["step"], one["kind"]) for one in found.body["entries"]]
    assert steps == [
        ("outbound", "outbox.queued"),
        ("retry", "outbox.retry"),
        ("trouble", "transport.degraded"),
        ("repaired", "transport.repaired"),
        ("receipt", "outbox.committed"),
        ("receipt", "outbox.delivered"),
    ]
    # The last one is known from the ledger only: events are forgotten, the ledger is not.
    assert found.body["entries"][-1]["cursor"] is None
    assert found.body["message"]["state"] == "delivered"
    assert found.body["entries"][1]["detail"] == "reason the relay is down, attempts 1"
    assert found.body["entries"][2]["detail"] == "detail the relay is down"


def test_the_timeline_of_a_message_that_came_in_is_told_by_the_ledger_when_the_events_are_gone(
    profile: Profile, use: Call
) -> None:
    did = profile.meet("a")
    message_id = profile.receive("a", "hello")
    with Store(profile.paths.store) as store:
        message = store.messages.find(did, message_id)
        assert message is not None
        store.ingress.add(message.id, message.thread_id, did, "log", 9, "accepted")
        at = message.known_at
        store.ingress.update(
            message.id,
            attempts=3,
            attempted_at=at + 1,
            accepted_at=at + 2,
            confirmed_at=at + 3,
            evidence="transcript",
            acked_at=at + 4,
            receipted_at=at + 5,
        )
        store.events.prune(at + 100, 1000)
    found = use("delivery_timeline", message_id=message_id)
    assert [one["kind"] for one in found.body["entries"]] == [
        "message.received",
        "message.retry",
        "message.accepted",
        "message.confirmed",
        "message.acknowledged",
        "outbox.receipt_given",
    ]
    times = [seconds_of(one["at"]) for one in found.body["entries"]]
    assert times == sorted(times)
    assert found.body["session"]["peer"]["did"] == did


def test_the_timeline_of_a_thread_pages_back_and_keeps_its_places(profile: Profile, use: Call) -> None:
    profile.meet("a")
    ids = [profile.receive("a", f"message {number}") for number in range(7)]
    page = use("delivery_timeline", session="@a", limit=3).body
    found = [one["message_id"] for one in page["entries"]]
    profile.receive("a", "one that comes meanwhile")
    while page["before"]:
        page = use("delivery_timeline", session="@a", limit=3, before=page["before"]).body
        found = [*(one["message_id"] for one in page["entries"]), *found]
    assert found == ids
    long = use("delivery_timeline", session="@a", limit=200)
    assert ids[-1] in long.text


def test_a_message_that_nobody_or_several_threads_have_is_told(profile: Profile, use: Call) -> None:
    profile.meet("a")
    profile.meet("b")
    assert code(use("delivery_timeline", message_id=new_message_id(1.0))) == "thread.unknown_message"
    shared = profile.receive("a", "mine")
    profile.receive("b", "other")
    with Store(profile.paths.store) as store, store.write() as connection:
        connection.execute("UPDATE message SET message_id = ? WHERE peer = ?", (shared, profile.peer("b")))
    assert code(use("delivery_timeline", message_id=shared)) == "thread.ambiguous_message"
    chosen = use("delivery_timeline", message_id=shared, session="@b").body
    assert chosen["session"]["peer"]["alias"] == "b"


def test_a_thread_of_which_nothing_is_known_any_more_says_so(profile: Profile, use: Call) -> None:
    profile.meet("a")
    profile.receive("a", "old")
    with Store(profile.paths.store) as store:
        store.events.prune(2e9, 1000)
    found = use("delivery_timeline", session="@a").body
    assert (found["entries"], found["before"]) == ([], None)


# -- hostile texts everywhere


def test_hostile_names_and_texts_stay_text_in_every_answer(profile: Profile, use: Call) -> None:
    profile.meet("baker", display_name=HOSTILE, alias=HOSTILE)
    profile.meet("stranger", state="pending", display_name=HOSTILE, alias=HOSTILE + "2")
    profile.receive("baker", HOSTILE * 20)
    profile.receive("stranger", HOSTILE, stage="pending")
    thread = profile.thread("baker")
    with Store(profile.paths.store) as store:
        store.sessions.routed(thread, HOSTILE, "map-active-group", HOSTILE)
        at = profile.tick()
        store.events.add("message.parked", at, thread_id=thread, message_id=HOSTILE, detail=HOSTILE * 9)
        store.events.add("outbox.failed", at, thread_id=thread, message_id=HOSTILE, reason=HOSTILE * 9)
        store.events.add("transport.degraded", at, detail=HOSTILE)
    note = {name: [HOSTILE * 2] * 20 if name in LISTS else HOSTILE * 9 for name in FIELDS}
    outcomes = [
        use("next_unread"),
        use("session_summary", session=thread, **note),
        use("session_overview", session=thread),
        use("conversations"),
        use("conversations", type="pending_dm"),
        use("delivery_timeline", session=thread),
        use("since_last_seen"),
        use("transport_health"),
        use("runtime_overview"),
        use("mark_read", session=thread),
        use("contacts_block", contact=profile.peer("stranger"), reason=HOSTILE),
    ]
    for outcome in outcomes:
        assert not outcome.is_error
        assert "\nSent to" not in outcome.text
    assert use("session_summary", session=thread).body["summary"]["decisions"][0] == HOSTILE * 2
    for target in (HOSTILE, "@" + "x" * 120, new_identity(1.0).did):
        assert use("session_overview", session=target).is_error


# -- values that no list gave and no database keeps


def _page(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


_BAD_PAGES = [
    _page(1.0, "\ud800"),
    _page(float("nan"), "c_dm_x"),
    _page(float("inf"), "did:x"),
    _page("x"),
    _page(1, []),
    "[",
]


@pytest.mark.parametrize("page", _BAD_PAGES)
@pytest.mark.parametrize("tool", ["conversations", "recent_sessions"])
def test_a_page_that_the_list_did_not_give_is_refused(use: Call, tool: str, page: str) -> None:
    assert code(use(tool, page=page)) == "usage"


def test_a_page_of_another_list_is_refused(profile: Profile, use: Call) -> None:
    for name in ("a", "b"):
        profile.meet(name)
        profile.receive(name, "hello")
    pages = {tool: use(tool, limit=1).body["next_page"] for tool in ("conversations", "recent_sessions")}
    assert None not in pages.values()
    assert code(use("conversations", page=pages["recent_sessions"])) == "usage"
    assert code(use("recent_sessions", page=pages["conversations"])) == "usage"
    assert code(use("session_bindings", page=pages["conversations"])) == "usage"


def test_numbers_and_texts_that_no_database_keeps_are_told_as_such(profile: Profile, use: Call) -> None:
    profile.meet("a")
    profile.receive("a", "hello")
    assert code(use("focus_session", session="@a", before=2**63)) == "store.value"
    assert code(use("inbox", before=10**300)) == "store.value"
    for broken in ({"objective": "\ud800"}, {"decisions": ["\ud800"]}, {"page": "\ud800"}):
        tool = "recent_sessions" if "page" in broken else "session_summary"
        refused = use(tool, **broken)
        assert code(refused) == "invalid_arguments"
        assert next(iter(broken)) in refused.body["error"]["message"]
    assert use("session_summary", session="@a").body["revision"] == 0


def test_a_cursor_ahead_of_the_store_is_of_another_one_and_tells_of_a_gap(
    profile: Profile, use: Call
) -> None:
    profile.meet("a")
    profile.receive("a", "hello")
    found = use("changes_since", cursor=1000)
    assert (found.body["cursor"], found.body["gap"]) == (1, True)
    assert "pingagent_recent_sessions" in found.text
    with Store(profile.paths.store) as store:
        assert store.events.prune(2e12, 100) == 1
    # All that was told has been forgotten, and nothing came in: that is no gap.
    assert use("changes_since", cursor=1).body["gap"] is False
