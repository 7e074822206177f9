"""The hook policy: `hooks.*` as the gateway would enforce it, its mappings, and what the ingress wants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openclaw_install.common.redaction import Secret
from openclaw_install.host.hooks.agents import agent_ids, default_agent, section
from openclaw_install.host.hooks.text import (
    admits,
    normalize_agent_id,
    normalize_prefixes,
    optional_text,
    text_items,
)
from openclaw_install.host.javascript import trim, trim_start, utf16_length

RouteMode = Literal["stable-hook-session", "map-active-group"]
DEFAULT_PATH = "/hooks"
# The keys that make up the policy: the repair touches no other key.
POLICY_KEYS = (
    *("enabled", "token", "path", "allowRequestSessionKey"),
    *("allowedSessionKeyPrefixes", "defaultSessionKey", "allowedAgentIds"),
)
INGRESS_PREFIX = "hook:im:"
# The key that the gateway tries where keys are generated: `hook:` and a UUID.
GENERATED_KEY_PROBE = "hook:example"
_TEMPLATE = re.compile(r"\{\{[^}]+\}\}")
_EDGE_SLASHES = re.compile(r"^/+|/+$")
# The only preset of OpenClaw 2026.9.6 (hookPresetMappings); names that it does not know add nothing.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "gmail": {
        "id": "gmail",
        "match": {"path": "gmail"},
        "action": "agent",
        "forEach": "messages",
        "sessionKey": "hook:gmail:{{messages[0].id}}",
    }
}


@dataclass(frozen=True)
class HookMapping:
    """One mapping after normalisation.

    Attributes:
        id: its id, or `mapping-<number>`.
        where: config path that declares it (`hooks.mappings[0]`, `hooks.presets`).
        match_path: path below `hooks.path`; None or "" matches every path.
        match_source: value of the payload's `source`; None or "" matches any.
        session_key: the key or key template as written; None where it is blank.
        agent_id: the agent as written; None where it is blank.
        has_transform: a module of the operator may choose the session key.
        for_each: the payload key to fan out over, as written; None where it is blank.
    """

    id: str
    where: str
    match_path: str | None
    match_source: str | None
    session_key: str | None
    agent_id: str | None
    has_transform: bool
    for_each: str | None

    @property
    def templated(self) -> bool:
        """Whether the session key has a `{{...}}` expression, so that a payload decides it."""
        return self.session_key is not None and bool(_TEMPLATE.search(self.session_key))

    @property
    def key_start(self) -> str:
        """What every session key of this mapping starts with: the key itself, or the text before `{{`."""
        return trim(_TEMPLATE.split(trim_start(self.session_key or ""), maxsplit=1)[0])


@dataclass(frozen=True)
class HookPolicy:
    """`hooks.*` as the gateway would enforce it.

    Attributes:
        enabled: the ingress answers at all.
        path: base path of the ingress; "" where the spelling (`//`) makes hooks answer every path.
        token: the hook token, or None where it is blank or no string.
        allow_request_session_key: callers, and payloads through mappings, may choose the session key.
        prefixes: admitted session-key prefixes in lower case; None where keys are not restricted.
        default_session_key: the key of requests that name none; None where one is generated for each.
        allowed_agent_ids: agents that hooks may reach; None where all may be reached.
        mappings: the mappings and presets that can ever run.
        agents: the ids of the agents that exist.
        default_agent: the agent of requests that name none; None where such requests are refused.
    """

    enabled: bool
    path: str
    token: Secret | None
    allow_request_session_key: bool
    prefixes: tuple[str, ...] | None
    default_session_key: str | None
    allowed_agent_ids: tuple[str, ...] | None
    mappings: tuple[HookMapping, ...]
    agents: tuple[str, ...]
    default_agent: str | None

    @property
    def token_length(self) -> int:
        """Length of the token as OpenClaw counts it (UTF-16 units); 0 without one."""
        return utf16_length(self.token.reveal()) if self.token else 0

    def admits(self, key: str) -> bool:
        """Whether the prefixes let a session key through."""
        return self.prefixes is None or admits(self.prefixes, key)

    @property
    def admits_keyless(self) -> bool:
        """Whether a request without a session key gets through: by the default key or a generated one."""
        return self.admits(self.default_session_key or GENERATED_KEY_PROBE)


@dataclass(frozen=True)
class IngressNeeds:
    """What the installed bundles and the route mode want of the hook ingress.

    Attributes:
        required: something needs the ingress; without it only broken rules are repaired.
        prefixes: session-key prefixes that must be admitted.
        min_token_length: in UTF-16 units.
        default_session_key: the key to set where keyless requests have none that is admitted.
        agent_id: the agent that the ingress names in its requests; None where it names none.
    """

    required: bool
    prefixes: tuple[str, ...] = (INGRESS_PREFIX,)
    min_token_length: int = 32
    default_session_key: str = "hook:ingress"
    agent_id: str | None = None


def read_policy(config: Mapping[str, Any]) -> HookPolicy:
    """Reads the policy out of a config with includes and variables resolved; wrong types count as unset."""
    hooks = section(config, "hooks")
    token = optional_text(hooks.get("token"))
    return HookPolicy(
        enabled=hooks.get("enabled") is True,
        path=base_path(hooks.get("path")),
        token=Secret(token) if token else None,
        allow_request_session_key=hooks.get("allowRequestSessionKey") is True,
        prefixes=normalize_prefixes(text_items(hooks.get("allowedSessionKeyPrefixes"))) or None,
        default_session_key=optional_text(hooks.get("defaultSessionKey")),
        allowed_agent_ids=_allowed_agents(hooks.get("allowedAgentIds")),
        mappings=effective(read_mappings(hooks)),
        agents=agent_ids(config),
        default_agent=default_agent(config),
    )


def read_mappings(hooks: Mapping[str, Any]) -> tuple[HookMapping, ...]:
    """The custom mappings, then those of the presets; entries of a wrong type are left out."""
    declared = hooks.get("mappings")
    found = [
        (f"hooks.mappings[{index}]", entry)
        for index, entry in enumerate(declared if isinstance(declared, list) else ())
        if isinstance(entry, Mapping)
    ]
    found += [
        ("hooks.presets", PRESETS[name]) for name in text_items(hooks.get("presets")) if name in PRESETS
    ]
    return tuple(_normalize(entry, number, where) for number, (where, entry) in enumerate(found, start=1))


def effective(mappings: tuple[HookMapping, ...]) -> tuple[HookMapping, ...]:
    """The mappings that can ever run: those that no earlier one shadows by matching all that they match."""
    kept: list[HookMapping] = []
    for mapping in mappings:
        if not any(_shadows(earlier, mapping) for earlier in kept):
            kept.append(mapping)
    return tuple(kept)


def _shadows(earlier: HookMapping, later: HookMapping) -> bool:
    if earlier.match_path and earlier.match_path != later.match_path:
        return False
    return not earlier.match_source or earlier.match_source == later.match_source


def _normalize(entry: Mapping[str, Any], number: int, where: str) -> HookMapping:
    match = section(entry, "match")
    path, source = match.get("path"), match.get("source")
    key = entry.get("sessionKey")
    return HookMapping(
        id=optional_text(entry.get("id")) or f"mapping-{number}",
        where=where,
        match_path=_EDGE_SLASHES.sub("", trim(path)) if isinstance(path, str) and trim(path) else None,
        match_source=trim(source) if isinstance(source, str) else None,
        session_key=key if optional_text(key) else None,
        agent_id=optional_text(entry.get("agentId")),
        has_transform=isinstance(entry.get("transform"), Mapping),
        for_each=entry["forEach"] if optional_text(entry.get("forEach")) else None,
    )


def base_path(value: Any) -> str:
    """The base path of the ingress: a leading slash is added, trailing ones go; `/` is refused at boot."""
    path = optional_text(value) or DEFAULT_PATH
    path = path if path.startswith("/") else f"/{path}"
    return path.rstrip("/") if len(path) > 1 else path


def reachable_path(path: str) -> bool:
    """Whether a request can ever match the base path.

    The gateway compares it with the path of a parsed URL, in which some characters are escaped, dot segments
    are gone and a leading `//` names a host.
    """
    segments = path.lower().replace("%2e", ".").split("/")
    plain = re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/|\[\]]*", path) is not None
    return plain and not path.startswith("//") and "." not in segments and ".." not in segments


def ingress_agent(policy: HookPolicy, needs: IngressNeeds) -> str | None:
    """The agent that serves the ingress, or None where it is unknown or undecided."""
    if needs.agent_id is None:
        return policy.default_agent
    named = normalize_agent_id(needs.agent_id)
    return named if named in policy.agents else None


def _allowed_agents(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    named = [trimmed for item in text_items(value) if (trimmed := trim(item))]
    return None if "*" in named else tuple(dict.fromkeys(map(normalize_agent_id, named)))
