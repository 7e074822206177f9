"""The command line: one document on stdout, the right exit code, consent, and clear words for bad input."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from openclaw_install import __version__
from openclaw_install.common.errors import InstallError
from openclaw_install.common.ports import free_port
from openclaw_install.host.config.json5_text import parse_json5
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli
from tests.schemas import assert_valid

GATEWAY_TOKEN = "gateway-secret-0123456789abcdef0123"
HOOK_TOKEN = "hook-secret-0123456789abcdef0123456789"
BOMBED = """// an operator's own
{
  gateway: { mode: "local", port: %d, auth: { mode: "token", token: "%s" } },
  hooks: { enabled: true, token: "%s", allowedSessionKeyPrefixes: ["hook:gmail:"] },
}
"""


@dataclass
class Host:
    """A host in a scratch home, with a config that would stop the next start."""

    home: Path
    capture: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        return self.home / ".openclaw" / "openclaw.json"

    def write(self, text: str) -> None:
        self.config.write_text(text)
        self.config.chmod(0o600)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = run_command(cli, arguments)
        captured = self.capture.readouterr()
        return code, captured.out, captured.err

    def document(self, *arguments: str) -> dict[str, Any]:
        code, out, _ = self.run(*arguments, "--json")
        document: dict[str, Any] = json.loads(out)
        assert_valid(document, "envelope")
        assert document["exit_code"] == code
        assert document["ok"] is (code == 0)
        return document


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    home = tmp_path / "home"
    (home / ".openclaw").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    made = Host(home, capsys)
    made.write(BOMBED % (free_port(), GATEWAY_TOKEN, HOOK_TOKEN))
    return made


def test_a_time_bomb_is_reported_with_its_rule_and_cure(host: Host) -> None:
    document = host.document("verify-runtime", "--offline")
    result = document["result"]
    assert document["command"] == "verify-runtime"
    assert document["exit_code"] == 1
    assert result["activation_state"] == "blocked"
    assert result["policy"]["next_boot"]["rule"] == "hooks.boot.prefixes_exclude_hook"
    assert result["policy"]["running"] is None
    assert {blocker["next_step"] for blocker in result["blockers"]} == {
        "openclaw-install verify-runtime --fix-hooks",
        "openclaw-install --with-hub",
    }


def test_the_cure_of_a_named_host_names_the_host(host: Host) -> None:
    state = host.home / "my hosts" / "b"
    state.mkdir(parents=True)
    (state / "openclaw.json").write_text(host.config.read_text())
    document = host.document("--state-dir", str(state), "verify-runtime", "--offline")
    command = document["result"]["blockers"][0]["next_step"]
    assert command == f"openclaw-install --state-dir '{state}' verify-runtime --fix-hooks"


def test_fixing_offline_mends_the_file_and_a_second_fix_changes_no_byte(host: Host) -> None:
    fixed = host.document("verify-runtime", "--fix-hooks", "--offline", "--yes")
    # All that is left is what no fix of the hooks can bring.
    assert [blocker["code"] for blocker in fixed["result"]["blockers"]] == ["relay.not_configured"]
    assert fixed["result"]["applied"]["outcome"] == "applied"
    text = host.config.read_text()
    assert text.startswith("// an operator's own\n")
    assert parse_json5(text)["hooks"]["token"] == HOOK_TOKEN
    again = host.document("verify-runtime", "--fix-hooks", "--offline", "--yes")
    assert again["result"]["applied"]["outcome"] == "unchanged"
    assert host.config.read_text() == text


def test_setup_undo_and_uninstall_restore_the_host(host: Host) -> None:
    before = host.config.read_bytes()
    assert host.document("--yes", "--offline")["command"] == "setup"
    assert (host.home / ".openclaw" / "skills" / "pingagent" / "SKILL.md").is_file()
    undone = host.document("undo", "--yes")
    assert undone["result"]["outcome"] == "undone"
    assert host.config.read_bytes() == before
    assert not (host.home / ".openclaw" / "skills").exists()
    host.document("--yes", "--offline")
    assert host.document("uninstall", "--yes")["result"]["outcome"] == "undone"
    assert host.config.read_bytes() == before
    assert host.document("uninstall", "--yes")["result"]["outcome"] == "unchanged"


def test_the_text_ends_with_the_activation_state(host: Host) -> None:
    code, out, _ = host.run("verify-runtime", "--offline", "--verbose")
    assert code == 1
    assert out.rstrip().splitlines()[-1] == "activation_state=blocked"
    report = host.document("verify-runtime", "--offline")["result"]
    boot = report["policy"]["next_boot"]
    assert (boot["state"], boot["rule"]) == ("would_stop", "hooks.boot.prefixes_exclude_hook")
    assert report["findings"]
    assert all(f"  [{one['severity']}] {one['code']} (" in out for one in report["findings"])


def test_a_dry_run_shows_the_diff_and_writes_nothing(host: Host) -> None:
    before = sorted(host.home.rglob("*")), host.config.read_bytes()
    code, out, _ = host.run("--dry-run", "--offline")
    assert code == 1
    assert "+  hooks: { enabled: true" in out
    assert "SKILL.md" in out
    applied = host.document("--dry-run", "--offline")["result"]["applied"]
    assert "relay.not_configured" in {one["code"] for one in applied["left"]}
    assert all(f"  {one['code']}: " in out for one in applied["left"])
    assert out.rstrip().splitlines()[-2:] == ["", "activation_state=blocked"]
    assert (sorted(host.home.rglob("*")), host.config.read_bytes()) == before


def test_no_output_ever_holds_a_secret(host: Host) -> None:
    texts = []
    for arguments in (
        ("verify-runtime", "--offline", "-v"),
        ("--dry-run", "--offline", "--json"),
        ("verify-runtime", "--fix-hooks", "--offline", "--yes"),
        ("undo", "--yes"),
        ("--yes", "--offline", "--json"),
        ("uninstall", "--dry-run"),
    ):
        _, out, err = host.run(*arguments)
        texts += [out, err]
    for secret in (GATEWAY_TOKEN, HOOK_TOKEN):
        assert not any(secret in text for text in texts)


def test_without_a_terminal_nothing_is_changed_without_consent(host: Host) -> None:
    before = host.config.read_bytes()
    document = host.document("--offline")
    assert document["exit_code"] == 2
    assert document["errors"][0]["code"] == "usage.consent"
    assert host.config.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("verify-runtime", "--nonsense"), "--nonsense"),
        (("no-such-command",), "no-such-command"),
        (("--profile", "../x", "verify-runtime"), "profile"),
        (("verify-runtime", "--route-mode", "sideways"), "sideways"),
        (("undo", "20200101T000000Z-none"), "20200101T000000Z-none"),
        (("undo",), "nothing to undo"),
    ],
)
def test_wrong_usage_is_exit_code_two_with_one_document(
    host: Host, arguments: tuple[str, ...], word: str
) -> None:
    document = host.document(*arguments)
    assert document["exit_code"] == 2
    assert document["result"] is None
    assert word in document["errors"][0]["message"]


def test_errors_for_a_person_say_what_to_do_next(host: Host) -> None:
    code, out, err = host.run("undo")
    assert (code, out) == (2, "")
    assert "error: " in err
    assert "  next: " in err


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "config.missing"),
        ("", "config.empty"),
        ("{ gateway: { mode: ", "config.syntax"),
        ("[]", "config.not_object"),
    ],
)
def test_a_bad_config_blocks_with_its_own_error_and_is_left_alone(
    host: Host, content: str | None, code: str
) -> None:
    if content is None:
        host.config.unlink()
    else:
        host.write(content)
    for arguments in (("verify-runtime",), ("verify-runtime", "--fix-hooks", "--yes"), ("--yes",)):
        document = host.document(*arguments)
        assert document["exit_code"] == 1
        assert document["errors"][0]["code"] == code
        assert document["result"]["activation_state"] == "blocked"
        assert document["result"]["blockers"][0]["code"] == code
    assert host.config.exists() is (content is not None)
    if content is not None:
        assert host.config.read_text() == content


def test_a_state_folder_that_is_a_file_is_told(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for arguments in (("verify-runtime",), ("verify-runtime", "--fix-hooks", "--yes"), ("--yes",)):
        document = host.document(*arguments, "--state-dir", str(file))
        assert document["exit_code"] == 1
        assert document["errors"][0]["code"] == "host.state_is_file"
        assert document["result"]["activation_state"] == "blocked"
        assert_valid(document["result"], "activation-report")
    assert host.document("undo", "--state-dir", str(file))["errors"][0]["code"] == "host.state_is_file"


def test_an_unexpected_error_goes_to_a_log_without_the_values_at_hand(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_arguments: object, **_named: object) -> None:
        raise RuntimeError(f"choked on {HOOK_TOKEN}")

    monkeypatch.setattr("openclaw_install.setup.verify.verify_runtime", explode)
    document = host.document("verify-runtime")
    assert document["exit_code"] == 3
    error = document["errors"][0]
    assert error["code"] == "unexpected"
    assert error["next_step"].startswith("openclaw-install report ")
    log = Path(error["next_step"].split()[-1])
    text = log.read_text()
    assert "RuntimeError" in text
    assert "explode" in text
    assert HOOK_TOKEN not in text
    assert HOOK_TOKEN not in json.dumps(document)
    assert log.stat().st_mode & 0o777 == 0o600


def test_an_unexpected_error_is_told_even_when_no_log_can_be_written(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_install.setup.verify.verify_runtime", lambda *_arguments, **_named: 1 / 0)
    (host.home / ".local").write_text("a file where the log folder would be")
    document = host.document("verify-runtime")
    assert (document["exit_code"], document["errors"][0]["code"]) == (3, "unexpected")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_is_exit_code_130(
    host: Host, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    def interrupted(*_arguments: object, **_named: object) -> None:
        raise stop

    monkeypatch.setattr("openclaw_install.setup.verify.verify_runtime", interrupted)
    assert host.document("verify-runtime")["exit_code"] == 130


def test_skills_check_judges_folders_and_single_files(host: Host, tmp_path: Path) -> None:
    good, bad = tmp_path / "s" / "good", tmp_path / "s" / "bad"
    for folder, text in ((good, "---\nname: good\ndescription: does good\n---\n"), (bad, "no frontmatter")):
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(text)
    document = host.document("skills", "check", str(tmp_path / "s"))
    assert_valid(document["result"], "skills-check")
    assert document["exit_code"] == 1
    assert {skill["path"]: skill["valid"] for skill in document["result"]["skills"]} == {
        str(bad / "SKILL.md"): False,
        str(good / "SKILL.md"): True,
    }
    document = host.document("skills", "check", str(good / "SKILL.md"))
    assert document["exit_code"] == 0
    (skill,) = document["result"]["skills"]
    assert (skill["name"], skill["description"]) == ("good", "does good")
    assert host.document("skills", "check", str(tmp_path / "nowhere"))["exit_code"] == 2


def test_skills_check_of_folders_works_beside_a_broken_config(host: Host, tmp_path: Path) -> None:
    host.write("{ broken")
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: s\ndescription: fine\n---\n")
    document = host.document("skills", "check", str(folder))
    assert document["ok"]
    assert document["result"]["skills"][0]["valid"]
    (note,) = document["result"]["notes"]
    assert "config" in note
    assert host.document("skills", "check")["errors"][0]["code"] == "config.syntax"


def test_skills_list_shows_roots_in_precedence_order_and_who_wins(host: Host) -> None:
    state = host.home / ".openclaw"
    for root in (state / "workspace" / "skills", state / "skills"):
        (root / "twin").mkdir(parents=True)
        (root / "twin" / "SKILL.md").write_text("---\nname: twin\ndescription: d\n---\n")
    document = host.document("skills", "list")
    assert_valid(document["result"], "skills-list")
    found = {root["source"]: root["skills"] for root in document["result"]["roots"] if root["skills"]}
    assert list(found) == ["openclaw-workspace", "openclaw-managed"]
    assert found["openclaw-workspace"][0]["wins"]
    shadowed = found["openclaw-managed"][0]
    assert (shadowed["name"], shadowed["wins"]) == ("twin", False)
    assert shadowed["winner"] == found["openclaw-workspace"][0]["path"]
    assert document["exit_code"] == 0


def test_no_line_of_an_error_can_pass_for_one_of_ours(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise InstallError("two lines:\nactivation_state=ready_waiting_inbound", next_step="none")

    monkeypatch.setattr("openclaw_install.setup.removal.undo", fail)
    _, _, err = host.run("undo")
    assert err.splitlines() == [
        "error: two lines:",
        "       activation_state=ready_waiting_inbound",
        "  next: none",
    ]


def test_hostile_names_reach_the_terminal_without_their_escapes(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "evil\x1b[31m"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\ndescription: a\x1b[2Jb\n---\n")
    _, out, err = host.run("skills", "check", str(folder))
    assert "\x1b" not in out + err
    assert "\\x1b" in out


def test_help_and_version_are_plain_answers(host: Host) -> None:
    assert host.run("--version") == (0, f"openclaw-install, version {__version__}\n", "")
    code, out, _ = host.run("--help")
    assert code == 0
    for command in ("verify-runtime", "skills", "undo", "uninstall", "demo"):
        assert command in out


def _on_a_terminal(host: Host, *arguments: str, answer: bytes, **env: str) -> tuple[int, str]:
    """Runs the program on a pseudo-terminal, types `answer` at its question, gives exit code and screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "openclaw_install", *arguments],
        env={**os.environ, **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads here
    )
    os.close(theirs)
    screen = b""
    silences = 0
    while silences < 60:
        asked = b"[y/N]" in screen
        if not select.select([ours], [], [], 1 if asked else 5)[0]:
            silences += 1
            # A Ctrl-C in the instant before the read is lost to Python; a person would press it again.
            if asked:
                os.write(ours, answer)
            continue
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end has closed
            break
        screen += part
        if not asked and b"[y/N]" in screen:
            os.write(ours, answer)
    else:
        process.kill()
    os.close(ours)
    return process.wait(), screen.decode()


