"""The hub's records: keys, agents, skills, audit entries, and the changes from one state to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Literal

from openclaw_install.common.clock import wall_time

PodState = Literal["running", "stopped"]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.fromtimestamp(wall_time(), UTC)


def stamp(moment: datetime) -> str:
    """`moment` as the hub writes it: UTC, microseconds, sortable as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Key:
    """An API key as lists show it; never the key itself.

    Attributes:
        id: what lists and the audit call it; not secret.
        owner: whose agents it reaches.
        last_used_at: noted at most once a minute.
    """

    id: str
    owner: str
    created_at: str
    last_used_at: str | None = None
    revoked_at: str | None = None


@dataclass(frozen=True)
class Agent:
    """An agent and whether a pod of it reads its skills folder now."""

    id: str
    owner: str
    name: str
    pod_state: PodState
    created_at: str

    @property
    def live(self) -> bool:
        return self.pod_state == "running"


@dataclass(frozen=True)
class Skill:
    """The skill that was last acknowledged under this name."""

    agent_id: str
    name: str
    sha256: str
    bytes: int
    updated_at: str


@dataclass(frozen=True)
class AuditEntry:
    """One thing that happened.

    Attributes:
        action: `upload`, `recover`, `key.create`, `key.revoke`, `agent.create`, `agent.start`, `agent.stop`,
            `relay.remove`, `relay.invite`, `relay.invite_revoke`.
        agent_id: for the relay's a DID, or the id of an invitation.
        key_id: the key that asked; None for the operator of the hub and for the hub itself.
        skill: the name as it was sent, cut and escaped if it broke the rules.
        outcome: `stored`, `unchanged`, `done`, or the code of the refusal.
    """

    at: str
    action: str
    outcome: str
    owner: str | None = None
    key_id: str | None = None
    agent_id: str | None = None
    skill: str | None = None
    sha256: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class AuditRow(AuditEntry):
    """An entry in its place in the audit.

    Attributes:
        previous: the hash of the row before it.
        hash: SHA-256 over `seq`, `previous` and every field of the entry.
    """

    seq: int
    previous: str
    hash: str

    @property
    def entry(self) -> AuditEntry:
        """The entry without its place."""
        return AuditEntry(**{field.name: getattr(self, field.name) for field in fields(AuditEntry)})


@dataclass(frozen=True)
class AddKey:
    """Adds a key.

    Attributes:
        digest: SHA-256 of the key in hex; the key itself is kept nowhere.
    """

    key: Key
    digest: str


@dataclass(frozen=True)
class RevokeKey:
    key_id: str
    at: str


@dataclass(frozen=True)
class TouchKey:
    key_id: str
    at: str


@dataclass(frozen=True)
class AddAgent:
    agent: Agent


@dataclass(frozen=True)
class SetPodState:
    agent_id: str
    state: PodState


@dataclass(frozen=True)
class PutSkill:
    skill: Skill


@dataclass(frozen=True)
class DropSkill:
    agent_id: str
    name: str


@dataclass(frozen=True)
class Append:
    """Adds an entry to the end of the audit."""

    entry: AuditEntry


Change = AddKey | RevokeKey | TouchKey | AddAgent | SetPodState | PutSkill | DropSkill | Append


class RefusedError(Exception):
    """A request that the hub understood and declines; the caller receives code and message.

    Args:
        code: for machines, for example `forbidden` or `invalid_name`.
        message: for people; it quotes no content.
        next_step: what the caller can do about it; left out of the answer when it is empty.
    """

    def __init__(self, code: str, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.next_step = code, message, next_step

    def to_json(self) -> dict[str, str]:
        """The answer's `error`."""
        step = {"next_step": self.next_step} if self.next_step else {}
        return {"code": self.code, "message": self.message, **step}
