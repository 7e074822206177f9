"""The official conformance suite's client scenarios, played through our own connection code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_install.demo.provision import OpenClaw, cache_folder
from tests.support.conformance import conformance

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.mark.gateway
@pytest.mark.parametrize("scenario", ["initialize", "tools_call", "sse-retry"])
def test_the_official_suite_finds_no_fault_with_the_client(
    openclaw: OpenClaw, scenario: str, tmp_path: Path
) -> None:
    suite = conformance(openclaw.node, cache=_CACHE)
    client = f"{sys.executable} -m tests.sync_conformance_client"
    command = [*suite, "client", "--command", client, "--scenario", scenario, "--output-dir", str(tmp_path)]
    path = f"{openclaw.node.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=_REPOSITORY,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout + done.stderr, done.stdout + done.stderr


_CACHE = cache_folder()
