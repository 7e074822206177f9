"""Group commit: one thread that makes whatever has gathered durable in one transaction."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from openclaw_install.hub.metadata import Metadata
from openclaw_install.hub.model import Change

_Waiting = tuple[Sequence[Change], "Future[None]"]
_LARGEST_GROUP = 512


class Committer:
    """Takes changes from many requests and commits them together.

    While one group waits for the disk the next one gathers, so the cost of a durable commit is shared by all
    that came meanwhile and nobody waits for a timer.

    Args:
        metadata: where the changes go.
        largest_group: how many submissions share a transaction; 1 turns grouping off.
    """

    def __init__(self, metadata: Metadata, *, largest_group: int = _LARGEST_GROUP) -> None:
        self._metadata = metadata
        self._largest = largest_group
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="hub-committer", daemon=True)
        self._thread.start()

    def submit(self, changes: Sequence[Change]) -> Future[None]:
        """A future that is done when the changes are durable, or holds the InstallError why they are not."""
        done: Future[None] = Future()
        self._queue.put((changes, done))
        return done

    def close(self) -> None:
        """Commits what was submitted and ends the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = self._gather(first)
            self._commit(group)
            if last:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        group = [first]
        while len(group) < self._largest:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return group, False
            if waiting is None:
                return group, True
            group.append(waiting)
        return group, False

    def _commit(self, group: Sequence[_Waiting]) -> None:
        running = [(changes, done) for changes, done in group if done.set_running_or_notify_cancel()]
        try:
            self._metadata.commit([change for changes, _ in running for change in changes])
        except Exception as error:  # noqa: BLE001 - handed on to all who wait
            # A full disk, or a bug: it may not end the thread that the next ones depend on.
            for _, done in running:
                done.set_exception(error)
        else:
            for _, done in running:
                done.set_result(None)
