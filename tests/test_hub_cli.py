"""`openclaw-install hub`: documents, exit codes, and the hub as a process of its own, stopped and killed."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from openclaw_install.common.errors import UsageError
from openclaw_install.common.files import sha256
from openclaw_install.hub import log as hub_log
from openclaw_install.hub.data_folder import DataFolder
from openclaw_install.hub.log_lines import ReadyLine
from openclaw_install.hub.storage.sqlite_metadata import SqliteMetadata
from openclaw_install.protocol.identity import new_identity
from openclaw_install.surfaces.cli import hub
from openclaw_install.surfaces.cli import hub as hub_command
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from tests.hub_rig import Caller
from tests.relay_rig import Peer
from tests.schemas import assert_valid


@dataclass
class Operator:
    """Somebody who types `openclaw-install hub ...` for one data folder."""

    data: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str, str]:
        code = run_command(cli, ["hub", *words, "--data", str(self.data)])
        captured = self.capture.readouterr()
        return code, captured.out, captured.err

    def ask(self, *words: str, schema: str | None = None) -> dict[str, Any]:
        code, out, _ = self.run(*words, "--json")
        document: dict[str, Any] = json.loads(out)
        assert_valid(document, "envelope")
        assert document["exit_code"] == code
        if schema is not None:
            assert_valid(document["result"], schema)
        return document


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(tmp_path / "hub", capsys)


@dataclass
class Process:
    """A hub in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str]

    def stop(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=5)
        self.lines += err.splitlines()
        return self.process.returncode, out


@contextlib.contextmanager
def process_on(data: Path, *words: str) -> Iterator[Process]:
    """`hub run --json` on a free port, killed at the end if it still runs."""
    command = [sys.executable, "-m", "openclaw_install", "hub", "run", "--json", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--data", str(data), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if '"ready"' in line:
                break
        yield Process(process, json.loads(lines[-1])["url"], lines)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def test_a_key_is_shown_once_listed_without_itself_and_revoked(operator: Operator) -> None:
    made = operator.ask("keys", "create", "--owner", "ann", schema="hub-keys")["result"]
    key_id, key = made["keys"][0]["id"], made["key"]
    assert re.fullmatch(r"key_[0-9a-f]{12}", key_id)
    assert re.fullmatch(r"mysta_[A-Za-z0-9_-]{43}", key)
    _, out, _ = operator.run("keys", "create", "--owner", "bob")
    assert re.fullmatch(r"mysta_[A-Za-z0-9_-]{43}", out.splitlines()[-1])
    listed = operator.ask("keys", "list", schema="hub-keys")["result"]
    assert [one["owner"] for one in listed["keys"]] == ["ann", "bob"]
    assert "mysta_" not in json.dumps(listed)
    code, out, _ = operator.run("keys", "revoke", key_id)
    assert (code, "revoked" in out) == (0, True)
    _, out, _ = operator.run("keys", "list")
    assert key_id in out
    assert "mysta_" not in out
    secret = key.encode()
    assert all(secret not in path.read_bytes() for path in operator.data.rglob("*") if path.is_file())
    assert operator.ask("keys", "revoke", "key_x")["errors"][0]["code"] == "hub.unknown_key"


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--port", "0"),
        ("keys", "create", "--owner", "ann"),
        ("keys", "revoke", "key_x"),
        ("agents", "create", "helper", "--owner", "ann"),
        ("agents", "start", "helper"),
        ("agents", "stop", "helper"),
    ],
)
def test_a_dry_run_says_what_would_be_done_and_does_not_even_make_the_folder(
    operator: Operator, words: tuple[str, ...]
) -> None:
    code, out, _ = operator.run(*words, "--dry-run")
    assert code == 0
    assert out.startswith("dry run: this would ")
    assert not operator.data.exists()


