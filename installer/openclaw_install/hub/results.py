"""What the operator's commands answer: frozen records, of which JSON, schemas and texts are derived. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.hub.audit_chain import ChainVerdict
from openclaw_install.hub.model import Agent, AuditRow, Key, PodState
from openclaw_install.hub.relay.model import Invite, Member


@dataclass(frozen=True)
class KeyInfo:
    """An API key as lists show it; never the key itself.

    Attributes:
        last_used_at: noted at most once a minute.
    """

    id: str
    owner: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


@dataclass(frozen=True)
class KeyList:
    """The result of `hub keys list|revoke`."""

    keys: tuple[KeyInfo, ...]


@dataclass(frozen=True)
class NewKey:
    """The result of `hub keys create`.

    Attributes:
        key: the key itself, which is shown this once.
    """

    keys: tuple[KeyInfo, ...]
    key: str = field(repr=False)


@dataclass(frozen=True)
class HubAgent:
    """An agent of the hub.

    Attributes:
        skills: how many it has.
        folder: the agent's skill root.
    """

    id: str
    owner: str
    name: str
    pod_state: PodState
    created_at: str
    skills: int
    folder: str


@dataclass(frozen=True)
class HubAgentList:
    """The result of `hub agents create|list|start|stop`."""

    agents: tuple[HubAgent, ...]


@dataclass(frozen=True)
class AuditLine:
    """A row of the audit.

    Attributes:
        outcome: stored, unchanged, done, adopted, vanished, or the code of a refusal.
        skill: as it was sent; escaped and cut when it broke the rules.
        hash: SHA-256 over the row and the hash before it.
    """

    seq: int
    at: str
    action: str
    outcome: str
    owner: str | None
    key_id: str | None
    agent_id: str | None
    skill: str | None
    sha256: str | None
    bytes: int | None
    previous: str
    hash: str


@dataclass(frozen=True)
class AuditCheck:
    """What following the audit's hash chain showed.

    Attributes:
        head: the hash of the last row that holds.
        saw_head: whether the head that was given is in the chain; null if none was.
    """

    ok: bool
    rows: int
    head: str
    broken_at: int | None
    reason: str | None
    saw_head: bool | None


@dataclass(frozen=True)
class AuditReport:
    """The result of `hub audit`.

    Attributes:
        rows: the last rows, oldest first.
        verified: null unless --verify was asked for.
    """

    rows: tuple[AuditLine, ...]
    verified: AuditCheck | None


@dataclass(frozen=True)
class HubRun:
    """The result of `hub run`, printed when the hub has stopped.

    Attributes:
        url: the MCP endpoint that was served.
        relay: what PINGAGENT_SERVER_URL was to be.
        recovered: skills whose record was made to agree with the folder at the start.
    """

    url: str
    relay: str
    data: str
    recovered: int


@dataclass(frozen=True)
class RelayAgent:
    """An agent that is registered at the relay.

    Attributes:
        last_used_at: when it last asked for something, noted once an hour; null: never since it registered.
        waiting: messages that it has not acknowledged.
    """

    did: str
    alias: str | None
    last_used_at: Timestamp | None
    waiting: int
    waiting_bytes: int


@dataclass(frozen=True)
class RelayAgentList:
    """The result of `hub relay agents list`."""

    agents: tuple[RelayAgent, ...]


@dataclass(frozen=True)
class RelayAgentRemoved(RelayAgentList):
    """The result of `hub relay agents remove`."""


@dataclass(frozen=True)
class InvitationInfo:
    """An invitation to the relay as lists show it; never its code."""

    id: str
    uses: int
    uses_left: int
    created_at: Timestamp
    expires_at: Timestamp
    revoked_at: Timestamp | None


@dataclass(frozen=True)
class InvitationList:
    """The result of `hub relay invite list|revoke`."""

    invites: tuple[InvitationInfo, ...]


@dataclass(frozen=True)
class NewInvitation:
    """The result of `hub relay invite`.

    Attributes:
        code: the invitation's code, which is shown this once.
    """

    invites: tuple[InvitationInfo, ...]
    code: str = field(repr=False)


def key_info(key: Key) -> KeyInfo:
    """A stored key without its digest."""
    return KeyInfo(key.id, key.owner, key.created_at, key.last_used_at, key.revoked_at)


def hub_agent(agent: Agent, skills: int, folder: str) -> HubAgent:
    """A stored agent with its skills."""
    return HubAgent(**asdict(agent), skills=skills, folder=folder)


def audit_line(row: AuditRow) -> AuditLine:
    """A row of the audit with its fields beside its hash."""
    return AuditLine(seq=row.seq, **asdict(row.entry), previous=row.previous, hash=row.hash)


def audit_check(verdict: ChainVerdict) -> AuditCheck:
    """A verdict with its conclusion."""
    return AuditCheck(ok=verdict.ok, **asdict(verdict))


def relay_agent(member: Member) -> RelayAgent:
    """A registered agent; its registration alone counts as no use."""
    used_at = member.used_at / 1000 if member.met else None
    return RelayAgent(member.did, member.alias, used_at, member.waiting, member.waiting_bytes)


def invitation_info(invite: Invite) -> InvitationInfo:
    """A stored invitation without the hash of its code."""
    return InvitationInfo(
        invite.id,
        invite.uses,
        invite.uses_left,
        invite.created_at / 1000,
        invite.expires_at / 1000,
        None if invite.revoked_at is None else invite.revoked_at / 1000,
    )
