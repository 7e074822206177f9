"""The server's entry point: `openclaw-install mcp pingagent`."""

from __future__ import annotations

import os
from pathlib import Path

from openclaw_install.surfaces.mcp.pingagent.server import serve

if __name__ == "__main__":
    serve(os.environ, Path.home())
