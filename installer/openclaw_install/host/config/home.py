"""`~` in the values of keys that name a path: the gateway puts the home folder there before it uses them.

Source: OpenClaw 2026.9.6 (`normalizeConfigPaths`). It goes by the name of the key alone, so `hooks.path` and
the `path` of a mapping change as well.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from openclaw_install.host.javascript import trim

_HOME = re.compile(r"~(?=$|[\\/])")
_PATH_KEY = re.compile(r"(?:dir|path|paths|file|root|workspace)\Z", re.IGNORECASE)
_LIST_KEYS = frozenset({"paths", "pathPrepend"})


def with_home(value: Any, home: Path, key: str = "") -> Any:
    """`value` with every path in it that begins with `~` made absolute.

    Args:
        value: plain data.
        home: the home folder that OpenClaw uses.
        key: the key under which the value stands; "" at the top and in lists of anything but paths.
    """
    if isinstance(value, str):
        text = trim(value)
        if _HOME.match(text) and (_PATH_KEY.search(key) or key in _LIST_KEYS):
            return os.path.normpath(f"{home}/{text[1:]}")
        return value
    if isinstance(value, list):
        inner = key if key in _LIST_KEYS else ""
        return [with_home(child, home, inner if isinstance(child, str) else "") for child in value]
    if isinstance(value, dict):
        return {name: with_home(child, home, name) for name, child in value.items()}
    return value
