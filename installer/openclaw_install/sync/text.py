"""Text that others chose, made fit to be shown and kept."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(text: str, limit: int = 300) -> str:
    """One line without control, direction or other invisible characters, at most `limit` characters long."""
    if text.isprintable() and "  " not in text and len(text) <= limit:
        return text.strip()
    folded = " ".join("".join(_visible(char) for char in text[: limit * 4]).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def _visible(char: str) -> str:
    if char in "\t\n\r":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in _HIDDEN else char
