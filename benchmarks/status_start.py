"""How long `openclaw-install status` takes, by the time that Python takes for `import click, httpx`.

Usage: python -m benchmarks.status_start [RUNS]
Prints both and their ratio; exit code 1 if it is over 2.5.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from openclaw_install.messaging.store import Store
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.protocol.profile_files import create_identity

_RATIO = 2.5
_BASE = "import click, httpx"
_STATUS = (
    "from openclaw_install.surfaces.cli.boundary import run_command;"
    "from openclaw_install.surfaces.cli.main import cli;"
    "run_command(cli, ['status'])"
)


def main() -> int:
    """Prints the ratio of the best of each."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        paths = profile_paths({}, home)
        create_identity(paths.identity, time.time())
        Store(paths.store).close()
        # In turns, so that both meet the same machine.
        times = [(_seconds(_BASE, home), _seconds(_STATUS, home)) for _ in range(runs)]
    base, status = (min(column) for column in zip(*times, strict=True))
    ratio = status / base
    print(
        f"import click, httpx: {base * 1000:4.0f} ms   status: {status * 1000:4.0f} ms   ratio: {ratio:.2f}"
    )
    print(f"(target: at most {_RATIO})")
    return 0 if ratio <= _RATIO else 1


def _seconds(script: str, home: Path) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-c", script]
    subprocess.run(command, env={"HOME": str(home)}, capture_output=True, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
