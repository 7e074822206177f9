"""The seam to the agents' skills folders: on disk, durable when a write returns, and a twin in memory."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Protocol

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.common.files import (
    PRIVATE_FOLDER,
    file_error,
    make_private_folder,
    read_if_exists,
    safe_join,
    sync_folder,
    write_atomic,
)
from openclaw_install.hub.model import RefusedError
from openclaw_install.hub.rules import check_skill_name

SKILL_FILE = "SKILL.md"


class SkillFiles(Protocol):
    """Skill contents by agent and name. Safe to use from several threads, one for each skill."""

    def prepare(self, agent_id: str) -> None:
        """Makes the agent's folder, and removes what an interrupted write left in it."""
        ...

    def read(self, agent_id: str, name: str) -> bytes | None:
        """The content that stands there; None if there is none."""
        ...

    def write(self, agent_id: str, name: str, data: bytes) -> None:
        """Replaces the content in one step; it survives a crash once this returns.

        Raises:
            FileError: no space, no right, or a link stands where the skill's folder should be.
        """
        ...

    def names(self, agent_id: str) -> list[str]:
        """The skills that are there, sorted; folders that no upload can have made are left out."""
        ...


class DiskSkillFiles:
    """`<root>/<agent>/skills/<name>/SKILL.md`.

    Args:
        root: the folder of all agents.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, agent_id: str) -> Path:
        """Where an agent's runtime finds its skills."""
        return safe_join(self._root, agent_id) / "skills"

    def prepare(self, agent_id: str) -> None:
        folder = self.folder(agent_id)
        make_private_folder(folder)
        for made in (folder.parent, folder.parent.parent):
            sync_folder(made)
        for name in self._folders(agent_id):
            for leftover in (folder / name).glob(f".{SKILL_FILE}.*.tmp"):
                leftover.unlink()
            # A folder that was made for a write that never came.
            with contextlib.suppress(OSError):
                (folder / name).rmdir()

    def read(self, agent_id: str, name: str) -> bytes | None:
        return read_if_exists(self._file(agent_id, name))

    def write(self, agent_id: str, name: str, data: bytes) -> None:
        file = self._file(agent_id, name)
        try:
            file.parent.mkdir(mode=PRIVATE_FOLDER)
        except FileExistsError:
            pass
        except OSError as error:
            raise file_error(error, file.parent, "make the folder") from error
        else:
            sync_folder(file.parent.parent)
        write_atomic(file, data)

    def names(self, agent_id: str) -> list[str]:
        folder = self.folder(agent_id)
        return [name for name in self._folders(agent_id) if (folder / name / SKILL_FILE).is_file()]

    def _folders(self, agent_id: str) -> list[str]:
        found = (
            entry for entry in self.folder(agent_id).iterdir() if entry.is_dir() and not entry.is_symlink()
        )
        return sorted(entry.name for entry in found if _allowed(entry.name))

    def _file(self, agent_id: str, name: str) -> Path:
        # The agent itself can write in this folder: a link that it planted must not lead our write elsewhere.
        file = safe_join(self.folder(agent_id), f"{check_skill_name(name)}/{SKILL_FILE}")
        if file.is_symlink() or file.parent.is_symlink():
            raise FileError(
                f"{file} is or lies in a symbolic link",
                next_step="remove the link from the agent's skills folder",
                code="hub.linked_skill",
            )
        return file


class MemorySkillFiles:
    """The same without a disk.

    Attributes:
        failure: raised by every write while it is set; the seam at which a full disk is played.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._agents: dict[str, dict[str, bytes]] = {}
        self.failure: InstallError | None = None

    def prepare(self, agent_id: str) -> None:
        with self._lock:
            self._agents.setdefault(agent_id, {})

    def read(self, agent_id: str, name: str) -> bytes | None:
        return self._agents[agent_id].get(check_skill_name(name))

    def write(self, agent_id: str, name: str, data: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        with self._lock:
            self._agents[agent_id][check_skill_name(name)] = data

    def names(self, agent_id: str) -> list[str]:
        return sorted(self._agents[agent_id])


def _allowed(name: str) -> bool:
    try:
        check_skill_name(name)
    except RefusedError:
        return False
    return True
