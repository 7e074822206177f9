"""An isolated OpenClaw host in a scratch folder: its own home, state folder, config and free port."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openclaw_install.common.files import make_private_folder, write_atomic
from openclaw_install.common.ports import free_port
from openclaw_install.demo.gateway_process import GatewayProcess
from openclaw_install.demo.interruption import undisturbed
from openclaw_install.demo.provision import OpenClaw

_PASSED_ON = ("LANG", "LC_ALL", "TMPDIR", "TZ")


@contextlib.contextmanager
def held_port(port: int) -> Iterator[None]:
    """Keeps a loopback port taken for the length of the block, unless somebody else has it anyway."""
    with socket.socket() as holder:
        with contextlib.suppress(OSError):
            holder.bind(("127.0.0.1", port))
        yield


@dataclass(frozen=True)
class ScratchHost:
    """A host that touches nothing outside `root`.

    Attributes:
        openclaw: the program that it runs.
        root: scratch folder; its home folder lies in it.
        port: the gateway's loopback port.
        gateway_token: the gateway's own token, random for each host.
        extra_env: variables that the host sees on top of the isolated environment.
    """

    openclaw: OpenClaw
    root: Path
    port: int = field(default_factory=free_port)
    gateway_token: str = field(default_factory=lambda: secrets.token_hex(24), repr=False)
    extra_env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make_private_folder(self.state_dir)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def state_dir(self) -> Path:
        return self.home / ".openclaw"

    @property
    def config_path(self) -> Path:
        return self.state_dir / "openclaw.json"

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of the host's processes; nothing of the caller's own host leaks in."""
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            **passed_on,
            "PATH": f"{self.openclaw.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "OPENCLAW_STATE_DIR": str(self.state_dir),
            "OPENCLAW_CONFIG_PATH": str(self.config_path),
            "NODE_COMPILE_CACHE": str(self.openclaw.compile_cache),
            "NO_COLOR": "1",
            **self.extra_env,
        }

    def gateway_config(self) -> dict[str, Any]:
        """The `gateway` section that serves on this host's port."""
        auth = {"mode": "token", "token": self.gateway_token}
        return {"mode": "local", "port": self.port, "bind": "loopback", "auth": auth}

    def write_config(self, config: Mapping[str, Any] | str) -> Path:
        """Writes `openclaw.json` (mode 0600): a text as it is, a mapping with `gateway` filled in."""
        if isinstance(config, str):
            text = config
        else:
            text = json.dumps({"gateway": self.gateway_config(), **config}, indent=2) + "\n"
        write_atomic(self.config_path, text.encode(), mode=0o600)
        return self.config_path

    def run(self, *args: str, timeout: float = 90.0) -> subprocess.CompletedProcess[str]:
        """Runs the real `openclaw ARGS...` on this host; `timeout` in seconds."""
        command = self.openclaw.command(*args)
        return subprocess.run(
            command, env=self.env, cwd=self.root, capture_output=True, text=True, timeout=timeout, check=False
        )

    def start_gateway(self) -> GatewayProcess:
        """Starts `openclaw gateway run` without waiting for it."""
        settle_handoffs()
        return GatewayProcess.start(
            self.openclaw.command("gateway", "run"), env=self.env, cwd=self.root, port=self.port
        )

    @contextlib.contextmanager
    def gateway(self, *, timeout: float = 90.0) -> Iterator[GatewayProcess]:
        """A gateway that serves within `timeout` seconds; it is stopped on the way out."""
        process: GatewayProcess | None = None
        try:
            with undisturbed():
                process = self.start_gateway()
            process.wait_ready(timeout)
            yield process
        finally:
            if process:
                process.stop()


# No variable moves it: OpenClaw 2026.9.6 keeps it at this path for every host of the user.
HANDOFFS = Path("/tmp/openclaw/managed-update-handoffs.sqlite")  # noqa: S108 - OpenClaw's choice, not ours

# The same: empty files for each database of each host, named by a hash of the database's path.
LOCKS = Path(f"/tmp/openclaw-state-locks-{os.getuid()}")  # noqa: S108 - OpenClaw's choice, not ours


def settle_handoffs(path: Path = HANDOFFS) -> bool:
    """Lets SQLite roll back what a gateway that was killed left half-written in the shared database.

    A gateway that has to migrate something at its start opens this file read-only; read-only
    connections cannot roll back a hot journal (SQLITE_READONLY_ROLLBACK), so every such start of every
    host fails with "attempt to write a readonly database" until somebody opens the file for writing.

    Args:
        path: the database.

    Returns:
        Whether a journal lay there that is gone now.
    """
    journal = path.with_name(f"{path.name}-journal")
    if not _is_ours(path) or not _is_ours(journal):
        return False
    with contextlib.suppress(sqlite3.Error):
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=5)
        with contextlib.closing(connection):
            # A journal of a process that lives is not hot, and stays: SQLite tells by the locks.
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return not journal.exists()


def forget_locks(root: Path, locks: Path = LOCKS) -> None:
    """Removes the lock files of the databases below `root`, whose host has ended and will not come back.

    Args:
        root: the scratch folder of one host.
        locks: OpenClaw's folder of lock files.
    """
    if locks.is_symlink():
        return
    for database in root.rglob("*.sqlite"):
        digest = hashlib.sha256(str(database.resolve()).encode()).hexdigest()[:8]
        for lock in locks.glob(f"*.{digest}.lock.sqlite*"):
            with contextlib.suppress(OSError):
                lock.unlink()


def _is_ours(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_uid == os.getuid()
