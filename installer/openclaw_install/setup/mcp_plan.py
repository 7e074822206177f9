"""Which MCP servers of the bundles a run registers or puts right, and why it leaves the others."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from openclaw_install.host.bundle_manifest import Manifest, McpServer
from openclaw_install.host.config.edit import Edit, SetValue
from openclaw_install.host.hooks.agents import section

McpState = Literal[
    "registered",  # in the config, as we would write it
    "to_repair",  # ours by its form, with a command that is not this installation's, or that is not found
    "differs",  # in the config, as somebody else wrote it: it stays
    "to_register",  # prerequisites hold, not in the config yet
    "skipped",  # something that it needs is missing
]
Lookup = Literal[
    "found",  # the gateway finds the command
    "not_found",  # it does not
    "not_judged",  # a bare name, and nobody knows the PATH of the gateway
    "no_command",  # the registration names none
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
        wanted: the registration that we would write; of one that differs, with `--overwrite-edited`.
        answers: whether messages are answered through it, so that the host is not ready without it.
        command: the command that is registered; empty where none is.
        lookup: whether the gateway finds that command.
    """

    name: str
    bundle: str
    state: McpState
    reason: str = ""
    next_step: str = ""
    wanted: Mapping[str, Any] | None = None
    answers: bool = False
    command: str = ""
    lookup: Lookup = "no_command"


@dataclass(frozen=True)
class Prerequisites:
    """What the host offers to MCP servers.

    Attributes:
        path: the PATH that the gateway looks commands up on.
        gateway_env: names of the variables that are set for a gateway started from this shell: the shell's
            own, those of the state folder's `.env` and of the config's `env` section.
        durable_env: those that are set however the gateway is started.
        version: the version of this program.
        own_commands: our programs by name, with the path of each; the gateway starts them by that, because
            a service manager gives it no PATH with our environment.
        is_judged: whether `path` is that of the running gateway; else it is the one that a gateway would
            have that is started from this shell.
        shell_path: the PATH of this shell.
    """

    path: str | None
    gateway_env: frozenset[str]
    durable_env: frozenset[str]
    version: str = "0"
    own_commands: Mapping[str, str] = field(default_factory=dict)
    is_judged: bool = False
    shell_path: str | None = None

    def has_command(self, name: str) -> bool:
        return self.on_path(name) or name in self.own_commands or self._in_shell(name) is not None

    def on_path(self, name: str) -> bool:
        return shutil.which(name, path=self.path) is not None

    def reaching(self, registration: dict[str, Any]) -> dict[str, Any]:
        """A registration whose command the gateway finds."""
        name = registration.get("command", "")
        if name in self.own_commands:
            return {**registration, "command": self.own_commands[name]}
        found = None if not name or self.on_path(name) else self._in_shell(name)
        return registration if found is None else {**registration, "command": found}

    def look_up(self, registration: Any) -> Lookup:
        """Whether the gateway finds the command of a registration, whatever it holds."""
        command = command_of(registration)
        if not command:
            return "no_command"
        if os.sep in command:
            is_file = os.access(command, os.X_OK) and not Path(command).is_dir()
            return ("found" if is_file else "not_found") if Path(command).is_absolute() else "not_judged"
        env = registration.get("env")
        own_path = env.get("PATH") if isinstance(env, Mapping) else None
        if isinstance(own_path, str) and "$" not in own_path:
            return "found" if shutil.which(command, path=own_path) else "not_found"
        if not self.is_judged:
            return "not_judged"
        return "found" if self.on_path(command) else "not_found"

    def _in_shell(self, name: str) -> str | None:
        found = None if self.shell_path is None else shutil.which(name, path=self.shell_path)
        return found if found is not None and Path(found).is_absolute() else None


def command_of(registration: Any) -> str:
    """The command of a registration, whatever it holds; empty where it names none."""
    command = registration.get("command") if isinstance(registration, Mapping) else None
    return command.strip() if isinstance(command, str) else ""


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


