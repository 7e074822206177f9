"""`pingagent sessions`, `tail` and `timeline`: what a person sees, and what a script gets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import jsonschema
import pytest

from openclaw_install.messaging.store import Store
from openclaw_install.surfaces.tools import TOOLS
from tests.pingagent_rig import Profile, _coverage
from tests.schemas import assert_valid
from tests.test_pingagent_cli import ESCAPE, Terminal

ANSWERS = {tool.name.removeprefix("pingagent_"): tool.answer_schema for tool in TOOLS}


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    made = Terminal(Profile.make(home), capsys)
    made.profile.meet("baker", display_name=ESCAPE)
    made.profile.receive("baker", f"is the oven free? {ESCAPE}")
    return made


def as_tool(tool: str, document: dict[str, Any]) -> dict[str, Any]:
    """The result of a command, held to the answer of the tool that it is."""
    schema = ANSWERS[tool]
    jsonschema.Draft202012Validator(schema).validate(document["result"])
    result: dict[str, Any] = document["result"]
    return result


def test_bare_sessions_still_lists_and_so_does_list(terminal: Terminal) -> None:
    for words in (("sessions",), ("sessions", "list"), ("sessions", "--unread", "-n", "1")):
        result = as_tool("recent_sessions", terminal.document(*words))
        assert [one["peer"]["alias"] for one in result["sessions"]] == ["baker"]
    code, out, _ = terminal.run("sessions", "list", "--unread")
    assert code == 0
    assert "@baker" in out
    assert "\x1b" not in out


def test_a_focused_thread_is_the_one_that_the_next_commands_mean(terminal: Terminal) -> None:
    assert terminal.error("sessions", "show")["code"] == "thread.none_focused"
    focused = as_tool("focus_session", terminal.document("sessions", "focus", "@baker", "--keep-unread"))
    assert focused["session"]["unread"] == 1
    shown = as_tool("session_overview", terminal.document("sessions", "show"))
    assert shown["session"]["thread_id"] == terminal.profile.thread("baker")
    read = as_tool("mark_read", terminal.document("sessions", "read"))
    assert (read["unread_before"], read["session"]["unread"]) == (1, 0)
    for words in (("show",), ("focus",), ("read", "--up-to", "1"), ("summary",)):
        code, out, _ = terminal.run("sessions", *words)
        assert code == 0
        assert terminal.profile.thread("baker") in out
        assert all(char.isprintable() or char == "\n" for char in out)


def test_a_note_is_kept_and_cleared_by_field(terminal: Terminal) -> None:
    thread = terminal.profile.thread("baker")
    noted = as_tool(
        "session_summary",
        terminal.document(
            *("sessions", "summary", thread, "--objective", "bake", "--constraint", "no nuts"),
            *("--constraint", "by noon", "--context", "wedding"),
        ),
    )
    assert noted["summary"]["constraints"] == ["no nuts", "by noon"]
    words = ("sessions", "summary", thread)
    cleared = terminal.document(*words, "--clear", "constraints", "--objective", "")["result"]
    assert {name: value for name, value in cleared["summary"].items() if value} == {"context": "wedding"}
    assert cleared["cleared"] == ["objective", "constraints"]
    planned = terminal.document(*words, "--decision", "x", "--dry-run")["result"]
    assert (planned["dry_run"], planned["planned"]) == (True, ["would change decisions"])
    assert terminal.document("sessions", "summary", thread)["result"]["revision"] == 2


def test_a_dry_run_focuses_and_reads_nothing(terminal: Terminal) -> None:
    for word in ("focus", "read"):
        assert terminal.document("sessions", word, "@baker", "--dry-run")["result"]["dry_run"] is True
    assert terminal.document("sessions")["result"]["unread_threads"] == 1
    assert terminal.error("sessions", "show")["code"] == "thread.none_focused"


def test_the_timeline_is_told_for_people_and_scripts(terminal: Terminal) -> None:
    message_id = terminal.profile.receive("baker", "still free?")
    by_thread = as_tool("delivery_timeline", terminal.document("timeline", "--session", "@baker", "-n", "1"))
    assert by_thread["before"] is not None
    of_one = as_tool("delivery_timeline", terminal.document("timeline", "--message", message_id))
    assert (of_one["message"]["message_id"], of_one["message"]["state"]) == (message_id, "accepted")
    code, out, _ = terminal.run("timeline", "--message", message_id)
    assert (code, message_id in out) == (0, True)


def test_an_overview_shows_what_is_bound_stuck_degraded_and_recommended(terminal: Terminal) -> None:
    from openclaw_install.messaging.models.bindings import Binding

    thread = terminal.profile.thread("baker")
    terminal.profile.paths.trust_policy.write_text("{", encoding="utf-8")
    with Store(terminal.profile.paths.store) as store:
        store.bindings.put(Binding(thread, "feishu:default:oc_1", "set", 1.0, "cli:alice"))
        store.sessions.routed(thread, "hook:im:x", "map-active-group", f"not admitted {ESCAPE}")
    shown = as_tool("session_overview", terminal.document("sessions", "show", thread))
    assert shown["binding"]["session_key"] == "feishu:default:oc_1"
    assert shown["session"]["degraded"] == f"not admitted {ESCAPE}"
    assert shown["policy"]["problem"]["code"] == "trust.policy_invalid"
    focused = as_tool("focus_session", terminal.document("sessions", "focus", thread))
    assert focused["session"]["degraded"] == shown["session"]["degraded"]
    for word in ("show", "focus"):
        _, out, _ = terminal.run("sessions", word, thread)
        assert all(char.isprintable() or char == "\n" for char in out)


def test_tail_once_shows_what_is_there_and_where_to_go_on(terminal: Terminal) -> None:
    code, out, _ = terminal.run("tail", "--since", "0", "--once")
    assert code == 0
    assert "message.accepted" in out
    code, out, _ = terminal.run("tail", "--since", "0", "--once", "--session", "@baker", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    for line in lines:
        assert_valid(line, "pingagent-tail")
    assert [line.get("kind") for line in lines] == ["message.accepted", None]
    assert lines[-1] == {"cursor": lines[0]["id"]}
    assert terminal.run("tail", "--once", "--json")[1] == '{"cursor": 1}\n'
    assert terminal.run("tail", "--session", "@nobody")[0] == 1


def _tail(profile: Profile, *words: str) -> subprocess.Popen[str]:
    program = "import sys; from openclaw_install.surfaces.cli.pingagent import entry_point; entry_point()"
    variables = {"HOME": str(profile.home), "PATH": os.environ["PATH"], **_coverage()}
    return subprocess.Popen(
        [sys.executable, "-c", program, "tail", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
    )


def _there(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def test_tail_shows_events_as_they_happen_and_ctrl_c_ends_it_with_130(terminal: Terminal) -> None:
    process = _tail(terminal.profile, "--json", "--since", "0")
    with process:
        first = json.loads(_there(process.stdout).readline())
        terminal.profile.receive("baker", "and now?")
        second = json.loads(_there(process.stdout).readline())
        assert second["id"] == first["id"] + 1
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    # A signal between the line of an event and the note of it has the event told again: none is lost.
    assert json.loads(rest)["cursor"] in (first["id"], second["id"])
    assert errors == ""


def test_a_reader_that_goes_away_ends_tail_quietly(terminal: Terminal) -> None:
    process = _tail(terminal.profile, "--since", "0")
    with process:
        assert "message.accepted" in _there(process.stdout).readline()
        _there(process.stdout).close()
        terminal.profile.receive("baker", "anybody there?")
        assert _there(process.stderr).read() == ""
        assert process.wait(60) == 0


def test_tail_goes_on_where_another_store_takes_the_place_of_the_one_it_follows(terminal: Terminal) -> None:
    path = terminal.profile.paths.store
    process = _tail(terminal.profile, "--json", "--since", "0")
    with process:
        assert json.loads(_there(process.stdout).readline())["id"] == 1
        fresh = path.with_name("fresh.db")
        with Store(fresh) as store:
            for number in range(3):
                store.events.add("transport.repaired", float(number))
        for left in path.parent.glob("store.db-*"):
            left.unlink()
        fresh.replace(path)
        assert [json.loads(_there(process.stdout).readline())["id"] for _ in range(2)] == [2, 3]
        process.send_signal(signal.SIGINT)
        # A signal between the line of an event and the note of it has the event told again: none is lost.
        assert process.communicate(timeout=60) in (('{"cursor": 3}\n', ""), ('{"cursor": 2}\n', ""))
    assert process.returncode == 130


def test_what_no_database_can_keep_is_a_mistake_of_the_caller_and_no_crash(terminal: Terminal) -> None:
    assert terminal.error("timeline", "--session", "@baker", "--before", str(2**64))["code"] == "store.value"
    refused = terminal.error("sessions", "summary", "@baker", "--objective", os.fsdecode(b"\xff"))
    assert refused["code"] == "store.value"


def test_a_cursor_of_another_store_is_not_waited_for(terminal: Terminal) -> None:
    assert terminal.run("tail", "--once", "--json", "--since", str(2**64))[1] == '{"cursor": 1}\n'
