"""A bridge as a process of its own: `python -m chaos.bridge FOLDER HUB_PORT GATEWAY_PORT`.

FOLDER holds `me/` (identity and store) and `openclaw/` (the gateway's transcripts). It ends with its input.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

from tests.collab_rig import TOKEN

from openclaw_install.common.errors import InstallError
from openclaw_install.common.redaction import Secret
from openclaw_install.host.gateway.probe import GatewayAddress, LivePolicy
from openclaw_install.host.hooks.dispatch import HookTarget
from openclaw_install.host.hooks.turn_evidence import TranscriptEvidence
from openclaw_install.messaging.bridge.bridge import run_bridge
from openclaw_install.messaging.bridge.settings import BridgeSettings, HostView, Timing
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.messaging.turn_ceilings import NO_CEILINGS

REFUSED = 75
"""The exit code of a bridge that another one keeps from the store."""
# Brisk, so that a run of minutes holds what takes a product hours.
_TIMING = Timing(watch=0.05, poll=0.5, keep=1.0, most_pause=1.0, stream_again=2.0)


def main(folder: str, hub_port: str, gateway_port: str) -> int:
    """Bridges until it is killed."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    root, address = Path(folder), GatewayAddress(int(gateway_port))
    settings = BridgeSettings(
        store=root / "me" / "store.db",
        identity=root / "me" / "identity.json",
        url=f"http://127.0.0.1:{hub_port}",
        host=HostView(
            target=lambda: HookTarget(address, Secret(TOKEN)),
            active_group=lambda: None,
            live_policy=lambda: LivePolicy("unreachable", 0),
        ),
        evidence=TranscriptEvidence(root / "openclaw"),
        relay=HttpRelay,
        timing=_TIMING,
        ceilings=NO_CEILINGS,
    )
    try:
        asyncio.run(run_bridge(settings, lambda event: print(event, flush=True)))
    except InstallError as error:
        print(error.error_code, error.message, flush=True)
        return REFUSED if error.error_code == "conflict.bridge_running" else 1
    return 0


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
