"""`verify-runtime --offline` against `openclaw security audit --json`, and a setup run that changes nothing.

Usage: python -m benchmarks.host_checks
Each figure is the median of several runs as whole processes on the same scratch host; exit code 1 off target.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from openclaw_install.demo.provision import cache_folder, provision
from openclaw_install.demo.scratch_host import ScratchHost

_OURS = (sys.executable, "-m", "openclaw_install")
_RATIO_TARGET = 20.0
_VERIFY_TARGET = 0.25
_SETUP_TARGET = 1.0


def main() -> int:
    """Sets a scratch host up, starts its gateway, and times the three commands."""
    openclaw = provision(lambda line: print(line, file=sys.stderr), cache=cache_folder())
    with tempfile.TemporaryDirectory() as folder:
        host = ScratchHost(openclaw, Path(folder))
        host.write_config({})
        _run(host, [*_OURS, "--yes", "--offline"])
        verify = _median(host, [*_OURS, "verify-runtime", "--offline", "--json"], 15)
        audit = _median(host, openclaw.command("security", "audit", "--json"), 5)
        with host.gateway():
            setup = _median(host, [*_OURS, "--yes", "--json"], 15)
    ratio = audit / verify
    print(f"openclaw security audit --json:       {audit:7.3f} s")
    print(f"openclaw-install verify-runtime --offline: {verify:6.3f} s (target: under {_VERIFY_TARGET} s)")
    print(f"ratio: {ratio:.1f} (target: at least {_RATIO_TARGET:.0f})")
    print(f"setup that changes nothing, gateway asked: {setup:6.3f} s (target: under {_SETUP_TARGET} s)")
    met = ratio >= _RATIO_TARGET and verify < _VERIFY_TARGET and setup < _SETUP_TARGET
    return 0 if met else 1


def _median(host: ScratchHost, command: Sequence[str], rounds: int) -> float:
    """Median wall time of `rounds` runs in seconds, after one that warms the caches up."""
    _run(host, command)
    return statistics.median(_run(host, command) for _ in range(rounds))


def _run(host: ScratchHost, command: Sequence[str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, env=host.env, cwd=host.root, capture_output=True, timeout=120, check=False)
    seconds = time.perf_counter() - begun
    assert done.returncode in {0, 1}, done.stderr.decode()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
