"""What the check says of each state of the answer, and how a server is started; without a gateway."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.host.gateway.mcp_server import launch_of, list_tools
from openclaw_install.setup.answering import Answering, AnsweringState
from openclaw_install.setup.checks import answering
from openclaw_install.setup.facts import Facts, facts_of
from openclaw_install.setup.survey import look_at_host
from tests.setup_rig import SOUND, PlainHost, enforcing

ENV = {"PATH": "/usr/bin:/bin", "HOME": "/home/somebody", "XDG_DATA_HOME": "/x", "KEY": "value-of-the-key"}
SPEAKS = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        print("a word before the protocol", flush=True)
        print(json.dumps({"id": asked["id"], "result": {}}), flush=True)
    if asked.get("method") == "tools/list":
        page = asked["params"].get("cursor")
        result = {"tools": [{"name": page or "first"}], **({} if page else {"nextCursor": "second"})}
        print(json.dumps({"id": asked["id"], "result": result}), flush=True)
"""


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    host = PlainHost(tmp_path / "host")
    host.write(SOUND)
    host.setup()
    return facts_of(look_at_host(host.location, "stable-hook-session"), enforcing("hook:im:"))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("served", []),
        ("listed", []),
        ("fails", [("answer.server_fails", "critical", "openclaw-install mcp pingagent </dev/null")]),
        ("none_of_ours", [("answer.no_tools", "critical", "openclaw-install mcp pingagent </dev/null")]),
        ("not_served", [("answer.not_served", "warn", "openclaw gateway restart")]),
        ("not_judged", [("answer.not_judged", "warn", "")]),
    ],
)
def test_each_state_of_the_answer_has_its_problem_and_its_cure(
    facts: Facts, state: AnsweringState, told: list[tuple[str, str, str]]
) -> None:
    found = replace(facts, answering=Answering("pingagent", state, session="agent:main:x", detail="why"))
    assert [(one.code, one.severity, one.next_step) for one in answering.look(found)] == told


def launched(**registration: Any) -> Any:
    found = launch_of(registration, ENV, Path("/"))
    assert found is not None
    return found


def test_a_server_gets_the_few_variables_that_the_gateway_hands_on() -> None:
    given = {"A": "${KEY}", "N": 1, "B": True, "LD_PRELOAD": "x", "GH_TOKEN": "t"}
    found = launched(command="run", args=["a", 1], env=given)
    assert found.command == ("run", "a")
    assert found.env == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/somebody",
        "A": "value-of-the-key",
        "N": "1",
        "B": "true",
        "GH_TOKEN": "t",
    }
    assert launch_of({"url": "https://mcp.example"}, ENV) is None


def test_the_tools_of_all_pages_are_listed_and_what_is_no_protocol_is_passed_over() -> None:
    found = list_tools(launched(command=sys.executable, args=["-c", SPEAKS]))
    assert (found.outcome, found.tools) == ("listed", ("first", "second"))


@pytest.mark.parametrize(
    ("script", "outcome", "detail"),
    [
        ("echo value-of-the-key >&2; exit 3", "ended", "<redacted>"),
        ("exec cat", "not_mcp", "it refuses initialize"),
        ("exec sleep 60", "timeout", "it told no tools within 0.5 s"),
    ],
)
def test_a_server_that_tells_nothing_is_ended_and_says_why(script: str, outcome: str, detail: str) -> None:
    launch = launched(command="sh", args=["-c", script], env={"A": "${KEY}"})
    found = list_tools(launch, 0.5 if outcome == "timeout" else 30.0)
    assert (found.outcome, found.detail) == (outcome, detail)


def test_a_command_that_is_not_there_is_told_in_the_words_of_the_system() -> None:
    found = list_tools(launched(command="no-such-command"))
    assert (found.outcome, found.detail) == ("not_started", "No such file or directory")
