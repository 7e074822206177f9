"""The records of the activation report; its JSON is derived from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openclaw_install.common.problems import Problem
from openclaw_install.host.gateway.probe import LiveState
from openclaw_install.host.hooks.boot import BootVerdict
from openclaw_install.messaging.models.overview import TransportHealth
from openclaw_install.runtime.report import RuntimeReport
from openclaw_install.setup.facts import BundleFacts
from openclaw_install.setup.mcp_plan import McpState
from openclaw_install.setup.message_path import Presence

ActivationState = Literal["ready_waiting_inbound", "blocked"]


@dataclass(frozen=True)
class MappingReport:
    """A mapping of `hooks.mappings` or a preset; its key template is not shown."""

    id: str
    path: str | None
    templated_key: bool


@dataclass(frozen=True)
class DiskPolicy:
    """The hook policy in the file, with the token's length in its place.

    Attributes:
        allowed_session_key_prefixes: None where keys are not restricted.
        allowed_agent_ids: None where every agent may be reached.
    """

    enabled: bool
    path: str
    token_set: bool
    token_length: int
    allow_request_session_key: bool
    allowed_session_key_prefixes: tuple[str, ...] | None
    default_session_key: str | None
    allowed_agent_ids: tuple[str, ...] | None
    mappings: tuple[MappingReport, ...]
    agents: tuple[str, ...]
    default_agent: str | None


@dataclass(frozen=True)
class RunningPolicy:
    """The hook policy as the running gateway answered to a probe that starts nothing.

    Attributes:
        allow_request_session_key, allowed_session_key_prefixes: None where the answer did not say.
        outsider: an agent that the file keeps out and the gateway lets in.
    """

    state: LiveState
    reachable: bool
    port: int
    allow_request_session_key: bool | None
    allowed_session_key_prefixes: tuple[str, ...] | None
    detail: str
    outsider: str | None


@dataclass(frozen=True)
class PolicyThreeWays:
    """The hook policy on disk, in the running gateway (None when it was not asked), and at the next boot."""

    disk: DiskPolicy | None
    running: RunningPolicy | None
    next_boot: BootVerdict | None


@dataclass(frozen=True)
class HostReport:
    """Where the host lives; all None where none was found.

    Attributes:
        port: the gateway's; None where the config cannot be read.
        cli: the `openclaw` program; None where none is on PATH.
    """

    state_dir: Path | None = None
    config_path: Path | None = None
    profile: str | None = None
    port: int | None = None
    cli: Path | None = None


@dataclass(frozen=True)
class McpServerReport:
    """One MCP server that a bundle wants."""

    name: str
    bundle: str
    state: McpState
    reason: str
    next_step: str


@dataclass(frozen=True)
class RuntimeSection:
    """The long-lived process: the components that are configured here, and what `runtime status` says."""

    wanted: tuple[str, ...]
    status: RuntimeReport


@dataclass(frozen=True)
class AgentFile:
    """A file of the agent, and whether it is there and whole."""

    path: Path
    state: Presence


@dataclass(frozen=True)
class AgentReport:
    """How other agents reach this one.

    Attributes:
        relay: None where none was agreed to.
        embedded_hub: whether the relay is the hub that the runtime runs.
        transport: what the bridge last said; None without a store.
    """

    profile: str
    did: str | None
    relay: str | None
    embedded_hub: bool
    identity: AgentFile
    store: AgentFile
    transport: TransportHealth | None


@dataclass(frozen=True)
class ActivationReport:
    """Whether the host is ready for inbound messages, and what is in the way.

    Attributes:
        activation_state: `blocked` exactly where there are blockers.
        blockers: what keeps messages out, each with its next step.
        warnings: what should be looked at.
        findings: everything that the checks said.
        policy: the hook policy three ways.
        host: where the host lives.
        bundles: each shipped bundle.
        mcp_servers: each MCP server that the bundles want.
        runtime: None where it was not looked at.
        agent: None where it was not looked at.
    """

    activation_state: ActivationState
    blockers: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    findings: tuple[Problem, ...]
    policy: PolicyThreeWays
    host: HostReport
    bundles: tuple[BundleFacts, ...]
    mcp_servers: tuple[McpServerReport, ...]
    runtime: RuntimeSection | None
    agent: AgentReport | None

    @property
    def clean(self) -> bool:
        """Ready, and no critical finding is left that something can be done about."""
        left = any(finding.severity == "critical" and finding.next_step for finding in self.findings)
        return not self.blockers and not left
