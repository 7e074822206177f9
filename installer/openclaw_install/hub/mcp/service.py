"""The hub's MCP application: checks an upload, writes it, records it, and only then acknowledges it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import sha256
from openclaw_install.hub import model
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.model import RefusedError
from openclaw_install.hub.rules import check_content, check_skill_name, printable
from openclaw_install.hub.storage.group_commit import Committer
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import SkillFiles

T = TypeVar("T")
_log = logging.getLogger(__name__)
_TOUCH_EVERY = timedelta(minutes=1)
_FILE_THREADS = 8


@dataclass(frozen=True)
class Upload:
    """One skill as it was sent."""

    name: str
    content: str


@dataclass(frozen=True)
class Stored:
    """An acknowledgement: the content is on disk and recorded."""

    name: str
    sha256: str
    bytes: int
    unchanged: bool


class HubService:
    """The hub's application; one for each data folder, used from one event loop.

    Args:
        metadata, files: where things are kept.
        limits: what an upload may be.
        clock: the wall clock.
        group_commits: False commits every upload alone; for comparison only.
    """

    def __init__(
        self,
        metadata: Metadata,
        files: SkillFiles,
        limits: Limits | None = None,
        *,
        clock: model.Clock = model.utc_now,
        group_commits: bool = True,
    ) -> None:
        self._metadata = metadata
        self._files = files
        self._limits = limits or Limits()
        self._clock = clock
        self._committer = Committer(metadata) if group_commits else Committer(metadata, largest_group=1)
        self._pool = ThreadPoolExecutor(_FILE_THREADS, thread_name_prefix="hub-files")
        # Two uploads of one skill go one after the other; a lock is there as long as somebody uses it.
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[Any]] = set()
        self._touched: dict[str, datetime] = {}
        self._digests: dict[str, dict[str, str]] = {}
        self._coming: dict[str, set[str]] = {}

    def agents_of(self, key: model.Key) -> list[model.Agent]:
        """The agents that the key reaches."""
        return self._metadata.agents(key.owner)

    def note_use(self, key: model.Key) -> None:
        """Records that the key was used, at most once a minute and without waiting for the disk."""
        now = self._clock()
        if now - self._touched.get(key.id, datetime.min.replace(tzinfo=now.tzinfo)) >= _TOUCH_EVERY:
            self._touched[key.id] = now
            self._committer.submit([model.TouchKey(key.id, model.stamp(now))])

    async def sync_skill(self, key: model.Key, agent_id: str, upload: Upload) -> tuple[model.Agent, Stored]:
        """Stores one skill.

        Raises:
            RefusedError: with the cause; the refusal is in the audit.
        """
        agent = await self._agent_for(key, agent_id, upload.name)
        return agent, await self._to_the_end(self._store(key, agent, upload))

    async def sync_all(
        self, key: model.Key, agent_id: str, uploads: Sequence[Upload | RefusedError]
    ) -> tuple[model.Agent, list[Stored | RefusedError]]:
        """Stores many skills; one that is refused does not hold up the others.

        Args:
            uploads: what was sent; an entry that was no skill at all stands there as its refusal.

        Returns:
            The agent, and one outcome for each upload, in order.

        Raises:
            RefusedError: nothing was tried: wrong agent, or too many skills.
        """
        agent = await self._agent_for(key, agent_id, None)
        most = self._limits.skills_per_call
        if len(uploads) > most:
            too_many = RefusedError(
                "too_many_skills", f"{len(uploads)} skills in one call; {most} are allowed"
            )
            await self._record(self._entry(key, too_many.code, agent_id=agent.id))
            raise too_many
        outcomes = await asyncio.gather(
            *(self._one_of_many(key, agent, upload) for upload in _unique(uploads))
        )
        return agent, list(outcomes)

    async def close(self) -> None:
        """Finishes the uploads that are under way; nothing may be asked of the service afterwards."""
        while self._running:
            await asyncio.wait(set(self._running))
        self._pool.shutdown()
        await asyncio.to_thread(self._committer.close)

    async def _agent_for(self, key: model.Key, agent_id: str, skill: str | None) -> model.Agent:
        agent = self._metadata.agent(agent_id)
        if agent is None or agent.owner != key.owner:
            # One answer for both: a key learns nothing about the agents of others.
            shown = None if skill is None else printable(skill)
            await self._record(self._entry(key, "forbidden", agent_id=printable(agent_id), skill=shown))
            raise RefusedError("forbidden", f"this key has no agent {printable(agent_id)!r}")
        return agent

    async def _one_of_many(
        self, key: model.Key, agent: model.Agent, upload: Upload | RefusedError
    ) -> Stored | RefusedError:
        if isinstance(upload, RefusedError):
            await self._record(self._entry(key, upload.code, agent_id=agent.id))
            return upload
        try:
            return await self._to_the_end(self._store(key, agent, upload))
        except RefusedError as refusal:
            return refusal

    async def _store(self, key: model.Key, agent: model.Agent, upload: Upload) -> Stored:
        entry = self._entry(key, "stored", agent_id=agent.id, skill=printable(upload.name))
        try:
            name = check_skill_name(upload.name)
            data = check_content(upload.content, self._limits.content_bytes)
            digest = sha256(data)
            entry = replace(entry, sha256=digest, bytes=len(data))
            new = Stored(name, digest, len(data), unchanged=False)
            async with self._locks.setdefault((agent.id, name), asyncio.Lock()):
                with self._room_for(agent, name):
                    return await self._write(agent, new, data, entry)
        except RefusedError as refusal:
            await self._record(replace(entry, outcome=refusal.code))
            raise
        except InstallError as error:
            _log.error("an upload for %s was not stored: %s", agent.id, error.message)
            failed = storage_failed(error)
            await self._record(replace(entry, outcome=failed.code))
            raise failed from error

    async def _write(self, agent: model.Agent, new: Stored, data: bytes, entry: model.AuditEntry) -> Stored:
        known = self._digests_of(agent.id)
        loop = asyncio.get_running_loop()
        unchanged = known.get(new.name) == new.sha256
        if unchanged:
            # The row is a promise about the folder; the folder is what counts.
            there = await loop.run_in_executor(self._pool, self._files.read, agent.id, new.name)
            unchanged = there == data
        changes: list[model.Change] = [
            model.Append(replace(entry, outcome="unchanged" if unchanged else "stored"))
        ]
        if not unchanged:
            await loop.run_in_executor(self._pool, self._files.write, agent.id, new.name, data)
            changes.insert(
                0, model.PutSkill(model.Skill(agent.id, new.name, new.sha256, new.bytes, entry.at))
            )
        await asyncio.wrap_future(self._committer.submit(changes))
        known[new.name] = new.sha256
        return replace(new, unchanged=unchanged)

    @contextlib.contextmanager
    def _room_for(self, agent: model.Agent, name: str) -> Iterator[None]:
        """Counts a skill that the agent does not have yet while it is written: many may come at once."""
        known, coming = self._digests_of(agent.id), self._coming.setdefault(agent.id, set())
        if name not in known:
            most = self._limits.skills_per_agent
            if len(known) + len(coming) >= most:
                raise RefusedError("too_many_skills", f"the agent has {most} skills already")
            coming.add(name)
        try:
            yield
        finally:
            coming.discard(name)

    def _digests_of(self, agent_id: str) -> dict[str, str]:
        """The agent's skills and their hashes, read once: only this process writes skills of this folder."""
        if agent_id not in self._digests:
            rows = self._metadata.skills(agent_id)
            self._digests[agent_id] = {row.name: row.sha256 for row in rows}
        return self._digests[agent_id]

    def _entry(self, key: model.Key, outcome: str, **fields: Any) -> model.AuditEntry:
        return model.AuditEntry(
            model.stamp(self._clock()), "upload", outcome, owner=key.owner, key_id=key.id, **fields
        )

    async def _record(self, entry: model.AuditEntry) -> None:
        # A refusal stays a refusal when it cannot be recorded: a full disk must not hide the cause.
        with contextlib.suppress(InstallError):
            await asyncio.wrap_future(self._committer.submit([model.Append(entry)]))

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` even if the caller goes away: a half-done upload may not free its lock."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Asked for here so that a caller who went away leaves no warning behind.
            task.exception()


def _unique(uploads: Sequence[Upload | RefusedError]) -> list[Upload | RefusedError]:
    seen: set[str] = set()
    result: list[Upload | RefusedError] = []
    for upload in uploads:
        if isinstance(upload, Upload) and upload.name in seen:
            result.append(
                RefusedError("duplicate_name", "the call has this name already; the first one counts")
            )
            continue
        if isinstance(upload, Upload):
            seen.add(upload.name)
        result.append(upload)
    return result


def storage_failed(error: InstallError) -> RefusedError:
    """What a client is told when the disk or the database failed; the error's own words are for the log."""
    if error.error_code in ("file.enospc", "file.edquot", "hub.database_full"):
        return RefusedError("storage_full", "the hub's disk is full; nothing was acknowledged")
    return RefusedError("storage_failed", "the hub's storage failed; its operator finds the cause in the log")
