"""The command `pingagent`: short words, one document on stdout, and truth about what was sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from openclaw_install.messaging.store import Store
from openclaw_install.protocol.profile_files import load_identity
from openclaw_install.surfaces.cli import options as cli_options
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.pingagent import PROGRAM, pingagent
from openclaw_install.surfaces.cli.pingagent_completion import known_names
from openclaw_install.surfaces.tools import TOOLS
from tests.pingagent_rig import Profile
from tests.schemas import assert_valid
from tests.support.waiting import until

ESCAPE = "\x1b[31mevil\x1b[0m\n\u202efake"


@dataclass
class Terminal:
    """Runs the command in this process."""

    profile: Profile
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = run_command(pingagent, arguments, program=PROGRAM, bare=PROGRAM)
        captured = self.capture.readouterr()
        return code, captured.out, captured.err

    def document(self, *arguments: str) -> dict[str, Any]:
        code, out, _ = self.run(*arguments, "--json")
        document: dict[str, Any] = json.loads(out)
        assert_valid(document, "envelope")
        assert document["exit_code"] == code
        assert document["ok"] is (code == 0)
        return document

    def error(self, *arguments: str) -> dict[str, str]:
        error: dict[str, str] = self.document(*arguments)["errors"][0]
        return error


ANSWERS = {tool.name.removeprefix("pingagent_"): tool.answer_schema for tool in TOOLS}


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    return Terminal(Profile.make(home), capsys)


def as_tool(tool: str, result: Any) -> None:
    jsonschema.Draft202012Validator(ANSWERS[tool]).validate(result)


def test_the_bare_command_shows_what_there_is(terminal: Terminal) -> None:
    code, out, _ = terminal.run()
    assert code == 0
    for name in ("whoami", "card", "chat", "sessions", "inbox", "contacts", "identity", "doctor"):
        assert name in out
    assert set(terminal.document()["result"]["commands"]) == set(pingagent.commands)


def test_whoami_begins_with_the_did_alone(terminal: Terminal) -> None:
    code, out, _ = terminal.run("whoami", "-v")
    assert code == 0
    assert out.splitlines()[0] == terminal.profile.me.did
    who = terminal.document("whoami")["result"]
    as_tool("whoami", who)
    assert who["runtime_running"] is False
    assert who["health"]["next_step"] == "start the runtime: openclaw-install runtime start"


def test_a_profile_is_named_by_option_or_variable(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal.error("whoami", "--profile", "other")["code"] == "identity.missing"
    assert "other" in terminal.error("--profile", "other", "whoami")["message"]
    monkeypatch.setenv("PINGAGENT_PROFILE", "third")
    assert "third" in terminal.error("whoami")["message"]
    assert terminal.document("whoami", "--profile", "openclaw")["ok"]
    assert terminal.document("whoami", "--profile", "../x")["exit_code"] == 2


def test_threads_and_raw_messages_are_listed_and_control_characters_do_nothing(terminal: Terminal) -> None:
    profile = terminal.profile
    assert terminal.document("sessions")["result"]["sessions"] == []
    assert terminal.document("inbox")["result"]["messages"] == []
    for name in ("baker", "miller"):
        profile.meet(name, alias=name, display_name=ESCAPE)
        profile.receive(name, ESCAPE)
    with Store(profile.paths.store) as store:
        store.ingress.reject("log", 3, "bad_signature", (ESCAPE, ESCAPE), 1_800_000_000.0)
    for arguments in (("sessions",), ("inbox",), ("contacts", "list"), ("sessions", "-n", "1")):
        code, out, _ = terminal.run(*arguments)
        assert code == 0
        assert "\x1b" not in out
        assert "\u202e" not in out
    result = terminal.document("sessions", "-n", "1", "--unread")["result"]
    as_tool("recent_sessions", result)
    second = terminal.document("sessions", "-n", "1", "--page", result["next_page"])["result"]
    assert second["sessions"][0]["peer"]["alias"] == "baker"
    inbox = terminal.document("inbox", "-n", "1")["result"]
    as_tool("inbox", inbox)
    assert [one["seq"] for one in inbox["rejections"]] == [3]
    assert len(terminal.document("inbox", "--before", str(inbox["before"]))["result"]["messages"]) == 1


def test_without_a_runtime_a_message_is_queued_and_told_unconfirmed(terminal: Terminal) -> None:
    did = terminal.profile.peer("baker")
    document = terminal.document("chat", "--to", did, "--message", "hello")
    assert document["exit_code"] == 1
    result = document["result"]
    assert (result["sent"], result["status"], result["state"]) == (False, "unconfirmed", "queued")
    assert result["runtime_running"] is False
    assert result["idempotency_key"].startswith("auto:")
    assert result["next_step"] == "start the runtime: openclaw-install runtime start"


def test_the_same_key_looks_and_does_not_send_again(terminal: Terminal) -> None:
    did = terminal.profile.peer("baker")
    arguments = ("chat", "-t", did, "-m", "hello", "--key", "k1")
    first = terminal.document(*arguments)["result"]
    as_tool("chat", first)
    terminal.profile.commit_next(seq=8)
    again = terminal.document(*arguments)
    assert again["ok"]
    assert (again["result"]["message_id"], again["result"]["seq"]) == (first["message_id"], 8)
    assert terminal.error("chat", "-t", did, "-m", "other", "--key", "k1")["code"] == "outbox.key_reused"


def test_a_running_runtime_is_waited_for(terminal: Terminal) -> None:
    profile = terminal.profile
    did = profile.peer("baker")

    def runtime() -> None:
        with Store(profile.paths.store) as store:
            until(lambda: store.outbox.in_state("queued"), "queued")
        profile.commit_next(seq=2)

    with profile.runtime():
        other = threading.Thread(target=runtime)
        other.start()
        document = terminal.document("chat", "--to", did, "--message", "hello", "--wait", "60")
        other.join()
    assert document["ok"]
    assert document["result"]["sent"] is True


def test_a_wait_that_is_over_or_interrupted_leaves_the_message_queued(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = terminal.profile
    did = profile.peer("baker")
    with profile.runtime():
        over = terminal.document("chat", "--to", did, "--message", "one", "--wait", "0.1")
        assert over["exit_code"] == 1
        assert over["result"]["status"] == "unconfirmed"

        def press(_seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("time.sleep", press)
        pressed = terminal.document("chat", "--to", did, "--message", "two", "--wait", "60")
    assert pressed["exit_code"] == 130
    assert pressed["result"]["status"] == "unconfirmed"
    with Store(profile.paths.store) as store:
        assert len(store.outbox.in_state("queued")) == 2


def test_a_failed_message_is_an_error_with_its_repair(terminal: Terminal) -> None:
    did = terminal.profile.peer("baker")
    arguments = ("chat", "-t", did, "-m", "hello", "--key", "k1")
    terminal.run(*arguments)
    terminal.profile.commit_next(state="failed", seq=None, reason=f"no key {ESCAPE}", next_step="ask it")
    error = terminal.error(*arguments)
    assert (error["code"], error["next_step"]) == ("send.failed", "ask it")
    assert "\x1b" not in terminal.run(*arguments)[2]


def test_a_long_message_comes_from_stdin(terminal: Terminal) -> None:
    profile = terminal.profile
    long = "line\n" * 5000
    command = [
        sys.executable,
        "-c",
        "from openclaw_install.surfaces.cli.pingagent import entry_point; entry_point()",
    ]
    env = {**os.environ, "HOME": str(profile.home)}
    for key, more in (("a", ["--message", "-"]), ("b", [])):
        done = subprocess.run(
            [*command, "chat", "--to", profile.peer("baker"), "--key", key, *more],
            input=long.encode(),
            env=env,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1, done.stderr
        with Store(profile.paths.store) as store:
            item = store.outbox.by_key(key)
            stored = store.messages.get(item.id) if item else None
        assert stored is not None
        assert stored.body.carried()["text"] == long.rstrip("\n")
    empty = subprocess.run(
        [*command, "chat", "--to", profile.peer("baker"), "--json"],
        input=b"\n",
        env=env,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert empty.returncode == 2
    assert json.loads(empty.stdout)["errors"][0]["message"] == "the message is empty"


def test_a_dry_run_of_a_message_queues_nothing(terminal: Terminal) -> None:
    document = terminal.document("chat", "-t", terminal.profile.peer("b"), "-m", "hi", "--dry-run")
    assert document["result"]["dry_run"] is True
    assert terminal.document("sessions")["result"]["total"] == 0


def test_contacts_are_approved_rejected_blocked_and_undone_by_name(terminal: Terminal) -> None:
    profile = terminal.profile
    did = profile.meet("baker", state="pending")
    listed = terminal.document("contacts", "list", "--state", "pending")["result"]
    assert_valid(listed, "pingagent-contacts-result")
    assert [one["did"] for one in listed["contacts"]] == [did]
    planned = terminal.document("contacts", "approve", "@baker", "--dry-run")["result"]
    assert_valid(planned, "pingagent-contacts-result")
    for action, state in (
        ("approve", "approved"),
        ("reject", "rejected"),
        ("block", "blocked"),
        ("undo", "pending"),
    ):
        result = terminal.document("contacts", action, "@baker", "--reason", "as agreed")["result"]
        assert_valid(result, "pingagent-contacts-result")
        assert result["contact"]["state"] == state
        assert result["decision"]["by"] == cli_options.operator()
        assert result["decision"]["reason"] == "as agreed"
    for changed in (True, False):
        blocked = terminal.document("contacts", "block", did)
        assert (blocked["exit_code"], blocked["result"]["changed"]) == (0, changed)
        assert blocked["result"]["contact"]["state"] == "blocked"
    assert terminal.document("contacts", "list")["result"]["counts"]["blocked"] == 1
    assert terminal.error("contacts", "approve", "@nobody")["code"] == "contact.unknown"
    assert terminal.error("contacts", "approve", profile.me.did)["code"] == "contact.self"


def test_who_decides_sees_the_first_words_quoted_and_nothing_of_them_acts(terminal: Terminal) -> None:
    terminal.profile.meet("odd", state="pending", display_name="\u202enice")
    terminal.profile.receive("odd", "may I?\x1b[31m\n- approved", stage="pending")
    terminal.profile.receive("odd", "and more", stage="pending")
    out = terminal.run("contacts", "list")[1]
    assert 'says "may I?\\u001b[31m\\n- approved"' in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "and more" not in out
    (listed,) = terminal.document("contacts", "list")["result"]["contacts"]
    assert listed["first_words"].startswith("may I?")


def test_many_contacts_come_page_by_page(terminal: Terminal) -> None:
    dids = sorted(terminal.profile.meet(name) for name in ("a", "b", "c"))
    first = terminal.document("contacts", "list", "--limit", "2")["result"]
    assert [one["did"] for one in first["contacts"]] == dids[:2]
    rest = terminal.document("contacts", "list", "--page", first["next_page"])["result"]
    assert [one["did"] for one in rest["contacts"]] == dids[2:]


def test_a_card_that_is_not_published_is_told_so(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    document = terminal.document("card")
    assert document["exit_code"] == 1
    assert_valid(document["result"], "pingagent-card-result")
    assert document["result"]["card"] is None
    assert document["result"]["published"] is False
    assert terminal.error("card", "@baker")["code"] == "relay.none"
    monkeypatch.setenv("PINGAGENT_SERVER_URL", "http://127.0.0.1:9")
    assert terminal.document("card")["result"]["published"] is False
    assert terminal.error("card", terminal.profile.peer("baker"))["code"] == "relay.unreachable"


def completed(home: Path, words: str, position: int) -> list[str]:
    """What bash would offer."""
    command = [
        sys.executable,
        "-c",
        "from openclaw_install.surfaces.cli.pingagent import entry_point; entry_point()",
    ]
    env = {
        **os.environ,
        "HOME": str(home),
        "_PINGAGENT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(position),
    }
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_the_shell_completes_commands_aliases_and_threads(terminal: Terminal) -> None:
    profile = terminal.profile
    for name in ("baker", "barber", "miller"):
        profile.meet(name)
        profile.receive(name, "hi")
    assert completed(profile.home, "pingagent con", 1) == ["contacts"]
    assert completed(profile.home, "pingagent contacts approve @ba", 3) == ["@baker", "@barber"]
    thread = profile.thread("miller")
    assert thread in completed(profile.home, f"pingagent chat --to {thread[:8]}", 3)
    assert completed(profile.home, "pingagent chat --profile none --to @", 5) == []


def test_completion_never_fails_and_makes_nothing(terminal: Terminal) -> None:
    profile = terminal.profile
    profile.meet("baker")
    assert known_names(None, profile.peer("baker")[:14], threads=False)
    assert known_names("none", "@", threads=True) == []
    assert not (profile.home / ".pingagent" / "profiles" / "none").exists()
    assert known_names("../x", "@", threads=True) == []
    profile.paths.store.write_bytes(b"no database " * 1000)
    assert known_names(None, "@", threads=True) == []


def test_rotating_keeps_the_did_and_asks_first(terminal: Terminal) -> None:
    profile = terminal.profile
    assert terminal.error("identity", "rotate")["code"] == "usage.consent"
    planned = terminal.document("identity", "rotate", "--dry-run")["result"]
    assert_valid(planned, "pingagent-identity-result")
    assert load_identity(profile.paths.identity) == profile.me
    result = terminal.document("identity", "rotate", "--yes")["result"]
    assert_valid(result, "pingagent-identity-result")
    assert (result["did"], result["signing_keys"], result["encryption_epoch"]) == (profile.me.did, 2, 2)
    code, out, _ = terminal.run("identity", "rotate", "--encryption-only", "-y")
    assert code == 0
    did, later = profile.me.did, "the runtime publishes the new card when it runs"
    assert out == f"{did} has a new encryption key\n{later}: openclaw-install runtime start\n"
    after = load_identity(profile.paths.identity)
    assert (len(after.rotation), after.current_encryption.epoch) == (2, 3)
    with profile.runtime():
        told = terminal.run("identity", "rotate", "-y")[1].splitlines()
    assert told == [
        f"{did} has a new signing key and a new encryption key",
        "the running runtime publishes the new card",
    ]
