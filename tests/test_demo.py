"""The demo's story on the real gateway, what it leaves behind, and how it fails."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from openclaw_install.common.errors import InstallError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.ports import free_port
from openclaw_install.demo import provision as provisioning
from openclaw_install.demo.gateway_process import GatewayProcess, GatewayStartError
from openclaw_install.demo.interruption import interrupted_once, undisturbed
from openclaw_install.demo.message_chapter import ANSWER
from openclaw_install.demo.provision import OpenClaw, ProvisionError, provision
from openclaw_install.demo.story import tell_story
from openclaw_install.demo.stub_model import StubModel, running_stub
from tests.schemas import assert_valid
from tests.support.waiting import until


@pytest.mark.gateway
def test_the_story_goes_as_told_and_leaves_nothing_behind(
    openclaw: OpenClaw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    lines: list[str] = []
    story = tell_story(lines.append, lambda _line: None, openclaw=openclaw)
    assert_valid(jsonable(story), "demo")
    facts = [chapter.facts for chapter in story.chapters]
    assert facts[0] == {"activation_state": "ready_waiting_inbound", "exit_code": 0}
    assert any("bundle    pingagent: installed, eligible" in line for line in lines)
    # There an operator's own hub may start at any time, or that of a second demo.
    assert not any("127.0.0.1:8787" in line for line in lines)
    assert facts[1] == {"openclaw_config_validate": 0}
    assert facts[2]["rule"].startswith("hooks.boot.default_key_outside_prefixes")
    assert facts[3] == {"activation_state": "ready_waiting_inbound", "exit_code": 0}
    assert facts[4]["byte_for_byte"] is True
    assert facts[5]["status"] == "ok"
    assert {"release-notes", "triage"} <= set(facts[6]["first"])
    assert facts[6]["second"] == ["triage"]
    assert facts[6]["live_content"] is True
    assert 0 < facts[6]["milliseconds"] < 30_000
    assert any("was live on the agent after" in line for line in lines)
    assert facts[7]["turns"] == 1
    assert facts[7]["answer"]["text"] == ANSWER
    assert (facts[7]["request"]["seq"], facts[7]["answer"]["seq"] >= 1) == (1, True)
    assert facts[7]["delivery_receipts"] >= 1
    assert any(line.startswith('+    "allowedSessionKeyPrefixes"') for line in "\n".join(lines).splitlines())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.gateway
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_twice_stops_its_gateway_and_removes_its_folder(
    openclaw: OpenClaw, tmp_path: Path, number: signal.Signals
) -> None:
    cache = openclaw.package.parents[3]
    env = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "XDG_CACHE_HOME": str(cache.parent),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "openclaw_install", "demo"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "starting a real OpenClaw" in line:
                break
        until(lambda: _processes_in(tmp_path))
        demo.send_signal(number)
        for line in demo.stdout:
            if "interrupted: ending what runs" in line:
                break
        # Its gateway needs a moment to end; who is impatient must not leave it running.
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        assert demo.wait(60) == 130, rest
        assert "interrupted; nothing of the demo is left" in rest
    assert _processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def _processes_in(folder: Path) -> list[int]:
    """Processes whose working folder lies in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


def test_a_gateway_that_refuses_gives_its_own_reason(tmp_path: Path) -> None:
    """The words are a real one's: `test_hook_oracle` reads them for each rule. It lingers after them."""
    words = "Gateway failed to start: hooks.enabled requires hooks.token Run openclaw gateway status --deep"
    refusing = _script(tmp_path, f"import time; print({words!r}, flush=True); time.sleep(600)")
    with pytest.raises(GatewayStartError, match=r"to start: hooks\.enabled requires hooks\.token$"):
        refusing.wait_ready(30)
    assert refusing.process.poll() is None
    refusing.stop()


