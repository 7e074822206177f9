"""The hook policy: `hooks.*` as the gateway would enforce it, and what the ingress wants of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openclaw_install.common.redaction import Secret
from openclaw_install.host.hooks.agents import agent_ids, default_agent, section
from openclaw_install.host.hooks.mappings import HookMapping, effective, read_mappings
from openclaw_install.host.hooks.text import (
    admits,
    normalize_agent_id,
    normalize_prefixes,
    optional_text,
    text_items,
)
from openclaw_install.host.javascript import trim, utf16_length

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


_LABEL = re.compile(r"(?:session[ _-]?key|active[ _-]?group|key|session)\s*[:=]\s+", re.IGNORECASE)
_DECORATION = re.compile(r"^(?:[-*+]\s+|>\s*)?")
_SESSION_KEY = re.compile(r"[A-Za-z0-9._-]+(?::[A-Za-z0-9._@+/=~%#-]+)+")
_AGENT_SCOPE = re.compile(r"agent:[^:]+:", re.IGNORECASE)
_MAX_KEY_LENGTH = 512


def active_group_key(text: str) -> str | None:
    """The session key in an `ACTIVE_GROUP.md`, or None where there is none.

    It is the first line that holds nothing but a session key: two or more segments joined by `:`, without
    spaces. Around it may stand a list marker, a label (`session key: `), back-ticks, quotes or asterisks.
    Headings, comments, links and prose are passed over.
    """
    for line in text.removeprefix("\ufeff").splitlines():
        bare = _DECORATION.sub("", trim(line))
        bare = _LABEL.sub("", bare, count=1) if _LABEL.match(bare) else bare
        bare = bare.strip("`\"'* ")
        if _SESSION_KEY.fullmatch(bare) and "//" not in bare and len(bare) <= _MAX_KEY_LENGTH:
            return bare
    return None


def route_prefix(active_group_text: str) -> str | None:
    """The prefix that `map-active-group` needs: `feishu:default:` for `feishu:default:oc_x`.

    It is the channel and the account of the key, the first two segments; a key of two segments gives its
    first (`telegram:42` needs `telegram:`). `agent:<id>:` in front stays in front, so that the prefix never
    opens all sessions of an agent. None where the text holds no key, or only an agent's main session.
    """
    key = active_group_key(active_group_text)
    if key is None:
        return None
    scope = _AGENT_SCOPE.match(key)
    head = scope.group() if scope else ""
    segments = key.removeprefix(head).split(":")
    if len(segments) < 2 or (not scope and segments[0].lower() == "agent"):
        return None
    return f"{head}{':'.join(segments[: min(2, len(segments) - 1)])}:".lower()


def _allowed_agents(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    named = [trimmed for item in text_items(value) if (trimmed := trim(item))]
    return None if "*" in named else tuple(dict.fromkeys(map(normalize_agent_id, named)))
