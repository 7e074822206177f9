"""What a start does first: it makes the rows agree with the folders, for a crash may have parted them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import sha256
from openclaw_install.hub.model import Append, AuditEntry, Change, Clock, DropSkill, PutSkill, Skill, stamp
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import SkillFiles

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OnDisk:
    """A skill's content as it was found."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Recovered:
    """One skill whose row did not match.

    Attributes:
        outcome: `adopted` (the folder has a content that the row lacked; it was written and never
            acknowledged, or changed by hand) or `vanished` (the row has a skill that is not there).
    """

    agent_id: str
    skill: str
    outcome: str


def reconcile(
    agent_id: str, rows: Sequence[Skill], disk: Mapping[str, OnDisk], at: str
) -> tuple[list[Change], list[Recovered]]:
    """The changes that make one agent's rows say what its folder holds. The folder is right: it is live."""
    changes: list[Change] = []
    found: list[Recovered] = []
    known = {row.name: row for row in rows}
    for name in sorted({*known, *disk}):
        row, file = known.get(name), disk.get(name)
        if file is None:
            changes.append(DropSkill(agent_id, name))
            found.append(Recovered(agent_id, name, "vanished"))
        elif row is None or row.sha256 != file.sha256:
            changes.append(PutSkill(Skill(agent_id, name, file.sha256, file.bytes, at)))
            found.append(Recovered(agent_id, name, "adopted"))
        else:
            continue
        digest, size = (None, None) if file is None else (file.sha256, file.bytes)
        entry = AuditEntry(
            at, "recover", found[-1].outcome, agent_id=agent_id, skill=name, sha256=digest, bytes=size
        )
        changes.append(Append(entry))
    return changes, found


def recover(metadata: Metadata, files: SkillFiles, clock: Clock) -> list[Recovered]:
    """Reconciles every agent, and returns what differed.

    The folder of one agent that cannot be used (its pod may have put a link there) does not keep the hub from
    the others: it is told in the log, its rows stay, and uploads for it are refused until it is mended.

    Raises:
        FileError: the database cannot be written.
    """
    everything: list[Recovered] = []
    for agent in metadata.agents():
        try:
            files.prepare(agent.id)
            names = files.names(agent.id)
        except InstallError as error:
            _log.error("the folder of %s cannot be used: %s", agent.id, error.message)
            continue
        disk = {name: found for name in names if (found := _look(files, agent.id, name))}
        changes, found_here = reconcile(agent.id, metadata.skills(agent.id), disk, stamp(clock()))
        if changes:
            metadata.commit(changes)
        everything += found_here
    return everything


def _look(files: SkillFiles, agent_id: str, name: str) -> OnDisk | None:
    try:
        data = files.read(agent_id, name)
    except InstallError:
        return None
    return OnDisk(sha256(data), len(data)) if data else None
