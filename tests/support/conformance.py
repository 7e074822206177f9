"""The official MCP conformance suite, pinned, in the user's cache beside Node and OpenClaw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import filelock

from openclaw_install.common.files import make_private_folder
from openclaw_install.demo.provision import cache_folder, fetch_package

CONFORMANCE_VERSION = "0.1.16"
_PACKAGE = "@modelcontextprotocol/conformance"


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
            package = f"{_PACKAGE}@{CONFORMANCE_VERSION}"
            fetch_package("the MCP conformance suite", package, place, node)
    return [str(node), str(place / "node_modules" / _PACKAGE / "dist" / "index.js")]
