"""The interface of the hub's metadata store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openclaw_install.common.errors import ConflictError
from openclaw_install.hub.model import Agent, AuditRow, Change, Key, Skill


class Metadata(Protocol):
    """Keys, agents, skills and the audit. Safe to use from several threads."""

    def commit(self, changes: Sequence[Change]) -> None:
        """Makes all the changes in one transaction that survives a crash once this returns, or none of them.

        Raises:
            ConflictError: a key or an agent of that name is there already.
            FileError: the disk is full or cannot be written.
        """
        ...

    def key_by_digest(self, digest: str) -> Key | None:
        """The key with this SHA-256, revoked or not."""
        ...

    def keys(self) -> list[Key]:
        """All keys, oldest first."""
        ...

    def agent(self, agent_id: str) -> Agent | None: ...

    def agents(self, owner: str | None = None) -> list[Agent]:
        """All agents, or those of one owner, by name."""
        ...

    def skills(self, agent_id: str) -> list[Skill]:
        """The agent's skills, by name."""
        ...

    def skill_count(self, agent_id: str) -> int: ...

    def audit(self, *, after: int = 0, limit: int = 1000) -> list[AuditRow]:
        """Up to `limit` rows behind row `after`, oldest first."""
        ...

    def close(self) -> None: ...


def already_there(what: str) -> ConflictError:
    """The error for a name that is taken."""
    return ConflictError(
        f"{what} is there already", next_step="choose another name, or list what there is", code="hub.exists"
    )
