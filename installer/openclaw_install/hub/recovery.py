"""Start-up recovery: makes the metadata rows agree with the skill folders after a crash."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import sha256
from openclaw_install.hub.model import Append, AuditEntry, Change, Clock, DropSkill, PutSkill, Skill, stamp
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import SkillFiles

_log = logging.getLogger(__name__)


def reconcile(
    agent_id: str, rows: Sequence[Skill], disk: Sequence[Skill], at: str
) -> tuple[list[Change], list[AuditEntry]]:
    """The changes that make one agent's rows say what its folder holds, and what the audit says of them.

    The folder is right: it is live. `adopted` is a content there that the row lacked (it was written and
    never acknowledged, or changed by hand), `vanished` a skill of the rows that is not there.
    """
    changes: list[Change] = []
    found: list[AuditEntry] = []
    known, there = {row.name: row for row in rows}, {file.name: file for file in disk}
    for name in sorted({*known, *there}):
        row, file = known.get(name), there.get(name)
        if file is None:
            entry = AuditEntry(at, "recover", "vanished", agent_id=agent_id, skill=name)
            changes.append(DropSkill(agent_id, name))
        elif row is None or row.sha256 != file.sha256:
            what = {"agent_id": agent_id, "skill": name, "sha256": file.sha256}
            entry = AuditEntry(at, "recover", "adopted", **what, bytes=file.bytes)
            changes.append(PutSkill(file))
        else:
            continue
        changes.append(Append(entry))
        found.append(entry)
    return changes, found


def recover(metadata: Metadata, files: SkillFiles, clock: Clock) -> list[AuditEntry]:
    """Reconciles every agent, and returns what differed, as the audit has it.

    The folder of one agent that cannot be used (its pod may have put a link there) does not keep the hub from
    the others: it is told in the log, its rows stay, and uploads for it are refused until it is repaired.

    Raises:
        FileError: the database cannot be written.
    """
    everything: list[AuditEntry] = []
    for agent in metadata.agents():
        at = stamp(clock())
        try:
            files.prepare(agent.id)
            names = files.names(agent.id)
        except InstallError as error:
            _log.error("the folder of %s cannot be used: %s", agent.id, error.message)
            continue
        disk = [skill for name in names if (skill := _look(files, agent.id, name, at))]
        changes, found = reconcile(agent.id, metadata.skills(agent.id), disk, at)
        if changes:
            metadata.commit(changes)
        everything += found
    return everything


def _look(files: SkillFiles, agent_id: str, name: str, at: str) -> Skill | None:
    try:
        data = files.read(agent_id, name)
    except InstallError:
        return None
    return Skill(agent_id, name, sha256(data), len(data), at) if data else None
