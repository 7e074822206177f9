"""`sync --all` against the service's own shell flow, on loopback and over a slow TLS link; and pure planning.

Usage: python -m benchmarks.sync_flow [COUNT...]; exit code 1 if a target is missed.
Each figure is a whole process, from start to end, on a hub and a home of its own; the best of several runs.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.certificate import write_certificate
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.hub.settings import HubSettings

_SHELL = Path(__file__).with_name("sync_flow.sh")
_TRIP_MILLISECONDS = 50.0
_COUNTS = (1, 50, 1000)
_TARGET_AT_50 = 10.0
_PLANNED = 2000
_PLANNING_TARGET = 0.3
_FREE = Limits(requests_per_second=1e6, burst=1_000_000)


@dataclass(frozen=True)
class Link:
    """A way to the hub: its URL, and what each side needs to trust it."""

    name: str
    url: str
    ca: Path | None


def main() -> int:
    """Prints both sides of each case; returns 1 if ours loses where it must win."""
    counts = [int(word) for word in sys.argv[1:]] or list(_COUNTS)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            with _hub(Path(folder) / f"hub-{count}") as (hub, key), _links(hub, Path(folder)) as links:
                for link in links:
                    missed += _case(Path(folder), link, count, key)
        missed += _planning(Path(folder))
    for miss in missed:
        print(f"MISSED: {miss}")
    return 1 if missed else 0


def _case(folder: Path, link: Link, count: int, key: str) -> list[str]:
    rounds = 1 if count > 100 else 3
    shell = min(_shell(folder / f"s{count}-{link.name}-{n}", link, count, key) for n in range(rounds))
    ours = min(_ours(folder / f"o{count}-{link.name}-{n}", link, count, key) for n in range(max(2, rounds)))
    ratio = shell / ours
    print(f"{count:5} skills, {link.name:9}: shell {shell:8.2f} s   sync {ours:6.2f} s   ratio {ratio:6.1f}")
    if count == 50 and link.ca is not None and ratio < _TARGET_AT_50:
        return [f"{ratio:.1f} times at 50 skills over the slow link"]
    return [f"{count} skills, {link.name}"] if ratio < 1 and not (count == 1 and link.ca is None) else []


def _shell(home: Path, link: Link, count: int, key: str) -> float:
    skills = write_skills(home, count)
    options = "" if link.ca is None else f"--cacert {link.ca}"
    env = {**os.environ, "MYSTA_API_KEY": key, "MYSTA_MCP_URL": link.url, "CURL_OPTIONS": options}
    return _timed(["bash", str(_SHELL), str(skills)], env)


def _ours(home: Path, link: Link, count: int, key: str) -> float:
    write_skills(home, count)
    return _timed(
        [sys.executable, "-m", "openclaw_install", "sync", "--all", "--yes", "--json"], _env(home, link, key)
    )


def _env(home: Path, link: Link, key: str) -> Mapping[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "OPENCLAW_"))}
    trust = {} if link.ca is None else {"SSL_CERT_FILE": str(link.ca)}
    return {**env, "HOME": str(home), "MYSTA_API_KEY": key, "MYSTA_MCP_URL": link.url, **trust}


def _timed(command: Sequence[str], env: Mapping[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise SystemExit(
            f"{command[-1]} failed with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
        )
    return seconds


def write_skills(home: Path, count: int) -> Path:
    """A home with `count` skills of 4 KB in OpenClaw's managed root; returns the root."""
    root = home / ".openclaw" / "skills"
    for number in range(count):
        name = f"skill-{number:04}"
        (root / name).mkdir(parents=True)
        body = "".join(f"{line}. Read the file, then say what it holds.\n" for line in range(85))
        head = f"---\nname: {name}\ndescription: Does the work of {name}.\n---\n# {name}\n"
        (root / name / "SKILL.md").write_text(head + body)
    return root


@contextlib.contextmanager
def _hub(data: Path) -> Iterator[tuple[RunningHub, str]]:
    with running_hub(data, settings=HubSettings(limits=_FREE)) as hub:
        hub.create_agent("main", "bench")
        yield hub, hub.create_key("bench").reveal()


@contextlib.contextmanager
def _links(hub: RunningHub, folder: Path) -> Iterator[tuple[Link, Link]]:
    certificate, key = write_certificate(folder)
    parts = urlsplit(hub.url)
    command = [sys.executable, "-m", "benchmarks.slow_tls_proxy", str(parts.port), str(certificate), str(key)]
    with subprocess.Popen([*command, str(_TRIP_MILLISECONDS)], stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            port = int(proxy.stdout.readline())
            slow = Link("slow TLS", f"https://127.0.0.1:{port}{parts.path}", certificate)
            yield Link("loopback", hub.url, None), slow
        finally:
            proxy.terminate()


def _planning(folder: Path) -> list[str]:
    home = folder / "planning"
    write_skills(home, _PLANNED)
    with _hub(folder / "hub-planning") as (hub, key):
        env = _env(home, Link("loopback", hub.url, None), key)
        _timed([sys.executable, "-m", "openclaw_install", "sync", "--all", "--yes"], env)
        timer = [sys.executable, "-m", "benchmarks.sync_planning"]
        inside = min(
            float(subprocess.run(timer, env=env, capture_output=True, text=True, check=True).stdout)
            for _ in range(3)
        )
        status = min(
            _timed([sys.executable, "-m", "openclaw_install", "sync", "status"], env) for _ in range(3)
        )
    print(
        f"planning {_PLANNED} unchanged skills: {inside:.3f} s (`sync status` as a process: {status:.3f} s)"
    )
    return [] if inside < _PLANNING_TARGET else [f"planning took {inside:.3f} s"]


if __name__ == "__main__":
    sys.exit(main())
