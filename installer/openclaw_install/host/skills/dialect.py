"""What the reference validator of agentskills.io would object to: advice for authors, never a gate here.

That format is narrower than OpenClaw's. Its rules are at https://agentskills.io/specification.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

KNOWN_FIELDS = frozenset({"name", "description", "license", "compatibility", "metadata", "allowed-tools"})
_MAX_NAME = 64
_MAX_DESCRIPTION = 1024
_MAX_COMPATIBILITY = 500
_PREFIX = "agentskills.io: "


def dialect_warnings(fields: Mapping[str, str], folder_name: str) -> tuple[str, ...]:
    """One sentence for each objection.

    Args:
        fields: the frontmatter's fields as text.
        folder_name: the name of the skill's folder.
    """
    found: list[str] = []
    unknown = sorted(set(fields) - KNOWN_FIELDS)
    if unknown:
        found.append(f"unknown frontmatter fields: {', '.join(unknown)}")
    name = unicodedata.normalize("NFKC", fields.get("name", "").strip())
    if name:
        found += _name_objections(name, unicodedata.normalize("NFKC", folder_name))
    else:
        found.append("name is missing")
    for key, limit in (("description", _MAX_DESCRIPTION), ("compatibility", _MAX_COMPATIBILITY)):
        if len(fields.get(key, "")) > limit:
            found.append(f"{key} has {len(fields[key])} characters; at most {limit} are allowed")
    return tuple(_PREFIX + objection for objection in found)


def _name_objections(name: str, folder_name: str) -> list[str]:
    found = []
    if len(name) > _MAX_NAME:
        found.append(f"name has {len(name)} characters; at most {_MAX_NAME} are allowed")
    if name != name.lower():
        found.append("name must be in lower case")
    if name.startswith("-") or name.endswith("-"):
        found.append("name must not start or end with a hyphen")
    if "--" in name:
        found.append("name must not have two hyphens in a row")
    if not all(char.isalnum() or char == "-" for char in name):
        found.append("name may have letters, digits and hyphens only")
    if name != folder_name:
        found.append("name must be the name of the folder")
    return found
