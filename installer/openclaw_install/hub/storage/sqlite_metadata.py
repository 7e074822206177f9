"""The hub's metadata in SQLite: WAL, and a commit that returns only when the disk has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from openclaw_install.common.migrations import read_migrations
from openclaw_install.hub import model
from openclaw_install.hub.audit_chain import GENESIS, link
from openclaw_install.hub.storage import statements
from openclaw_install.hub.storage.metadata import already_there
from openclaw_install.hub.storage.sqlite import SqliteFile, database_errors

MIGRATIONS = Path(__file__).parent / "sql"


class SqliteMetadata(SqliteFile):
    """`Metadata` in one file; a second process (a command of the operator) may use it at the same time.

    Args:
        path: the database; made with mode 0600 when it is missing. Its folder must exist.

    Raises:
        FileError: it cannot be opened, is no database, or belongs to a newer version.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_migrations(MIGRATIONS))

    def commit(self, changes: Sequence[model.Change]) -> None:
        with self._writing, database_errors(self._path, "write"), self.transaction():
            seq, last_hash = self.first(statements.AUDIT_END) or (0, GENESIS)
            for change in changes:
                if isinstance(change, model.Append):
                    row = link(seq + 1, last_hash, change.entry)
                    seq, last_hash = row.seq, row.hash
                    self.put(statements.APPEND, row)
                else:
                    self._apply(change)

    def _apply(self, change: model.Change) -> None:
        match change:
            case model.AddKey(key, digest):
                self._add(statements.ADD_KEY, key, f"the key {key.id}", digest)
            case model.RevokeKey(key_id, at):
                self.run(statements.REVOKE_KEY, at, key_id)
            case model.TouchKey(key_id, at):
                self.run(statements.TOUCH_KEY, at, key_id)
            case model.AddAgent(agent):
                self._add(statements.ADD_AGENT, agent, f"an agent {agent.name!r} of {agent.owner}")
            case model.SetPodState(agent_id, state):
                self.run(statements.SET_POD_STATE, state, agent_id)
            case model.PutSkill(skill):
                self.put(statements.PUT_SKILL, skill)
            case model.DropSkill(agent_id, name):
                self.run(statements.DROP_SKILL, agent_id, name)

    def _add(self, statement: str, record: model.Key | model.Agent, what: str, *more: str) -> None:
        try:
            self.put(statement, record, *more)
        except sqlite3.IntegrityError as error:
            raise already_there(what) from error

    def key_by_digest(self, digest: str) -> model.Key | None:
        return self.read_first(model.Key, statements.KEY_BY_DIGEST, digest)

    def keys(self) -> list[model.Key]:
        return self.read(model.Key, statements.KEYS)

    def agent(self, agent_id: str) -> model.Agent | None:
        return self.read_first(model.Agent, statements.AGENT, agent_id)

    def agents(self, owner: str | None = None) -> list[model.Agent]:
        if owner is None:
            return self.read(model.Agent, statements.AGENTS)
        return self.read(model.Agent, statements.AGENTS_OF, owner)

    def skills(self, agent_id: str) -> list[model.Skill]:
        return self.read(model.Skill, statements.SKILLS, agent_id)

    def skill_count(self, agent_id: str) -> int:
        return int(self.read_value(statements.SKILL_COUNT, agent_id))

    def audit(self, *, after: int = 0, limit: int = 1000) -> list[model.AuditRow]:
        return self.read(model.AuditRow, statements.AUDIT, after, limit)
