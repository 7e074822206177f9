"""Programs that hold keys leave no core dump, and no other program may look into them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ASKED = """
import ctypes, resource, sys
from unittest import mock

ask = getattr(ctypes.CDLL(None), "prctl", lambda *_: 0)  # PR_GET_DUMPABLE; Linux has it

def tell(*_, **__):
    print(resource.getrlimit(resource.RLIMIT_CORE), ask(3, 0, 0, 0, 0))
    return 0

{act}
"""
_ENTRY = """
with mock.patch("openclaw_install.surfaces.cli.boundary.run_command", tell):
    from openclaw_install.surfaces.cli.{module} import entry_point
    entry_point()
"""
_GUARDIAN = """
from openclaw_install.runtime import guardian
with mock.patch.object(guardian.os, "pipe", lambda: sys.exit(tell())):
    guardian.main(["folder", "stderr"])
"""
_SELF = """
from openclaw_install.common.private_memory import keep_memory_private
keep_memory_private()
from pathlib import Path
for name in ("fdinfo", "fd") if Path("/proc/self").exists() else ():
    assert list(Path("/proc/self", name).iterdir()), "what this process needs of itself stays readable"
tell()
"""


@pytest.mark.parametrize(
    "act", [_ENTRY.format(module="main"), _ENTRY.format(module="pingagent"), _GUARDIAN, _SELF]
)
def test_every_program_of_ours_begins_by_keeping_its_memory_private(act: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASKED.format(act=act)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["(0,", "0)", "0"], done.stderr
