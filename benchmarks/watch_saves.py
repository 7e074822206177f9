"""From a save to its acknowledgement with `sync --watch`, against one `sync` for each save.

Usage: python -m benchmarks.watch_saves [COUNT...]; exit code 1 if a target is missed.
The watcher is a process of its own beside a hub on loopback. A time ends when the watcher's line about the
acknowledgement is read; the debounce's share ends with the line that says what changed. Some saves come after
a calm while, when caches and connections are cold. It idles once it has looked at what the saves changed.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sync_flow import write_skills
from openclaw_install.host.locate import locate
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.server import running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.sync.consent import StandingChoice, record_choice
from openclaw_install.sync.ledger import Ledger

_COUNTS = (1, 2000)
_SAVES = 200
_P50_MS = 60.0
_P99_MS = 150.0
_CALM_SAVES = 6
_CALM_SECONDS = 10.5
# The look at everything that follows a save reads everything; the next ones, every minute, do not.
_SETTLE_SECONDS = 65.0
_IDLE_SECONDS = 60.0
_IDLE_PERCENT = 0.5
_IDLE_MB = 100.0
_RUNS = 5
_PROGRAM = (sys.executable, "-m", "openclaw_install", "sync")


@dataclass(frozen=True)
class Save:
    """Milliseconds from a save to the line about the change, and to the one about the acknowledgement."""

    noticed: float
    acknowledged: float


def main() -> int:
    """Prints the figures; returns 1 if a target is missed."""
    missed: list[str] = []
    for count in [int(word) for word in sys.argv[1:]] or list(_COUNTS):
        with tempfile.TemporaryDirectory() as folder, _machine(Path(folder), count) as env:
            missed += _case(Path(folder) / "home", env, count)
    for miss in missed:
        print(f"MISSED: {miss}")
    return 1 if missed else 0


def _case(home: Path, env: Mapping[str, str], count: int) -> list[str]:
    _finished([*_PROGRAM, "--all", "--yes"], env)
    _chosen(home, env)
    path = home / ".openclaw" / "skills" / "skill-0000" / "SKILL.md"
    began = time.perf_counter()
    with subprocess.Popen(
        [*_PROGRAM, "--watch", "--json"], env=env, stdout=subprocess.PIPE, text=True
    ) as watcher:
        try:
            assert watcher.stdout is not None
            events = (json.loads(line) for line in watcher.stdout)
            _next(events, "watching")
            started = time.perf_counter() - began
            _save(path, -1)
            _next(events, "acknowledged")  # the first one also opens the session
            saves = [_measured(events, path, number) for number in range(_SAVES)]
            calm = [_measured(events, path, -2 - number, _CALM_SECONDS) for number in range(_CALM_SAVES)]
            percent, megabytes = _idle(watcher.pid)
        finally:
            watcher.terminate()
    single = min(_one_run(env, path, number) for number in range(_RUNS))
    print(f"{count:5} skills: from start to watching {started:.2f} s")
    return _told(count, saves, calm, single, (percent, megabytes))


def _chosen(home: Path, env: Mapping[str, str]) -> None:
    """Records the standing choice without `--keep`, whose runtime would send the saves first."""
    with Ledger(home / ".local" / "state" / "openclaw-install" / "sync") as ledger:
        url = env["MYSTA_MCP_URL"]
        agents = tuple(agent.id for agent in ledger.agents(url))
        record_choice(ledger, locate(env), StandingChoice(url, None, agents, (), time.time()))


def _told(
    count: int, saves: Sequence[Save], calm: Sequence[Save], single: float, idle: tuple[float, float]
) -> list[str]:
    taken = sorted(save.acknowledged for save in saves)
    noticed = sorted(save.noticed for save in saves)
    p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    after_calm = sorted(save.acknowledged for save in calm)
    middle, most = after_calm[len(calm) // 2], after_calm[-1]
    print(
        f"  save to acknowledged, {len(taken)} saves: p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"most {taken[-1]:.1f} ms"
    )
    print(f"  of it until the change is noticed and quiet: p50 {noticed[len(noticed) // 2]:.1f} ms")
    print(
        f"  after {_CALM_SECONDS:.0f} s of calm, {len(calm)} saves: p50 {middle:.1f} ms, most {most:.1f} ms"
    )
    print(f"  one `sync NAME` for each save: {single:.0f} ms, ratio {single / p50:.1f}")
    print(f"  idle: {idle[0]:.2f} % of a core, {idle[1]:.0f} MB")
    held = {
        f"p50 {p50:.1f} ms": p50 < _P50_MS,
        f"p99 {p99:.1f} ms": p99 < _P99_MS,
        f"after a calm p50 {middle:.1f} ms": middle < _P50_MS,
        f"idle {idle[0]:.2f} %": idle[0] < _IDLE_PERCENT,
        f"{idle[1]:.0f} MB": idle[1] < _IDLE_MB,
    }
    return [f"{count} skills: {what}" for what, is_held in held.items() if not is_held]


def _measured(events: Iterator[Mapping[str, object]], path: Path, number: int, pause: float = 0.08) -> Save:
    # At all moments of the watcher's own rhythm.
    time.sleep(pause + random.uniform(0.0, 0.04))  # noqa: S311 - no secret
    began = time.perf_counter()
    _save(path, number)
    _next(events, "changed")
    noticed = time.perf_counter() - began
    _next(events, "acknowledged")
    return Save(1000 * noticed, 1000 * (time.perf_counter() - began))


def _save(path: Path, number: int) -> None:
    text = path.read_text().splitlines(keepends=True)
    temporary = path.with_name(".SKILL.md.tmp")
    temporary.write_text("".join([*text[:5], f"Save {number} of process {os.getpid()}.\n", *text[6:]]))
    temporary.replace(path)


def _next(events: Iterator[Mapping[str, object]], kind: str) -> Mapping[str, object]:
    return next(event for event in events if event["kind"] == kind)


def _one_run(env: Mapping[str, str], path: Path, number: int) -> float:
    _save(path, 1000 + number)
    began = time.perf_counter()
    _finished([*_PROGRAM, path.parent.name], env)
    return 1000 * (time.perf_counter() - began)


def _idle(pid: int) -> tuple[float, float]:
    """Percent of a core, and resident megabytes, of a process that has nothing to do."""
    ticks = os.sysconf("SC_CLK_TCK")
    time.sleep(_SETTLE_SECONDS)
    before = _cpu(pid)
    time.sleep(_IDLE_SECONDS)
    spent = (_cpu(pid) - before) / ticks
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return 100 * spent / _IDLE_SECONDS, pages * resource.getpagesize() / 1e6


def _cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _finished(command: Sequence[str], env: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed: {done.stdout[-500:]}{done.stderr[-500:]}")


@contextmanager
def _machine(folder: Path, count: int) -> Iterator[Mapping[str, str]]:
    write_skills(folder / "home", count)
    settings = HubSettings(limits=Limits(requests_per_second=1e6, burst=1_000_000))
    with running_hub(folder / "hub", settings=settings) as hub:
        hub.create_agent("main", "bench")
        env = {n: v for n, v in os.environ.items() if not n.startswith(("XDG_", "OPENCLAW_"))}
        key = hub.create_key("bench").reveal()
        yield {**env, "HOME": str(folder / "home"), "MYSTA_API_KEY": key, "MYSTA_MCP_URL": hub.url}


if __name__ == "__main__":
    sys.exit(main())
