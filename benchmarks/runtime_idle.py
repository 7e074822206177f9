"""What the runtime costs while nothing happens, and how long it takes from start to watching.

Usage: python -m benchmarks.runtime_idle [COUNT...]; exit code 1 if a target is missed.
The runtime is the detached one, its guardian included, with the real watcher over COUNT skills and a hub on
loopback, and everything in step; at the end, that of a host with the bridge and the embedded hub, connected.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.sync_flow import write_skills
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.server import running_hub
from openclaw_install.hub.settings import HubSettings

_COUNTS = (20, 2000)
# What a start, and the first look at files that were just made, still have to do is not idling.
_SETTLE_SECONDS = 65.0
# One look of the watcher at everything is among them.
_IDLE_SECONDS = 60.0
_IDLE_PERCENT = 0.5
_IDLE_MB = 100.0
_STARTS = 3
_PROGRAM = (sys.executable, "-m", "openclaw_install")


def main() -> int:
    """Prints the figures; returns 1 if a target is missed."""
    missed: list[str] = []
    for count in [int(word) for word in sys.argv[1:]] or list(_COUNTS):
        with tempfile.TemporaryDirectory() as folder:
            missed += _case(Path(folder), count)
    with tempfile.TemporaryDirectory() as folder:
        missed += _bridge_case(Path(folder))
    for miss in missed:
        print(f"MISSED: {miss}")
    return 1 if missed else 0


def _case(folder: Path, count: int) -> list[str]:
    home = folder / "home"
    write_skills(home, count)
    limits = Limits(requests_per_second=1e6, burst=10**6)
    with running_hub(folder / "hub", settings=HubSettings(limits=limits)) as hub:
        hub.create_agent("main", "owner")
        key = hub.create_key("owner").reveal()
        private = {"HOME": str(home), "MYSTA_MCP_URL": hub.url, "MYSTA_API_KEY": key}
        env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")} | private
        _run(["sync", "--all", "--yes", "--keep"], env)
        try:
            starts = [_start(env) for _ in range(_STARTS)]
            report = _run(["runtime", "status", "--json"], env)["result"]
            assert report["state"] == "running", report
            percent, megabytes, guardian = _idle(int(report["pid"]))
        finally:
            _run(["runtime", "stop", "--json"], env)
    print(f"{count:5} skills: from `runtime start` to watching {min(starts):.2f} s (best of {_STARTS})")
    print(f"  idle for {_IDLE_SECONDS:.0f} s: {percent:.2f} % of a core, {megabytes:.0f} MB resident")
    print(f"  its guardian: {guardian:.0f} MB, counted in the share of the core")
    missed = [f"{percent:.2f} % of a core"] if percent >= _IDLE_PERCENT else []
    return [*missed, *([f"{megabytes:.0f} MB"] if megabytes >= _IDLE_MB else [])]


def _bridge_case(folder: Path) -> list[str]:
    """A host without a gateway: the bridge is connected to the relay, and has nothing to take anywhere."""
    state = folder / ".openclaw"
    state.mkdir(mode=0o700)
    config = state / "openclaw.json"
    config.write_text('{ gateway: { mode: "local" } }\n')
    config.chmod(0o600)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PINGAGENT_"))}
    env |= {"HOME": str(folder)}
    try:
        _run(["--with-hub", "--yes", "--offline"], env)
        report = _run(["runtime", "status", "--json"], env)["result"]
        phases = {part["name"]: part["phase"] for part in report["components"]}
        assert (phases["hub"], phases["bridge"]) == ("ready", "ready"), report
        pid = int(report["pid"])
        hub = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        before = _cpu(pid), _cpu(hub)
        time.sleep(_IDLE_SECONDS)
        ticks = os.sysconf("SC_CLK_TCK") * _IDLE_SECONDS / 100
        bridge, relay = (_cpu(pid) - before[0]) / ticks, (_cpu(hub) - before[1]) / ticks
        megabytes = _megabytes(pid), _megabytes(hub)
    finally:
        _run(["uninstall", "--yes"], env)
    print(f"bridge: idle for {_IDLE_SECONDS:.0f} s: {bridge:.2f} % of a core, {megabytes[0]:.0f} MB resident")
    print(f"  the embedded hub: {relay:.2f} %, {megabytes[1]:.0f} MB")
    return [f"the bridge takes {bridge:.2f} % of a core"] if bridge >= _IDLE_PERCENT else []


def _start(env: Mapping[str, str]) -> float:
    _run(["runtime", "stop", "--json"], env)
    began = time.perf_counter()
    _run(["runtime", "start", "--json"], env)
    return time.perf_counter() - began


def _idle(pid: int) -> tuple[float, float, float]:
    """Percent of a core of the runtime and its guardian, resident megabytes of each."""
    guardian = int(_status(pid)["PPid"])
    time.sleep(_SETTLE_SECONDS)
    before = _cpu(pid) + _cpu(guardian)
    time.sleep(_IDLE_SECONDS)
    spent = (_cpu(pid) + _cpu(guardian) - before) / os.sysconf("SC_CLK_TCK")
    return 100 * spent / _IDLE_SECONDS, _megabytes(pid), _megabytes(guardian)


def _cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _megabytes(pid: int) -> float:
    return int(_status(pid)["VmRSS"].split()[0]) / 1024


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _run(words: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run([*_PROGRAM, *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "runtime" in words or "--offline" in words, done.stderr
    return json.loads(done.stdout) if "--json" in words else {}


if __name__ == "__main__":
    sys.exit(main())
