"""The agents' skills folders: the interface, and its implementation on disk, durable when a write returns.

The agent writes below its folder too, so files there are reached by descriptors, and no link is ever
followed: to look whether a name is a link and then to open it leaves a moment in between. Here each folder is
opened once, refusing links, and everything below it is named relative to that descriptor. It also takes a
fifth of the system calls of resolving paths; each of them lets go of the interpreter's lock, which a busy hub
is slow to give back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from openclaw_install.common import files
from openclaw_install.common.errors import FileError
from openclaw_install.hub.model import RefusedError
from openclaw_install.hub.rules import check_skill_name

SKILL_FILE = "SKILL.md"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
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
        return files.safe_join(self._root, agent_id) / "skills"

    def prepare(self, agent_id: str) -> None:
        folder = self.folder(agent_id)
        files.make_private_folder(folder)
        with self._file_errors(agent_id, "prepare"), self._skills(agent_id) as skills:
            for made in (folder.parent, folder.parent.parent):
                files.sync_folder(made)
            for name in filter(_allowed, _names_in(skills)):
                # What cannot be swept is no reason not to serve: it is told when something is written there.
                with contextlib.suppress(OSError):
                    _sweep(skills, name)

    def read(self, agent_id: str, name: str) -> bytes | None:
        check_skill_name(name)
        with self._file_errors(agent_id, "read", name):
            try:
                with self._skills(agent_id) as skills, _open(name, skills) as folder:
                    return _read_file(folder, SKILL_FILE)
            except FileNotFoundError:
                return None

    def write(self, agent_id: str, name: str, data: bytes) -> None:
        check_skill_name(name)
        with self._file_errors(agent_id, "write", name), self._skills(agent_id) as skills:
            new = _make_folder(skills, name)
            try:
                with _open(name, skills) as folder:
                    _replace_file(folder, SKILL_FILE, data)
            except OSError:
                if new:
                    # A full disk leaves no empty folders for the agent to stumble over.
                    with contextlib.suppress(OSError):
                        os.rmdir(name, dir_fd=skills)
                raise

    def names(self, agent_id: str) -> list[str]:
        with self._file_errors(agent_id, "list"), self._skills(agent_id) as skills:
            return [name for name in _names_in(skills) if _allowed(name) and _is_skill(skills, name)]

    @contextlib.contextmanager
    def _skills(self, agent_id: str) -> Iterator[int]:
        with (
            _open(self._root) as root,
            _open(agent_id, root) as agent,
            _open("skills", agent) as skills,
        ):
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
            raise files.file_error(error, place, verb) from error


def _sweep(skills: int, name: str) -> None:
    """Removes what a write that was cut off has left of a skill, and its folder if that was all."""
    with _open(name, skills) as folder:
        for leftover in _names_in(folder):
            if _LEFTOVER.fullmatch(leftover):
                os.unlink(leftover, dir_fd=folder)
    os.rmdir(name, dir_fd=skills)


def _is_skill(skills: int, name: str) -> bool:
    with contextlib.suppress(OSError), _open(name, skills) as folder:
        return stat.S_ISREG(os.stat(SKILL_FILE, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def _allowed(name: str) -> bool:
    try:
        check_skill_name(name)
    except RefusedError:
        return False
    return True


@contextlib.contextmanager
def _open(name: str | Path, inside: int | None = None) -> Iterator[int]:
    """A folder's descriptor.

    Args:
        name: one name in the folder `inside`, which may be no link; or, without that, a path of our own.
        inside: a folder's descriptor.

    Raises:
        OSError: it is not there, is a link (ELOOP or ENOTDIR), or is no folder.
    """
    flags = _FOLDER if inside is None else _FOLDER | os.O_NOFOLLOW
    descriptor = os.open(name, flags, dir_fd=inside)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names_in(folder: int) -> list[str]:
    """What is in a folder, sorted.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _make_folder(inside: int, name: str) -> bool:
    """Makes the folder with mode 0700, durably; returns whether there was nothing of that name.

    Raises:
        OSError: it cannot be made.
    """
    try:
        os.mkdir(name, files.PRIVATE_FOLDER, dir_fd=inside)
    except FileExistsError:
        return False
    os.fsync(inside)
    return True


def _read_file(inside: int, name: str) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it is not there, is a link (ELOOP), is no regular file, or is larger than any of ours can be.
    """
    descriptor = os.open(name, _FILE, dir_fd=inside)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if status.st_size > files.MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return stream.read()


def _replace_file(inside: int, name: str, data: bytes) -> None:
    """Replaces the content in one step: temporary file, fsync, rename, fsync of the folder.

    A file that is there keeps its permission bits; a new one gets 0600.

    Raises:
        OSError: a link (ELOOP) or a folder is in its place, or there is no room or no right.
    """
    mode = _mode_of(inside, name)
    temporary = f".{name}.{secrets.token_hex(6)}.tmp"
    descriptor = os.open(temporary, _NEW_FILE, mode, dir_fd=inside)
    try:
        try:
            _write_all(descriptor, data)
            # The process's umask had a say in the mode.
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, name, src_dir_fd=inside, dst_dir_fd=inside)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=inside)
        raise
    os.fsync(inside)


def _mode_of(inside: int, name: str) -> int:
    try:
        status = os.stat(name, dir_fd=inside, follow_symlinks=False)
    except FileNotFoundError:
        return files.PRIVATE_FILE
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return stat.S_IMODE(status.st_mode)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
