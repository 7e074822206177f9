"""How answers are read that hold a sign of trouble: in counts, lists, words, hashes or ids."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_install.sync.answers import ToolAnswer, read_single
from openclaw_install.sync.errors import AnswerError
from tests.test_sync_answers import ALPHA, BETA, NO, YES, kinds, words

REFUSING_WORDS = (
    "alpha cannot be stored: quota exceeded",
    "alpha is too large",
    "Queued alpha",
    "Could you retry alpha later?",
    "alpha: permission missing",
    "Please upgrade your plan to sync alpha",
    "Syncing alpha timed out",
    "Unknown skill alpha",
    "alpha blocked by policy",
    "alpha: storage full, so not updated",
    "alpha exists already",
    "alpha: 500 Internal",
    "Would store alpha (dry run), done",
    "alpha: 保存失败",
    "alpha 未同步成功",
    "alpha 超出限制, 同步成功 0",
    "alpha unsaved, ok",
    "was alpha stored?",
    "alpha isn\u2019t stored",
    "alpha.bak stored",
    "error_alpha stored",
    "alpha kann nicht gespeichert werden",
)


@pytest.mark.parametrize("text", REFUSING_WORDS)
def test_words_of_failure_doubt_or_condition_acknowledge_nothing(text: str) -> None:
    with pytest.raises(AnswerError):
        read_single(words(text), "a", ALPHA)


def test_words_of_trouble_beside_a_mere_count_leave_a_doubt() -> None:
    for document in ({"skillName": "alpha", "synced": 1}, {"skillName": "alpha", "sha256": ALPHA.sha256}):
        assert read_single(ToolAnswer(document), "a", ALPHA).kind == "acknowledged"
        with pytest.raises(AnswerError):
            read_single(ToolAnswer(document, ("Dry run: nothing was stored.",)), "a", ALPHA)


TWO_OK = [{"name": "alpha", "ok": True}, {"name": "beta", "ok": True}]
TWO_BARE = [{"name": "alpha"}, {"name": "beta"}]
BOTH, NEITHER, BETA_NOT = {"alpha": YES, "beta": YES}, {"alpha": NO, "beta": NO}, {"alpha": YES, "beta": NO}


BAD_WHOLES: list[dict[str, Any]] = [
    *({"ok": False}, {"ok": "false"}, {"success": False}, {"error": "quota"}, {"errors": ["x"]}),
    *(
        {"status": "error"},
        {"status": "queued"},
        {"statusCode": 507},
        {"code": 202},
        {"code": 207},
    ),
    *({"synced": 1}, {"synced": "1"}, {"uploaded": 1.0}, {"count": 0}, {"total_synced": 1}),
    *({"failed": 1}, {"failures": "2"}, {"errors_count": 1}, {"synced": 2, "rejected": ["x"]}),
    *({"ok": True, "message": "dry run"}, {"ok": True, "dryRun": True}, {"isError": True}, {}),
    *({"ok": True, "summary": {"failed": 1}}, {"ok": None}, {"status": {}}),
]
Case = tuple[dict[str, Any], dict[str, str]]
CASES: list[Case] = [
    ({"ok": True, "results": TWO_BARE}, BOTH),
    ({"synced": "2", "skills": ["alpha", "beta"]}, BOTH),
    ({"status": 200, "data": {"results": TWO_BARE}}, BOTH),
    ({"results": {"alpha": "synced", "beta": "quota_exceeded"}}, {"alpha": YES}),
    ({"ok": False, "results": TWO_OK}, BOTH),
    (
        {"error": "x", "results": [{"name": "alpha", "sha256": ALPHA.sha256}, {"name": "beta"}]},
        {"alpha": YES},
    ),
    *(({**bad, "results": TWO_BARE}, {}) for bad in BAD_WHOLES),
    *(
        ({**count, "results": TWO_OK}, {})
        for count in (
            *({"uploaded": 1}, {"succeeded": 1}, {"success_count": 1}, {"count": "1"}, {"failed": 1}),
            *({"failures": ["a", "b"]}, {"dry_run": True}),
        )
    ),
    *(
        ({key: shape, "results": TWO_OK}, BETA_NOT)
        for key in ("errors", "failed", "failures", "rejected", "skipped")
        for shape in (
            *(["beta"], ["beta: quota"], {"beta": "quota"}, [{"skillName": "beta", "reason": "quota"}]),
            *([{"id": "beta"}], {"name": "beta", "reason": "quota"}),
        )
    ),
    ({"data": {"failed": TWO_BARE}}, NEITHER),
    *(
        ({"ok": True, "results": [{"name": "alpha", **bad}, {"name": "beta"}]}, {"beta": YES})
        for bad in (
            *({"status": "pending"}, {"state": "queued"}, {"status": "quota_exceeded"}, {"status": 302}),
            *({"message": "too large"}, {"reason": "plan"}, {"sha256": "abc", "ok": True}),
            *({"digest": BETA.sha256}, {"agentId": "b", "ok": True}, {"agent": {"id": "b"}, "ok": True}),
        )
    ),
    *(
        (
            {"ok": True, "results": [{"name": "alpha", **bad}, {"name": "beta"}]},
            {"alpha": NO, "beta": YES},
        )
        for bad in (
            *({"status": 500}, {"statusCode": 507}, {"ok": "false"}, {"saved": False}, {"isError": True}),
            *({"accepted": False}, {"skipped": True}, {"rejected": True}, {"ok": True, "error": "x"}),
        )
    ),
    ({"results": [{"name": "alpha", "status": "pending"}, {"name": "alpha", "ok": True}]}, {}),
    ({"results": [{"name": "Alpha", "ok": True}, {"name": " beta", "ok": True}]}, {}),
    ({"received": TWO_BARE}, {}),
]


@pytest.mark.parametrize(("document", "expected"), CASES)
def test_any_sign_of_trouble_in_a_batch_wins(document: dict[str, Any], expected: dict[str, str]) -> None:
    assert kinds(document) == expected


def test_a_flagged_batch_error_keeps_only_what_says_yes_or_no_by_itself() -> None:
    results = [{"name": "alpha", "ok": True}, {"name": "beta"}]
    assert kinds({"ok": True, "results": results}, is_error=True) == {"alpha": YES}
    assert kinds({"failed": {"beta": "quota"}}, is_error=True) == {"beta": NO}