def test_consent_is_asked_on_a_terminal_and_a_no_changes_nothing(host: Host) -> None:
    before = host.config.read_bytes()
    code, screen = _on_a_terminal(host, "verify-runtime", "--fix-hooks", "--offline", answer=b"n\n")
    assert code == 1
    assert "Make these changes? [y/N]" in screen
    assert "declined" in screen
    assert host.config.read_bytes() == before
    code, screen = _on_a_terminal(host, "verify-runtime", "--fix-hooks", "--offline", answer=b"y\n")
    assert code == 1
    assert "relay.not_configured" in screen
    assert "hooks.boot" not in screen.split("activation_state")[0].split("blocked by:")[-1]
    assert host.config.read_bytes() != before


def test_ctrl_c_at_the_question_changes_nothing(host: Host) -> None:
    before = host.config.read_bytes()
    code, screen = _on_a_terminal(host, "--offline", answer=b"\x03")
    assert code == 130
    assert "\nerror: interrupted" in screen
    assert host.config.read_bytes() == before


def test_colour_needs_a_terminal_and_no_no_color(host: Host) -> None:
    fix = ("verify-runtime", "--fix-hooks", "--offline")
    assert "\x1b[32m+" in _on_a_terminal(host, *fix, answer=b"n\n", NO_COLOR="", TERM="xterm")[1]
    assert "\x1b[" not in _on_a_terminal(host, *fix, answer=b"n\n", NO_COLOR="1")[1]
    assert "\x1b[" not in host.run(*fix, "--yes")[2]


