"""Removes what a stopped runtime has left: its state folder and its logs, and nothing else."""

from __future__ import annotations

from openclaw_install.common.files import file_error
from openclaw_install.runtime.log import KEPT_FILES, rotated
from openclaw_install.runtime.paths import RuntimePaths


def remove_files(places: RuntimePaths) -> tuple[str, ...]:
    """Removes our own files by their names, and the folder when it is empty then.

    Raises:
        FileError: one cannot be removed.
    """
    logs = [
        places.log,
        *(rotated(places.log, number) for number in range(1, KEPT_FILES + 1)),
        places.crash_log,
    ]
    state = [places.status, places.guardian_status, places.lock, places.guardian_lock, places.start_lock]
    leftovers = list(places.folder.glob(".*.tmp"))
    removed = []
    for path in [*logs, *leftovers, *state]:
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise file_error(error, path, "remove") from error
        removed.append(str(path))
    for folder in (places.folder, places.folder.parent):
        try:
            folder.rmdir()
        except OSError:
            break  # not empty, or not there: somebody else's, or nothing to do
        removed.append(str(folder))
    return tuple(removed)
