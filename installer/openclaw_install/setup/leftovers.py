"""What of ours is outside a host once it is uninstalled: empty folders go, and what stays is named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from openclaw_install.setup.disk_files import first_link

# Where the records and the runtimes of other hosts lie: those are in use.
_OF_HOSTS = frozenset({"hosts", "runtime"})


def remove_empty(folders: Iterable[Path]) -> None:
    """Removes those of our own folders that hold nothing; the inner ones first."""
    for folder in folders:
        # One that is in use, or not ours to remove, does no harm.
        with contextlib.suppress(OSError):
            if first_link([folder]) is None:
                folder.rmdir()


def own_places() -> tuple[Path, ...]:
    """Our folders among the user's: state, logs, data, settings, cache."""
    import platformdirs

    name = "openclaw-install"
    find = (
        platformdirs.user_log_path,
        platformdirs.user_data_path,
        platformdirs.user_config_path,
        platformdirs.user_cache_path,
        platformdirs.user_state_path,
    )
    return tuple(dict.fromkeys(place(name) for place in find))


def remaining(places: Iterable[Path]) -> tuple[Path, ...]:
    """What lies in our folders and belongs to no other host: a relay's key, what was sent, logs of errors.

    Args:
        places: as of `own_places`.
    """
    found: list[Path] = []
    for place in places:
        with contextlib.suppress(OSError):
            found += sorted(path for path in place.iterdir() if path.name not in _OF_HOSTS)
    return tuple(dict.fromkeys(found))
