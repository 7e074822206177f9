"""Our own state folder: made private, and not used where another user could have written in it."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Iterable
from pathlib import Path

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import PRIVATE_FOLDER, file_error
from openclaw_install.setup.disk_files import first_link, make_folder

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def own_state() -> Path:
    """The user's state folder of this program (on Linux `~/.local/state/openclaw-install`)."""
    import platformdirs

    return platformdirs.user_state_path("openclaw-install")


def make_private_chain(folder: Path) -> None:
    """Makes a folder and its missing parents, each with mode 0700, each durable."""
    missing = []
    while not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises where a parent may not be entered
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        make_folder(path, PRIVATE_FOLDER)


def require_ours(places: Iterable[Path]) -> None:
    """Makes sure that nobody else could have put into `places` what we would act on.

    A receipt says which files are deleted and what is written in their place, so whoever can exchange one
    decides over the user's files.

    Args:
        places: folders and files of our own state, the outer ones first; those that are missing are in order.

    Raises:
        FileError: `file.foreign_owner` or `file.not_private`; the next step names the command that cures it.
    """
    open_ones: list[Path] = []
    for place in places:
        try:
            status = place.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise file_error(error, place, "look at") from error
        if status.st_uid != os.geteuid():
            name = shlex.quote(str(place))
            raise FileError(
                f"{place} belongs to another user, who could exchange our receipts in it",
                next_step=f'if you made it yourself (with sudo): sudo chown -R "$(id -u)" {name}; '
                f"else move it away: mv {name} {shlex.quote(f'{place}.foreign')}",
                code="file.foreign_owner",
            )
        # What lies below another one is cured with it.
        if status.st_mode & _OTHERS_WRITE and not any(place.is_relative_to(other) for other in open_ones):
            open_ones.append(place)
    if open_ones:
        raise FileError(
            f"other users can write in {', '.join(map(str, open_ones))} and could exchange our receipts",
            next_step=f"chmod -R go-w {shlex.join(map(str, open_ones))}",
            code="file.not_private",
        )


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


def other_hosts(own_folder: Path) -> tuple[Path, ...]:
    """The folders of other hosts among our records and runtimes.

    Args:
        own_folder: the records of this host; its name is the host's.
    """
    found: list[Path] = []
    for place in _OF_HOSTS:
        with contextlib.suppress(OSError):
            folders = (own_state() / place).iterdir()
            found += [folder for folder in folders if folder.name != own_folder.name]
    return tuple(sorted(found))
