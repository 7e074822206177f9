"""Starts a runtime in the background: a guardian in a session of its own, and the runtime below it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from openclaw_install.common.errors import FileError, HostError
from openclaw_install.common.files import make_private_folder, read_if_exists
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.guardian import opened
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.report import KeptBy

_SECONDS = 30.0
_TAIL = 2_000


def runtime_command(location: HostLocation, kept_by: KeptBy, env_file: Path | None = None) -> list[str]:
    """`openclaw-install runtime run` for this host, as a list of words."""
    # -P: the folder that it runs in must not give it its modules.
    words = [sys.executable, "-P", "-m", "openclaw_install"]
    words += ["--state-dir", str(location.state_dir), "--config", str(location.config_path)]
    if location.profile is not None:
        words += ["--profile", location.profile]
    words += ["runtime", "run", "--kept-by", kept_by]
    return words if env_file is None else [*words, "--env-file", str(env_file)]


def start_detached(location: HostLocation, env: Mapping[str, str], paths: RuntimePaths) -> None:
    """Returns when the guardian has its place.

    Raises:
        FileError: the log folder cannot be made.
        HostError: `runtime.not_started`: the guardian did not come up.
    """
    make_private_folder(paths.logs)
    command = [sys.executable, "-P", "-m", "openclaw_install.runtime.guardian"]
    command += [str(paths.folder), str(paths.crash_log), *runtime_command(location, "guardian")]
    with opened(paths.crash_log) as stderr:
        process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            cwd="/",
            start_new_session=True,
        )
    try:
        code = process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code:
        raise HostError(
            f"the process that keeps the runtime going did not start:\n{tail_of(paths.crash_log)}",
            next_step="openclaw-install runtime run, which needs no such process",
            code="runtime.not_started",
        )


def tail_of(path: Path) -> str:
    """The end of what was said on stderr; empty when nothing was, or it cannot be read."""
    try:
        data = read_if_exists(path)
    except FileError:
        return ""
    text = (data or b"")[-_TAIL:].decode(errors="replace").strip()
    return os.linesep.join(text.splitlines()[-8:])
