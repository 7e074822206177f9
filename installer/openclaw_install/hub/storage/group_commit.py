"""Group commit: one thread that makes whatever has gathered durable in one transaction."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from openclaw_install.hub.model import Change
from openclaw_install.hub.storage.metadata import Metadata

LARGEST_GROUP = 512
Submitted = TypeVar("Submitted")
Outcome = TypeVar("Outcome")


class GroupCommitter(Generic[Submitted, Outcome]):
    """Takes submissions from many requests and commits them together.

    While one group waits for the disk the next one gathers, so the cost of a durable commit is shared by all
    that came meanwhile and nobody waits for a timer.

    Args:
        commit: makes a group durable in one transaction, and gives the outcome of each submission.
        largest_group: how many submissions share a transaction; 1 turns grouping off.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Submitted]], Sequence[Outcome]],
        *,
        largest_group: int = LARGEST_GROUP,
    ) -> None:
        self._commit_group = commit
        self._largest = largest_group
        self._queue: queue.SimpleQueue[tuple[Submitted, Future[Outcome]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="hub-committer", daemon=True)
        self._thread.start()

    def submit(self, submitted: Submitted) -> Future[Outcome]:
        """A future that is done when it is durable, or holds the InstallError why it is not."""
        done: Future[Outcome] = Future()
        self._queue.put((submitted, done))
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

    def _gather(
        self, first: tuple[Submitted, Future[Outcome]]
    ) -> tuple[list[tuple[Submitted, Future[Outcome]]], bool]:
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

    def _commit(self, group: Sequence[tuple[Submitted, Future[Outcome]]]) -> None:
        running = [(submitted, done) for submitted, done in group if done.set_running_or_notify_cancel()]
        try:
            outcomes = self._commit_group([submitted for submitted, _ in running])
        except Exception as error:  # noqa: BLE001 - handed on to all who wait
            # A full disk, or a bug: it may not end the thread that the next ones depend on.
            for _, done in running:
                done.set_exception(error)
        else:
            for (_, done), outcome in zip(running, outcomes, strict=True):
                done.set_result(outcome)


class Committer(GroupCommitter[Sequence[Change], None]):
    """Group commit of the hub's metadata; see `GroupCommitter`."""

    def __init__(self, metadata: Metadata, *, largest_group: int = LARGEST_GROUP) -> None:
        self._metadata = metadata
        super().__init__(self._commit_changes, largest_group=largest_group)

    def _commit_changes(self, groups: Sequence[Sequence[Change]]) -> Sequence[None]:
        self._metadata.commit([change for changes in groups for change in changes])
        return [None] * len(groups)
