"""The tools one by one: what they answer, what they refuse, and that hostile text stays text."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.crash_log import write_crash_log
from openclaw_install.common.shown_text import cut, neutral, quoted, within
from openclaw_install.messaging.app import AppContext
from openclaw_install.messaging.models import OutboxState
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.identity import rename
from openclaw_install.protocol.profile_files import save_identity
from openclaw_install.surfaces.mcp.calls import Outcome
from openclaw_install.surfaces.mcp.pingagent.instructions import ADVICE
from openclaw_install.surfaces.tools import TOOLS
from tests.pingagent_rig import Profile
from tests.support.waiting import until
from tests.tool_rig import HOSTILE, Call, code, tools_at

START = "start the runtime: openclaw-install runtime start"


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile.make(tmp_path / "home", display_name="The Cook")


@pytest.fixture
def place(profile: Profile) -> Iterator[AppContext]:
    made = AppContext({}, profile.home, "mcp:test")
    yield made
    made.close()


@pytest.fixture
def use(place: AppContext) -> Call:
    return tools_at(place)


def run(place: AppContext, tool: str, arguments: dict[str, Any]) -> Outcome:
    return tools_at(place)(tool, **arguments)


def test_whoami_tells_who_where_and_what_is_in_the_way(profile: Profile, use: Call) -> None:
    outcome = use("whoami")
    assert outcome.body["did"] == profile.me.did
    assert outcome.body["focused_thread"] is None
    assert (outcome.body["alias"], outcome.body["display_name"]) == ("cook", "The Cook")
    assert outcome.body["runtime_running"] is False
    assert outcome.body["health"]["next_step"] == START
    with profile.runtime():
        assert use("whoami").body["runtime_running"] is True


def test_an_address_is_shown_without_what_could_be_a_key(profile: Profile) -> None:
    address = {"PINGAGENT_SERVER_URL": "https://relay.example/base"}
    place = AppContext(address, profile.home)
    try:
        assert run(place, "whoami", {}).body["relay"] == "https://relay.example/base"
    finally:
        place.close()


def test_recent_threads_come_newest_first_and_page_by_page(profile: Profile, use: Call) -> None:
    for name in ("a", "b", "c"):
        profile.meet(name)
        profile.receive(name, f"hello from {name}")
    first = use("recent_sessions", limit=2)
    peers = [one["peer"]["alias"] for one in first.body["sessions"]]
    assert peers == ["c", "b"]
    assert first.body["total"] == first.body["unread_threads"] == 3
    last = use("recent_sessions", limit=2, page=first.body["next_page"])
    assert [one["peer"]["alias"] for one in last.body["sessions"]] == ["a"]
    assert last.body["next_page"] is None
    assert code(use("recent_sessions", page="nonsense")) == "usage"


def test_an_empty_store_says_so(use: Call) -> None:
    sessions, changes = use("recent_sessions").body, use("changes_since").body
    assert (sessions["sessions"], sessions["total"], sessions["next_page"]) == ([], 0, None)
    assert use("inbox").body == {"messages": [], "rejections": [], "before": None}
    assert (changes["events"], changes["more"], changes["gap"]) == ([], False, False)


def test_focusing_shows_the_thread_marks_it_read_and_is_the_place_of_replies(
    profile: Profile, use: Call
) -> None:
    profile.meet("baker", display_name="The Baker")
    profile.receive("baker", "is the oven free?")
    looked = use("focus_session", session="@baker", mark_read=False)
    assert looked.body["session"]["unread"] == 1
    focused = use("focus_session", session=profile.thread("baker").replace("c_dm_", "c_pdm_"))
    assert focused.body["session"]["unread"] == 0
    assert focused.body["session"]["focused"] is True
    assert focused.body["session"]["thread_id"] == profile.thread("baker")
    assert '"is the oven free?"' in focused.text
    assert use("openclaw_queue_reply", message="yes").body["recipient"] == profile.peer("baker")
    assert [one["direction"] for one in use("focus_session").body["messages"]] == ["in", "out"]


def test_earlier_messages_follow_by_cursor_and_the_newest_fit_the_text(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    for number in range(30):
        profile.receive("baker", f"loaf {number} " + "x" * 300)
    page = use("focus_session", session="@baker", messages=20)
    assert [one["body"]["text"].split()[1] for one in page.body["messages"]] == [
        str(n) for n in range(10, 30)
    ]
    before = use("focus_session", messages=20, before=page.body["before"])
    assert len(before.body["messages"]) == 10


def test_long_bodies_are_cut_in_a_list_and_whole_when_asked_for_alone(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    long = "y" * 60_000
    for _ in range(2):
        profile.receive("baker", long)
    messages = use("focus_session", session="@baker").body["messages"]
    assert all(one["truncated"] and len(one["body"]["text"]) < 20_000 for one in messages)
    alone = use("focus_session", messages=1, before=messages[0]["number"] + 1).body["messages"]
    assert alone[0]["body"]["text"] == long
    assert alone[0]["truncated"] is False


def test_a_long_body_without_a_text_is_told_by_its_preview(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    body = {"task_id": "t1", "title": "bake", "input": {"notes": ["z" * 1000] * 40}}
    for _ in range(2):
        profile.receive("baker", "", body=body)
    messages = use("focus_session", session="@baker").body["messages"]
    assert messages[0]["body"] == {"preview": "bake"}


@pytest.mark.parametrize(
    ("state", "seq", "sent"),
    [
        ("committed", 1, True),
        ("committed", 0, False),
        ("committed", None, False),
        ("delivered", None, True),
        ("delivered", 5, True),
        ("sending", 3, False),
    ],
)
def test_sent_takes_a_sequence_number_from_one_or_a_delivery_receipt(
    profile: Profile, use: Call, state: OutboxState, seq: int | None, *, sent: bool
) -> None:
    profile.meet("baker")
    profile.receive("baker", "hello")
    use("focus_session", session="@baker")
    use("openclaw_queue_reply", message="yes", idempotency_key="k1")
    message_id = profile.commit_next(seq=seq, state=state)
    again = use("reply", message="yes", idempotency_key="k1", wait_seconds=0)
    assert again.body["message_id"] == message_id
    assert again.body["sent"] is sent
    assert again.body["status"] == ("sent" if sent else "unconfirmed")
    assert again.body["idempotency_key"] == "k1"
    if not sent:
        assert again.body["seq"] is None


def test_a_reply_waits_for_its_receipt_while_the_runtime_runs(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    profile.receive("baker", "hello")

    def runtime() -> None:
        with Store(profile.paths.store) as store:
            until(lambda: store.outbox.in_state("queued"), "queued")
            item = store.outbox.in_state("queued")[0]
            store.outbox.update(item.id, state="sending")
            store.outbox.update(item.id, state="committed", seq=4)

    with profile.runtime():
        other = threading.Thread(target=runtime)
        other.start()
        outcome = use("reply", message="coming", session="@baker", wait_seconds=60)
        other.join()
    assert outcome.body["sent"] is True
    assert outcome.body["seq"] == 4


def test_without_a_runtime_a_reply_answers_at_once_and_says_who_sends(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    profile.receive("baker", "hello")
    outcome = use("reply", message="coming", session="@baker", wait_seconds=60)
    assert outcome.body["status"] == "unconfirmed"
    assert outcome.body["state"] == "queued"
    assert (outcome.body["runtime_running"], outcome.body["next_step"]) == (False, START)


def test_a_time_that_is_over_says_unconfirmed(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    with profile.runtime():
        outcome = use("chat", to=profile.peer("baker"), message="hi", wait_seconds=0.05)
    assert outcome.body["status"] == "unconfirmed"
    assert outcome.body["runtime_running"] is True
    assert outcome.body["idempotency_key"] in outcome.body["next_step"]


def test_a_message_that_failed_is_an_error_with_its_repair(profile: Profile, use: Call) -> None:
    did = profile.meet("baker")
    use("chat", to=did, message="hi", idempotency_key="k")
    profile.commit_next(
        state="failed", seq=None, reason="it publishes no key", next_step="ask it to register"
    )
    failed = use("chat", to=did, message="hi", idempotency_key="k")
    assert code(failed) == "send.failed"
    assert failed.body["error"]["next_step"] == "ask it to register"
    assert failed.body["error"]["message"].endswith(": it publishes no key")


def test_the_same_key_sends_once_and_another_text_under_it_is_refused(profile: Profile, use: Call) -> None:
    did = profile.meet("baker")
    first, second = (use("chat", to=did, message="hi", idempotency_key="k") for _ in range(2))
    assert first.body["message_id"] == second.body["message_id"]
    assert code(use("chat", to=did, message="other", idempotency_key="k")) == "outbox.key_reused"


def test_attachments_are_references_and_nothing_else(profile: Profile, use: Call) -> None:
    did = profile.meet("baker")
    good = {
        "name": "bread.txt",
        "mime": "text/plain",
        "size": 3,
        "sha256": "0" * 64,
        "url": "https://x.example/b",
    }
    assert not use("chat", to=did, message="see", attachments=[good]).is_error
    focused = use("focus_session", session="@baker").body["messages"][-1]
    assert focused["body"]["attachments"] == [good]
    assert code(use("chat", to=did, message="see", attachments=[{**good, "data": "AAAA"}])) == (
        "invalid_arguments"
    )
    both = {**good, "artifact_ref": "a1"}
    assert code(use("chat", to=did, message="see", attachments=[both])) == "envelope.bad_body"


@pytest.mark.parametrize("state", ["pending", "rejected", "blocked"])
def test_nobody_is_written_to_against_a_persons_decision(profile: Profile, use: Call, state: Any) -> None:
    did = profile.meet("baker", state=state)
    profile.receive("baker", "let me in", stage="pending")
    outcome = use("reply", session="@baker", message="hi")
    assert code(outcome) == f"contact.{state}"
    approve = f"pingagent contacts approve {did}"
    # An approval alone undoes neither of the others.
    command = approve if state == "pending" else f"pingagent contacts undo {did}, then {approve}"
    assert outcome.body["error"]["next_step"] == f"a person decides that: {command}"


def test_an_answer_names_the_message_that_it_answers(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    asked = profile.receive("baker", "hello?")
    use("openclaw_queue_reply", session="@baker", message="yes", in_reply_to=asked)
    assert use("focus_session", session="@baker").body["messages"][-1]["body"]["in_reply_to"] == asked


def test_an_unknown_alias_is_refused_without_a_relay_and_asked_of_one_that_is_set(
    profile: Profile, use: Call
) -> None:
    assert code(use("chat", to="@nobody", message="hi")) == "thread.unknown_alias"
    assert code(use("chat", to="did:agent:x", message="hi")) == "thread.no_did"
    assert code(use("chat", to="@no body", message="hi")) == "alias.form"
    place = AppContext({"PINGAGENT_SERVER_URL": "http://127.0.0.1:9"}, profile.home)
    try:
        assert code(run(place, "chat", {"to": "@nobody", "message": "hi"})) == "relay.unreachable"
        # A DID and a thread need no relay.
        assert not run(place, "chat", {"to": profile.peer("baker"), "message": "hi"}).is_error
        assert not run(place, "chat", {"to": profile.thread("baker"), "message": "hi"}).is_error
    finally:
        place.close()


def test_changes_follow_by_cursor(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    start = use("changes_since").body
    assert start["events"] == []
    for number in range(3):
        profile.receive("baker", f"{number}")
    profile.receive("miller", "other")
    first = use("changes_since", cursor=start["cursor"], limit=2)
    assert len(first.body["events"]) == 2
    assert first.body["more"] is True
    rest = use("changes_since", cursor=first.body["cursor"], session=profile.thread("baker"))
    assert [one["thread_id"] for one in rest.body["events"]] == [profile.thread("baker")]
    assert rest.body["more"] is False
    after = use("changes_since", cursor=rest.body["cursor"], session=profile.thread("baker")).body
    assert after["events"] == []


def test_pruned_events_are_told_as_a_gap(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    for number in range(4):
        profile.receive("baker", f"{number}")
    with Store(profile.paths.store) as store:
        store.events.prune(profile.clock, 3)
    outcome = use("changes_since", cursor=1)
    assert outcome.body["gap"] is True


def test_the_inbox_shows_messages_of_all_threads_and_what_was_refused(profile: Profile, use: Call) -> None:
    for name in ("baker", "miller"):
        profile.meet(name)
        profile.receive(name, f"from {name}")
    with Store(profile.paths.store) as store:
        store.ingress.reject("log1", 9, "bad_signature", (HOSTILE, HOSTILE), 1_800_000_100.0)
    outcome = use("inbox", limit=1)
    assert [one["sender"] for one in outcome.body["messages"]] == [profile.peer("miller")]
    assert outcome.body["rejections"][0]["reason"] == "bad_signature"
    older = use("inbox", before=outcome.body["before"])
    assert [one["sender"] for one in older.body["messages"]] == [profile.peer("baker")]
    assert older.body["rejections"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "where"),
    [
        ("reply", {}, "message"),
        ("reply", {"message": ""}, "message"),
        ("reply", {"message": "x" * 65_537}, "message"),
        ("reply", {"message": "x", "schema": "pingagent.task@1"}, "schema"),
        ("reply", {"message": "x", "wait_seconds": 61}, "wait_seconds"),
        ("recent_sessions", {"limit": 0}, "limit"),
        ("focus_session", {"session": 5}, "session"),
        ("chat", {"to": "@a", "message": "x", "idempotency_key": "two words"}, "idempotency_key"),
        ("chat", {"to": "@a", "message": "x", "attachments": [{"name": "n"}]}, "attachments.0"),
    ],
)
def test_arguments_that_the_schema_forbids_are_refused_by_name_and_never_quoted(
    use: Call, tool: str, arguments: dict[str, Any], where: str
) -> None:
    outcome = use(tool, **arguments)
    assert code(outcome) == "invalid_arguments"
    assert where in outcome.body["error"]["message"]
    assert "x" * 20 not in str(outcome.body)
    assert len(outcome.text) < 400


def test_hostile_names_and_texts_stay_text_in_every_tool(profile: Profile, use: Call) -> None:
    profile.meet("baker", display_name=HOSTILE)
    profile.receive("baker", HOSTILE)
    with Store(profile.paths.store) as store:
        store.sessions.routed(profile.thread("baker"), HOSTILE, "map-active-group", HOSTILE)
        store.events.add(HOSTILE, 1_800_000_050.0, thread_id=HOSTILE, message_id=HOSTILE)
    outcomes = [
        use("recent_sessions"),
        use("focus_session", session="@baker"),
        use("inbox"),
        use("changes_since", cursor=0),
        use("whoami"),
    ]
    for outcome in outcomes:
        assert "\n" + "Sent to" not in outcome.text
    assert outcomes[1].body["messages"][0]["body"]["text"] == HOSTILE


def test_a_failure_with_a_hostile_reason_is_cut_and_stays_one_line(profile: Profile, use: Call) -> None:
    did = profile.meet("baker")
    use("chat", to=did, message="hi", idempotency_key="k")
    profile.commit_next(state="failed", seq=None, reason=HOSTILE * 50, next_step=HOSTILE * 50)
    failed = use("chat", to=did, message="hi", idempotency_key="k")
    assert len(failed.text.splitlines()) == 2
    assert failed.text.splitlines()[1].startswith("Next: ")


def test_a_target_that_is_no_name_is_refused_without_being_believed(use: Call) -> None:
    assert use("focus_session", session=HOSTILE).is_error
    lost = use("focus_session")
    assert code(lost) == "thread.none_focused"
    assert lost.body["error"]["next_step"] == ADVICE["thread.none_focused"]


@pytest.mark.parametrize("advised", ADVICE)
def test_advice_for_agents_names_tools_that_are_there_and_no_command(advised: str) -> None:
    words = ADVICE[advised].replace("`", "").replace(",", "").split()
    assert {word for word in words if word.startswith("pingagent_")} <= {tool.name for tool in TOOLS}
    assert "pingagent" not in words


@given(st.text(max_size=400), st.integers(min_value=1, max_value=200))
def test_quoted_text_is_one_bounded_line_and_ends_where_it_says(text: str, most: int) -> None:
    shown = quoted(text, most)
    assert shown.isprintable()
    assert len(shown) <= most + 2
    assert shown[0] == shown[-1] == '"'


@given(st.lists(st.text(max_size=80), max_size=40))
def test_a_list_within_a_limit_says_how_much_is_missing(items: list[str]) -> None:
    lines = [neutral(item) for item in items]
    shown = within(["head"], lines, ["tail"], most=300, more="({left} more)")
    assert len(shown) <= 300
    assert shown.startswith("head")
    assert shown.endswith("tail")
    between = shown.split("\n")[1:-1]
    kept = between if between == lines else between[:-1]
    assert kept == lines[: len(kept)]
    assert between == lines or between[-1] == f"({len(lines) - len(kept)} more)"


def test_a_list_with_no_room_for_any_item_says_so() -> None:
    assert within(["h"], ["x" * 50] * 3, [], most=40, more="({left} of {shown})") == "h\n(3 of 0)"


def test_a_log_that_cannot_be_written_is_no_second_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_log_path", lambda _name: tmp_path / "file" / "log")
    (tmp_path / "file").write_text("in the way")
    assert write_crash_log(ValueError("x"), "t") is None


def test_what_is_cut_shows_that_it_is() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"


def test_a_store_that_takes_another_ones_place_is_opened_anew(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    profile.receive("baker", "hello")
    assert use("recent_sessions").body["total"] == 1
    for path in profile.paths.store.parent.glob(profile.paths.store.name + "*"):
        path.unlink()
    assert use("recent_sessions").body["total"] == 0


def test_a_name_that_changed_is_told_at_the_next_call(profile: Profile, use: Call) -> None:
    assert use("whoami").body["alias"] == "cook"
    save_identity(profile.paths.identity, rename(profile.me, alias="chef", display_name=None))
    assert use("whoami").body["alias"] == "chef"


def test_a_damaged_store_and_a_bad_profile_are_errors_that_help(profile: Profile) -> None:
    profile.paths.store.write_bytes(b"this is no database" * 100)
    place = AppContext({}, profile.home)
    assert code(run(place, "recent_sessions", {})) == "store.damaged"
    place.close()
    place = AppContext({"PINGAGENT_PROFILE": "../x"}, profile.home)
    assert code(run(place, "whoami", {})) == "usage"
    place.close()


def test_each_process_is_a_caller_of_its_own(profile: Profile) -> None:
    one, two = (AppContext({}, profile.home) for _ in range(2))
    assert one.caller != two.caller
    assert one.caller.startswith("mcp:")
