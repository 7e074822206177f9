"""What the operator of the relay does: agents and invitations; also while a hub runs on the same folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import UsageError
from openclaw_install.common.redaction import Secret
from openclaw_install.hub.data_folder import DataFolder
from openclaw_install.hub.model import Append, AuditEntry, stamp, utc_now
from openclaw_install.hub.relay.app import open_relay
from openclaw_install.hub.relay.invitations import new_invite
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.model import AddInvite, Done, Invite, Member, Retire, RevokeInvite
from openclaw_install.hub.relay.store import RelayStore
from openclaw_install.hub.rules import printable
from openclaw_install.hub.storage.metadata import Metadata
from openclaw_install.hub.storage.sqlite_metadata import SqliteMetadata


class RelayAdmin:
    """The operator's actions at the relay; each is in the hub's audit, except looking.

    Args:
        store: the relay's.
        metadata: the hub's, which has the audit.
    """

    def __init__(self, store: RelayStore, metadata: Metadata, wall: Callable[[], float] = wall_time) -> None:
        self._store, self._metadata, self._wall = store, metadata, wall

    def members(self) -> list[Member]:
        """Every registered agent, the one that was used last first."""
        return self._store.members()

    def remove(self, did: str) -> Member:
        """Gives an agent's place back, with what waits in it; it may register again.

        Raises:
            UsageError: no such agent is registered.
        """
        member = next((member for member in self.members() if did in (member.did, member.alias)), None)
        if member is None:
            raise UsageError(
                f"no agent {printable(did)!r} is registered",
                next_step="openclaw-install hub relay agents list",
                code="hub.unknown_agent",
            )
        outcome = self._store.commit([Retire(member.did, self._now())])[0]
        if isinstance(outcome, Done) and outcome.count:
            self._note("relay.remove", member.did)
        return member

    def invite(self, uses: int, lifetime: timedelta) -> tuple[Invite, Secret]:
        """A new invitation; its code is in the answer and nowhere else."""
        invite, code = new_invite(uses, self._now(), round(lifetime.total_seconds() * 1000))
        self._store.commit([AddInvite(invite)])
        self._note("relay.invite", invite.id)
        return invite, code

    def invites(self) -> list[Invite]:
        """Every invitation, oldest first; those that expired go when a new one is made."""
        return self._store.invites()

    def revoke(self, name: str) -> Invite:
        """Ends an invitation; who registered by it stays.

        Raises:
            UsageError: there is no such invitation.
        """
        known = {invite.id: invite for invite in self.invites()}
        if name not in known:
            raise UsageError(
                f"there is no invitation {printable(name)!r}",
                next_step="openclaw-install hub relay invite list",
                code="hub.unknown_invite",
            )
        if known[name].revoked_at is None:
            self._store.commit([RevokeInvite(name, self._now())])
            self._note("relay.invite_revoke", name)
        return next(invite for invite in self.invites() if invite.id == name)

    def _note(self, action: str, subject: str) -> None:
        self._metadata.commit([Append(AuditEntry(stamp(utc_now()), action, "done", agent_id=subject))])

    def _now(self) -> int:
        return round(self._wall() * 1000)


@contextlib.contextmanager
def open_relay_admin(data: Path) -> Iterator[RelayAdmin]:
    """The operator's actions on a data folder, which is made if it is missing.

    Raises:
        UsageError: the folder holds something else.
        FileError: the folder or a database cannot be used.
    """
    folder = DataFolder.prepare(data)
    with (
        contextlib.closing(SqliteMetadata(folder.database)) as metadata,
        open_relay(folder.root, RelayLimits()) as relay,
    ):
        yield RelayAdmin(relay.store, metadata)
