"""File changes: their sources, events or polling, and what a change means for the skills that are known."""

# Thousands of paths are looked at, and plain strings are ten times as fast as Path objects.
# ruff: noqa: PTH112, PTH116, PTH119, PTH206

from __future__ import annotations

import os
import stat
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

IGNORED = frozenset({".git", "node_modules", ".venv", "__pycache__"})
_FILE = "skill.md"
# So many at once may be more than the kernel's queue held.
_TOO_MANY = 5_000


@dataclass(frozen=True)
class Change:
    """One change that a source saw.

    Attributes:
        path: absolute.
        deleted: whether nothing is at the path any more, as far as the source knows.
        is_folder: whether a folder, or a link to something, is there now.
    """

    path: str
    deleted: bool = False
    is_folder: bool = False


@dataclass(frozen=True)
class KnownPaths:
    """The paths of the skills that are known, as they were found and with every link followed.

    Attributes:
        files: SKILL.md's path to the one under which the skill is known.
        folders: skill folders to the same, and the folders above them, up to the root, to an empty text.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Meaning:
    """What changes mean: these files are to be read again; or, if `everything`, a full rescan is needed."""

    files: frozenset[str] = frozenset()
    everything: bool = False


def ignored(path: str, roots: Sequence[str]) -> bool:
    """Whether a path lies in a folder below a root that never holds skills of an operator's own."""
    for root in roots:
        if path.startswith(root + os.sep):
            return not IGNORED.isdisjoint(path[len(root) :].split(os.sep))
    return False


def meaning(changes: Iterable[Change], known: KnownPaths) -> Meaning:
    """What changes mean. Editors' temporary files mean nothing, nor do other files of a skill."""
    files: set[str] = set()
    everything = False
    count = 0
    for change in changes:
        count += 1
        if file := known.files.get(change.path) or known.folders.get(change.path):
            files.add(file)
            # A folder that is gone, or another one of that name, may have held more than this skill.
            everything = everything or change.deleted or change.path in known.folders
        elif change.path in known.folders:
            everything = everything or change.deleted or change.is_folder
        else:
            named_so = os.path.basename(change.path).lower() == _FILE
            everything = everything or named_so or (change.is_folder and not change.deleted)
    return Meaning(frozenset(files), everything or count > _TOO_MANY)


How = Literal["events", "polling"]
Report = Callable[[Sequence[Change]], None]
_DEBOUNCE_MS = 50
# `watchfiles` wakes up at each step, changes or not, and reports a change after one step without another.
# Waking up every 10 ms takes 0.2 % of a core; every 15 ms saves a third of that, and costs each save 8 ms.
_STEP_MS = 10
# When its time is over it forgets what came in that moment, so it is never over.
_FOR_EVER = 0
_POLL_SECONDS = 1.0
# Of its time a poller spends at most one part in twenty looking.
_POLL_REST = 19
_MAX_DEPTH = 8


class NoEventsError(Exception):
    """The file system or the kernel gives no events; the text says why."""


class FolderMissingError(Exception):
    """A folder to be watched is not there any more."""


class ChangeSource(Protocol):
    """Reports what changes below some folders, from a thread of its own."""

    @property
    def how(self) -> How:
        """How it knows."""
        ...

    @property
    def trouble(self) -> str:
        """Why it reports nothing any more; empty while it does."""
        ...

    def start(self, roots: Sequence[str], report: Report) -> None:
        """Begins; every change from its return on is reported.

        Args:
            roots: folders that exist, as absolute paths.
            report: called in the source's own thread.

        Raises:
            NoEventsError: it cannot watch these.
            FolderGoneError: one of them is not there.
        """
        ...

    def stop(self) -> None:
        """Ends it and waits for its thread; it can be called twice."""
        ...


