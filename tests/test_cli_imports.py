"""What a command loads: no MCP code and no pydantic, which cost more than the command itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pingagent_rig import Profile

_PROGRAM = """
import sys
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.pingagent import pingagent
code = run_command(pingagent, sys.argv[1:], program="pingagent", bare="pingagent")
heavy = [name for name in sys.modules if name.split(".")[0] in {"mcp", "mcp_types", "pydantic", "jsonschema"}]
heavy += [name for name in sys.modules if name.startswith("openclaw_install.surfaces.mcp")]
print(code, heavy, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [("whoami",), ("sessions",), ("inbox",), ("timeline", "--session", "@baker"), ("tail", "--once")],
    ids=" ".join,
)
def test_a_verb_loads_neither_mcp_code_nor_pydantic(tmp_path: Path, words: tuple[str, ...]) -> None:
    profile = Profile.make(tmp_path / "home")
    profile.meet("baker")
    profile.receive("baker", "hello")
    command = [sys.executable, "-c", _PROGRAM, *words, "--json"]
    done = subprocess.run(
        command, env={"HOME": str(profile.home)}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr == "0 []\n"
