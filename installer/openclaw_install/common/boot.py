"""Identifies the current boot of the machine, for timestamps that are comparable within one boot only."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str:
    """Which run of the machine this is; empty where the system does not tell."""
    if sys.platform == "darwin":
        return _darwin_boot_id()
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""


def _darwin_boot_id() -> str:
    return output_of(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"])


def output_of(command: list[str]) -> str:
    """What a command of the system says; empty where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=False, env={"LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
