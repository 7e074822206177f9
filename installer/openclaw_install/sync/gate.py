"""The upload gate: what looks like a secret in a SKILL.md, by line and kind; the value leaves no trace.

The detectors are those of `detect-secrets`, with ours for providers that it does not know. They are asked for
the strings they see and nothing else: their `verify`, which would try a key out at its provider, never runs.
A comment in the file cannot switch the gate off, because the file is what is being judged.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

GATE_VERSION = "4"


@dataclass(frozen=True, order=True)
class SecretFinding:
    """Something that looks like a secret: its line (from 1) and what kind of secret it would be."""

    line: int
    kind: str


def scan(text: str) -> tuple[SecretFinding, ...]:
    """Each line of `text` that may hold a secret, with the first kind that was found in it.

    What is encoded in the text is judged as text too; a secret in it is told where its code begins.
    """
    from openclaw_install.sync.gate_detectors import find, layers

    kinds: dict[int, str] = {}
    ends = [match.start() for match in re.finditer("\n", text)]
    for layer in layers(text):
        for offset, kind in find(layer.text):
            line = bisect_left(ends, layer.origin(offset)) + 1
            kinds.setdefault(line, f"{kind} (encoded)" if layer.is_decoded else kind)
    return tuple(SecretFinding(line, kind) for line, kind in sorted(kinds.items()))