def plan_servers(surveys: Iterable[McpSurvey], *, overwrite_edited: bool = False) -> tuple[Edit, ...]:
    """The config edits that register what can be registered, and put right what is ours.

    Args:
        surveys: how the servers stand.
        overwrite_edited: replace the registrations that somebody else wrote, too.
    """
    return tuple(edit for survey in surveys for edit in _edits(survey, overwrite_edited=overwrite_edited))


def _edits(survey: McpSurvey, *, overwrite_edited: bool) -> Iterator[Edit]:
    if survey.wanted is None:
        return
    place = ("mcp", "servers", survey.name)
    if survey.state == "to_register" or (survey.state == "differs" and overwrite_edited):
        yield SetValue(place, dict(survey.wanted))
    elif survey.state == "to_repair":
        # What else stands in it, a time limit say, is the operator's, and stays.
        yield SetValue((*place, "command"), survey.wanted["command"])


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
    answers = manifest.hook_ingress.required
    if present is None and server.since and _numbers(offers.version) < _numbers(server.since):
        reason = f"comes with openclaw-install {server.since}; this is {offers.version}"
        return McpSurvey(server.name, manifest.name, "skipped", reason, _UPGRADE, answers=answers)
    if present is None:
        state: McpState = "skipped" if lacking else "to_register"
        return McpSurvey(
            server.name, manifest.name, state, reason, step, None if lacking else wanted, answers=answers
        )
    state, odd = _standing(present, server, wanted, offers)
    if odd:
        reason, step = (f"{odd}; {reason}", step) if reason else (odd, _CURES[state])
    return McpSurvey(
        server.name,
        manifest.name,
        state,
        reason,
        step,
        None if lacking or state == "registered" else wanted,
        answers=answers,
        command=command_of(present),
        lookup=offers.look_up(present),
    )


def _standing(
    present: Any, server: McpServer, wanted: Mapping[str, Any], offers: Prerequisites
) -> tuple[McpState, str]:
    """How a registration that is there stands, and what is odd about it."""
    if not isinstance(present, Mapping):
        return "differs", "registered otherwise; it stays as it is"
    if present.get("enabled") is False:
        return "differs", "switched off (enabled: false); it stays so"
    if not _is_as_wanted({**present, "command": wanted.get("command")}, server, wanted):
        return "differs", "registered otherwise; it stays as it is"
    command = command_of(present)
    if command == wanted.get("command", "") or _is_the_same(command, server, offers, present):
        return "registered", ""
    is_found = offers.look_up(present) == "found" or (offers.has_command(command) and os.sep not in command)
    if Path(command).name != server.command and is_found:
        return "differs", f"registered with the command {command}; it stays as it is"
    by = "by its bare name" if command == server.command else f"with the command {command}"
    return "to_repair", f"registered {by}, and not by the path of this installation"


OVERWRITE = "openclaw-install --overwrite-edited"
_CURES: Mapping[McpState, str] = {"differs": OVERWRITE, "to_repair": "openclaw-install"}
_UPGRADE = "pip install --upgrade openclaw-install"


def _is_as_wanted(present: Mapping[str, Any], server: McpServer, wanted: Mapping[str, Any]) -> bool:
    """Whether a registration says all that ours would; what else it says, a time limit say, does no harm.

    Variables that are handed on only where they are set do not count.
    """
    env = present.get("env")
    if env is not None and not isinstance(env, Mapping):
        return False
    needed = {name: value for name, value in wanted.get("env", {}).items() if name not in server.optional_env}
    has_env = all((env or {}).get(name) == value for name, value in needed.items())
    kind = ("args", "url") if "args" not in wanted else ("url",)
    is_other_kind = any(present.get(key) for key in kind if key not in wanted)
    rest = {key: value for key, value in wanted.items() if key != "env"}
    return has_env and not is_other_kind and all(present.get(key) == value for key, value in rest.items())


def _is_the_same(command: str, server: McpServer, offers: Prerequisites, present: Any) -> bool:
    """Whether another command is as good: a link to our program, or a path to somebody else's."""
    own = offers.own_commands.get(server.command or "")
    if own is not None:
        return Path(command).is_absolute() and os.path.realpath(command) == os.path.realpath(own)
    is_named = Path(command).name == server.command
    return is_named and offers.look_up(present) != "not_found"


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