def test_agents_are_made_listed_started_and_stopped(operator: Operator) -> None:
    agent = operator.ask("agents", "create", "kitchen", "--owner", "ann", schema="hub-agents")["result"][
        "agents"
    ][0]
    assert agent["pod_state"] == "stopped"
    assert Path(agent["folder"]) == operator.data / "agents" / agent["id"] / "skills"
    assert Path(agent["folder"]).stat().st_mode & 0o777 == 0o700
    for verb, name, state in (("start", "kitchen", "running"), ("stop", agent["id"], "stopped")):
        (changed,) = operator.ask("agents", verb, name, schema="hub-agents")["result"]["agents"]
        assert (changed["id"], changed["pod_state"]) == (agent["id"], state)
    assert operator.run("agents", "stop", agent["id"])[0] == 0
    operator.run("agents", "create", "kitchen", "--owner", "bob", "--start")
    listed = operator.ask("agents", "list", schema="hub-agents")["result"]["agents"]
    assert sorted((one["owner"], one["pod_state"]) for one in listed) == [
        ("ann", "stopped"),
        ("bob", "running"),
    ]
    for words, code in (
        (("agents", "start", "kitchen"), "hub.ambiguous"),
        (("agents", "start", "nobody"), "hub.unknown_agent"),
        (("agents", "create", "kitchen", "--owner", "ann"), "hub.exists"),
        (("agents", "create", "a\nb", "--owner", "ann"), "hub.invalid_agent_name"),
        (("keys", "create", "--owner", "a b"), "hub.invalid_owner"),
    ):
        document = operator.ask(*words)
        assert document["errors"][0]["code"] == code
        assert document["exit_code"] in (1, 2)


def test_the_audit_is_shown_and_proved_and_a_break_is_exit_code_one(operator: Operator) -> None:
    operator.run("keys", "create", "--owner", "ann")
    head = operator.ask("audit", "--verify", schema="hub-audit")["result"]["verified"]["head"]
    operator.run("agents", "create", "kitchen", "--owner", "ann")
    held = operator.ask("audit", "--verify", "--head", head, schema="hub-audit")
    verdict = held["result"]["verified"]
    assert (held["exit_code"], verdict["ok"], verdict["rows"], verdict["saw_head"]) == (0, True, 2, True)
    assert "agent.create" in [row["action"] for row in held["result"]["rows"]]
    assert len(operator.ask("audit", "--last", str(2**64), schema="hub-audit")["result"]["rows"]) == 2
    shown = operator.ask("audit", "--last", "1", schema="hub-audit")["result"]
    assert ([row["seq"] for row in shown["rows"]], shown["verified"]) == ([2], None)
    cut = operator.ask("audit", "--verify", "--head", "f" * 64, schema="hub-audit")
    verdict = cut["result"]["verified"]
    assert (cut["exit_code"], verdict["saw_head"], verdict["broken_at"]) == (1, False, None)
    with contextlib.closing(sqlite3.connect(operator.data / "hub.db", isolation_level=None)) as stranger:
        stranger.execute("DROP TRIGGER audit_is_never_changed")
        stranger.execute("UPDATE audit SET owner = 'eve' WHERE seq = 1")
    broken = operator.ask("audit", "--verify", schema="hub-audit")
    verdict = broken["result"]["verified"]
    assert (broken["exit_code"], verdict["ok"], verdict["broken_at"]) == (1, False, 1)


def test_an_unsafe_bind_is_wrong_usage(operator: Operator) -> None:
    document = operator.ask("run", "--host", "10.0.0.1")
    assert (document["exit_code"], document["errors"][0]["code"]) == (2, "hub.insecure_bind")
    assert not operator.data.exists()


def test_the_default_folder_is_in_the_user_s_data_folder() -> None:
    assert hub._default_data().parts[-2:] == ("openclaw-install", "hub")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_hub_says_when_it_is_ready_and_ends_cleanly_at_a_signal(operator: Operator, number: int) -> None:
    key = operator.ask("keys", "create", "--owner", "ann")["result"]["key"]
    with process_on(operator.data, "--rate", "50", "--closed-registration") as hub:
        about = httpx.get(hub.url.replace("/api/v2/mcp", "/relay/v1/about")).json()
        assert about["limits"]["open_registration"] is False
        caller = Caller(hub.url, key).open()
        stream = caller.http.stream("GET", hub.url, headers=caller.headers(Accept="text/event-stream"))
        with stream as answer:
            assert answer.status_code == 200
            code, out = hub.stop(number)
        caller.close()
    assert code == 0
    document = json.loads(out)
    assert_valid(document, "envelope")
    assert_valid(document["result"], "hub-run")
    assert document["result"]["url"] == hub.url
    assert document["result"]["relay"] == hub.url.removesuffix("/api/v2/mcp")
    events = [json.loads(line) for line in hub.lines]
    for event in events:
        assert_valid(event, "hub-log")
    assert events[0]["event"] == "ready"
    assert {event["event"] for event in events[1:]} == {"request"}, hub.lines
    assert {event["status"] for event in events[1:]} >= {200, 202}
    assert key not in "".join(hub.lines)


