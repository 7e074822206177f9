"""The home folder that OpenClaw uses, and paths that begin with `~` (`src/infra/home-dir.ts`)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

# OpenClaw takes a backslash after the home as well.
_HOME = re.compile(r"^~(?=$|[/\\])")


def home_folder(env: Mapping[str, str]) -> Path:
    """The home that OpenClaw uses: `OPENCLAW_HOME`, then `HOME`, `USERPROFILE`, then the account's."""
    explicit, home, profile = (_meaningful(env.get(n)) for n in ("OPENCLAW_HOME", "HOME", "USERPROFILE"))
    account = home or profile or os.path.expanduser("~")  # noqa: PTH111 - no Path home without HOME
    return _resolved(_HOME.sub(lambda _found: account, explicit) if explicit else account)


def user_path(text: str, home: Path) -> Path:
    """A path as OpenClaw reads it from config or environment: trimmed, `~` expanded, absolute, no `..`."""
    return _resolved(_HOME.sub(lambda _found: str(home), text.strip()))


def _resolved(text: str) -> Path:
    """As `path.resolve` of Node: against the working folder, and `..` by the text alone."""
    path = os.path.abspath(text)  # noqa: PTH100 - Path.absolute keeps `..`
    return Path("/" + path.lstrip("/"))


def _meaningful(value: str | None) -> str | None:
    trimmed = (value or "").strip()
    return trimmed if trimmed not in {"", "undefined", "null"} else None
