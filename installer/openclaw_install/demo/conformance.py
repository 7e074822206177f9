"""The official MCP conformance suite, pinned, in the user's cache beside Node and OpenClaw."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import filelock

from openclaw_install.common.files import make_private_folder
from openclaw_install.demo.provision import ProvisionError, cache_folder

CONFORMANCE_VERSION = "0.1.16"
_PACKAGE = "@modelcontextprotocol/conformance"
_INSTALL_TIMEOUT = 300.0


def conformance(
    node: Path, *, cache: Path | None = None, progress: Callable[[str], None] = lambda _line: None
) -> list[str]:
    """The argument list that runs the suite; append `server --url ...` or `client --command ...`.

    The suite is fetched on first use (50 MB); two runs at once wait for each other, and an interrupted fetch
    leaves nothing that looks complete.

    Args:
        node: a Node that came with npm, as `provision` gives it (`OpenClaw.node`).
        cache: where to put it; the user's cache folder unless given.
        progress: called with one line before the fetch.

    Raises:
        ProvisionError: it could not be fetched.
    """
    root = cache or cache_folder()
    place = root / f"conformance-{CONFORMANCE_VERSION}"
    make_private_folder(root)
    with filelock.FileLock(root / "conformance.lock"):
        if not place.is_dir():
            progress(f"fetching the MCP conformance suite {CONFORMANCE_VERSION} (once, about 50 MB)")
            _fetch(node, place)
    return [str(node), str(place / "node_modules" / _PACKAGE / "dist" / "index.js")]


def _fetch(node: Path, place: Path) -> None:
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    staging = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    command = [str(node), str(npm), "install", "--prefix", str(staging), "--no-audit", "--no-fund"]
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            [*command, "--ignore-scripts", f"{_PACKAGE}@{CONFORMANCE_VERSION}"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise _not_fetched("\n".join(done.stderr.strip().splitlines()[-5:]))
        staging.rename(place)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_fetched(type(error).__name__) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _not_fetched(reason: str) -> ProvisionError:
    return ProvisionError(
        f"the MCP conformance suite could not be fetched: {reason}",
        next_step="check the connection to the package registries and run the command again",
        code="provision.fetch",
    )
