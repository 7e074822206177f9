"""The bundles that ship: their files, and how an installed copy compares to them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NoReturn

from openclaw_install.common.data_files import data_folder
from openclaw_install.common.errors import BundleError
from openclaw_install.common.files import MOST_BYTES, file_error, read_if_exists, safe_join, sha256
from openclaw_install.host.bundle_manifest import Manifest, parse_manifest

MANIFEST_FILE = "bundle.json"
SKILL_FILE = "SKILL.md"

FileVerdict = Literal["missing", "identical", "outdated", "user-edited", "retired", "foreign"]
BundleState = Literal["absent", "identical", "incomplete", "outdated", "edited"]

# What editors, operating systems and Python leave behind; hidden files are left out as well.
_DROPPING_FOLDERS = frozenset({"__pycache__"})
_DROPPING_SUFFIXES = ("~", ".pyc", ".swp", ".tmp", ".bak", ".orig", ".rej")
_DROPPING_NAMES = frozenset({"Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class BundleFile:
    """One file of a bundle.

    Attributes:
        relative: its name below the bundle's folder, with forward slashes.
        sha256: lower-case hex of `data`.
    """

    relative: str
    data: bytes
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """A bundle in the folder that it ships in.

    Attributes:
        manifest: what it needs from the host.
        folder: where its files are read from.
    """

    manifest: Manifest
    folder: Path

    @property
    def name(self) -> str:
        return self.manifest.name

    def files(self) -> tuple[BundleFile, ...]:
        """Every file that an installation consists of, sorted by name, without droppings of editors.

        Raises:
            BundleError: the folder holds a symbolic link.
            FileError: a file cannot be read.
        """
        return self._files

    def hashes(self) -> Mapping[str, str]:
        """SHA-256 by relative name: the `shipped` side of `compare`."""
        return MappingProxyType({file.relative: file.sha256 for file in self._files})

    @cached_property
    def _files(self) -> tuple[BundleFile, ...]:
        files = []
        for relative in _names(self.folder):
            path = safe_join(self.folder, relative)
            if path.is_symlink():
                raise _damaged(f"{path}: a bundle must not hold symbolic links")
            try:
                data = path.read_bytes()
            except OSError as error:
                raise file_error(error, path, "read") from error
            files.append(BundleFile(relative, data, sha256(data)))
        return tuple(files)


def shipped_bundles() -> tuple[Bundle, ...]:
    """The bundles that travel with this package, sorted by name.

    Raises:
        BundleError: the data folder is missing, or a bundle in it is damaged.
    """
    root = data_folder("skills")
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not _is_dropping(path.name))
    return tuple(load_bundle(folder) for folder in folders)


def load_bundle(folder: Path) -> Bundle:
    """Reads the bundle in `folder`.

    Raises:
        BundleError: bundle.json or SKILL.md is missing, bundle.json is not what it must be (the error
            names file and key), or its name is not the folder's.
    """
    path = folder / MANIFEST_FILE
    text = read_if_exists(path)
    if text is None or not (folder / SKILL_FILE).is_file():
        raise _damaged(f"{folder}: a bundle needs {MANIFEST_FILE} and {SKILL_FILE}")
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _damaged(f"{path}: not JSON: {error}") from error
    manifest = parse_manifest(document, str(path))
    if manifest.name != folder.name:
        raise _damaged(f"{path}: name {manifest.name!r} is not that of its folder")
    return Bundle(manifest, folder)


def installed_hashes(folder: Path) -> Mapping[str, str] | None:
    """SHA-256 by relative name of what is installed in `folder`; None when nothing is there.

    A symbolic link inside counts as a file with a content of its own, so it equals no shipped file.

    Raises:
        FileError: a file stands where the folder should be, or something in it cannot be read.
    """
    if not os.path.lexists(folder):
        return None
    hashes = {}
    for relative in _names(folder):
        path = folder / relative
        try:
            hashes[relative] = _fingerprint(path)
        except OSError as error:
            raise file_error(error, path, "read") from error
    return MappingProxyType(hashes)


def _fingerprint(path: Path) -> str:
    if path.is_symlink():
        return f"link:{path.readlink()}"
    # Reading a pipe would wait for ever, a device need not end, and no file of ours is that large.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
        return "special"
    return sha256(path.read_bytes())


def compare(
    shipped: Mapping[str, str],
    installed: Mapping[str, str],
    last_installed: Mapping[str, str] | None = None,
) -> dict[str, FileVerdict]:
    """Judges each file of an installed bundle.

    Args:
        shipped: hashes by relative name of what this version ships.
        installed: hashes of what lies in the host's folder.
        last_installed: hashes of what we wrote there the last time (from the receipt); None when that is
            not known, and then each difference is taken for the user's.

    Returns:
        By relative name, sorted: `missing` (to be written), `identical`, `outdated` (what we installed;
        the shipped one differs, so it may be overwritten), `user-edited` (keep and report), `retired`
        (what we installed and no longer ship, so it may be removed), `foreign` (never ours; leave it).
    """
    ours = last_installed or {}
    return {
        name: _verdict(shipped.get(name), installed.get(name), ours.get(name))
        for name in sorted({*shipped, *installed})
    }


def _verdict(shipped: str | None, installed: str | None, ours: str | None) -> FileVerdict:
    if installed is None:
        return "missing"
    if installed == shipped:
        return "identical"
    if installed == ours:
        return "outdated" if shipped is not None else "retired"
    return "foreign" if shipped is None and ours is None else "user-edited"


def installed_state(
    bundle: Bundle, folder: Path, last_installed: Mapping[str, str] | None = None
) -> BundleState:
    """How the copy of `bundle` in `folder` stands; foreign files in it do not count.

    Args:
        folder: the bundle's own folder on the host, for example `<state>/skills/<name>`.
        last_installed: see `compare`.

    Returns:
        `absent` (no folder, or an empty one), `identical`, `incomplete` (files are missing, the others are
        right), `outdated` (an earlier version of ours, unedited), `edited` (the user changed it, or made the
        folder a link to something else).

    Raises:
        FileError: see `installed_hashes`.
    """
    installed = installed_hashes(folder)
    if not installed:
        return "absent"
    verdicts = set(compare(bundle.hashes(), installed, last_installed).values()) - {"foreign"}
    if verdicts == {"identical"}:
        return "identical"
    if "user-edited" in verdicts or folder.is_symlink():
        return "edited"
    return "outdated" if verdicts & {"outdated", "retired"} else "incomplete"


def _names(folder: Path) -> list[str]:
    """Relative names of the files and links below `folder`, sorted, without droppings; links stay links."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not _is_dropping(name)]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found.extend(Path(place, name) for name in (*files, *links) if not _is_dropping(name))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _refuse(error: OSError) -> NoReturn:
    raise file_error(error, Path(error.filename), "list the folder") from error


def _is_dropping(name: str) -> bool:
    return (
        name.startswith((".", "#"))
        or name in _DROPPING_FOLDERS
        or name in _DROPPING_NAMES
        or name.endswith(_DROPPING_SUFFIXES)
    )


def _damaged(message: str) -> BundleError:
    return BundleError(
        message,
        next_step="reinstall it: pip install --force-reinstall openclaw-install",
        code="bundle.damaged",
    )
