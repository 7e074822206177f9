"""How the list of agents is read from answers of many forms."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_install.sync.errors import AnswerError, ToolError
from openclaw_install.sync.service import Agent
from openclaw_install.sync.tool_answer import ToolAnswer, read_agents
from tests.test_sync_answers import said, texted, words


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
