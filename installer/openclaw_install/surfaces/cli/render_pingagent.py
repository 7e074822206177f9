"""Turns the documents of the command `pingagent` into lines for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_install.common.shown_text import neutral, quoted

Document = Mapping[str, Any]


def card_lines(body: Document) -> list[str]:
    """An agent's public card."""
    names = [f"@{neutral(body['alias'])}"] if body["alias"] else []
    names += [quoted(body["display_name"], 80)] if body["display_name"] else []
    state = (
        f"published, version {body['version']}" if body["published"] else f"not published: {body['reason']}"
    )
    keys: Sequence[Document] = body["encryption_keys"]
    return [
        body["did"],
        *([" ".join(names)] if names else []),
        neutral(state),
        f"signing key {body['signing_key']}",
        *(f"encryption key {key['kid']}, epoch {key['epoch']}, until {key['expires_at']}" for key in keys),
        *([f"can: {', '.join(map(neutral, body['capabilities']))}"] if body["capabilities"] else []),
    ]


def doctor_lines(body: Document, health: Sequence[str], *, verbose: bool) -> list[str]:
    """What was found and mended, worst first."""
    order = {"critical": 0, "warn": 1, "info": 2}
    lines = [neutral(f"mended: {one}") for one in body["repaired"]]
    for one in sorted(body["findings"], key=lambda found: order[found["severity"]]):
        if one["severity"] == "info" and not verbose:
            continue
        lines.append(neutral(f"{one['severity']}: {one['message']} ({one['code']})"))
        if one["next_step"]:
            lines.append(neutral(f"  next: {one['next_step']}"))
    lines += [
        neutral(f"parked: {one['message_id']} of {one['sender']}: {one['reason']}") for one in body["parked"]
    ]
    lines += [
        neutral(f"failed: {one['message_id']} to {one['recipient']}: {one['reason']}")
        for one in body["failed"]
    ]
    lines += health
    lines.append("nothing is in the way" if body["ok"] else "something is in the way")
    return lines