def test_a_kill_in_the_middle_of_writes_tears_nothing_and_loses_nothing_acknowledged(
    operator: Operator,
) -> None:
    key = operator.ask("keys", "create", "--owner", "ann")["result"]["key"]
    made = operator.ask("agents", "create", "kitchen", "--owner", "ann", "--start")
    agent = made["result"]["agents"][0]["id"]
    acknowledged: dict[str, str] = {}
    last_sent: dict[str, str] = {}
    ever_acknowledged: set[tuple[str, str]] = set()
    enough = threading.Event()

    def upload(hub: Process, worker: int, round_: int) -> None:
        caller = Caller(hub.url, key)
        with contextlib.suppress(httpx.TransportError), contextlib.closing(caller):
            caller.open()
            for count in range(10_000):
                name = f"skill-{worker}-{count % 3}"
                content = f"{round_}.{worker}.{count}\n" * 2000
                last_sent[name] = sha256(content.encode())
                acknowledged[name] = caller.sync(agent, name, content)["sha256"]
                ever_acknowledged.add((name, acknowledged[name]))
                if count > 5:
                    enough.set()

    for round_ in range(3):
        enough.clear()
        with process_on(operator.data, "--no-access-log", "--rate", "100000") as hub:
            with ThreadPoolExecutor(4) as pool:
                for worker in range(4):
                    pool.submit(upload, hub, worker, round_)
                assert enough.wait(30)
                hub.process.kill()
            for name, digest in _contents(operator.data, agent).items():
                # The upload that the kill interrupted may be there, whole; what came before it may not.
                assert digest in (acknowledged.get(name), last_sent[name])
            assert acknowledged.keys() <= _contents(operator.data, agent).keys()
    with process_on(operator.data) as hub:
        folder = DataFolder(operator.data)
        metadata = SqliteMetadata(folder.database)
        assert {skill.name: skill.sha256 for skill in metadata.skills(agent)} == _contents(
            operator.data, agent
        )
        entries = [row.entry for row in metadata.audit(limit=100_000)]
        assert ever_acknowledged <= {(entry.skill, entry.sha256) for entry in entries}
        metadata.close()
        leftovers = [path for path in folder.agents.rglob("*") if path.name.endswith(".tmp")]
        assert leftovers == []
        assert hub.stop(signal.SIGTERM)[0] == 0
    assert operator.ask("audit", "--verify")["result"]["verified"]["ok"] is True


def _contents(data: Path, agent: str) -> dict[str, str]:
    files = DataFolder(data).skill_files()
    return {name: sha256(files.read(agent, name) or b"") for name in files.names(agent)}


def test_a_log_that_cannot_be_written_does_not_stop_the_hub() -> None:
    closed = io.StringIO()
    closed.close()
    hub_log.line_writer(closed)(ReadyLine(url="u", relay="r"))


def test_the_log_keeps_warnings_of_the_libraries_without_their_secrets_and_quotes() -> None:
    stream = io.StringIO()
    before = {name: logging.getLogger(name) for name in hub_log._LOGGERS}
    states = [(one, one.handlers, one.level, one.propagate) for one in before.values()]
    try:
        hub_log.take_over_logging(hub_log.line_writer(stream))
        try:
            raise RuntimeError("CONTENT of a skill")
        except RuntimeError:
            before["mcp"].exception("choked on mysta_abc-DEF in %s: %s", "0a" * 16, "x" * 1000)
        before["uvicorn.error"].info("not worth a line")
        before["uvicorn.error"].warning("worth one")
    finally:
        for logger, handlers, level, propagate in states:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in lines:
        assert_valid(line, "hub-log")
    assert [line["logger"] for line in lines] == ["mcp", "uvicorn.error"]
    assert lines[0]["exception"] == "RuntimeError"
    assert "mysta_" not in stream.getvalue()
    assert "0a0a" not in stream.getvalue()
    assert "CONTENT" not in stream.getvalue()


