"""Text that others chose, made safe to show."""

from __future__ import annotations


def plain(text: str) -> str:
    """`text` with control characters made visible: no escape reaches the terminal, no value makes a line."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