def test_a_reader_that_has_gone_is_no_error(host: Host) -> None:
    command = [sys.executable, "-m", "openclaw_install", "verify-runtime", "--offline"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        assert process.wait() == 1


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_answer_that_cannot_be_written_is_no_success(host: Host, more: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "openclaw_install", "skills", "list", *more]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: the answer cannot be written: ")
    assert "Traceback" not in done.stderr


def test_half_a_surrogate_pair_of_a_config_is_escaped_in_the_document(host: Host) -> None:
    host.write(f"{{hooks: {{enabled: true, token: '{HOOK_TOKEN}', allowedSessionKeyPrefixes: ['\\ud83d']}}}}")
    assert "\\ud83d" in host.run("verify-runtime", "--offline", "--json")[1]


def test_the_module_runs_as_a_program(host: Host) -> None:
    command = [sys.executable, "-m", "openclaw_install", "verify-runtime", "--offline", "--json"]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["result"]["activation_state"] == "blocked"


def test_a_command_that_needs_no_network_pays_for_none(host: Host) -> None:
    script = (
        "import sys; from openclaw_install.surfaces.cli.boundary import run_command;"
        "from openclaw_install.surfaces.cli.main import cli;"
        "run_command(cli, ['verify-runtime', '--offline', '--json']);"
        "heavy = ('httpx', 'asyncio', 'jsonschema', 'yaml', 'mcp');"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_dry_run_tells_of_the_relay_that_it_would_connect_to(host: Host) -> None:
    document = host.document("--with-hub", "--dry-run", "--offline")
    assert document["exit_code"] == 0
    assert document["result"]["applied"]["next_step"] == "openclaw-install --with-hub"
    connected = document["result"]["connected"]
    assert connected["relay"].startswith("http://127.0.0.1:")
    assert (connected["outcome"], connected["created"]) == ("planned", True)
    assert not (host.home / ".pingagent").exists()
