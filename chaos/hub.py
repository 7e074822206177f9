"""A real `hub run` as a process of its own: started, killed, started again at the same address."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from chaos.processes import PROGRAM, GaveUpError, Processes, kill, own_environment, wait_for

RELAY = "/relay/v1"


@dataclass
class Hub:
    """One hub over one folder.

    Attributes:
        folder: holds the hub's data and its log.
        files: its limit of open files; None leaves it.
        data: where its databases are; None means below `folder`.
        port: 0 until the first start.
        relay_id, run: what tokens are signed for.
    """

    processes: Processes
    folder: Path
    files: int | None = None
    data: Path | None = None
    port: int = 0
    relay_id: str = ""
    run: str | None = None
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def log(self) -> Path:
        return self.folder / "hub.log"

    @property
    def database(self) -> Path:
        return self._data / "relay.db"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def _data(self) -> Path:
        return self.data or self.folder / "data"

    def start(self) -> Hub:
        """Starts it and waits until it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self._command()
        begun_at = self.log.stat().st_size if self.log.exists() else 0
        self.process = self.processes.start(command, self.log, own_environment(self.folder))
        ready = wait_for(lambda: self._ready(begun_at), "a hub that serves")
        self.port = urlsplit(str(ready["url"])).port or 0
        about = httpx.get(f"{self.url}{RELAY}/about", timeout=60).json()
        self.relay_id, self.run = str(about["relay_id"]), about.get("run")
        return self

    def kill(self) -> None:
        """As `kill -9`."""
        kill(self.process)

    def restart(self) -> None:
        """Kills it and starts it again."""
        self.kill()
        self.start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def errors(self) -> int:
        """Lines of the log that tell of something unexpected."""
        return sum(_is_error(line) for line in self._lines(0))

    def megabytes(self) -> int | None:
        """Resident memory; None where this system does not tell."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        found = next((line for line in status.splitlines() if line.startswith("VmRSS:")), None)
        return None if found is None else int(found.split()[1]) // 1024

    def _command(self) -> Sequence[str]:
        limited = () if self.files is None else (sys.executable, "-m", "chaos.limited", str(self.files))
        words = ("hub", "run", "--data", str(self._data), "--port", str(self.port))
        return (*limited, *PROGRAM, *words, "--json", "--no-access-log", "--until-eof")

    def _ready(self, begun_at: int) -> Mapping[str, Any] | None:
        if not self.alive:
            raise GaveUpError(f"the hub ended: {self.log.read_text(errors='replace')[-2000:]}")
        return next((line for line in self._lines(begun_at) if line.get("event") == "ready"), None)

    def _lines(self, start: int) -> list[dict[str, Any]]:
        """The log's whole lines from a place on."""
        with self.log.open("rb") as stream:
            stream.seek(start)
            lines = stream.read().split(b"\n")[:-1]
        return [_parsed(line) for line in lines]


def _parsed(line: bytes) -> dict[str, Any]:
    """A line; one that is no JSON object was not written by the hub's log, as a traceback is not."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"event": "error", "raw": line.decode(errors="replace")}


def _is_error(line: Mapping[str, Any]) -> bool:
    return line.get("event") == "error" or line.get("level") in {"error", "critical"}
