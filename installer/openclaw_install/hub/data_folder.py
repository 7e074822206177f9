"""Where the hub keeps everything: one private folder, and a lock so that one hub serves it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock

from openclaw_install.common.errors import ConflictError, UsageError
from openclaw_install.common.files import PRIVATE_FOLDER, file_error, make_private_folder
from openclaw_install.hub.storage.skill_files import DiskSkillFiles


@dataclass(frozen=True)
class DataFolder:
    """`hub.db`, `agents/<id>/skills/<name>/SKILL.md`, the relay's `relay.db` and `relay.key`, `hub.lock`."""

    root: Path

    @classmethod
    def prepare(cls, root: Path) -> DataFolder:
        """Makes the folder with mode 0700, or takes the one that a hub made before.

        Raises:
            UsageError: the folder has other things in it and no hub.
            FileError: it cannot be made.
        """
        folder = cls(root)
        try:
            if root.is_dir() and not folder.database.exists() and any(root.iterdir()):
                raise UsageError(
                    f"{root} holds other things and no hub",
                    next_step="point --data at an empty folder, or at one that a hub made",
                    code="hub.foreign_folder",
                )
            make_private_folder(root)
            root.chmod(PRIVATE_FOLDER)
            make_private_folder(folder.agents)
        except OSError as error:
            raise file_error(error, root, "use") from error
        return folder

    @property
    def database(self) -> Path:
        return self.root / "hub.db"

    @property
    def agents(self) -> Path:
        return self.root / "agents"

    def skill_files(self) -> DiskSkillFiles:
        return DiskSkillFiles(self.agents)

    @contextlib.contextmanager
    def served(self) -> Iterator[None]:
        """Holds the folder for one running hub.

        Raises:
            ConflictError: another hub serves it.
            FileError: something else stands in the place of the lock.
        """
        lock = filelock.FileLock(self.root / "hub.lock", mode=0o600)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise ConflictError(
                f"another hub serves {self.root}",
                next_step="stop it (see openclaw-install runtime status), or choose another --data",
                code="hub.served",
            ) from error
        except OSError as error:
            raise file_error(error, self.root / "hub.lock", "lock") from error
        try:
            yield
        finally:
            lock.release()
