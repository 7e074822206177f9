"""The command line of a runtime that somebody else starts: this interpreter, this host, no secret."""

from __future__ import annotations

import sys
from pathlib import Path

from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.report import Keeper


def runtime_command(location: HostLocation, kept_by: Keeper, env_file: Path | None = None) -> list[str]:
    """`openclaw-install runtime run` for this host, as a list of words."""
    # -P: the folder that it runs in must not give it its modules.
    words = [sys.executable, "-P", "-m", "openclaw_install"]
    words += ["--state-dir", str(location.state_dir), "--config", str(location.config_path)]
    if location.profile is not None:
        words += ["--profile", location.profile]
    words += ["runtime", "run", "--kept-by", kept_by]
    return words if env_file is None else [*words, "--env-file", str(env_file)]