def test_the_relay_s_agents_are_listed_and_removed_and_come_again(operator: Operator) -> None:
    with process_on(operator.data, "--no-access-log") as hub:
        base_url = hub.url.removesuffix("/api/v2/mcp")
        with contextlib.closing(Peer(base_url, new_identity(time.time() - 60, alias="ann"))) as ann:
            assert ann.put_card().status_code == 200
            new = operator.ask("relay", "agents", "list", schema="hub-relay-agents")["result"]["agents"]
            assert [one["last_used_at"] for one in new] == [None], (
                "one that has only registered was never used"
            )
            assert ann.inbox()["head"] == 0
            listed = operator.ask("relay", "agents", "list", schema="hub-relay-agents")["result"]["agents"]
            assert [(one["did"], one["alias"], one["waiting"]) for one in listed] == [(ann.did, "ann", 0)]
            assert operator.run("relay", "agents", "remove", "bob")[0] == 2
            operator.ask("relay", "agents", "remove", "ann", schema="hub-relay-agents")
            assert operator.ask("relay", "agents", "list")["result"]["agents"] == []
            assert ann.put_card().status_code == 200
            listed = operator.ask("relay", "agents", "list")["result"]["agents"]
            assert [one["alias"] for one in listed] == ["ann"], "registering again undoes it"
    rows = operator.ask("audit", schema="hub-audit")["result"]["rows"]
    assert [(row["action"], row["agent_id"]) for row in rows] == [("relay.remove", ann.did)]


def test_an_invitation_shows_its_code_once_and_is_kept_as_a_hash(operator: Operator) -> None:
    made = operator.ask("relay", "invite", "--uses", "2", schema="hub-relay-invites")["result"]
    assert made["invites"][0]["uses_left"] == 2
    stored = (operator.data / "relay.db").read_bytes() + (operator.data / "hub.db").read_bytes()
    assert made["code"].encode() not in stored
    name = made["invites"][0]["id"]
    listed = operator.ask("relay", "invite", "list", schema="hub-relay-invites")["result"]
    assert [one["id"] for one in listed["invites"]] == [name]
    assert "code" not in listed
    revoked = operator.ask("relay", "invite", "revoke", name, schema="hub-relay-invites")["result"]
    assert revoked["invites"][0]["revoked_at"] is not None
    assert operator.run("relay", "invite", "revoke", "inv_0")[0] == 2
    assert operator.run("relay", "invite", "--dry-run")[0] == 0
    actions = [row["action"] for row in operator.ask("audit")["result"]["rows"]]
    assert actions == ["relay.invite", "relay.invite_revoke"]


def test_beyond_this_machine_one_registers_by_invitation_unless_the_operator_opens_it() -> None:
    said = {"rate": None, "closed_registration": False, "open_registration": False, "relay_disk": None}
    for more, expected in (
        ({}, "open"),
        ({"closed_registration": True}, "closed"),
        ({"host": "0.0.0.0", "insecure_bind": True}, "invitation"),  # noqa: S104 - nothing is bound
        ({"host": "0.0.0.0", "open_registration": True}, "open"),  # noqa: S104 - nothing is bound
        ({"trusted_proxies": ("127.0.0.1",)}, "invitation"),
        ({"allow_hosts": ("hub.example.org",)}, "invitation"),
    ):
        assert hub_command._settings({**said, **more}).relay.registration == expected
    with pytest.raises(UsageError):
        hub_command._settings({**said, "closed_registration": True, "open_registration": True})
    assert hub_command._settings({**said, "relay_disk": 16}).relay.disk_bytes == 16 * 1024 * 1024
