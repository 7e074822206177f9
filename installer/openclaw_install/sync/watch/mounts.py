"""Whether the kernel will tell of changes: by the kind of file system, and by the kernel's list of watches.

Nothing is written anywhere to find that out. A file that we touch ourselves would prove little: the events of
our own writes come also on a network mount, where those of the other machines do not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

# What others write there, this kernel does not see.
_SILENT = re.compile(
    r"nfs4?|cifs|smb3|smbfs|9p|v9fs|afs|ceph|lustre|glusterfs|vboxsf|vmhgfs|prl_fs|drvfs|fuse.*"
)
_MOUNTINFO = Path("/proc/self/mountinfo")
_DESCRIPTORS = Path("/proc/self/fd")
_OCTAL = re.compile(r"\\([0-7]{3})")
_INODE = re.compile(r"^inotify wd:\S+ ino:([0-9a-f]+)", re.MULTILINE)


def silent_mount(paths: Iterable[str], mountinfo: str | None = None) -> str | None:
    """The kind of a file system, as `nfs`, that holds one of the paths and gives no events; else None.

    Args:
        paths: real paths.
        mountinfo: the text of `/proc/self/mountinfo`; read from there unless given.
    """
    try:
        text = _MOUNTINFO.read_text(errors="surrogateescape") if mountinfo is None else mountinfo
    except OSError:
        return None
    mounts = {}
    for line in text.splitlines():
        fields, _, rest = line.partition(" - ")
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields.split()[4])
        mounts[point.rstrip("/")] = rest.split()[0]
    for path in paths:
        kinds = (kind for point, kind in sorted(mounts.items(), key=_depth) if _holds(point, path))
        if _SILENT.fullmatch(kind := next(kinds, "")):
            return kind
    return None


def _depth(mount: tuple[str, str]) -> int:
    return -len(mount[0])


def _holds(point: str, path: str) -> bool:
    return path == point or path.startswith(point + "/")


def unwatched(folders: Iterable[str]) -> str | None:
    """A folder that this process should watch and the kernel does not, which is how a full limit looks like.

    It compares inodes with those in `/proc/self/fdinfo`; None where all are watched, and where there is no
    such list.
    """
    watched: set[int] = set()
    try:
        for descriptor in _DESCRIPTORS.iterdir():
            if _is_inotify(descriptor):
                text = Path(f"/proc/self/fdinfo/{descriptor.name}").read_text()
                watched.update(int(inode, 16) for inode in _INODE.findall(text))
    except OSError:
        return None
    if not watched:
        return None
    return next((folder for folder in folders if (inode := _inode(folder)) and inode not in watched), None)


def _is_inotify(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()) == "anon_inode:inotify"
    except OSError:
        return False  # it was the one with which the folder was read


def _inode(folder: str) -> int | None:
    try:
        return os.stat(folder).st_ino  # noqa: PTH116 - thousands of folders, and ten times as fast
    except OSError:
        return None
