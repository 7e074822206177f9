"""Text that others chose, made fit to be shown and kept."""

from __future__ import annotations

from openclaw_install.common.invisible import hides_nothing, rewritten


def shown(text: str, limit: int = 300) -> str:
    """One line without control, direction or other invisible characters, at most `limit` characters long."""
    seen = text.isprintable() and (text.isascii() or hides_nothing(text))
    if seen and "  " not in text and len(text) <= limit:
        return text.strip()
    folded = " ".join(rewritten(text[: limit * 4], _visible).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def _visible(char: str) -> str:
    return " " if char in "\t\n\r" else "\N{REPLACEMENT CHARACTER}"
