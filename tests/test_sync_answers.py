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
from openclaw_install.sync.service import Agent
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
        {"success": True, "live": True},
        {"ok": True, "podStatus": "running"},
        {"status": "synced", "podRunning": True},
        {"synced": 1, "failed": 0, "live": True},
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
    ],
)
def test_words_acknowledge_only_what_they_name_without_a_word_of_failure(text: str, fine: bool) -> None:
    if fine:
        assert read_single(words(text), "a", ALPHA).kind == "acknowledged"
    else:
        with pytest.raises(AnswerError):
            read_single(words(text), "a", ALPHA)


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
        ({"synced": 2, "failed": 0}, {"alpha": YES, "beta": YES}),
        ({"count": 2}, {"alpha": YES, "beta": YES}),
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


@pytest.mark.parametrize(
    "document",
    [
        {"agents": [{"id": "a", "name": "one", "podState": "running"}, {"id": "b", "running": False}]},
        {
            "data": [
                {"agentId": "a", "displayName": "one", "status": "Running"},
                {"agent_id": "b", "state": "stopped"},
            ]
        },
        {
            "result": {
                "agents": [{"id": "a", "name": "one", "isRunning": True}, {"id": "b", "podStatus": "offline"}]
            }
        },
        {
            "data": {
                "items": [{"id": "a", "name": "one", "podState": "live"}, {"id": "b", "podState": "none"}]
            }
        },
    ],
)
def test_agents_are_read_from_many_forms(document: dict[str, Any]) -> None:
    expected = (Agent("a", "one", running=True), Agent("b", "", running=False))
    assert read_agents(said(document)) == read_agents(texted(document)) == expected


def test_a_plain_list_of_agents_is_read_and_numbers_are_ids_too() -> None:
    document = [{"id": 7, "name": "x\x07"}, {"name": "without"}, "odd", {"id": True}, {"id": "y" * 300}]
    assert read_agents(texted(document)) == (Agent("7", "x\N{REPLACEMENT CHARACTER}"),)
    assert read_agents(said({"agents": []})) == ()


@pytest.mark.parametrize(
    "answer", [said({}), words("two agents: a and b"), said({"agents": [{"name": "x"}]})]
)
def test_an_answer_without_agents_is_an_error(answer: ToolAnswer) -> None:
    with pytest.raises(AnswerError):
        read_agents(answer)


def test_a_refused_listing_is_an_error() -> None:
    with pytest.raises(ToolError, match="later"):
        read_agents(words("later", is_error=True))


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
