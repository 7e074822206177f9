"""The policy file: strictly read, edited by span, picked up at once, and never trust's undoing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from openclaw_install.common.errors import ConflictError, FileError
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.trust.document import MOST_BYTES, changed_text, new_document, read_document
from openclaw_install.messaging.trust.edits import RemoveRule, SetDefault, SetRule, edited
from openclaw_install.messaging.trust.match import TrustPolicyError, read_match
from openclaw_install.messaging.trust.policy import DEFAULTS, Policy
from openclaw_install.messaging.trust.policy_file import TrustBook
from tests.schemas import assert_valid
from tests.trust_rig import NOW, POLICIES, Place, did, place

BLOCK_A: dict[str, Any] = {"contact_policy": {"rules": [{"match": "@a", "action": "block"}]}}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def document_of(made: Policy) -> dict[str, Any]:
    def part(section: Any) -> dict[str, Any]:
        listed = [{"match": rule.match.text, "action": rule.action} for rule in section.rules]
        return {"default_action": section.default, "rules": listed}

    return {"contact_policy": part(made.contact), "task_policy": part(made.task)}


@given(POLICIES)
def test_a_policy_is_read_as_it_was_written(made: Policy) -> None:
    text = json.dumps(document_of(made))
    assert_valid(json.loads(text), "pingagent-trust-policy")
    assert read_document(text.encode()).policy == made


def test_an_empty_object_and_the_new_document_are_the_defaults() -> None:
    assert read_document(b"{}").policy == DEFAULTS
    assert read_document(new_document().encode()).policy == DEFAULTS


@pytest.mark.parametrize(
    ("text", "place_of_it"),
    [
        ('{"contact_policy":{"default_action":"approv"}}', 'contact_policy.default_action is "approv"'),
        ('{"task_policy":{"default_action":"approve"}}', "must be one of deny, manual, bridge, execute"),
        (
            '{"task_policy":{"rules":[{"match":"*","action":"deny"},{"match":"*"}]}}',
            "task_policy.rules[1] lacks action",
        ),
        (
            '{"task_policy":{"rules":[{"match":"bob","action":"deny"}]}}',
            'task_policy.rules[0].match is "bob"',
        ),
        ('{"task_policy":{"rules":[{"match":"*","action":"deny","until":"x"}]}}', "no rule has: until"),
        ('{"contact_policy":[]}', "contact_policy must be of type object"),
        ('{"version":2}', "version is 2, and this version of the program knows 1"),
        (
            '{"contact_policy":{"agent_may_approve":"yes"}}',
            "contact_policy.agent_may_approve must be of type boolean",
        ),
        (
            json.dumps({"task_policy": {"rules": [{"match": "*", "action": "deny"}] * 1001}}),
            "limit maxItems 1000",
        ),
        ("[]", "the whole must be of type object"),
        ('{"version":1,"version":1}', "twice"),
        ('{"x":1.5}', ""),
        ("{", "no JSON"),
        ("", "no JSON"),
        (
            '{"contact_policy":{"rules":[{"\\u001b[2J\\u202e":1,"match":"*","action":"block"}]}}',
            "\\x1b[2J",
        ),
        ('{"task_policy":{"default_action":"\\u001b]0;x\\u0007\\n"}}', "task_policy.default_action"),
    ],
)
def test_what_is_wrong_is_named_by_its_place_and_shown_harmlessly(text: str, place_of_it: str) -> None:
    with pytest.raises(TrustPolicyError) as refused:
        read_document(text.encode())
    assert refused.value.error_code == "trust.policy_invalid"
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 400
    if place_of_it != "twice":
        assert place_of_it in refused.value.message


def test_other_encodings_and_sizes_are_refused() -> None:
    for data in (b"\xff{}", b" " * (MOST_BYTES + 1), b"[" * 5000, b'{"a": 1e400}'):
        with pytest.raises(TrustPolicyError):
            read_document(data)


def test_a_change_touches_its_own_bytes_only() -> None:
    text = (
        '{ "x-team" : {"b":1,"a":[1,2]},\n\n  "future": true, "contact_policy": {"rules": [\n'
        '   {"action":"block", "match":"@Evil*", "x-why": "spam"},\n   {"match": "*", "action": "manual"} ]}}'
    )
    assert read_document(text.encode()).unknown == ("future",)
    added = changed_text(text, SetRule("contact", read_match(did(1)), "approve"))
    lines = added.splitlines()
    assert text.splitlines()[:3] == lines[:3]
    assert '{"action":"block", "match":"@Evil*", "x-why": "spam"}' in added
    assert json.loads(added)["contact_policy"]["rules"][0] == {"match": did(1), "action": "approve"}
    narrowed = changed_text(text, SetRule("contact", read_match("@evil*"), "reject"))
    assert narrowed == text.replace('"block"', '"reject"')
    removed = changed_text(added, RemoveRule("contact", read_match(did(1))))
    assert json.loads(removed) == json.loads(text)
    task = changed_text(text, SetDefault("task", "manual"))
    assert json.loads(task) == {**json.loads(text), "task_policy": {"default_action": "manual"}}


@settings(max_examples=60)
@given(POLICIES)
def test_every_change_of_the_text_is_the_change_of_the_policy(made: Policy) -> None:
    text = json.dumps(document_of(made), indent=1)
    for edit in (
        SetDefault("contact", "block"),
        SetRule("task", read_match("@acme*"), "deny", note="why"),
        SetRule("contact", read_match("@new"), "approve", position=2),
    ):
        assert read_document(changed_text(text, edit).encode()).policy == edited(made, edit).policy


def test_the_first_of_two_equal_rules_is_the_one_that_is_removed_or_changed() -> None:
    twice = {
        "task_policy": {"rules": [{"match": "@a", "action": "deny"}, {"match": "@A", "action": "manual"}]}
    }
    text = changed_text(json.dumps(twice), RemoveRule("task", read_match("@a")))
    assert json.loads(text)["task_policy"]["rules"] == [{"match": "@A", "action": "manual"}]
    text = changed_text(json.dumps(twice), SetRule("task", read_match("@a"), "bridge"))
    assert [one["action"] for one in json.loads(text)["task_policy"]["rules"]] == ["bridge", "manual"]


def test_without_a_file_the_defaults_hold(here: Place) -> None:
    state = TrustBook(here.file, here.store).current(NOW)
    assert (state.policy, state.source, state.problem) == (DEFAULTS, "defaults", None)


def test_a_changed_file_counts_at_once_even_with_the_same_size_and_time(here: Place) -> None:
    book = TrustBook(here.file, here.store)
    here.write(BLOCK_A)
    os.utime(here.file, ns=(10**18, 10**18))
    before = book.current(NOW)
    text = here.file.read_text()
    with here.file.open("r+") as stream:
        stream.write(text.replace("@a", "@b"))
    os.utime(here.file, ns=(10**18, 10**18))
    after = book.current(NOW)
    assert before.policy.version != after.policy.version
    assert book.current(NOW) is after


def test_a_file_that_has_settled_is_not_read_again(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write(BLOCK_A)
    book = TrustBook(here.file, here.store)
    monkeypatch.setattr("openclaw_install.messaging.trust.policy_file._SETTLED_NS", -(10**18))
    first = book.current(NOW)
    here.file.chmod(0o000)
    here.file.chmod(0o644)
    monkeypatch.setattr(
        "openclaw_install.messaging.trust.policy_file._read", lambda _path: pytest.fail("read again")
    )
    with pytest.raises(pytest.fail.Exception):
        book.current(NOW)
    monkeypatch.undo()
    monkeypatch.setattr("openclaw_install.messaging.trust.policy_file._SETTLED_NS", -(10**18))
    second = book.current(NOW)
    monkeypatch.setattr(
        "openclaw_install.messaging.trust.policy_file._read", lambda _path: pytest.fail("read again")
    )
    assert book.current(NOW) is second
    assert second.policy == first.policy


def test_no_file_is_a_state_like_any_other_and_nothing_is_judged_again(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = TrustBook(here.file, here.store)
    state = book.current(NOW)
    monkeypatch.setattr(
        "openclaw_install.messaging.trust.policy_file._read", lambda _path: pytest.fail("read again")
    )
    monkeypatch.setattr(here.store.facts, "get", lambda _name: pytest.fail("judged again"))
    assert all(book.current(NOW) is state for _ in range(5))
    monkeypatch.undo()
    here.write(BLOCK_A)
    assert book.current(NOW).source == "file"
    here.file.unlink()
    gone = book.current(NOW)
    assert gone.source == "last_good"
    assert book.current(NOW) is gone


def test_a_file_that_another_process_read_and_that_has_gone_is_missed_here_too(here: Place) -> None:
    book = TrustBook(here.file, here.store)
    assert book.current(NOW).source == "defaults"
    with Store(here.store.path) as other:
        here.write(BLOCK_A)
        version = TrustBook(here.file, other).current(NOW).policy.version
        here.file.unlink()
    state = book.current(NOW)
    assert (state.source, state.policy.version) == ("last_good", version)


def test_to_look_at_the_file_asks_no_store_and_to_judge_it_reads_no_file(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write(BLOCK_A)
    book = TrustBook(here.file, here.store)
    with monkeypatch.context() as patch:
        patch.setattr(here.store.database, "rows", lambda *_args: pytest.fail("the store was asked"))
        look = book.look()
    here.file.unlink()
    assert book.judged(look, NOW).source == "file"


@pytest.mark.parametrize("broken", [b"{", b"", b'{"contact_policy":{"default_action":"x"}}', b"\xff\xfe"])
def test_a_broken_file_keeps_the_last_good_policy_also_after_a_restart(here: Place, broken: bytes) -> None:
    here.write(BLOCK_A)
    good = TrustBook(here.file, here.store).current(NOW).policy
    here.file.write_bytes(broken)
    state = TrustBook(here.file, here.store).current(NOW)
    assert (state.policy, state.source) == (good, "last_good")
    assert state.problem is not None
    assert (state.problem.code, state.problem.severity) == ("trust.policy_invalid", "critical")
    assert "pingagent trust restore" in state.problem.next_step
    here.write({})
    assert TrustBook(here.file, here.store).current(NOW).source == "file"


def test_a_file_that_was_never_good_lets_nothing_go_by_itself(here: Place) -> None:
    here.file.write_bytes(b"{")
    state = TrustBook(here.file, here.store).current(NOW)
    assert state.source == "closed"
    assert state.policy.task.default == state.policy.contact.default == "manual"
    assert state.problem is not None


def test_a_file_that_has_gone_is_a_blocker_and_not_the_way_to_the_defaults(here: Place) -> None:
    here.write(BLOCK_A)
    book = TrustBook(here.file, here.store)
    good = book.current(NOW).policy
    here.file.unlink()
    for one in (book, TrustBook(here.file, here.store)):
        state = one.current(NOW)
        assert (state.policy, state.source) == (good, "last_good")
        assert state.problem is not None
        assert state.problem.code == "trust.policy_missing"


def test_something_else_in_the_files_place_is_a_blocker(here: Place) -> None:
    here.file.mkdir()
    state = TrustBook(here.file, here.store).current(NOW)
    assert state.problem is not None
    assert state.problem.code == "trust.policy_unreadable"
    with pytest.raises(TrustPolicyError) as refused:
        TrustBook(here.file, here.store).changed(state, SetDefault("task", "deny"))
    assert refused.value.error_code == "trust.policy_unreadable"


def test_a_last_good_policy_that_no_longer_reads_closes_everything(here: Place) -> None:
    here.store.facts.set("trust.last_good", {"text": "{"}, NOW)
    here.file.write_bytes(b"{")
    assert TrustBook(here.file, here.store).current(NOW).source == "closed"


def test_what_others_may_write_and_what_means_nothing_is_warned_of(here: Place) -> None:
    here.write({"enabled": True, "contact_policy": {"rules": [{"match": "*", "action": "approve"}]}})
    here.file.chmod(0o666)
    found = {one.code for one in TrustBook(here.file, here.store).current(NOW).warnings}
    assert found == {"trust.unknown_key", "trust.rule_open", "trust.policy_writable"}


def test_a_file_that_is_replaced_all_the_time_is_never_half_read(here: Place) -> None:
    versions = [document_of(DEFAULTS) | {"x-fill": "y" * n} for n in (10, 40_000)]
    versions[1]["contact_policy"]["rules"] = [{"match": f"@a{n}", "action": "block"} for n in range(500)]
    here.write(versions[0])
    stop = threading.Event()

    def replace() -> None:
        turn = 0
        while not stop.is_set():
            other = here.file.with_name("next")
            other.write_text(json.dumps(versions[turn % 2]))
            other.replace(here.file)
            turn += 1

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        book = TrustBook(here.file, here.store)
        seen = set()
        for _ in range(60):
            state = book.current(NOW)
            assert state.problem is None
            seen.add(len(state.policy.contact.rules))
    finally:
        stop.set()
        writer.join()
    assert seen <= {0, 500}


def test_writing_keeps_the_one_before_and_refuses_when_somebody_was_faster(here: Place) -> None:
    book = TrustBook(here.file, here.store)
    here.write(BLOCK_A)
    old = here.file.read_text()
    with book.locked():
        book.write(new_document(), old)
        with pytest.raises(ConflictError) as refused:
            book.write("{}", old)
    assert refused.value.error_code == "trust.changed_meanwhile"
    assert here.file.with_name("trust-policy.json.bak").read_text() == old
    assert here.file.read_text() == new_document()


def test_two_programs_do_not_change_it_at_once(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openclaw_install.messaging.trust.policy_file.LOCK_SECONDS", 0.05)
    one, other = TrustBook(here.file, here.store), TrustBook(here.file, here.store)
    with one.locked(), pytest.raises(ConflictError) as refused, other.locked():
        pass
    assert refused.value.error_code == "trust.locked"


def test_a_lock_that_cannot_be_made_is_told(here: Place) -> None:
    here.file.with_name(".trust-policy.json.lock").mkdir()
    with pytest.raises(FileError), TrustBook(here.file, here.store).locked():
        pass


def test_the_policies_that_were_in_force_can_be_looked_up(here: Place) -> None:
    book = TrustBook(here.file, here.store)
    here.write(BLOCK_A)
    first = book.current(NOW)
    here.write({})
    book.current(NOW + 1)
    assert here.store.trust.policy_text(first.policy.version) == first.text
    assert here.store.trust.policy_text("tp_none") is None
    for number in range(5):
        here.store.trust.remember_policy(f"tp_{number}", "{}", NOW + 10 + number, keep=3)
    assert here.store.trust.policy_text(first.policy.version) is None
