"""What the operator of the hub does: keys, agents, the audit; also while a hub runs on the same folder."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from openclaw_install.common.errors import UsageError
from openclaw_install.common.redaction import Secret
from openclaw_install.hub import audit_chain
from openclaw_install.hub.data_folder import DataFolder
from openclaw_install.hub.keys import digest_of, new_key
from openclaw_install.hub.model import (
    AddAgent,
    AddKey,
    Agent,
    Append,
    AuditEntry,
    AuditRow,
    Clock,
    Key,
    PodState,
    RefusedError,
    RevokeKey,
    SetPodState,
    stamp,
    utc_now,
)
from openclaw_install.hub.results import HubAgentList, hub_agent
from openclaw_install.hub.rules import check_agent_name, check_owner, printable
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import SkillFiles
from openclaw_install.hub.storage.sqlite_metadata import SqliteMetadata

_PAGE = 5000


class Admin:
    """The operator's actions; each is in the audit, except looking.

    Args:
        metadata, files: the hub's stores.
    """

    def __init__(self, metadata: Metadata, files: SkillFiles, clock: Clock = utc_now) -> None:
        self._metadata = metadata
        self._files = files
        self._clock = clock

    def create_key(self, owner: str) -> tuple[Key, Secret]:
        """A new key for the agents of `owner`; its text is in the answer and nowhere else.

        Raises:
            UsageError: the owner's name breaks the rules.
        """
        with _as_usage():
            check_owner(owner)
        secret, now = new_key(), stamp(self._clock())
        key = Key(f"key_{secrets.token_hex(6)}", owner, digest_of(secret), now)
        entry = AuditEntry(now, "key.create", "done", owner=owner, key_id=key.id)
        self._metadata.commit([AddKey(key), Append(entry)])
        return key, secret

    def keys(self) -> list[Key]:
        return self._metadata.keys()

    def revoke_key(self, key_id: str) -> Key:
        """Ends a key at once, also in sessions that are open. Revoking it again changes nothing.

        Raises:
            UsageError: there is no such key.
        """
        key = next((key for key in self.keys() if key.id == key_id), None)
        if key is None:
            raise _unknown("key", key_id, "openclaw-install hub keys list")
        if key.revoked_at is None:
            now = stamp(self._clock())
            entry = AuditEntry(now, "key.revoke", "done", owner=key.owner, key_id=key.id)
            self._metadata.commit([RevokeKey(key_id, now), Append(entry)])
        return next(key for key in self.keys() if key.id == key_id)

    def create_agent(self, name: str, owner: str, *, running: bool = False) -> Agent:
        """A new agent with an empty skills folder.

        Raises:
            UsageError: a name breaks the rules.
            ConflictError: the owner has an agent of that name.
        """
        with _as_usage():
            check_owner(owner)
            check_agent_name(name)
        now = stamp(self._clock())
        state: PodState = "running" if running else "stopped"
        agent = Agent(f"agt_{secrets.token_hex(8)}", owner, name, state, now)
        entry = AuditEntry(now, "agent.create", "done", owner=owner, agent_id=agent.id)
        self._metadata.commit([AddAgent(agent), Append(entry)])
        self._files.prepare(agent.id)
        return agent

    def agents(self) -> list[Agent]:
        return self._metadata.agents()

    def set_pod_state(self, id_or_name: str, state: PodState) -> Agent:
        """Notes that the agent's pod runs, or does not; setting it again changes nothing.

        Raises:
            UsageError: there is no such agent, or several owners have one of that name.
        """
        agent = self._find(id_or_name)
        if agent.pod_state != state:
            action = "agent.start" if state == "running" else "agent.stop"
            entry = AuditEntry(stamp(self._clock()), action, "done", owner=agent.owner, agent_id=agent.id)
            self._metadata.commit([SetPodState(agent.id, state), Append(entry)])
        return self._find(agent.id)

    def described(self, agents: Sequence[Agent], folder_of: Callable[[str], Path]) -> HubAgentList:
        """Agents with the number of their skills and their folders.

        Args:
            folder_of: gives the folder of an agent's id.
        """
        return HubAgentList(
            tuple(
                hub_agent(agent, self._metadata.skill_count(agent.id), str(folder_of(agent.id)))
                for agent in agents
            )
        )

    def audit_rows(self) -> Iterator[AuditRow]:
        """The whole audit, oldest first, read in pages."""
        last = 0
        while rows := self._metadata.audit(after=last, limit=_PAGE):
            yield from rows
            last = rows[-1].seq

    def verify_audit(self, kept_head: str | None = None) -> audit_chain.ChainVerdict:
        """Follows the audit's hash chain; `kept_head` is a hash that an earlier check gave."""
        return audit_chain.verify(self.audit_rows(), kept_head=kept_head)

    def _find(self, id_or_name: str) -> Agent:
        agents = self.agents()
        found = [agent for agent in agents if id_or_name == agent.id]
        found = found or [agent for agent in agents if id_or_name == agent.name]
        if not found:
            raise _unknown("agent", id_or_name, "openclaw-install hub agents list")
        if len(found) > 1:
            raise UsageError(
                f"{len(found)} owners have an agent {id_or_name!r}",
                next_step=f"give the id: {', '.join(agent.id for agent in found)}",
                code="hub.ambiguous",
            )
        return found[0]


@contextlib.contextmanager
def open_admin(data: Path) -> Iterator[Admin]:
    """The operator's actions on a data folder, which is made if it is missing.

    Raises:
        UsageError: the folder holds something else.
        FileError: the folder or its database cannot be used.
    """
    folder = DataFolder.prepare(data)
    metadata = SqliteMetadata(folder.database)
    try:
        yield Admin(metadata, folder.skill_files())
    finally:
        metadata.close()


@contextlib.contextmanager
def _as_usage() -> Iterator[None]:
    try:
        yield
    except RefusedError as refusal:
        raise UsageError(
            refusal.message, next_step="choose another name", code=f"hub.{refusal.code}"
        ) from refusal


def _unknown(what: str, name: str, command: str) -> UsageError:
    return UsageError(
        f"there is no {what} {printable(name)!r}", next_step=command, code=f"hub.unknown_{what}"
    )
