"""The demo's story on a real OpenClaw: set up, break, repair, one inbound message, and the way back."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.common.http_client import http_client
from openclaw_install.demo import cloud_chapter, message_chapter
from openclaw_install.demo.expectation import require
from openclaw_install.demo.gateway_process import GatewayProcess
from openclaw_install.demo.interruption import DemoInterruptedError, interrupted_once
from openclaw_install.demo.provision import OpenClaw, provision, require_space
from openclaw_install.demo.scratch_host import ScratchHost, forget_locks, held_port
from openclaw_install.demo.stub_model import StubModel, running_stub
from openclaw_install.host.config.document import read_config
from openclaw_install.host.gateway.probe import GatewayAddress, ask_gateway
from openclaw_install.host.hooks.policy import read_policy
from openclaw_install.messaging.profile_settings import load_settings
from openclaw_install.protocol.profile import profile_paths

_OURS = (sys.executable, "-m", "openclaw_install")
_PING = (
    sys.executable,
    "-c",
    "from openclaw_install.surfaces.cli.pingagent import entry_point; entry_point()",
)
_USUAL_HUB_PORT = 8787
_SPACE = 100_000_000
_COMMAND_TIMEOUT = 120.0
_TURN_TIMEOUT = 120.0
_REPLY = "Got it: the tests run in CI, and I will report here."
_MESSAGE = "From did:agent:demo: can you fix the failing tests?"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Chapter:
    """One step of the story, as it really happened.

    Attributes:
        title: what it shows.
        seconds: how long it took.
        facts: what was observed.
    """

    title: str
    seconds: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class Story:
    """The whole demo; it is only returned when every chapter went as told."""

    openclaw_version: str
    chapters: tuple[Chapter, ...]


def tell_story(tell: Tell, progress: Tell, *, openclaw: OpenClaw | None = None) -> Story:
    """Plays the whole story on a scratch host and leaves nothing behind, also when it is interrupted.

    Args:
        tell: receives the story's lines.
        progress: receives what takes a while.
        openclaw: the program to use; provisioned unless given.

    Raises:
        ProvisionError: OpenClaw could not be fetched, or the disk is full.
        StoryError, GatewayStartError: something went otherwise than told.
        DemoInterruptedError: it was interrupted.
    """
    program = openclaw or provision(progress)
    with (
        interrupted_once(),
        tempfile.TemporaryDirectory(prefix="openclaw-install-demo-") as folder,
        running_stub(StubModel(reply=lambda said: message_chapter.stub_reply(said, _REPLY))) as stub,
    ):
        require_space(Path(folder), _SPACE, "the demo", "TMPDIR")
        teller = _Teller(tell, _host(program, Path(folder)), stub)
        try:
            return Story(program.version, tuple(teller.chapters(progress)))
        except KeyboardInterrupt as error:
            progress("interrupted: ending what runs and removing the scratch folder")
            raise DemoInterruptedError(
                "interrupted; nothing of the demo is left", next_step="run the command again"
            ) from error
        finally:
            teller.end()


def _host(program: OpenClaw, root: Path) -> ScratchHost:
    """A host that finds our commands by name, as after `pip install`, and has temporary files of its own."""
    temporary = root / "tmp"
    temporary.mkdir(mode=0o700)
    places = (sysconfig.get_path("scripts"), str(program.node.parent), os.environ.get("PATH", os.defpath))
    return ScratchHost(program, root, extra_env={"PATH": os.pathsep.join(places), "TMPDIR": str(temporary)})


class _Teller:
    def __init__(self, tell: Tell, host: ScratchHost, stub: StubModel) -> None:
        self.tell = tell
        self.host = host
        self.stub = stub
        self.gateway: GatewayProcess | None = None

    def chapters(self, progress: Tell) -> Iterator[Chapter]:
        self._write_first_config()
        progress("starting a real OpenClaw gateway on a free loopback port (about ten seconds)")
        with self.host.gateway() as self.gateway:
            for title, play in (
                ("One command sets the host up", self._set_up),
                ("Somebody edits the config: a time bomb that OpenClaw's own check calls valid", self._break),
                ("The report names the rule that would stop the next start", self._report),
                ("The repair, as a diff, proved on the running gateway", self._mend),
                ("The way back: the file as it was, byte for byte", self._undo),
                ("Mended again, an inbound message becomes a completed agent turn", self._message),
                (
                    "Skills on a cloud agent of our own hub: only what changed goes again, then each save",
                    self._cloud,
                ),
                (
                    "Another agent asks, waits for your approval, and has the answer with its receipt",
                    self._agents,
                ),
            ):
                self.tell(f"\n== {title}")
                begun = time.monotonic()
                facts = play()
                yield Chapter(title, round(time.monotonic() - begun, 1), facts)

    def _write_first_config(self) -> None:
        # Else OpenClaw writes its log to a folder that all hosts of the machine share.
        logging = {"file": str(self.host.root / "openclaw.log")}
        config = {
            "gateway": self.host.gateway_config(),
            "logging": logging,
            **self.stub.provider_config(),
        }
        body = json.dumps(config, indent=2)
        self.host.write_config(f"// An operator's own config: comments must survive.\n{body}\n")

    def _set_up(self) -> dict[str, Any]:
        # There the operator's own hub, or that of another demo, may be about to start.
        with held_port(_USUAL_HUB_PORT):
            run = self._ours("--with-hub", "--yes")
        return {"activation_state": _state(run, "ready_waiting_inbound"), "exit_code": run.returncode}

    def _break(self) -> dict[str, Any]:
        path = self.host.config_path
        text = path.read_text()
        # The default key no longer matches a prefix; the line as such looks harmless.
        bombed = text.replace('["hook:im:", "hook:ingress"]', '["hook:im:", "hook:mail:"] /* tidied */')
        require(bombed != text, "the setup wrote no hook policy that could be broken")
        path.write_text(bombed)
        self.tell(next(line for line in bombed.splitlines() if "tidied" in line))
        verdict = self.host.run("config", "validate")
        self.tell("$ openclaw config validate")
        self.tell(verdict.stdout.strip() or verdict.stderr.strip())
        require(verdict.returncode == 0, "openclaw config validate saw the time bomb")
        return {"openclaw_config_validate": verdict.returncode}

    def _report(self) -> dict[str, Any]:
        run = self._ours("verify-runtime")
        state = _state(run, "blocked")
        rule = next((word for word in run.stdout.split() if word.startswith("hooks.boot.")), "")
        require(bool(rule), "the report names no boot rule")
        return {"activation_state": state, "exit_code": run.returncode, "rule": rule}

    def _mend(self) -> dict[str, Any]:
        self.bombed = self.host.config_path.read_bytes()
        run = self._ours("verify-runtime", "--fix-hooks", "--yes")
        return {"activation_state": _state(run, "ready_waiting_inbound"), "exit_code": run.returncode}

    def _message(self) -> dict[str, Any]:
        self._mend()
        before = len(self.stub.requests)
        answer = self._post({"message": _MESSAGE, "sessionKey": "hook:im:demo", "waitForCompletion": True})
        self.tell(f'$ curl -X POST .../hooks/agent -d \'{{"message": "{_MESSAGE}", ...}}\'')
        self.tell(json.dumps(answer))
        reached = any(_MESSAGE in json.dumps(conversation) for conversation in self.stub.requests[before:])
        require(reached, "the message never reached the model")
        self.tell(f"the model saw it, and answered: {_REPLY}")
        status = answer.get("completion", {}).get("status")
        require(status == "ok", f"the turn ended with status {status!r}")
        return {
            "run_id": answer["runId"],
            "status": status,
            "model_requests": len(self.stub.requests) - before,
        }

    def _undo(self) -> dict[str, Any]:
        self._ours("undo", "--yes")
        restored = self.host.config_path.read_bytes()
        require(restored == self.bombed, "undo did not restore the file")
        digest = hashlib.sha256(restored).hexdigest()
        self.tell(f"sha256 of the config, before the repair and now: {digest}")
        return {"sha256": digest, "byte_for_byte": True}

    def _cloud(self) -> dict[str, Any]:
        return cloud_chapter.play(self.host.root, self.host.state_dir / "workspace", self._ours, self.tell)

    def _agents(self) -> dict[str, Any]:
        relay = load_settings(profile_paths(self.host.env, self.host.home))
        require(relay is not None, "the setup named no relay")
        assert relay is not None  # noqa: S101 - for the type checker
        return message_chapter.play(relay.server_url, self.stub, self._ping, self.tell)

    def end(self) -> None:
        """Ends what still runs on the story's host, whenever it was interrupted."""
        if self.gateway and self.gateway.process.poll() is None:
            self.gateway.stop()
        if self.host.state_dir.exists():
            self._run([*_OURS, "runtime", "stop", "--state-dir", str(self.host.state_dir)])
        forget_locks(self.host.root)

    def _ping(self, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        if quiet:
            return self._run([*_PING, *arguments])
        return self._told("pingagent", _PING, arguments)

    def _ours(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self._told("openclaw-install", _OURS, arguments, env)

    def _told(
        self,
        name: str,
        program: Sequence[str],
        arguments: Sequence[str],
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command as part of the story: the line that calls it, and what it prints."""
        self.tell(f"$ {name} {' '.join(arguments)}")
        done = self._run([*program, *arguments], env)
        self.tell(done.stdout.rstrip())
        return done

    def _run(
        self, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**self.host.env, **(env or {})},
            cwd=self.host.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_TIMEOUT,
            check=False,
        )

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        import httpx

        policy = read_policy(read_config(self.host.config_path, self.host.env).data)
        token = policy.token.reveal() if policy.token else ""
        live = ask_gateway(GatewayAddress(self.host.port, policy.path), policy.token)
        require(live.state == "enforced", f"the gateway does not take hooks: {live.detail}")
        with http_client(httpx.Client, GatewayAddress(self.host.port).base, timeout=_TURN_TIMEOUT) as client:
            answer = client.post(
                f"{GatewayAddress(self.host.port).base}{policy.path}/agent",
                json={"sessionMode": "persistent", **body},
                headers={"Authorization": f"Bearer {token}"},
            )
        document: dict[str, Any] = answer.json()
        require(answer.status_code == 200, f"the hook was refused: {document.get('error')}")
        return document


def _state(run: subprocess.CompletedProcess[str], wanted: str) -> str:
    last = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else ""
    require(last == f"activation_state={wanted}", f"expected activation_state={wanted}, got {last!r}")
    return wanted
