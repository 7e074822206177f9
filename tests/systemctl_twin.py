"""`systemctl --user` for a test: keeps one unit as a process, by the rules that matter here.

Usage: python -m tests.systemctl_twin FOLDER --user VERB [WORDS]...
FOLDER/refuse-view, where it is there, stands for a kernel without user namespaces.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_SECONDS = 30.0


def main(folder: Path, verb: str, words: list[str]) -> int:
    """One call."""
    with (folder / "calls").open("a") as calls:
        calls.write(" ".join([verb, *words]) + "\n")
    if verb == "show":
        print("Version=252")
    elif verb == "start":
        return _start(folder, words[-1])
    elif verb == "stop" or "--now" in words:
        _stop(folder)
    return 0


def _start(folder: Path, name: str) -> int:
    unit = (Path.home() / ".config/systemd/user" / name).read_text()
    if "ProtectSystem=strict" in unit and (folder / "refuse-view").exists():
        print("Job failed: status=226/NAMESPACE", file=sys.stderr)
        return 1
    settings = [line.partition("=") for line in unit.splitlines()]
    command = next(shlex.split(value.replace("%%", "%")) for key, _, value in settings if key == "ExecStart")
    # A service gets next to nothing of the shell's variables.
    env = {name: os.environ[name] for name in ("HOME", "PATH", "PYTHONPATH") if name in os.environ}
    env |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(folder / "notify"))
        ear.settimeout(_SECONDS)
        env["NOTIFY_SOCKET"] = str(folder / "notify")
        process = subprocess.Popen(
            command,
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (folder / "pid").write_text(str(process.pid))
        while ear.recv(200) != b"READY=1":
            pass
    (folder / "notify").unlink()
    return 0


def _stop(folder: Path) -> None:
    pid = folder / "pid"
    if not pid.exists():
        return
    number = int(pid.read_text())
    pid.unlink()
    end = time.monotonic() + _SECONDS
    os.kill(number, signal.SIGTERM)
    while _lives(number) and time.monotonic() < end:
        time.sleep(0.02)


def _lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[3], sys.argv[4:]))
