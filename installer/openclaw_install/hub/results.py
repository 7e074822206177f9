"""What the operator's commands answer: frozen records, of which JSON, schemas and texts are derived. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from openclaw_install.hub.audit_chain import ChainVerdict
from openclaw_install.hub.model import Agent, AuditRow, Key
from openclaw_install.hub.relay.model import Invite, Member


@dataclass(frozen=True)
class KeyList:
    """The result of `hub keys list|revoke`."""

    keys: tuple[Key, ...]


@dataclass(frozen=True)
class NewKey:
    """The result of `hub keys create`.

    Attributes:
        key: the key itself, which is shown this once.
    """

    keys: tuple[Key, ...]
    key: str = field(repr=False)


@dataclass(frozen=True)
class HubAgent(Agent):
    """An agent of the hub.

    Attributes:
        skills: how many it has.
        folder: the agent's skill root.
    """

    skills: int
    folder: str


@dataclass(frozen=True)
class HubAgentList:
    """The result of `hub agents create|list|start|stop`."""

    agents: tuple[HubAgent, ...]


@dataclass(frozen=True)
class AuditReport:
    """The result of `hub audit`.

    Attributes:
        rows: the last rows, oldest first.
        verified: null unless --verify was asked for.
    """

    rows: tuple[AuditRow, ...]
    verified: ChainVerdict | None


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
class RelayAgentList:
    """The result of `hub relay agents list`."""

    agents: tuple[Member, ...]


@dataclass(frozen=True)
class RelayAgentRemoved(RelayAgentList):
    """The result of `hub relay agents remove`."""


@dataclass(frozen=True)
class InvitationList:
    """The result of `hub relay invite list|revoke`."""

    invites: tuple[Invite, ...]


@dataclass(frozen=True)
class NewInvitation:
    """The result of `hub relay invite`.

    Attributes:
        code: the invitation's code, which is shown this once.
    """

    invites: tuple[Invite, ...]
    code: str = field(repr=False)
