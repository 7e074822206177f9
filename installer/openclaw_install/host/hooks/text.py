"""Text as the gateway normalises it: lower case, agent ids, session-key prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from openclaw_install.host.javascript import trim

_AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NOT_IN_AGENT_ID = re.compile(r"[^a-z0-9_-]+")
_AGENT_KEY = re.compile(r"agent:(?P<agent>[^:]*):(?P<rest>[^:].*)", re.DOTALL | re.IGNORECASE)
DEFAULT_AGENT_ID = "main"


def optional_text(value: Any) -> str | None:
    """A trimmed string, or None where the value is blank or no string (OpenClaw: normalizeOptionalString)."""
    return (trim(value) or None) if isinstance(value, str) else None


def text_items(value: Any) -> tuple[str, ...]:
    """The strings of a list; empty for anything else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def fold(text: str) -> str:
    """`text` as it takes part in prefix comparisons: trimmed and in lower case."""
    return trim(text).lower()


def normalize_prefixes(values: Iterable[str]) -> tuple[str, ...]:
    """Session-key prefixes as the gateway holds them: folded, without blanks and repeats, in their order."""
    return tuple(dict.fromkeys(folded for value in values if (folded := fold(value))))


def admits(prefixes: Iterable[str], key: str) -> bool:
    """Whether one of the folded `prefixes` admits the session key; a blank key is never admitted."""
    folded = fold(key)
    return bool(folded) and any(folded.startswith(prefix) for prefix in prefixes)


def normalize_agent_id(value: Any) -> str:
    """The canonical agent id; what cannot be one becomes the default agent, as in OpenClaw."""
    trimmed = trim(value) if isinstance(value, str) else ""
    lowered = trimmed.lower()
    if _AGENT_ID.fullmatch(trimmed):
        return lowered
    return _NOT_IN_AGENT_ID.sub("-", lowered).strip("-")[:64] or DEFAULT_AGENT_ID


def rescoped_key(key: str, agent_id: str) -> str:
    """The key under which a request is dispatched: `agent:<id>:...` keys move to the agent that serves it."""
    found = _AGENT_KEY.fullmatch(trim(key))
    if not found or not trim(found["agent"]):
        return trim(key)
    return f"agent:{agent_id}:{found['rest']}"
