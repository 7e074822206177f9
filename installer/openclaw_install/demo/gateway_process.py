"""One gateway process of ours: wait until it serves or refuses, read its log, end it and its children."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import InstallError
from openclaw_install.common.http_client import http_client

_REFUSAL = re.compile(r"Gateway failed to start: (?P<reason>.*?)(?: Run openclaw gateway status|\n|$)")
_POLL_SECONDS = 0.05
_STOP_SECONDS = 30.0


class GatewayStartError(InstallError):
    """The demo's gateway did not come up."""

    code = "demo.gateway"


@dataclass
class GatewayProcess:
    """A started `openclaw gateway run`, with its output in `log`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @classmethod
    def start(cls, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, port: int) -> GatewayProcess:
        """Starts the gateway as the leader of its own process group, so that `stop` reaches its children."""
        log = cwd / f"gateway-{time.monotonic_ns()}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, port, log)

    def output(self) -> str:
        """All that it printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def refusal(self) -> str | None:
        """Why the gateway refused to start, in its own words; None while it has not."""
        found = _REFUSAL.search(self.output())
        return found["reason"].strip() if found else None

    def serves(self) -> bool:
        """Whether `GET /readyz` answers 200: `/healthz` does so before hooks are taken."""
        import httpx

        url = f"http://127.0.0.1:{self.port}/readyz"
        try:
            with http_client(httpx.Client, url, timeout=2) as client:
                return bool(client.get(url).status_code == 200)
        except httpx.HTTPError:
            return False

    def outcome(self, timeout: float) -> str | None:
        """Waits until the gateway serves (None) or refuses (the reason).

        Raises:
            GatewayStartError: neither happened within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            # The refusal is looked for first: after it the process lingers to write diagnostics.
            if reason := self.refusal():
                return reason
            if self.process.poll() is not None:
                return self.refusal() or f"exit {self.process.returncode}: {self._tail()}"
            if self.serves():
                return None
            time.sleep(_POLL_SECONDS)
        raise GatewayStartError(
            f"the gateway neither served nor refused within {timeout:.0f} s: {self._tail()}",
            next_step="run the command again; on a loaded machine the start can take longer",
        )

    def wait_ready(self, timeout: float) -> None:
        """Waits until the gateway serves.

        Raises:
            GatewayStartError: it refused, or `timeout` seconds passed.
        """
        if reason := self.outcome(timeout):
            # Its log goes with the scratch folder, so the reason has to stand here.
            raise GatewayStartError(
                f"the gateway refused to start: {reason}",
                next_step="repair what it names and run the command again",
            )

    def stop(self) -> None:
        """Ends the process and everything that it started; returns when they are gone."""
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()
        # Children that outlived the leader are still in its group.
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def _tail(self) -> str:
        return " | ".join(self.output().strip().splitlines()[-3:])
