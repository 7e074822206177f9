"""How answers are read: generous about their form, strict about whom they are about."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.sync.answers import ToolAnswer, read_agents, read_batch, read_single
from openclaw_install.sync.errors import (
    AnswerError,
    ForbiddenError,
    KeyRejectedError,
    ServiceError,
    ToolError,
)
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
        {"skillName": "alpha", "live": True},
        {"skillName": "alpha", "success": True, "live": True},
        {"skillName": "alpha", "ok": "true", "podStatus": "running"},
        {"name": "alpha", "status": "synced", "podRunning": True},
        {"name": "alpha", "statusCode": "201", "podRunning": True},
        {"skill": "alpha", "synced": "1", "failed": 0, "live": True},
        {"synced": ["alpha"], "live": True},
        {"message": "Skill alpha was stored", "live": True},
        {"ok": True, "message": "Skill alpha was stored", "live": True},
        {"sha256": f"sha256:{ALPHA.sha256}", "live": True},
        {"ok": True, "data": {"skillName": "alpha", "agent": {"id": "a"}, "live": True}, "live": True},
        {"skillName": "alpha", "ok": True, "message": "stored, no warnings", "live": True},
        {"skill": {"name": "alpha"}, "ok": True, "live": True},
        {"live": True, "results": [{"name": "alpha", "status": "ok"}]},
        {"result": {"skill_name": "alpha", "live": True}},
        {"sha256": ALPHA.sha256.upper(), "ok": True, "live": True},
        {"error": None, "skillName": "alpha", "live": True},
    ],
)
def test_an_answer_about_the_skill_is_an_acknowledgement_in_any_form(document: dict[str, Any]) -> None:
    for answer in (said(document), texted(document)):
        outcome = read_single(answer, "a", ALPHA)
        assert (outcome.skill, outcome.kind, outcome.live) == ("alpha", "acknowledged", True)


@pytest.mark.parametrize(
    "document",
    [
        {"skillName": "beta", "ok": True},
        {"agentId": "other", "skillName": "alpha", "ok": True},
        {"skillName": "alpha", "sha256": BETA.sha256},
        {},
        {"message": "fine"},
        {"live": True},
        {"ok": True},
        {"success": True, "live": True},
        {"status": "ok"},
        {"synced": 1, "failed": 0},
        {"name": "alpha"},
        {"skillName": "alpha", "status": "pending"},
        {"skillName": "alpha", "ok": True, "status": "queued"},
        {"skillName": "alpha", "ok": None},
        {"skillName": "alpha", "statusCode": 202},
        {"skillName": "alpha", "ok": True, "dryRun": True, "agentId": "a", "failed": 0, "agent": "b"},
        {"name": "alpha", "message": "cannot store: quota"},
        {"name": "alpha", "live": True, "warning": "not stored"},
        {"name": "alpha", "sha256": ALPHA.sha256, "reason": "plan"},
        {"message": "alpha cannot be stored"},
        {"result": "alpha cannot be stored"},
        {"ok": True, "agent": {"id": "other"}, "name": "alpha"},
        {"agentId": 7, "skillName": "alpha", "ok": True},
        {"agentId": 10**30, "skillName": "alpha", "ok": True},
        {"skillName": "alpha", "ok": True, "results": [{"sha256": "abc"}], "sha256": "abc"},
        {"ok": True, "contentHash": BETA.sha256, "results": [{"name": "alpha", "ok": True}]},
        *(
            {"skillName": "alpha", "ok": True, key: f"{prefix}{BETA.sha256}"}
            for key in ("sha256", "hash", "contentHash", "content_hash", "digest", "checksum")
            for prefix in ("", "sha256:")
        ),
        {"results": [{"name": "beta", "ok": True}]},
        {"results": [{"name": "alpha", "ok": True}, {"name": "beta", "ok": True}]},
    ],
)
def test_an_answer_about_anything_else_is_none(document: dict[str, Any]) -> None:
    for answer in (said(document), texted(document)):
        with pytest.raises(AnswerError):
            read_single(answer, "a", ALPHA)


@pytest.mark.parametrize(
    ("document", "code", "detail"),
    [
        ({"skillName": "alpha", "ok": False, "error": {"code": "x", "message": "why"}}, "x", "why"),
        ({"success": False, "message": "no room"}, "refused", "no room"),
        ({"status": "failed", "code": "quota", "reason": "full"}, "quota", "full"),
        ({"synced": 0, "failed": 1}, "refused", "refused"),
        ({"synced": 0}, "refused", "refused"),
        ({"ok": True, "failed": 1}, "refused", "refused"),
        ({"skillName": "alpha", "ok": True, "failed": 1}, "refused", "refused"),
        ({"ok": False, "results": [{"name": "alpha", "ok": True}]}, "refused", "refused"),
        ({"ok": "no", "name": "alpha"}, "refused", "refused"),
        ({"name": "alpha", "accepted": False}, "refused", "refused"),
        ({"name": "alpha", "ok": True, "stored": False}, "refused", "refused"),
        ({"name": "alpha", "ok": True, "skipped": "duplicate"}, "refused", "refused"),
        ({"skillName": "alpha", "data": {"ok": False}}, "refused", "refused"),
        ({"failed": {"alpha": "quota"}}, "refused", "quota"),
        ({"skillName": "alpha", "error": "too long"}, "refused", "too long"),
    ],
)
def test_a_no_inside_a_successful_call_is_a_refusal(document: dict[str, Any], code: str, detail: str) -> None:
    outcome = read_single(said(document), "a", ALPHA)
    assert (outcome.kind, outcome.code, outcome.detail) == ("refused", code, detail)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("Skill alpha was synced.", True),
        ("Synced 'alpha' to agent main (12 bytes)", True),
        ("OK", False),
        ("", False),
        ("Skill alpha-two was synced.", False),
        ("Skill alpha could not be synced.", False),
        ("Failed to sync alpha", False),
        ("alpha: error", False),
        ("alpha wasn't stored", False),
        ("[not json about beta", False),
        ("技能alpha已同步", True),
        ("alpha: 上传成功", True),
        ("✓ alpha", True),
        ("alpha unchanged", True),
    ],
)
def test_words_acknowledge_only_what_they_name_without_a_word_of_failure(text: str, fine: bool) -> None:
    if fine:
        assert read_single(words(text), "a", ALPHA).kind == "acknowledged"
    else:
        with pytest.raises(AnswerError):
            read_single(words(text), "a", ALPHA)


def test_an_answer_that_names_no_skill_says_so() -> None:
    for document in ({"ok": True}, {"status": "ok"}, {"success": True, "live": True}):
        with pytest.raises(AnswerError, match="did not say which skill it stored"):
            read_single(said(document), "a", ALPHA)


def test_a_name_in_the_text_beside_a_structured_yes_is_enough() -> None:
    assert read_single(ToolAnswer({"ok": True}, ("Stored alpha.",)), "a", ALPHA).kind == "acknowledged"
    for text in ("Stored beta.", "alpha: quota exceeded"):
        with pytest.raises(AnswerError):
            read_single(ToolAnswer({"ok": True}, (text,)), "a", ALPHA)


def test_a_structured_text_result_is_read_as_the_text() -> None:
    answer = ToolAnswer({"result": "Skill alpha was synced."}, ("Skill alpha was synced.",))
    assert read_single(answer, "a", ALPHA).kind == "acknowledged"


def test_tool_errors_are_refusals_and_some_speak_of_the_key() -> None:
    refusal = read_single(said({"error": {"code": "size", "message": "too big"}}, is_error=True), "a", ALPHA)
    assert (refusal.kind, refusal.code, refusal.detail) == ("refused", "size", "too big")
    assert read_single(words("no such agent", is_error=True), "a", ALPHA).detail == "no such agent"
    assert read_single(ToolAnswer(None, (), is_error=True), "a", ALPHA).detail == "no reason given"
    for code, kind in (("forbidden", ForbiddenError), ("unauthorized", KeyRejectedError)):
        with pytest.raises(kind):
            read_single(said({"error": {"code": code, "message": "m"}}, is_error=True), "a", ALPHA)


def kinds(document: Any, *, is_error: bool = False) -> dict[str, str]:
    found: list[dict[str, str]] = [
        {name: outcome.kind for name, outcome in read_batch(answer, "a", [ALPHA, BETA]).outcomes.items()}
        for answer in (said(document, is_error=is_error), texted(document, is_error=is_error))
    ]
    assert found[0] == found[1]
    return found[0]


YES, NO = "acknowledged", "refused"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"results": [{"skillName": "alpha", "ok": True}, {"skillName": "beta", "ok": True}]},
            {"alpha": YES, "beta": YES},
        ),
        (
            {"results": [{"skillName": "alpha", "ok": True}, {"skillName": "beta", "ok": False}]},
            {"alpha": YES, "beta": NO},
        ),
        ({"synced": 1, "failed": 1, "results": [{"skillName": "alpha", "ok": True}]}, {"alpha": YES}),
        ({"results": [{"skillName": "alpha", "ok": True}]}, {"alpha": YES}),
        ({"synced": 2, "failed": 0}, {}),
        ({"count": 2}, {}),
        ({"synced": 1}, {}),
        ({"synced": 2, "failed": 1}, {}),
        ({"synced": 2, "errors": ["oops"]}, {}),
        ({"synced": 2, "ok": False}, {}),
        ({"synced": True}, {}),
        ({"synced": 1, "results": [{"name": "alpha", "ok": True}, {"name": "beta", "ok": True}]}, {}),
        (
            {
                "synced": 1,
                "unchanged": 1,
                "results": [{"name": "alpha", "ok": True}, {"name": "beta", "ok": True}],
            },
            {"alpha": YES, "beta": YES},
        ),
        ({"synced": ["alpha"], "failed": [{"name": "beta", "error": "bad"}]}, {"alpha": YES, "beta": NO}),
        ({"uploaded": ["alpha", "beta", "gamma", 7]}, {"alpha": YES, "beta": YES}),
        ({"failed": ["beta"], "results": [{"name": "beta", "ok": True}]}, {"beta": NO}),
        ({"results": {"alpha": {"ok": True}, "beta": {"ok": False}}}, {"alpha": YES, "beta": NO}),
        ({"results": [{"name": "alpha", "ok": False}, {"name": "alpha", "ok": True}]}, {"alpha": NO}),
        ({"results": [{"name": "alpha", "sha256": BETA.sha256, "ok": True}]}, {}),
        ({"results": ["alpha", 7, None]}, {}),
        ([{"name": "alpha", "ok": True}], {"alpha": YES}),
        ({}, {}),
        ([], {}),
        ("words", {}),
    ],
)
def test_a_batch_acknowledges_those_that_it_names_and_no_other(
    document: Any, expected: dict[str, str]
) -> None:
    if isinstance(document, dict):
        assert kinds(document) == expected
    else:
        answer = read_batch(texted(document), "a", [ALPHA, BETA])
        assert {name: outcome.kind for name, outcome in answer.outcomes.items()} == expected


def test_a_batch_error_with_results_is_read_and_one_without_is_an_error() -> None:
    document = {"results": [{"skillName": "alpha", "ok": False, "error": {"code": "c", "message": "m"}}]}
    assert kinds(document, is_error=True) == {"alpha": NO}
    with pytest.raises(ToolError, match="nothing could be done"):
        read_batch(words("nothing could be done", is_error=True), "a", [ALPHA])


def test_a_batch_answer_about_another_agent_is_none() -> None:
    with pytest.raises(AnswerError, match="other"):
        read_batch(said({"agentId": "other", "synced": 1}), "a", [ALPHA])


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
