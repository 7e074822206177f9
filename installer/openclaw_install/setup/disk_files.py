"""The real file system behind the seam `Files`: atomic, durable, and it never follows a link."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from pathlib import Path

from openclaw_install.common.files import file_error, read_if_exists, sync_folder, write_atomic
from openclaw_install.setup.changes import Folder, Present, permission_bits


class DiskFiles:
    """The real file system. Every method raises FileError with the path and a next step."""

    def look(self, path: Path) -> Present:
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return Present(None, None)
        except OSError as error:
            raise file_error(error, path, "look at") from error
        # Reading a pipe would wait for ever.
        content = read_if_exists(path) if stat.S_ISREG(status.st_mode) else None
        return Present(content, permission_bits(status))

    def write(self, path: Path, data: bytes, mode: int | None) -> None:
        write_atomic(path, data, mode=mode)

    def delete(self, path: Path) -> None:
        try:
            path.unlink()
            sync_folder(path.parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise file_error(error, path, "delete") from error

    def set_mode(self, path: Path, mode: int) -> None:
        try:
            path.chmod(mode)
        except OSError as error:
            raise file_error(error, path, "change the mode of") from error

    def make_folders(self, folders: Sequence[Folder]) -> None:
        for folder in folders:
            make_folder(folder.path, folder.mode)

    def remove_empty_folders(self, folders: Sequence[Path]) -> None:
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            try:
                if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
                    folder.rmdir()
                    sync_folder(folder.parent)
            except OSError as error:
                raise file_error(error, folder, "remove") from error

    def remove_leftovers(self, path: Path) -> None:
        # The names are those of `write_atomic`: a process that is killed leaves its temporary file.
        pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.tmp")
        try:
            for entry in path.parent.iterdir() if path.parent.is_dir() else ():
                if pattern.fullmatch(entry.name):
                    entry.unlink(missing_ok=True)
        except OSError as error:
            raise file_error(error, path.parent, "clean up") from error


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
