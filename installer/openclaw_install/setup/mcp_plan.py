"""Which MCP servers of the bundles a run registers, and why it skips the others."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from openclaw_install.host.bundle_manifest import Manifest, McpServer
from openclaw_install.host.config.edit import Edit, SetValue
from openclaw_install.host.hooks.agents import section

McpState = Literal[
    "registered",  # in the config, as we would write it
    "differs",  # in the config, as somebody else wrote it: it stays
    "to_register",  # prerequisites hold, not in the config yet
    "skipped",  # something that it needs is missing
]


@dataclass(frozen=True)
class McpSurvey:
    """How one MCP server of a bundle stands on the host.

    Attributes:
        name: the server's name in `mcp.servers`.
        bundle: the bundle that wants it.
        state: see `McpState`.
        reason: why it is skipped, or what is odd; empty otherwise.
        next_step: what the operator runs to get it registered; empty when nothing has to be done.
        wanted: the registration that we would write.
    """

    name: str
    bundle: str
    state: McpState
    reason: str = ""
    next_step: str = ""
    wanted: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Prerequisites:
    """What the host offers to MCP servers.

    Attributes:
        path: the PATH that commands are looked up on.
        gateway_env: names of the variables that are set for a gateway started from this shell: the shell's
            own, those of the state folder's `.env` and of the config's `env` section.
        durable_env: those that are set however the gateway is started.
        version: the version of this program.
        own_commands: our programs by name, with the path of each; the gateway starts them by that where its
            PATH does not have them, as with an environment that nobody activated for it.
    """

    path: str | None
    gateway_env: frozenset[str]
    durable_env: frozenset[str]
    version: str = "0"
    own_commands: Mapping[str, str] = field(default_factory=dict)

    def has_command(self, name: str) -> bool:
        return self.on_path(name) or name in self.own_commands

    def on_path(self, name: str) -> bool:
        return shutil.which(name, path=self.path) is not None

    def reaching(self, registration: dict[str, Any]) -> dict[str, Any]:
        """A registration whose command the gateway finds."""
        name = registration.get("command", "")
        if name not in self.own_commands or self.on_path(name):
            return registration
        return {**registration, "command": self.own_commands[name]}


def survey_servers(
    manifests: Iterable[Manifest], config: Mapping[str, Any], offers: Prerequisites
) -> tuple[McpSurvey, ...]:
    """How every server of every bundle stands.

    Args:
        manifests: what the bundles say of themselves.
        config: the host's config as written, `${NAME}` not resolved.
        offers: commands and variables of the host.
    """
    servers = section(config, "mcp", "servers")
    return tuple(
        _survey(server, manifest, servers.get(server.name), offers)
        for manifest in manifests
        for server in manifest.mcp_servers
    )


def plan_servers(surveys: Iterable[McpSurvey]) -> tuple[Edit, ...]:
    """The config edits that register what can be registered."""
    return tuple(
        SetValue(("mcp", "servers", survey.name), dict(survey.wanted))
        for survey in surveys
        if survey.state == "to_register" and survey.wanted is not None
    )


def _survey(server: McpServer, manifest: Manifest, present: Any, offers: Prerequisites) -> McpSurvey:
    # What is optional is handed on only where the gateway finds it set however it is started.
    wanted = offers.reaching(server.registration(offers.durable_env))
    bins = {name for name in server.requires.bins if offers.has_command(name)}
    lacking = server.requires.missing(bins=bins, env=offers.gateway_env)
    if lacking:
        names = [*(f"the command {name}" for name in lacking.bins), *lacking.env]
        reason = f"missing: {', '.join(names)}"
        step = step_for([*lacking.bins, *lacking.env], manifest)
    else:
        reason, step = _fleeting(server, offers)
    if present is None and server.since and _numbers(offers.version) < _numbers(server.since):
        reason = f"comes with openclaw-install {server.since}; this is {offers.version}"
        return McpSurvey(server.name, manifest.name, "skipped", reason, _UPGRADE)
    if present is None:
        state: McpState = "skipped" if lacking else "to_register"
        return McpSurvey(server.name, manifest.name, state, reason, step, None if lacking else wanted)
    if _essentials(present, server, offers) == _essentials(wanted, server, offers):
        return McpSurvey(server.name, manifest.name, "registered", reason, step)
    reason = f"; {reason}" if reason else ""
    return McpSurvey(
        server.name, manifest.name, "differs", f"registered otherwise; it stays as it is{reason}", step
    )


_UPGRADE = "pip install --upgrade openclaw-install"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _fleeting(server: McpServer, offers: Prerequisites) -> tuple[str, str]:
    """What is odd about a server whose variables only this shell has, and what to do about it."""
    names = [name for name in server.references() if name not in offers.durable_env]
    if not names:
        return "", ""
    listed = ", ".join(names)
    return (
        f"{listed} is set in this shell only; the gateway's own environment needs it too",
        f"write {listed} into the file .env of the state folder",
    )


def _essentials(registration: Any, server: McpServer, offers: Prerequisites) -> Any:
    """A registration without what may differ: variables that are handed on only where they are set, and
    whether a program of ours is called by its name or its path."""
    if not isinstance(registration, Mapping):
        return registration
    env = registration.get("env") or {}
    if isinstance(env, Mapping):
        env = {name: value for name, value in env.items() if name not in server.optional_env}
    command = registration.get("command")
    by_path = server.command is not None and command == offers.own_commands.get(server.command)
    return {**registration, "command": server.command if by_path else command, "env": env or None}


def step_for(names: Collection[str], manifest: Manifest) -> str:
    """The command that adds the first of the missing commands or variables."""
    for name in names:
        for binary in manifest.binaries:
            if name in binary.any_of:
                return binary.add
        for variable in manifest.environment:
            if name == variable.name:
                return variable.add
    return ""