def test_an_interruption_waits_until_a_started_process_is_known() -> None:
    begun: list[str] = []
    before = signal.getsignal(signal.SIGTERM)

    def begin() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGTERM)
            begun.append("noted")
        begun.append("never reached")

    with pytest.raises(KeyboardInterrupt), interrupted_once():
        begin()
    assert begun == ["noted"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_beside_the_main_thread_nothing_has_to_wait() -> None:
    done: list[str] = []

    def work() -> None:
        with undisturbed():
            done.append("work")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["work"]


def _script(tmp_path: Path, body: str) -> GatewayProcess:
    return GatewayProcess.start(
        [sys.executable, "-c", body], env=dict(os.environ), cwd=tmp_path, port=free_port()
    )


def test_a_gateway_that_dies_or_stalls_is_told_with_its_last_words(tmp_path: Path) -> None:
    dead = _script(tmp_path, "print('last words'); raise SystemExit(7)")
    assert dead.outcome(30) == "exit 7: last words"
    with pytest.raises(GatewayStartError, match="refused to start: exit 7"):
        dead.wait_ready(30)
    stalled = _script(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(GatewayStartError, match="neither served nor refused"):
        stalled.outcome(0.2)
    stalled.stop()
    assert stalled.process.returncode == -signal.SIGTERM


def test_a_gateway_that_ignores_a_polite_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_install.demo.gateway_process._STOP_SECONDS", 0.1)
    body = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    stubborn = _script(tmp_path, body)
    until(lambda: "up" in stubborn.output())
    stubborn.stop()
    assert stubborn.process.returncode == -signal.SIGKILL


def _ask_stub(port: int, path: str = "/v1/chat/completions") -> httpx.Response:
    body = {"messages": [{"role": "user", "content": "hello"}]}
    return httpx.post(f"http://127.0.0.1:{port}{path}", json=body, timeout=5, trust_env=False)


def test_the_stub_answers_text_and_tool_calls_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    replies: Iterator[str | dict[str, object]] = iter(
        ["fine", {"name": "tool_call", "arguments": {"id": "x"}}]
    )
    with running_stub(StubModel(reply=lambda _messages: next(replies))) as stub:
        assert '"content": "fine"' in _ask_stub(stub.port).text
        assert '"tool_calls"' in _ask_stub(stub.port).text
        assert _ask_stub(stub.port, "/v1/models").status_code == 404
        assert stub.wait_for_requests(2, timeout=1)
        assert not stub.wait_for_requests(3, timeout=0)
    assert capsys.readouterr().err == ""


def test_provisioning_fetches_once_and_cleans_up_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def run(_what: str, command: list[str], _environment: object) -> None:
        calls.append(command)
        if any(word.startswith("openclaw@") for word in command) and len(calls) == 2:
            raise ProvisionError("no network", next_step="wait")

    monkeypatch.setattr(provisioning, "_run", run)
    told: list[str] = []
    with pytest.raises(ProvisionError):
        provision(told.append, cache=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["node-24.19.0"]
    assert provision(told.append, cache=tmp_path).version == provisioning.OPENCLAW_VERSION
    count = len(calls)
    provision(told.append, cache=tmp_path)
    assert len(calls) == count == 3
    assert [line.split()[1] for line in told] == ["Node", "OpenClaw", "OpenClaw"]
    # Nothing is kept in the home folder: what was fetched lies unpacked in our cache.
    npm = calls[-1]
    assert Path(npm[npm.index("--cache") + 1]).is_relative_to(tmp_path)
    assert "--no-cache-dir" in calls[0]


def test_provisioning_borrows_a_pip_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(provisioning, "_run", lambda _what, command, _environment: commands.append(command))
    monkeypatch.setattr(venv, "create", lambda folder, **_options: folder.mkdir())
    provisioning._fetch_node(tmp_path)
    assert commands[0][0] == str(tmp_path / "pip" / "bin" / "python")


def test_a_full_disk_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "_FREE_BYTES_NEEDED", 1 << 62)
    with pytest.raises(ProvisionError, match="MB free") as caught:
        provision(lambda _line: None, cache=tmp_path)
    assert caught.value.error_code == "provision.no_space"


def test_a_full_disk_is_told_before_a_gateway_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("openclaw_install.demo.story._SPACE", 1 << 62)
    absent = OpenClaw("0", tmp_path / "node", tmp_path / "package", tmp_path / "cache")
    with pytest.raises(ProvisionError, match="the demo needs") as caught:
        tell_story(lambda _line: None, lambda _line: None, openclaw=absent)
    assert "TMPDIR" in (caught.value.next_step or "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", [["/nonexistent/program"], [sys.executable, "-c", "raise SystemExit('why')"]]
)
def test_a_failed_fetch_names_what_failed(command: list[str]) -> None:
    with pytest.raises(ProvisionError, match="Node could not be fetched") as caught:
        provisioning._run("Node", command, os.environ)
    assert isinstance(caught.value, InstallError)
    assert caught.value.error_code == "provision.fetch"
