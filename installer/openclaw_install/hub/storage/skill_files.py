"""The agents' skills folders: the interface, and its implementation on disk, durable when a write returns."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import file_error, make_private_folder, safe_join, sync_folder
from openclaw_install.hub.model import RefusedError
from openclaw_install.hub.rules import check_skill_name
from openclaw_install.hub.storage.safe_dir import make_folder, names_in, opened, read_file, replace_file

SKILL_FILE = "SKILL.md"
_LEFTOVER = re.compile(r"\.SKILL\.md\.\w+\.tmp")


class SkillFiles(Protocol):
    """Skill contents by agent and name. Safe to use from several threads, one for each skill."""

    def folder(self, agent_id: str) -> Path:
        """Where an agent's runtime finds its skills."""
        ...

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

    The agent itself can write below its `skills`, at any moment: no link that it plants there is followed.

    Args:
        root: the folder of all agents.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, agent_id: str) -> Path:
        return safe_join(self._root, agent_id) / "skills"

    def prepare(self, agent_id: str) -> None:
        folder = self.folder(agent_id)
        make_private_folder(folder)
        with self._file_errors(agent_id, "prepare"), self._skills(agent_id) as skills:
            for made in (folder.parent, folder.parent.parent):
                sync_folder(made)
            for name in filter(_allowed, names_in(skills)):
                # What cannot be swept is no reason not to serve: it is told when something is written there.
                with contextlib.suppress(OSError):
                    _sweep(skills, name)

    def read(self, agent_id: str, name: str) -> bytes | None:
        check_skill_name(name)
        with self._file_errors(agent_id, "read", name):
            try:
                with self._skills(agent_id) as skills, opened(name, skills) as folder:
                    return read_file(folder, SKILL_FILE)
            except FileNotFoundError:
                return None

    def write(self, agent_id: str, name: str, data: bytes) -> None:
        check_skill_name(name)
        with self._file_errors(agent_id, "write", name), self._skills(agent_id) as skills:
            new = make_folder(skills, name)
            try:
                with opened(name, skills) as folder:
                    replace_file(folder, SKILL_FILE, data)
            except OSError:
                if new:
                    # A full disk leaves no empty folders for the agent to stumble over.
                    with contextlib.suppress(OSError):
                        os.rmdir(name, dir_fd=skills)
                raise

    def names(self, agent_id: str) -> list[str]:
        with self._file_errors(agent_id, "list"), self._skills(agent_id) as skills:
            return [name for name in names_in(skills) if _allowed(name) and _is_skill(skills, name)]

    @contextlib.contextmanager
    def _skills(self, agent_id: str) -> Iterator[int]:
        with opened(self._root) as root, opened(agent_id, root) as agent, opened("skills", agent) as skills:
            yield skills

    @contextlib.contextmanager
    def _file_errors(self, agent_id: str, verb: str, name: str | None = None) -> Iterator[None]:
        """Turns the system's errors into ones that name the place, and the link if one is the cause."""
        try:
            yield
        except OSError as error:
            skills = self._root / agent_id / "skills"
            place = skills if name is None else skills / name / SKILL_FILE
            for step in (skills.parent, skills, skills / (name or ""), place):
                if step.is_symlink():
                    raise FileError(
                        f"cannot {verb} {place}: {step} is a symbolic link",
                        next_step="remove the link; mount a folder there if it has to be elsewhere",
                        code="hub.linked_skill",
                    ) from error
            raise file_error(error, place, verb) from error


def _sweep(skills: int, name: str) -> None:
    """Removes what a write that was cut off has left of a skill, and its folder if that was all."""
    with opened(name, skills) as folder:
        for leftover in names_in(folder):
            if _LEFTOVER.fullmatch(leftover):
                os.unlink(leftover, dir_fd=folder)
    os.rmdir(name, dir_fd=skills)


def _is_skill(skills: int, name: str) -> bool:
    with contextlib.suppress(OSError), opened(name, skills) as folder:
        return stat.S_ISREG(os.stat(SKILL_FILE, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def _allowed(name: str) -> bool:
    try:
        check_skill_name(name)
    except RefusedError:
        return False
    return True
