"""How answers are read: documented statements count, and everything else is unclear."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.sync.answers import read_batch, read_single
from openclaw_install.sync.errors import (
    ForbiddenError,
    KeyRejectedError,
    ServiceError,
    ToolError,
    UnconfirmedError,
)
from openclaw_install.sync.tool_answer import ToolAnswer, read_agents
from tests.sync_rig import upload

ALPHA, BETA, GAMMA = upload("alpha"), upload("beta"), upload("gamma")


def said(document: Any, *, is_error: bool = False) -> ToolAnswer:
    """The document as structured content."""
    return ToolAnswer(document, (json.dumps(document),), is_error)


def texted(document: Any, *, is_error: bool = False) -> ToolAnswer:
    """The document as JSON in a text, which older servers give."""
    return ToolAnswer(None, (json.dumps(document),), is_error)


def words(text: str, *, is_error: bool = False) -> ToolAnswer:
    return ToolAnswer(None, (text,), is_error)


@pytest.mark.parametrize(
    "document",
    [
        {"agentId": "a", "skillName": "alpha", "sha256": ALPHA.sha256, "live": True, "unchanged": False},
        {"skillName": "alpha", "success": True, "live": True},
        {"skillName": "alpha", "ok": True, "podStatus": "running"},
        {"name": "alpha", "status": "synced", "podRunning": True},
        {"skill": {"name": "alpha"}, "ok": True, "live": True},
        {"ok": True, "live": True},
        {"success": True, "live": True},
        {"status": "ok", "live": True},
        {"success": True, "synced": 1, "failed": [], "live": True},
        {"sha256": f"sha256:{ALPHA.sha256}", "live": True},
        {"sha256": ALPHA.sha256.upper(), "ok": True, "live": True},
        {"ok": True, "data": {"skillName": "alpha", "agent": {"id": "a"}}, "live": True},
        {"skillName": "alpha", "ok": True, "message": "stored, no warnings", "live": True},
        {"results": [{"name": "alpha", "status": "ok", "live": True}]},
        {"result": {"skill_name": "alpha", "ok": True, "live": True}},
        {"error": None, "skillName": "alpha", "ok": True, "live": True},
    ],
)
def test_a_field_that_says_yes_is_an_acknowledgement(document: dict[str, Any]) -> None:
    for answer in (said(document), texted(document)):
        outcome = read_single(answer, "a", ALPHA)
        assert (outcome.skill, outcome.kind, outcome.live) == ("alpha", "acknowledged", True)


@pytest.mark.parametrize(
    "document",
    [
        {"skillName": "beta", "ok": True},
        {"ok": True, "data": {"skillName": "beta"}},
        {"agentId": "other", "skillName": "alpha", "ok": True},
        {"ok": True, "data": {"agentId": "other"}},
        {"ok": True, "agent": {"id": "other"}, "name": "alpha"},
        {"agentId": 7, "skillName": "alpha", "ok": True},
        {"agentId": 10**30, "skillName": "alpha", "ok": True},
        {"skillName": "alpha", "sha256": BETA.sha256},
        {"skillName": "alpha", "ok": True, "sha256": "abc"},
        {},
        {"message": "fine"},
        {"message": "Skill alpha was stored", "live": True},
        {"live": True},
        {"name": "alpha"},
        {"skillName": "alpha", "live": True},
        {"synced": 1},
        {"ok": True, "failed": 1},
        {"ok": True, "synced": 1, "failed": ["beta"]},
        {"skillName": "beta", "success": True, "synced": 1, "failed": []},
        {"sha256": BETA.sha256, "success": True, "synced": 1, "failed": []},
        {"skillName": "alpha", "status": "pending"},
        {"skillName": "alpha", "status": 200},
        {"skillName": "alpha", "ok": True, "status": "queued"},
        {"skillName": "alpha", "ok": None},
        {"skillName": "alpha", "ok": "true"},
        {"skillName": "alpha", "ok": True, "dryRun": True},
        {"skillName": "alpha", "ok": True, "skipped": "duplicate"},
        {"ok": False, "results": [{"name": "alpha", "ok": True}]},
        *(
            {"skillName": "alpha", "ok": True, key: f"{prefix}{BETA.sha256}"}
            for key in ("sha256", "hash", "contentHash", "content_hash", "digest", "checksum")
            for prefix in ("", "sha256:")
        ),
        {"results": [{"name": "beta", "ok": True}]},
        {"results": [{"name": "alpha", "ok": True}, {"name": "alpha", "status": "queued"}]},
        {"results": []},
    ],
)
def test_an_answer_that_says_neither_or_is_about_something_else_confirms_nothing(
    document: dict[str, Any],
) -> None:
    for answer in (said(document), texted(document)):
        with pytest.raises(UnconfirmedError) as caught:
            read_single(answer, "a", ALPHA)
        assert (caught.value.error_code, caught.value.in_doubt) == ("sync.unconfirmed", True)


@pytest.mark.parametrize(
    ("document", "code", "detail"),
    [
        ({"skillName": "alpha", "ok": False, "error": {"code": "x", "message": "why"}}, "x", "why"),
        ({"success": False, "message": "no room"}, "refused", "no room"),
        ({"status": "failed", "code": "quota", "reason": "full"}, "quota", "full"),
        ({"status": "rejected"}, "refused", "refused"),
        ({"success": True, "error": "too long"}, "refused", "too long"),
        ({"skillName": "alpha", "isError": True}, "refused", "refused"),
        ({"skillName": "alpha", "data": {"ok": False}}, "refused", "refused"),
        ({"success": False, "synced": 0, "failed": ["alpha"]}, "refused", "refused"),
        ({"results": [{"skill": "alpha", "success": False, "error": "quota"}]}, "refused", "quota"),
        ({"results": [], "failed": [{"name": "alpha", "error": "quota"}]}, "refused", "quota"),
    ],
)
def test_a_no_inside_a_successful_call_is_a_refusal(document: dict[str, Any], code: str, detail: str) -> None:
    outcome = read_single(said(document), "a", ALPHA)
    assert (outcome.kind, outcome.code, outcome.detail) == ("refused", code, detail)


@pytest.mark.parametrize(
    "text",
    [
        "Skill alpha was synced.",
        "OK",
        "",
        "Failed to sync alpha",
        "\u6280\u80fdalpha\u5df2\u540c\u6b65",
        "\u2713 alpha",
        "[not json",
    ],
)
def test_prose_confirms_nothing_whatever_it_says(text: str) -> None:
    for answer in (words(text), ToolAnswer({"result": text}, (text,)), ToolAnswer({"message": text})):
        with pytest.raises(UnconfirmedError):
            read_single(answer, "a", ALPHA)
        assert read_batch(answer, "a", [ALPHA]) == {}


def test_prose_beside_a_structured_answer_changes_nothing() -> None:
    for text in ("Stored beta.", "alpha: quota exceeded"):
        assert read_single(ToolAnswer({"ok": True}, (text,)), "a", ALPHA).kind == "acknowledged"


def test_tool_errors_are_refusals_and_some_speak_of_the_key() -> None:
    refusal = read_single(said({"error": {"code": "size", "message": "too big"}}, is_error=True), "a", ALPHA)
    assert (refusal.kind, refusal.code, refusal.detail) == ("refused", "size", "too big")
    assert read_single(words("no such agent", is_error=True), "a", ALPHA).detail == "no such agent"
    assert read_single(ToolAnswer(None, (), is_error=True), "a", ALPHA).code == "refused"
    for code, kind in (("forbidden", ForbiddenError), ("unauthorized", KeyRejectedError)):
        with pytest.raises(kind):
            read_single(said({"error": {"code": code, "message": "m"}}, is_error=True), "a", ALPHA)


def kinds(document: Any, *, is_error: bool = False) -> dict[str, str]:
    found: list[dict[str, str]] = [
        {name: outcome.kind for name, outcome in read_batch(answer, "a", [ALPHA, BETA]).items()}
        for answer in (said(document, is_error=is_error), texted(document, is_error=is_error))
    ]
    assert found[0] == found[1]
    return found[0]


YES, NO = "acknowledged", "refused"
BOTH, BETA_NOT = {"alpha": YES, "beta": YES}, {"alpha": YES, "beta": NO}
TWO_OK = [{"name": "alpha", "ok": True}, {"name": "beta", "ok": True}]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"results": TWO_OK}, BOTH),
        ({"results": [{"skillName": "alpha", "ok": True}, {"skill": "beta", "success": False}]}, BETA_NOT),
        ({"results": [{"name": "alpha", "sha256": ALPHA.sha256}]}, {"alpha": YES}),
        ({"results": [{"name": "alpha", "ok": True}]}, {"alpha": YES}),
        ({"synced": 1, "failed": 1, "results": TWO_OK[:1]}, {"alpha": YES}),
        ({"synced": 1, "unchanged": 1, "results": TWO_OK}, BOTH),
        ({"ok": False, "results": TWO_OK}, BOTH),
        ({"failed": ["beta"], "results": TWO_OK[1:]}, {"beta": NO}),
        ({"failed": [{"name": "beta", "error": "x"}], "results": TWO_OK}, BETA_NOT),
        ({"results": [{"name": "alpha", "ok": False}, {"name": "alpha", "ok": True}]}, {"alpha": NO}),
        ({"results": [{"name": "alpha", "status": "pending"}, {"name": "alpha", "ok": True}]}, {}),
        ({"results": [{"name": "alpha", "sha256": BETA.sha256, "ok": True}]}, {}),
        (
            {"results": [{"name": "alpha", "agentId": "b", "ok": True}, {"name": "beta", "ok": True}]},
            {"beta": YES},
        ),
        ({"results": [{"name": "Alpha", "ok": True}, {"name": " beta", "ok": True}]}, {}),
        ({"results": [{"name": "alpha"}, {"name": "beta"}]}, {}),
        ({"ok": True, "results": ["alpha", 7, None]}, {}),
        ([{"name": "alpha", "ok": True}], {"alpha": YES}),
        *(
            ({**numbers, "results": TWO_OK}, {})
            for numbers in ({"synced": 1}, {"failed": 1}, {"dryRun": True}, {"failed": ["a", "b"]})
        ),
        # counts, without a word about each
        ({"success": True, "synced": 2, "failed": []}, BOTH),
        ({"synced": 2, "failed": 0}, BOTH),
        ({"status": "ok", "synced": 2, "failed": 0, "message": "done"}, BOTH),
        ({"success": True, "synced": 1, "failed": ["beta"]}, BETA_NOT),
        ({"success": False, "synced": 1, "failed": [{"skillName": "beta", "error": "quota"}]}, BETA_NOT),
        ({"success": False, "synced": 0, "failed": ["alpha", "beta"]}, {"alpha": NO, "beta": NO}),
        ({"success": True, "synced": 2, "failed": ["beta"]}, {"beta": NO}),
        ({"success": True, "synced": 1, "failed": []}, {}),
        ({"success": True, "synced": 3, "failed": []}, {}),
        ({"success": True, "synced": 1, "failed": 1}, {}),
        ({"success": True, "synced": 1, "failed": ["gamma"]}, {}),
        ({"success": True, "synced": 1, "failed": [{"error": "quota"}]}, {}),
        ({"success": True, "synced": 1, "failed": {"beta": "quota"}}, {}),
        ({"success": False, "synced": 2, "failed": []}, {}),
        ({"success": True, "synced": 2, "failed": [], "errors": ["oops"]}, {}),
        ({"success": True, "synced": 2, "failed": [], "queued": 2}, {}),
        ({"success": True, "synced": True, "failed": []}, {}),
        ({"success": True, "synced": 2}, {}),
        ({"success": True}, {}),
        ({"count": 2}, {}),
        ({"synced": ["alpha", "beta"]}, {}),
        ({}, {}),
        ([], {}),
    ],
)
def test_a_batch_acknowledges_what_it_says_yes_to_and_what_its_numbers_leave_no_doubt_about(
    document: Any, expected: dict[str, str]
) -> None:
    assert kinds(document) == expected


def test_a_batch_error_with_results_is_read_and_one_without_is_an_error() -> None:
    document = {"results": [{"skillName": "alpha", "ok": False, "error": {"code": "c", "message": "m"}}]}
    assert kinds(document, is_error=True) == {"alpha": NO}
    results = [{"name": "alpha", "ok": True}, {"name": "beta"}]
    assert kinds({"ok": True, "results": results}, is_error=True) == {"alpha": YES}
    assert kinds({"synced": 1, "failed": ["beta"]}, is_error=True) == {"beta": NO}
    for answer in (
        words("nothing could be done", is_error=True),
        said({"synced": 1, "failed": 0}, is_error=True),
    ):
        with pytest.raises(ToolError) as caught:
            read_batch(answer, "a", [ALPHA])
        assert caught.value.reason == "refused"


def test_a_batch_answer_about_another_agent_confirms_nothing() -> None:
    with pytest.raises(UnconfirmedError):
        read_batch(said({"agentId": "other", "success": True, "synced": 1, "failed": []}), "a", [ALPHA])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["results", "name", "ok", "synced", "failed", "error", "agents", "id"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["results", "skills", "synced", "failed", "errors", "skillName", "ok"]), _JSON
    )
)
def test_no_document_crashes_the_reader(document: dict[str, Any]) -> None:
    for read in (
        lambda: read_single(said(document), "a", ALPHA),
        lambda: read_batch(said(document), "a", [ALPHA, BETA, GAMMA]),
        lambda: read_agents(said(document)),
    ):
        with contextlib.suppress(ServiceError):
            read()
