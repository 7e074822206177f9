"""The hub's metadata in SQLite: WAL, and a commit that returns only when the disk has it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from openclaw_install.common.sqlite_file import connect_file
from openclaw_install.hub.audit_chain import GENESIS, link
from openclaw_install.hub.model import (
    AddAgent,
    AddKey,
    Agent,
    Append,
    AuditEntry,
    AuditRow,
    Change,
    DropSkill,
    Key,
    PutSkill,
    RevokeKey,
    SetPodState,
    Skill,
    TouchKey,
)
from openclaw_install.hub.storage import statements
from openclaw_install.hub.storage.database_errors import database_errors
from openclaw_install.hub.storage.metadata import already_there
from openclaw_install.hub.storage.migrations import migrate


class SqliteMetadata:
    """`Metadata` in one file; a second process (a command of the operator) may use it at the same time.

    Args:
        path: the database; made with mode 0600 when it is missing. Its folder must exist.

    Raises:
        FileError: it cannot be opened, is no database, or belongs to a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._end: tuple[int, str] = (0, GENESIS)
        with self._errors("open"):
            self._writer = self._connect()
            migrate(self._writer)
            self._reader = self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = connect_file(self._path, check_same_thread=False)
        connection.execute("PRAGMA recursive_triggers = ON")
        return connection

    def _errors(self, verb: str) -> contextlib.AbstractContextManager[None]:
        return database_errors(self._path, verb)

    def commit(self, changes: Sequence[Change]) -> None:
        with self._writing, self._errors("write"):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._end = self._writer.execute(statements.AUDIT_END).fetchone() or (0, GENESIS)
                for change in changes:
                    self._apply(change)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _apply(self, change: Change) -> None:
        run = self._writer.execute
        match change:
            case AddKey(key):
                self._insert(statements.ADD_KEY, key, f"the key {key.id}")
            case RevokeKey(key_id, at):
                run(statements.REVOKE_KEY, (at, key_id))
            case TouchKey(key_id, at):
                run(statements.TOUCH_KEY, (at, key_id))
            case AddAgent(agent):
                self._insert(statements.ADD_AGENT, agent, f"an agent {agent.name!r} of {agent.owner}")
            case SetPodState(agent_id, state):
                run(statements.SET_POD_STATE, (state, agent_id))
            case PutSkill(skill):
                run(statements.PUT_SKILL, astuple(skill))
            case DropSkill(agent_id, name):
                run(statements.DROP_SKILL, (agent_id, name))
            case Append(entry):
                self._append(entry)

    def _insert(self, statement: str, record: Key | Agent, what: str) -> None:
        try:
            self._writer.execute(statement, astuple(record))
        except sqlite3.IntegrityError as error:
            raise already_there(what) from error

    def _append(self, entry: AuditEntry) -> None:
        seq, previous = self._end
        row = link(seq + 1, previous, entry)
        self._end = (row.seq, row.hash)
        self._writer.execute(statements.APPEND, (row.seq, *astuple(entry), row.previous, row.hash))

    def _read(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._reading, self._errors("read"):
            return self._reader.execute(statement, values).fetchall()

    def key_by_digest(self, digest: str) -> Key | None:
        rows = self._read(statements.KEY_BY_DIGEST, digest)
        return Key(*rows[0]) if rows else None

    def keys(self) -> list[Key]:
        return [Key(*row) for row in self._read(statements.KEYS)]

    def agent(self, agent_id: str) -> Agent | None:
        rows = self._read(statements.AGENT, agent_id)
        return Agent(*rows[0]) if rows else None

    def agents(self, owner: str | None = None) -> list[Agent]:
        rows = self._read(statements.AGENTS) if owner is None else self._read(statements.AGENTS_OF, owner)
        return [Agent(*row) for row in rows]

    def skill(self, agent_id: str, name: str) -> Skill | None:
        rows = self._read(statements.SKILL, agent_id, name)
        return Skill(*rows[0]) if rows else None

    def skills(self, agent_id: str) -> list[Skill]:
        return [Skill(*row) for row in self._read(statements.SKILLS, agent_id)]

    def skill_count(self, agent_id: str) -> int:
        count: int = self._read(statements.SKILL_COUNT, agent_id)[0][0]
        return count

    def audit(self, *, after: int = 0, limit: int = 1000) -> list[AuditRow]:
        rows = self._read(statements.AUDIT, after, limit)
        return [AuditRow(row[0], AuditEntry(*row[1:-2]), row[-2], row[-1]) for row in rows]

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()
