"""The real file system behind the seam `Files`: atomic, durable, and it never follows a link."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import file_error, read_if_exists, sync_folder
from openclaw_install.common.shared_files import leftovers_cleared, remove_expected, write_expected
from openclaw_install.setup.changes import Folder, Present, permission_bits

LINKED = "it is a symbolic link; what it leads to is yours"


class DiskFiles:
    """The real file system. Every method raises FileError with the path and a next step."""

    def look(self, path: Path) -> Present:
        link = first_link(_chain(path))
        try:
            status = (link or path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return Present(None, None)
        except OSError as error:
            raise file_error(error, path, "look at") from error
        if link is not None:
            return Present(None, permission_bits(status), link)
        # Reading a pipe would wait for ever.
        content = read_if_exists(path) if stat.S_ISREG(status.st_mode) else None
        return Present(content, permission_bits(status))

    def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
        _require_no_link(path)
        write_expected(path, data, expected, mode=mode)

    def delete(self, path: Path, expected: bytes | None) -> None:
        _require_no_link(path)
        remove_expected(path, expected)

    def set_mode(self, path: Path, mode: int) -> None:
        _require_no_link(path)
        try:
            path.chmod(mode)
        except OSError as error:
            raise file_error(error, path, "change the mode of") from error

    def make_folders(self, folders: Sequence[Folder]) -> None:
        for folder in folders:
            _require_no_link(folder.path)
            make_folder(folder.path, folder.mode)

    def remove_empty_folders(self, folders: Sequence[Path]) -> None:
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            if first_link(_chain(folder)) is not None:
                continue
            try:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
                    sync_folder(folder.parent)
            except OSError as error:
                raise file_error(error, folder, "remove") from error

    def remove_leftovers(self, path: Path, known: Sequence[bytes | None]) -> tuple[Path, ...]:
        if first_link(_chain(path.parent)) is not None:
            return ()
        try:
            return leftovers_cleared(path, known)
        except OSError as error:
            raise file_error(error, path.parent, "clean up") from error


def first_link(places: Iterable[Path]) -> Path | None:
    """The first symbolic link among `places`, which lead from the outside in; a missing one ends the search.

    Raises:
        FileError: one cannot be looked at.
    """
    for place in places:
        try:
            if stat.S_ISLNK(place.lstat().st_mode):
                return place
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise file_error(error, place, "look at") from error
    return None


def _chain(path: Path) -> tuple[Path, ...]:
    return (*reversed(path.parents), path)


def _require_no_link(path: Path) -> None:
    """The last barrier: whoever got here looked first, so the link came in between."""
    link = first_link(_chain(path))
    if link is not None:
        raise FileError(
            f"{path} is not touched: {link} is a symbolic link by now",
            next_step="move the link away and run the command again",
            code="file.link",
        )


def make_folder(path: Path, mode: int) -> None:
    """Makes one folder with exactly these permissions, durably; one that is there stays as it is.

    Raises:
        FileError: a file stands in the way, the place is read-only, or the parent is missing.
    """
    try:
        path.mkdir(mode=mode)
        path.chmod(mode)
        sync_folder(path.parent)
    except FileExistsError as error:
        if not path.is_dir():
            raise file_error(error, path, "make the folder") from error
    except OSError as error:
        raise file_error(error, path, "make the folder") from error