class _Threaded:
    """A source with a thread."""

    trouble: str = ""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def _begin(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name=f"watch-{type(self).__name__}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @abstractmethod
    def start(self, roots: Sequence[str], report: Report) -> None:
        """As in `ChangeSource`."""


class EventSource(_Threaded):
    """The file system's events, by `watchfiles`, which sees into folders that appear later.

    It follows the links that are there at the start, and not those that are made later.
    """

    how: How = "events"

    def start(self, roots: Sequence[str], report: Report) -> None:
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

        try:
            notify = RustNotify(list(roots), False, False, 0, True, True)  # noqa: FBT003 - it takes no names
        except (OSError, RuntimeError) as error:
            raise NoEventsError(_why(error)) from error
        if not all(os.path.isdir(root) for root in roots):
            notify.close()
            raise FolderMissingError

        # Some systems report a path with every link in it followed.
        tops = tuple(dict.fromkeys((*roots, *map(os.path.realpath, roots))))

        def work() -> None:
            with notify as watcher:
                while not self._stop.is_set():
                    try:
                        found = watcher.watch(_DEBOUNCE_MS, _STEP_MS, _FOR_EVER, self._stop)
                    except WatchfilesRustInternalError:
                        # Its thread must not end in silence, as if nothing changed any more.
                        self.trouble = "the file system's events broke off: a name is no UTF-8, perhaps"
                        report(())
                        return
                    if isinstance(found, set):
                        paths = {path for _, path in found if not ignored(path, tops)}
                        if paths:
                            report([_seen(path) for path in paths])

        self._begin(work)


def _why(error: Exception) -> str:
    if "limit" in str(error) or "Too many open files" in str(error):
        return "the limit of inotify watches is reached (fs.inotify.max_user_watches, max_user_instances)"
    return f"the file system refuses to be watched ({type(error).__name__})"


def _seen(path: str) -> Change:
    # What counts is what is there now: an editor may delete a file and make it again for one save.
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return Change(path, deleted=True)
    return Change(path, is_folder=stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


class PollingSource(_Threaded):
    """Polls all files that are called SKILL.md, and all folders.

    Args:
        pause: seconds between two looks; more where a look takes long.
    """

    how: How = "polling"

    def __init__(self, pause: float = _POLL_SECONDS) -> None:
        super().__init__()
        self._pause = pause

    def start(self, roots: Sequence[str], report: Report) -> None:
        import time

        before = _scan_folders(roots)

        def work() -> None:
            nonlocal before
            spent = 0.0
            while not self._stop.wait(max(self._pause, _POLL_REST * spent)):
                began = time.monotonic()
                now = _scan_folders(roots)
                spent = time.monotonic() - began
                if changes := list(_differences(before, now)):
                    report(changes)
                before = now

        self._begin(work)


_Facts = tuple[bool, tuple[int, ...]]


def _scan_folders(roots: Sequence[str]) -> dict[str, _Facts]:
    """Every folder, link and SKILL.md below the roots: whether it is one of the first two, and what it is."""
    found: dict[str, _Facts] = {}
    entered: set[tuple[int, int]] = set()
    queue = [(root, 0) for root in roots]
    # Grows while it is walked through.
    for folder, depth in queue:
        try:
            here = os.stat(folder)
            if (here.st_dev, here.st_ino) in entered:
                continue
            entered.add((here.st_dev, here.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name in IGNORED:
                        continue
                    is_file = entry.name.lower() == "skill.md"
                    is_folder = entry.is_dir() or (entry.is_symlink() and not is_file)
                    if is_folder or is_file:
                        found[entry.path] = is_folder, _facts(entry, is_folder=is_folder)
                    if entry.is_dir() and depth < _MAX_DEPTH:
                        queue.append((entry.path, depth + 1))
        except OSError:
            continue
    return found


def _facts(entry: os.DirEntry[str], *, is_folder: bool) -> tuple[int, ...]:
    try:
        if is_folder:
            return (entry.inode(),)  # the times of a folder change with everything in it
        facts = entry.stat()
    except OSError:
        return ()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _differences(before: dict[str, _Facts], now: dict[str, _Facts]) -> Iterator[Change]:
    for path, facts in now.items():
        if before.get(path) != facts:
            yield Change(path, is_folder=facts[0])
    for path in before.keys() - now.keys():
        yield Change(path, deleted=True)
