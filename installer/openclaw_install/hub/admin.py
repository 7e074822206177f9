"""What the operator of hub and relay does; also while a hub runs on the same folder."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import UsageError
from openclaw_install.common.redaction import Secret
from openclaw_install.hub import audit_chain, model
from openclaw_install.hub.data_folder import DataFolder
from openclaw_install.hub.keys import INVITATION_PREFIX, KEY_PREFIX, digest_of, new_secret
from openclaw_install.hub.relay.context import open_relay
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.model import AddInvite, Done, Invite, Member, Retire, RevokeInvite
from openclaw_install.hub.relay.store import RelayStore
from openclaw_install.hub.results import HubAgent, HubAgentList
from openclaw_install.hub.rules import check_agent_name, check_owner, printable
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.skill_files import SkillFiles
from openclaw_install.hub.storage.sqlite_metadata import SqliteMetadata

_PAGE = 5000


def _no_relay() -> RelayStore:
    raise UsageError("there is no relay", next_step="openclaw-install hub run", code="hub.no_relay")


class Admin:
    """The operator's actions; each is in the audit, except looking.

    Args:
        metadata, files: the hub's stores.
        relay: opens the relay's store, for the first of the actions that are about it.
    """

    def __init__(
        self, metadata: Metadata, files: SkillFiles, relay: Callable[[], RelayStore] = _no_relay
    ) -> None:
        self._metadata, self._files, self._relay = metadata, files, relay

    def create_key(self, owner: str) -> tuple[model.Key, Secret]:
        """A new key for the agents of `owner`; its text is in the answer and nowhere else.

        Raises:
            UsageError: the owner's name breaks the rules.
        """
        with _as_usage():
            check_owner(owner)
        secret, now = new_secret(KEY_PREFIX), model.stamp(model.utc_now())
        key = model.Key(f"key_{secrets.token_hex(6)}", owner, now)
        added = model.AddKey(key, digest_of(secret))
        self._commit("key.create", added, owner=owner, key_id=key.id)
        return key, secret

    def keys(self) -> list[model.Key]:
        return self._metadata.keys()

    def revoke_key(self, key_id: str) -> model.Key:
        """Ends a key at once, also in sessions that are open. Revoking it again changes nothing.

        Raises:
            UsageError: there is no such key.
        """
        key = next((key for key in self.keys() if key.id == key_id), None)
        if key is None:
            raise _unknown("key", key_id, "openclaw-install hub keys list")
        if key.revoked_at is None:
            revoked = model.RevokeKey(key_id, model.stamp(model.utc_now()))
            self._commit("key.revoke", revoked, owner=key.owner, key_id=key.id)
        return next(key for key in self.keys() if key.id == key_id)

    def create_agent(self, name: str, owner: str, *, running: bool = False) -> model.Agent:
        """A new agent with an empty skills folder.

        Raises:
            UsageError: a name breaks the rules.
            ConflictError: the owner has an agent of that name.
        """
        with _as_usage():
            check_owner(owner)
            check_agent_name(name)
        now = model.stamp(model.utc_now())
        state: model.PodState = "running" if running else "stopped"
        agent = model.Agent(f"agt_{secrets.token_hex(8)}", owner, name, state, now)
        self._commit("agent.create", model.AddAgent(agent), owner=owner, agent_id=agent.id)
        self._files.prepare(agent.id)
        return agent

    def agents(self) -> list[model.Agent]:
        return self._metadata.agents()

    def set_pod_state(self, id_or_name: str, state: model.PodState) -> model.Agent:
        """Notes that the agent's pod runs, or does not; setting it again changes nothing.

        Raises:
            UsageError: there is no such agent, or several owners have one of that name.
        """
        agent = self._find(id_or_name)
        if agent.pod_state != state:
            action = "agent.start" if state == "running" else "agent.stop"
            change = model.SetPodState(agent.id, state)
            self._commit(action, change, owner=agent.owner, agent_id=agent.id)
        return self._find(agent.id)

    def listed(self, *agents: model.Agent) -> HubAgentList:
        """Agents with the number of their skills and their folders."""
        return HubAgentList(
            tuple(
                HubAgent(
                    **vars(agent),
                    skills=self._metadata.skill_count(agent.id),
                    folder=str(self._files.folder(agent.id)),
                )
                for agent in agents
            )
        )

    def relay_agents(self) -> list[Member]:
        """Every registered agent, the one that was used last first."""
        return self._relay().members()

    def remove_relay_agent(self, did: str) -> Member:
        """Gives an agent's place back, with what waits in it; it may register again.

        Raises:
            UsageError: no such agent is registered.
        """
        member = next((member for member in self.relay_agents() if did in (member.did, member.alias)), None)
        if member is None:
            raise _unknown("agent", did, "openclaw-install hub relay agents list")
        outcome = self._relay().commit([Retire(member.did, self._now())])[0]
        if isinstance(outcome, Done) and outcome.count:
            self._commit("relay.remove", agent_id=member.did)
        return member

    def invite(self, uses: int, lifetime: timedelta) -> tuple[Invite, Secret]:
        """A new invitation; its code is in the answer and nowhere else."""
        now, code = self._now(), new_secret(INVITATION_PREFIX)
        expires_at = now + round(lifetime.total_seconds() * 1000)
        invite = Invite(f"inv_{secrets.token_hex(6)}", uses, uses, now, expires_at)
        self._relay().commit([AddInvite(invite, digest_of(code))])
        self._commit("relay.invite", agent_id=invite.id)
        return invite, code

    def invites(self) -> list[Invite]:
        """Every invitation, oldest first; those that expired go when a new one is made."""
        return self._relay().invites()

    def revoke_invite(self, name: str) -> Invite:
        """Ends an invitation; who registered by it stays.

        Raises:
            UsageError: there is no such invitation.
        """
        invite = next((one for one in self.invites() if one.id == name), None)
        if invite is None:
            raise _unknown("invite", name, "openclaw-install hub relay invite list")
        if invite.revoked_at is None:
            now = self._now()
            self._relay().commit([RevokeInvite(name, now)])
            self._commit("relay.invite_revoke", agent_id=name)
            invite = replace(invite, revoked_at=now)
        return invite

    def audit_rows(self) -> Iterator[model.AuditRow]:
        """The whole audit, oldest first, read in pages."""
        last = 0
        while rows := self._metadata.audit(after=last, limit=_PAGE):
            yield from rows
            last = rows[-1].seq

    def verify_audit(self, kept_head: str | None = None) -> audit_chain.ChainVerdict:
        """Follows the audit's hash chain; `kept_head` is a hash that an earlier check gave."""
        return audit_chain.verify(self.audit_rows(), kept_head=kept_head)

    def _commit(self, action: str, *changes: model.Change, **subject: Any) -> None:
        """Makes the changes, and adds to the audit that the operator did this."""
        entry = model.AuditEntry(model.stamp(model.utc_now()), action, "done", **subject)
        self._metadata.commit([*changes, model.Append(entry)])

    def _now(self) -> int:
        return round(model.utc_now().timestamp() * 1000)

    def _find(self, id_or_name: str) -> model.Agent:
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
    with contextlib.ExitStack() as opened:
        metadata = opened.enter_context(contextlib.closing(SqliteMetadata(folder.database)))
        relay = cache(lambda: opened.enter_context(open_relay(folder.root, RelayLimits())).store)
        yield Admin(metadata, folder.skill_files(), relay)


@contextlib.contextmanager
def _as_usage() -> Iterator[None]:
    try:
        yield
    except model.RefusedError as refusal:
        raise UsageError(
            refusal.message, next_step="choose another name", code=f"hub.{refusal.code}"
        ) from refusal


def _unknown(what: str, name: str, command: str) -> UsageError:
    return UsageError(
        f"there is no {what} {printable(name)!r}", next_step=command, code=f"hub.unknown_{what}"
    )
