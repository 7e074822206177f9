"""The hub's pure rules: names, contents, hosts, rates, sessions, the audit's chain, and recovery."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.web_address import is_loopback
from openclaw_install.hub.audit_chain import GENESIS, link, verify
from openclaw_install.hub.keys import KEY_PREFIX, bearer, digest_of, new_secret
from openclaw_install.hub.mcp.limits import SessionLimiter
from openclaw_install.hub.middleware import rule_for
from openclaw_install.hub.model import Append, AuditEntry, AuditRow, DropSkill, PutSkill, RefusedError, Skill
from openclaw_install.hub.rate_limiter import RateLimiter
from openclaw_install.hub.recovery import reconcile
from openclaw_install.hub.request_body import expected_bytes
from openclaw_install.hub.rules import (
    check_agent_name,
    check_content,
    check_owner,
    check_skill_name,
    encodable,
    printable,
)

HOSTILE_NAMES = (
    "",
    ".",
    "..",
    "../up",
    "a/../../b",
    "a/b",
    "a\\b",
    "/etc",
    "nul\0byte",
    "line\nbreak",
    "tab\t",
    "esc\x1b[31m",
    " lead",
    "trail ",
    "UPPER",
    "-dash",
    ".hidden",
    "_score",
    "x" * 65,
    "x" * 300,
    "p\u0430ypal",  # a Cyrillic a
    "\uff41bc",  # full-width
    "cafe\u0301",
    "zero\u200bwidth",
    "rtl\u202etxt",
    "\ud800lone",
    "emoji\U0001f600",
    "ends\n",
    "dot.",
    "dots...",
    "con",
    "nul.txt",
    "lpt9.tar.gz",
    "com0.",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_could_be_anything_but_one_plain_folder_is_refused(name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_skill_name(name)
    assert caught.value.code == "invalid_name"
    assert caught.value.message.isascii()
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "name", ["a", "0", "git-helper", "a.b_c-d", "a..b", "x" * 64, "console", "com10", "con-air"]
)
def test_plain_names_are_taken_as_they_are(name: str) -> None:
    assert check_skill_name(name) == name


@given(st.text(max_size=80))
def test_whatever_is_accepted_is_plain_ascii_that_no_file_system_reads_otherwise(name: str) -> None:
    try:
        check_skill_name(name)
    except RefusedError:
        return
    assert re.fullmatch("[a-z0-9][a-z0-9._-]{0,63}", name, re.ASCII)
    assert name == name.lower() == name.strip() == name.rstrip(".")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "content_empty"),
        (" \n\t", "content_empty"),
        ("x" * 11, "content_too_large"),
        ("\u00e9" * 6, "content_too_large"),
        ("ab\ud800", "content_not_utf8"),
    ],
)
def test_contents_that_cannot_be_a_skill_are_refused(content: str, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_content(content, 10)
    assert caught.value.code == code


def test_the_size_counts_bytes_and_not_characters() -> None:
    assert check_content("\u00e9" * 5, 10) == "\u00e9".encode() * 5


def test_owners_and_agent_names_must_read_well_on_one_line() -> None:
    assert check_owner("ann@example.org") == "ann@example.org"
    assert check_agent_name("Kitchen agent \u00fc") == "Kitchen agent \u00fc"
    for owner in ("", "a b", "a\n", "-a", "x" * 65):
        with pytest.raises(RefusedError, match="owner"):
            check_owner(owner)
    for name in ("", " a", "a\nb", "a\u2028b", "a\u200bb", "cafe\u0301", "x" * 65):
        with pytest.raises(RefusedError, match="agent name"):
            check_agent_name(name)


def test_a_hostile_name_is_escaped_and_cut_before_it_is_shown() -> None:
    assert printable("a\x1b[2J\u202eb\ud800") == "a\\x1b[2J\\u202eb\\ud800"
    assert len(printable("\u202e" * 10_000)) == 128
    assert encodable("\ud800\u00fc") == "\\ud800\u00fc"


def test_on_loopback_only_this_machine_s_own_names_are_answered() -> None:
    rule = rule_for("127.0.0.1", ["box"])
    for host in ("127.0.0.1:8787", "localhost", "LOCALHOST:1", "[::1]:8787", "box:80"):
        assert rule.accepts_host(host), host
    assert not rule.accepts_host(None)
    for host in (
        "",
        "evil.example",
        "192.168.1.5:8787",
        "localhost.evil.example",
        "a@localhost",
        "h:x",
        "[:",
    ):
        assert not rule.accepts_host(host), host
    assert rule.accepts_origin(None)
    assert rule.accepts_origin("http://localhost:3000")
    for origin in ("null", "https://evil.example", "file://localhost", "http://localhost/path", "http://[x"):
        assert not rule.accepts_origin(origin), origin


def test_beyond_loopback_an_address_is_the_truth_and_a_name_must_be_known() -> None:
    rule = rule_for("::", ["hub.example.org"])
    assert rule.accepts_host("10.0.0.7:8787")
    assert rule.accepts_host("hub.example.org")
    assert not rule.accepts_host("rebound.example")


def test_loopback_is_told_from_the_rest() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("::", "10.1.1.1", "example.org")] == [False] * 3


def test_a_bucket_lets_a_burst_through_and_then_says_how_long_to_wait() -> None:
    limiter = RateLimiter(per_second=0.5, burst=3)
    assert [limiter.take("a", 100.0) for _ in range(3)] == [None] * 3
    assert limiter.take("a", 100.0) == 2
    assert limiter.take("b", 100.0) is None
    assert limiter.take("a", 102.0) is None
    assert limiter.take("a", 102.5) == 2
    assert [limiter.take("a", 1000.0) for _ in range(4)] == [None, None, None, 2]


def test_what_costs_more_takes_more_out_of_the_bucket_and_never_more_than_it_holds() -> None:
    limiter = RateLimiter(per_second=0.5, burst=10)
    assert limiter.take("a", 100.0, 8) is None
    assert limiter.take("a", 100.0, 8) == 12
    assert limiter.take("a", 100.0) is None, "what is left is there for what costs less"
    assert limiter.take("a", 100.0, 0) is None
    assert limiter.take("b", 100.0, 50) is None
    assert limiter.take("b", 100.0, 50) == 20


@pytest.mark.parametrize(
    ("announced", "expected"),
    [(None, 100), ("0", 0), ("7", 7), ("100", 100), ("101", 0), ("-1", 100), ("\u00b2", 100), ("9" * 30, 0)],
)
def test_a_body_counts_for_what_it_announces_or_for_all_that_it_may_have(
    announced: str | None, expected: int
) -> None:
    assert expected_bytes(announced, 100) == expected


def test_a_key_s_sessions_are_counted_until_they_close_or_idle_away() -> None:
    book = SessionLimiter(per_key=2, idle_seconds=10)
    assert book.admit("k", 0) is None
    book.settle("k", "s1", 0)
    assert book.admit("k", 1) is None
    assert book.admit("k", 1) == 9, "a session that is being opened counts"
    assert book.admit("other", 1) is None
    book.settle("k", None, 1)
    assert book.admit("k", 2) is None
    book.settle("k", "s2", 2)
    book.begin("s1")
    assert book.admit("k", 11) == 1, "s2 is idle until 12"
    assert book.admit("k", 12) is None, "s2 is forgotten, s1 is in use"
    book.settle("k", "s3", 12)
    book.begin("s3")
    assert book.admit("k", 13) == 10, "none is idle"
    book.end("s1", 13)
    book.close("s1")
    book.close("s1")
    for unknown in ("s1", "never"):
        book.begin(unknown)
        book.end(unknown, 13)
    assert book.admit("k", 13) is None


def _chain(count: int) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number in range(count):
        entry = AuditEntry(f"t{number}", "upload", "stored", owner="ann", bytes=number)
        rows.append(link(number + 1, rows[-1].hash if rows else GENESIS, entry))
    return rows


def test_an_untouched_chain_holds_and_gives_its_head() -> None:
    rows = _chain(5)
    verdict = verify(rows, kept_head=rows[2].hash)
    assert (verdict.ok, verdict.rows, verdict.head, verdict.saw_head) == (True, 5, rows[4].hash, True)
    assert verify([]).head == GENESIS
    assert verify([], kept_head=GENESIS).ok


@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        (lambda rows: [*rows[:2], replace(rows[2], owner="eve"), *rows[3:]], 3),
        (lambda rows: [*rows[:2], *rows[3:]], 4),
        (lambda rows: rows[1:], 2),
        (lambda rows: [*rows[:2], link(3, GENESIS, rows[2].entry), *rows[3:]], 3),
    ],
)
def test_a_changed_or_missing_row_breaks_the_chain_where_it_stood(tamper: object, broken_at: int) -> None:
    assert callable(tamper)
    verdict = verify(tamper(_chain(5)))
    assert (verdict.ok, verdict.broken_at) == (False, broken_at)
    assert verdict.reason


def test_a_cut_tail_or_a_rebuilt_chain_shows_only_against_a_head_that_was_kept() -> None:
    rows = _chain(5)
    assert verify(rows[:3]).ok
    assert not verify(rows[:3], kept_head=rows[4].hash).ok
    assert verify(rows[:1] + rows[2:], kept_head=rows[0].hash).saw_head is True


def test_recovery_believes_the_folder() -> None:
    same, other, gone = (
        Skill("agt", name, digest * 64, 1, "t") for name, digest in (("s", "a"), ("o", "b"), ("g", "c"))
    )
    disk = [
        Skill("agt", name, digest * 64, size, "now")
        for name, digest, size in (("s", "a", 1), ("o", "d", 2), ("n", "e", 3))
    ]
    changes, found = reconcile("agt", [same, other, gone], disk, "now")
    assert [(one.skill, one.outcome) for one in found] == [
        ("g", "vanished"),
        ("n", "adopted"),
        ("o", "adopted"),
    ]
    effects = [change for change in changes if not isinstance(change, Append)]
    assert effects == [
        DropSkill("agt", "g"),
        PutSkill(Skill("agt", "n", "e" * 64, 3, "now")),
        PutSkill(Skill("agt", "o", "d" * 64, 2, "now")),
    ]
    assert len(changes) == 6, "each is in the audit"
    assert reconcile("agt", [same], disk[:1], "now") == ([], [])


def test_a_key_is_read_from_a_bearer_header_and_from_nothing_else() -> None:
    key = new_secret(KEY_PREFIX)
    assert digest_of(key) != digest_of(new_secret(KEY_PREFIX))
    found = bearer(f"bearer  {key.reveal()}")
    assert found is not None
    assert digest_of(found) == digest_of(key)
    for header in (None, "", "Bearer", "Bearer other_key", f"Basic {key.reveal()}", key.reveal()):
        assert bearer(header) is None
