"""What a shipped bundle needs from the host: the content of its bundle.json, parsed strictly."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from openclaw_install.common.errors import BundleError
from openclaw_install.host.hooks.policy import RouteMode
from openclaw_install.host.skills.requirements import Requirements

ROUTE_MODES: tuple[RouteMode, ...] = get_args(RouteMode)

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_KEYS_OF_A_COMMAND = frozenset({"command", "args", "env", "optional_env", "since"})
_KEYS_OF_A_URL = frozenset({"url", "transport", "headers"})


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

    schema_version: Literal[1]
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

    Its objects have exactly the fields of the records above. What types cannot say is checked as well, such
    as that each `${NAME}` is a prerequisite and declared in `environment`. Tests hold it against the schema.

    Args:
        document: the parsed JSON.
        source: what errors call the file, for example its path.

    Raises:
        BundleError: names the file and the key path.
    """
    try:
        manifest: Manifest = _read(Manifest, document, "")
        broken = next(_broken_rules(manifest), None)
    except ValueError as error:
        broken = str(error)
    if broken is not None:
        raise BundleError(
            f"{source}: {broken}",
            next_step="reinstall it: pip install --force-reinstall openclaw-install",
            code="bundle.manifest",
        )
    return manifest


def _read(hint: Any, value: object, place: str) -> Any:
    """`value` as the type that a field is declared with.

    Raises:
        ValueError: it is something else; the text begins with the key path.
    """
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if is_dataclass(hint):
        return _record(hint, value, place)
    if kind is tuple and isinstance(value, list):
        return tuple(_read(parts[0], item, f"{place}[{number}]") for number, item in enumerate(value))
    if kind is Mapping and isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return value
    if kind is Literal and any(value == one and type(value) is type(one) for one in parts):
        return value
    if kind is bool and isinstance(value, bool):
        return value
    if kind in (str, UnionType) and isinstance(value, str) and value.strip():  # the union is `str | None`
        return value
    names = {tuple: "a list", Mapping: "an object whose values are texts", bool: "true or false"}
    choices = " or ".join(map(str, parts))
    raise ValueError(f"{place} must be {choices if kind is Literal else names.get(kind, 'a text')}")


def _record(kind: Any, value: object, place: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{place or 'the document'} must be an object")
    hints = get_type_hints(kind)
    if kind is McpServer:
        foreign = _KEYS_OF_A_COMMAND if "url" in value else _KEYS_OF_A_URL
        hints = {name: hint for name, hint in hints.items() if name not in foreign}
    below = f"{place}." if place else ""
    for one in fields(kind):
        is_optional = one.default is not MISSING or one.default_factory is not MISSING
        if one.name not in value and not is_optional:
            raise ValueError(f"{below}{one.name} is missing")
    for key in value:
        if key not in hints:
            raise ValueError(f"{below}{key} is not a key that this version knows")
    return kind(**{key: _read(hints[key], item, f"{below}{key}") for key, item in value.items()})


def _broken_rules(manifest: Manifest) -> Iterator[str]:
    """What the types of the fields do not say, each beginning with the key path."""
    yield from _about_ingress(manifest.hook_ingress)
    for number, binary in enumerate(manifest.binaries):
        if not binary.any_of:
            yield f"binaries[{number}].any_of must name at least one command"
    declared = {variable.name for variable in manifest.environment}
    names = [server.name for server in manifest.mcp_servers]
    for number, server in enumerate(manifest.mcp_servers):
        place = f"mcp_servers[{number}]"
        if server.name in names[:number]:
            yield f"{place}.name {server.name!r} is used twice"
        yield from (f"{place}{problem}" for problem in _about_server(server, declared))


def _about_ingress(ingress: HookIngress) -> Iterator[str]:
    prefixes, modes = ingress.session_key_prefixes, ingress.route_modes
    if ingress.required:
        if not modes or len(set(modes)) != len(modes):
            yield f"hook_ingress.route_modes must list some of {', '.join(ROUTE_MODES)}, each once"
        if not prefixes or not all(prefix.endswith(":") for prefix in prefixes):
            yield "hook_ingress.session_key_prefixes must list prefixes that end with a colon"
    elif prefixes or modes:
        key = "session_key_prefixes" if prefixes else "route_modes"
        yield f"hook_ingress.{key} is not a key of an ingress that is not required"


def _about_server(server: McpServer, declared: Collection[str]) -> Iterator[str]:
    if server.command is None and server.transport is None:
        yield f".{'command' if server.url is None else 'transport'} is missing"
    for name in server.references():
        if name not in server.requires.env:
            yield f" refers to ${{{name}}}, which is not in requires.env"
    for name in (*server.requires.env, *server.optional_env):
        if name not in declared:
            yield f" uses {name}, which `environment` does not describe"
