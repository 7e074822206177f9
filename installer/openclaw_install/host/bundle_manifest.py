"""What a shipped bundle needs from the host: the content of its bundle.json, parsed strictly."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from openclaw_install.host.hooks.policy import RouteMode
from openclaw_install.host.skills.requirements import Requirements
from openclaw_install.host.strict_table import (
    StrictTable,
    boolean,
    integer,
    string_map,
    text,
    texts,
)

ROUTE_MODES: tuple[RouteMode, ...] = get_args(RouteMode)
SCHEMA_VERSION = 1

_REFERENCE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class HookIngress:
    """Whether messages come in through the gateway's hooks, and what the hook policy has to admit for it.

    Attributes:
        required: False means that the bundle does not care about `hooks.*`.
        session_key_prefixes: what `hooks.allowedSessionKeyPrefixes` must admit, whatever the route mode.
        route_modes: the ingress configurations (`hooks/<mode>.json5`) that the bundle can work with.
    """

    required: bool
    session_key_prefixes: tuple[str, ...] = ()
    route_modes: tuple[RouteMode, ...] = ()


@dataclass(frozen=True)
class Requires:
    """Prerequisites, all of them: commands on PATH and variables that are set."""

    bins: tuple[str, ...] = ()
    env: tuple[str, ...] = ()

    def missing(self, *, bins: Collection[str], env: Collection[str]) -> Requires:
        """What is not among the given commands and variables; falsy when nothing is missing."""
        return Requires(
            tuple(name for name in self.bins if name not in bins),
            tuple(name for name in self.env if name not in env),
        )

    def __bool__(self) -> bool:
        return bool(self.bins or self.env)


@dataclass(frozen=True)
class McpServer:
    """An MCP server for `mcp.servers.<name>`: a command over stdio, or a URL over streamable HTTP.

    Attributes:
        env: variables of the command; values may be `${NAME}` references to variables in `requires.env`.
            OpenClaw hands a stdio server nothing but these and a few basics such as PATH and HOME.
        optional_env: variables that are handed on as references only where they are set, because
            OpenClaw hands on the text `${NAME}` itself for one that is not.
        since: the version of openclaw-install that brings the command; blank where it is somebody else's.
    """

    name: str
    purpose: str
    requires: Requires
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    optional_env: tuple[str, ...] = ()
    url: str | None = None
    transport: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    since: str = ""

    def registration(self, set_variables: Collection[str] = ()) -> dict[str, Any]:
        """The value of `mcp.servers.<name>` in the host's config, without empty parts.

        Args:
            set_variables: names of variables that the *gateway* will find set; they decide which of
                `optional_env` are handed on. Values are never read.
        """
        handed_on = {name: f"${{{name}}}" for name in self.optional_env if name in set_variables}
        parts: dict[str, Any] = {
            "command": self.command,
            "args": list(self.args),
            "env": {**self.env, **handed_on},
            "url": self.url,
            "transport": self.transport,
            "headers": dict(self.headers),
        }
        return {key: value for key, value in parts.items() if value}

    def references(self) -> tuple[str, ...]:
        """The variables that the registration always refers to, in order of appearance."""
        parts = (self.url or "", *self.args, *self.env.values(), *self.headers.values())
        return tuple(dict.fromkeys(name for part in parts for name in _REFERENCE.findall(part)))


@dataclass(frozen=True)
class Binary:
    """A command that has to be on PATH: one of the names in `any_of` is enough.

    Attributes:
        add: what the operator is told to do when none is there.
    """

    any_of: tuple[str, ...]
    required: bool
    purpose: str
    add: str


@dataclass(frozen=True)
class EnvironmentVariable:
    """A variable that the bundle reads.

    Attributes:
        secret: its value must never be shown.
        where: where the value comes from.
        add: what the operator is told to do when it is not set; holds no real value.
    """

    name: str
    required: bool
    secret: bool
    purpose: str
    where: str
    add: str


@dataclass(frozen=True)
class Manifest:
    """A whole bundle.json (`schemas/bundle.schema.json`)."""

    name: str
    version: str
    summary: str
    hook_ingress: HookIngress
    mcp_servers: tuple[McpServer, ...]
    binaries: tuple[Binary, ...]
    environment: tuple[EnvironmentVariable, ...]

    @property
    def requirements(self) -> Requirements:
        """What the frontmatter of the shipped SKILL.md requires, known without reading YAML."""
        needed = [binary.any_of for binary in self.binaries if binary.required]
        variables = tuple(variable.name for variable in self.environment if variable.required)
        return Requirements(
            bins=tuple(names[0] for names in needed if len(names) == 1),
            any_bins=tuple(name for names in needed if len(names) > 1 for name in names),
            env=variables,
            primary_env=variables[0] if variables else None,
        )


def parse_manifest(document: object, source: str) -> Manifest:
    """Reads a parsed bundle.json without the cost of a JSON Schema validator.

    It checks keys and types, and what a schema cannot say: that each `${NAME}` is a prerequisite and is
    declared in `environment`, and that server names are not used twice. The tests hold it against the schema.

    Args:
        document: the parsed JSON.
        source: what errors call the file, for example its path.

    Raises:
        BundleError: names the file and the key path.
    """
    root = StrictTable(document, source, "")
    if root.take("schema_version", integer) != SCHEMA_VERSION:
        raise root.error("schema_version", f"must be {SCHEMA_VERSION}: a newer openclaw-install wrote it")
    manifest = Manifest(
        name=root.take("name", text),
        version=root.take("version", text),
        summary=root.take("summary", text),
        hook_ingress=_hook_ingress(root.table("hook_ingress")),
        mcp_servers=tuple(_mcp_server(table) for table in root.tables("mcp_servers")),
        binaries=tuple(_binary(table) for table in root.tables("binaries")),
        environment=tuple(_variable(table) for table in root.tables("environment")),
    )
    root.finish()
    _check_servers(root, manifest)
    return manifest


def _hook_ingress(table: StrictTable) -> HookIngress:
    if not table.take("required", boolean):
        table.finish()
        return HookIngress(required=False)
    prefixes = table.take("session_key_prefixes", texts)
    modes = table.take("route_modes", texts)
    table.finish()
    known = tuple(mode for mode in ROUTE_MODES if mode in modes)
    if len(known) != len(modes) or not known:
        raise table.error("route_modes", f"must list some of {', '.join(ROUTE_MODES)}, each once")
    if not prefixes or not all(prefix.endswith(":") for prefix in prefixes):
        raise table.error("session_key_prefixes", "must list prefixes that end with a colon")
    return HookIngress(required=True, session_key_prefixes=prefixes, route_modes=known)


def _mcp_server(table: StrictTable) -> McpServer:
    name, purpose = table.take("name", text), table.take("purpose", text)
    needs = table.table("requires")
    requires = Requires(needs.take("bins", texts), needs.take("env", texts))
    needs.finish()
    if table.has("url"):
        server = McpServer(
            name,
            purpose,
            requires,
            url=table.take("url", text),
            transport=table.take("transport", text),
            headers=table.take("headers", string_map, default={}),
        )
    else:
        server = McpServer(
            name,
            purpose,
            requires,
            command=table.take("command", text),
            args=table.take("args", texts, default=()),
            env=table.take("env", string_map, default={}),
            optional_env=table.take("optional_env", texts, default=()),
            since=table.take("since", text, default=""),
        )
    table.finish()
    return server


def _binary(table: StrictTable) -> Binary:
    binary = Binary(
        any_of=table.take("any_of", texts),
        required=table.take("required", boolean),
        purpose=table.take("purpose", text),
        add=table.take("add", text),
    )
    table.finish()
    if not binary.any_of:
        raise table.error("any_of", "must name at least one command")
    return binary


def _variable(table: StrictTable) -> EnvironmentVariable:
    variable = EnvironmentVariable(
        name=table.take("name", text),
        required=table.take("required", boolean),
        secret=table.take("secret", boolean),
        purpose=table.take("purpose", text),
        where=table.take("where", text),
        add=table.take("add", text),
    )
    table.finish()
    return variable


def _check_servers(root: StrictTable, manifest: Manifest) -> None:
    declared = {variable.name for variable in manifest.environment}
    seen: set[str] = set()
    for number, server in enumerate(manifest.mcp_servers):
        place = f"mcp_servers[{number}]"
        if server.name in seen:
            raise root.error(f"{place}.name", f"{server.name!r} is used twice")
        seen.add(server.name)
        for name in server.references():
            if name not in server.requires.env:
                raise root.error(place, f"refers to ${{{name}}}, which is not in requires.env")
        for name in (*server.requires.env, *server.optional_env):
            if name not in declared:
                raise root.error(place, f"uses {name}, which `environment` does not describe")
