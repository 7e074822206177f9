"""Hook mappings and presets as the gateway normalises them: which run, and which session keys they use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.text import optional_text, text_items
from openclaw_install.host.javascript import trim, trim_start

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
