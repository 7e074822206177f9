"""`pingagent identity`: sealed exports, imports that overwrite nothing, and passphrases that nobody sees."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openclaw_install.protocol.profile import profile_paths
from openclaw_install.protocol.profile_files import load_identity
from tests.pingagent_rig import Profile
from tests.schemas import assert_valid
from tests.test_pingagent_cli import Terminal, terminal

__all__ = ["terminal"]
PASSPHRASE = "correct horse battery"
COMMAND = [
    sys.executable,
    "-c",
    "from openclaw_install.surfaces.cli.pingagent import entry_point; entry_point()",
]


@contextmanager
def piped(text: str) -> Iterator[int]:
    """A descriptor from which `text` can be read."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    try:
        yield reading
    finally:
        os.close(reading)


def exported(terminal: Terminal, file: Path) -> dict[str, object]:
    with piped(PASSPHRASE + "\n") as descriptor:
        document = terminal.document("identity", "export", str(file), "--passphrase-fd", str(descriptor))
    assert document["ok"], document
    result: dict[str, object] = document["result"]
    return result


def test_an_export_is_private_sealed_and_comes_back(terminal: Terminal, tmp_path: Path) -> None:
    me, file = terminal.profile.me, tmp_path / "me.json"
    result = exported(terminal, file)
    assert_valid(result, "pingagent-identity-result")
    assert file.stat().st_mode & 0o777 == 0o600
    assert_valid(json.loads(file.read_text()), "pingagent-identity-export")
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\nmore\n")
    secret.chmod(0o600)
    arguments = ("identity", "import", str(file), "--passphrase-file", str(secret), "--profile", "second")
    planned = terminal.document(*arguments, "--dry-run")["result"]
    assert_valid(planned, "pingagent-identity-result")
    brought = terminal.document(*arguments)["result"]
    assert_valid(brought, "pingagent-identity-result")
    place = profile_paths({"PINGAGENT_PROFILE": "second"}, terminal.profile.home).identity
    assert load_identity(place) == me
    assert terminal.error(*arguments)["code"] == "identity.exists"


