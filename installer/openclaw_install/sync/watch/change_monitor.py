"""Watches all skill roots for changes: by file system events, or by polling where there are none.

Whether the kernel will tell of changes is asked of it by the kind of file system and by its list of watches.
Nothing is written anywhere to find that out. A file that we touch ourselves would prove little: the events of
our own writes come also on a network mount, where those of the other machines do not.
"""

# Thousands of paths are looked at, and plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH112, PTH116

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from openclaw_install.sync.watch.index import View
from openclaw_install.sync.watch.source import Change, ChangeSource, FolderMissingError, NoEventsError

_RECHECK_SECONDS = 0.2
Fingerprint = tuple[tuple[int, ...], ...]


class ChangeMonitor:
    """One source of changes for everything that a view names; it is replaced when the roots change.

    Args:
        events, polling: make the two sources.
        wake: called in the event loop's thread when there are changes to take.
        now: the clock that only goes forward.
        config_path: the host's config, which says where its roots are.
    """

    def __init__(
        self,
        events: Callable[[], ChangeSource],
        polling: Callable[[], ChangeSource],
        wake: Callable[[], None],
        now: Callable[[], float],
        config_path: Path,
    ) -> None:
        self._events = events
        self._polling = polling
        self._wake = wake
        self._now = now
        self._config = str(config_path)
        self._loop = asyncio.get_running_loop()
        self._source: ChangeSource | None = None
        self._started: list[ChangeSource] = []
        self._watched: tuple[str, ...] = ()
        self._seen: Fingerprint | None = None
        self._changes: deque[tuple[float, Sequence[Change]]] = deque()
        self.polling_reason = ""  # why there are no events; empty while there are

    async def close(self) -> None:
        """Stops the source, and one that was being started."""
        for source in self._started:
            await asyncio.to_thread(source.stop)
        self._started.clear()

    def take(self) -> list[tuple[float, Sequence[Change]]]:
        """The changes since the last call, with the time at which each came."""
        taken = []
        while self._changes:
            taken.append(self._changes.popleft())
        return taken

    async def roots_changed(self, roots: Sequence[str]) -> bool:
        """Whether a root came, went or was replaced, the config was written, or the events broke off."""
        if self._source is not None and self._source.trouble:
            await self.fall_back_to_polling(self._source.trouble)
            return True
        seen = await asyncio.to_thread(self._fingerprint, roots)
        before, self._seen = self._seen, seen
        if before is None or before == seen:
            return False
        self._watched = ()  # a folder that came back is another one, and nobody watches it
        return True

    async def watch_view(self, view: View) -> bool:
        """Watches what the view names, from this call's return on.

        Returns:
            Whether that is something new, so that changes before it may have gone unseen.
        """
        wanted = await asyncio.to_thread(_outermost, (*view.roots, *view.linked))
        if wanted == self._watched and self._source is not None:
            return False
        if not self.polling_reason and (kind := await asyncio.to_thread(silent_mount, wanted)):
            self.polling_reason = (
                f"a folder lies on a file system ({kind}) that does not tell what others change"
            )
        try:
            await self._open(wanted)
        except FolderMissingError:
            self._watched = ()
            return False
        self._watched = wanted
        return True

    async def check(self, view: View) -> None:
        """Checks that the kernel has a watch for each skill; falls back to polling if it has not."""
        if self.polling_reason or self._source is None or self._source.how != "events":
            return
        folders = tuple(view.paths.folders)
        if await asyncio.to_thread(unwatched, folders):
            await asyncio.sleep(_RECHECK_SECONDS)  # a folder that was just made gets its watch a moment later
            if missing := await asyncio.to_thread(unwatched, folders):
                await self.fall_back_to_polling(
                    f"the kernel has no watch for {missing}; its limit may be reached"
                )

    async def fall_back_to_polling(self, reason: str) -> None:
        """Stops using events, for the given reason, and polls from now on."""
        if not self.polling_reason:
            self.polling_reason = reason
            await self._open(self._watched)

    async def _open(self, wanted: tuple[str, ...]) -> None:
        try:
            source = await self._start(self._polling if self.polling_reason else self._events, wanted)
        except NoEventsError as error:
            self.polling_reason = str(error)
            source = await self._start(self._polling, wanted)
        # The old one ends after the new one began, so that nothing goes unseen between them.
        old, self._source = self._source, source
        if old is not None:
            await asyncio.to_thread(old.stop)
            self._started.remove(old)

    async def _start(self, make: Callable[[], ChangeSource], wanted: tuple[str, ...]) -> ChangeSource:
        source = make()
        self._started.append(source)
        try:
            await asyncio.to_thread(source.start, wanted, self._report)
        except (NoEventsError, FolderMissingError):
            self._started.remove(source)
            raise
        return source

    def _report(self, changes: Sequence[Change]) -> None:
        self._changes.append((self._now(), changes))
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _fingerprint(self, roots: Sequence[str]) -> Fingerprint:
        return (*(_identity(root) for root in roots), _identity(self._config, content=True))


def _identity(path: str, *, content: bool = False) -> tuple[int, ...]:
    try:
        facts = os.stat(path)
    except OSError:
        return ()
    identity = facts.st_dev, facts.st_ino
    return (*identity, facts.st_size, facts.st_mtime_ns) if content else identity


def _outermost(folders: Sequence[str]) -> tuple[str, ...]:
    """Those of the folders that exist and are in none of the others."""
    real = {os.path.realpath(folder): folder for folder in folders if os.path.isdir(folder)}
    return tuple(
        folder
        for place, folder in real.items()
        if not any(place.startswith(other + os.sep) for other in real if other != place)
    )


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
        return os.stat(folder).st_ino
    except OSError:
        return None
