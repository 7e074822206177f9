"""Where the gateway looks for programs: PATH, and the folders that OpenClaw adds to it at its start.

Source of the rules: `src/infra/path-env.ts` of OpenClaw 2026.9.6.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

_FIRST = ("/usr/bin", "/bin")
_HOME_FOLDERS = (
    ".local/bin",
    ".npm-global/bin",
    ".local/share/pnpm/bin",
    ".local/share/pnpm",
    ".bun/bin",
    ".yarn/bin",
)


def gateway_path(env: Mapping[str, str], home: Path, platform: str, node: Path | None = None) -> str:
    """The PATH that OpenClaw works with in this environment.

    Args:
        env: the environment that it starts in.
        home: the home folder.
        platform: Node's name of the platform.
        node: the Node that runs it; looked up on PATH unless given.
    """
    own = [part for part in env.get("PATH", "").split(os.pathsep) if part.strip()]
    if env.get("OPENCLAW_PATH_BOOTSTRAPPED", "").strip().lower() in {"1", "true", "yes", "on"}:
        return os.pathsep.join(own)
    first = [*_node_folder(env, node), *_FIRST]
    last = _appended(env, home, platform, own)
    known = [part for part in (*first, *own, *last) if part in own or Path(part).is_dir()]
    return os.pathsep.join(dict.fromkeys(known))


def _node_folder(env: Mapping[str, str], node: Path | None) -> Iterator[str]:
    program = node or shutil.which("node", path=env.get("PATH"))
    if program:
        yield str(Path(program).resolve().parent)


def _appended(env: Mapping[str, str], home: Path, platform: str, own: list[str]) -> Iterator[str]:
    yield from (folder for folder in _brew(home) if _brew_counts(folder, platform, own))
    if pnpm := _absolute(env.get("PNPM_HOME")):
        yield from (pnpm, f"{pnpm}/bin")
    if npm := _absolute(env.get("NPM_CONFIG_PREFIX")):
        yield f"{npm}/bin"
    data = env.get("XDG_DATA_HOME", str(home / ".local" / "share"))
    yield str(Path(env.get("MISE_DATA_DIR", f"{data}/mise")) / "shims")
    if platform == "darwin":
        yield from (str(home / "Library" / "pnpm" / "bin"), str(home / "Library" / "pnpm"))
    if env.get("XDG_BIN_HOME"):
        yield env["XDG_BIN_HOME"]
    yield from (str(home / folder) for folder in _HOME_FOLDERS)


def _brew(home: Path) -> Iterator[str]:
    for base in (str(home / ".linuxbrew"), "/home/linuxbrew/.linuxbrew"):
        yield from (f"{base}/bin", f"{base}/sbin")
    yield from ("/opt/homebrew/bin", "/usr/local/bin")


def _brew_counts(folder: str, platform: str, own: list[str]) -> bool:
    return platform != "darwin" or ".linuxbrew" not in folder.split("/") or folder in own


def _absolute(value: str | None) -> str | None:
    trimmed = (value or "").strip()
    return trimmed if trimmed.startswith("/") and not trimmed.startswith("/proc") else None
