"""Cures that only a real gateway can try: each is printed, done as it says, and the fault is gone."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.ports import free_port
from openclaw_install.demo.gateway_process import GatewayProcess
from openclaw_install.demo.interruption import undisturbed
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.main import cli

_TOKEN = "hook-s3cret-0123456789abcdef0123456789"
_HOOKS = {
    "enabled": True,
    "token": "${HOOKS_TOKEN}",
    "path": "/hooks",
    "defaultSessionKey": "hook:ingress",
    "allowRequestSessionKey": True,
    "allowedSessionKeyPrefixes": ["hook:im:", "hook:ingress"],
    "allowedAgentIds": ["main"],
}


@pytest.mark.gateway
def test_cases_service_env_token_and_changed_port_are_cured_on_a_real_gateway(
    openclaw: OpenClaw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "host"
    root.mkdir()
    host = ScratchHost(openclaw, root, extra_env={"HOOKS_TOKEN": _TOKEN})
    host.write_config({"hooks": _HOOKS})
    for name, value in host.env.items():
        if name != "HOOKS_TOKEN":
            monkeypatch.setenv(name, value)

    def told() -> dict[str, dict[str, Any]]:
        run_command(cli, ["verify-runtime", "--json"])
        findings = json.loads(capsys.readouterr().out)["result"]["findings"]
        return {one["code"]: one for one in findings}

    with undisturbed():
        first = host.start_gateway()
    second: GatewayProcess | None = None
    try:
        first.wait_ready(90)
        found = told()
        # The gateway has the variable and this shell has not: nothing is claimed of it, and no restart helps.
        assert "gateway.token_differs" not in found
        place = host.state_dir / ".env"
        assert found["hooks.token_unresolved"]["next_step"] == (
            f"run this command with the gateway's value of the variable, or put it into {place}"
        )
        place.write_text(f"HOOKS_TOKEN={_TOKEN}\n")
        place.chmod(0o600)
        assert not {code for code in told() if code.startswith(("hooks.token_unresolved", "gateway."))}

        old, host = host.port, replace(host, port=free_port())
        host.write_config({"hooks": _HOOKS})
        cured = told()["gateway.other_port"]
        assert re.findall(r"\d+", cured["message"])[1:3] == [str(old), str(host.port)]
        step = re.search(r"end it and start it again: kill (\d+); openclaw gateway run", cured["next_step"])
        assert step is not None
        # The gateway may run below a launcher; both are of the group that the test has started.
        assert os.getpgid(int(step[1])) == first.process.pid
        os.kill(int(step[1]), signal.SIGTERM)
        first.process.wait(60)
        with undisturbed():
            second = host.start_gateway()
        second.wait_ready(90)
        assert not {code for code in told() if code.startswith("gateway.")}
    finally:
        for process in (first, second):
            if process is not None:
                process.stop()