def test_an_export_overwrites_nothing(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "me.json"
    file.write_text("mine")
    with piped(PASSPHRASE) as descriptor:
        error = terminal.error("identity", "export", str(file), "--passphrase-fd", str(descriptor))
    assert (error["code"], error["next_step"]) == ("usage", "name a file that does not exist yet")
    assert file.read_text() == "mine"
    with piped(PASSPHRASE) as descriptor:
        error = terminal.error(
            "identity", "export", str(tmp_path / "no" / "me"), "--passphrase-fd", str(descriptor)
        )
    assert error["code"] == "file.enoent"
    error = terminal.error("identity", "export", str(tmp_path / "new.json"), "--passphrase-fd", str(2**64))
    assert error["code"] == "usage"


def test_a_dry_run_of_an_export_asks_for_nothing_and_writes_nothing(
    terminal: Terminal, tmp_path: Path
) -> None:
    result = terminal.document("identity", "export", str(tmp_path / "me"), "--dry-run")["result"]
    assert_valid(result, "pingagent-identity-result")
    assert not (tmp_path / "me").exists()


def test_stdout_and_stdin_carry_the_sealed_identity(terminal: Terminal) -> None:
    home = terminal.profile.home
    env = {**os.environ, "HOME": str(home)}
    with piped(PASSPHRASE) as descriptor:
        out = subprocess.run(
            [*COMMAND, "identity", "export", "-", "--passphrase-fd", str(descriptor)],
            env=env,
            pass_fds=[descriptor],
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
    with piped(PASSPHRASE) as descriptor:
        subprocess.run(
            [*COMMAND, "--profile", "b", "identity", "import", "-", "--passphrase-fd", str(descriptor)],
            env=env,
            pass_fds=[descriptor],
            input=out,
            capture_output=True,
            check=True,
            timeout=60,
        )
    place = profile_paths({"PINGAGENT_PROFILE": "b"}, home).identity
    assert load_identity(place).did == terminal.profile.me.did
    error = terminal.error("identity", "export", "-")
    assert (error["code"], error["next_step"]) == ("usage", "name a file")


def test_a_wrong_passphrase_and_a_missing_file_are_told(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "me.json"
    exported(terminal, file)
    with piped("something else") as descriptor:
        arguments = ("--profile", "b", "identity", "import", str(file), "--passphrase-fd", str(descriptor))
        assert terminal.error(*arguments)["code"] == "identity.import_refused"
    with piped("short") as descriptor:
        error = terminal.error("identity", "export", str(tmp_path / "x"), "--passphrase-fd", str(descriptor))
    assert error["code"] == "identity.passphrase_short"
    assert not (tmp_path / "x").exists()
    missing = terminal.error("--profile", "b", "identity", "import", str(tmp_path / "none"))
    assert missing["code"] == "usage"
    assert missing["next_step"] == "name the file that `identity export` wrote"


def refusal(terminal: Terminal, target: str, *source: str) -> str:
    """What helps against a source of a passphrase that an export does not take."""
    document = terminal.document("identity", "export", target, *source)
    (error,) = document["errors"]
    assert (document["exit_code"], error["code"]) == (2, "usage")
    return str(error["next_step"])


def test_passphrases_come_from_one_private_source(terminal: Terminal, tmp_path: Path) -> None:
    target = str(tmp_path / "x")
    unreadable = "check that it is open, readable and UTF-8"
    assert refusal(terminal, target) == "give it with --passphrase-fd or --passphrase-file"
    open_file = tmp_path / "open"
    open_file.write_text(PASSPHRASE)
    open_file.chmod(0o644)
    opened = ("--passphrase-file", str(open_file))
    assert refusal(terminal, target, *opened) == f"chmod 600 {open_file}, and choose a new passphrase"
    assert refusal(terminal, target, *opened, "--passphrase-fd", "0") == "name one of them"
    assert refusal(terminal, target, "--passphrase-fd", "999") == unreadable
    assert refusal(terminal, target, "--passphrase-file", str(tmp_path / "none")) == unreadable
    with piped("") as descriptor:
        assert refusal(terminal, target, "--passphrase-fd", str(descriptor)) == "put it on the first line"
    assert not Path(target).exists()


def test_a_passphrase_that_is_typed_is_not_echoed(terminal: Terminal, tmp_path: Path) -> None:
    target = tmp_path / "typed.json"
    screen, code = typed(terminal.profile, ["identity", "export", str(target)], ["Passphrase", "Repeat"])
    assert code == 0, screen
    assert PASSPHRASE not in screen
    assert target.is_file()


def typed(profile: Profile, arguments: list[str], prompts: list[str]) -> tuple[str, int]:
    """Runs the command on a terminal, and types the passphrase at each prompt."""
    leader, follower = pty.openpty()
    env = {**os.environ, "HOME": str(profile.home)}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=env,
        start_new_session=True,
    )
    os.close(follower)
    screen, waiting, silences = "", list(prompts), 0
    try:
        while silences < 600:
            if not select.select([leader], [], [], 0.2)[0]:
                if process.poll() is not None:
                    break
                silences += 1
                continue
            try:
                data = os.read(leader, 4096)
            except OSError:
                break
            if not data:
                break
            screen += data.decode()
            if waiting and waiting[0] in screen and screen.rstrip().endswith(":"):
                waiting.pop(0)
                os.write(leader, PASSPHRASE.encode() + b"\n")
        return screen, process.wait(60)
    finally:
        os.close(leader)
        if process.poll() is None:
            process.kill()
            process.wait(60)


@pytest.mark.parametrize("word", ["--passphrase", "--password"])
def test_a_passphrase_is_never_an_argument(terminal: Terminal, word: str) -> None:
    assert terminal.error("identity", "export", "x", word, PASSPHRASE)["code"] == "usage"
