"""Where OpenClaw's YAML parser and PyYAML's are known to differ, and what in a text shows such a place."""

from __future__ import annotations

import enum
import re


class Doubt(enum.StrEnum):
    """A class of texts that the two parsers may read differently; the value says it in words."""

    ANCHORS = "anchors or aliases"
    CHARACTERS = "tabs, control characters or unusual line ends"
    COMMENTS = "a comment without a space before it"
    DOCUMENTS = "directives or document markers"
    INDENTATION = "quoted or bracketed text whose lines are not indented"
    KEYS = "keys that are not plain text"
    MENDED = "an error in a text field that OpenClaw may repair"
    REFUSED = "text that is not valid YAML"
    TAGS = "tags"


_UNUSUAL = re.compile("[^\n -\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_MARKER = re.compile(r"^(?:---|\.\.\.|%)", re.MULTILINE)
_GLUED_COMMENT = re.compile(r"(?:\A|\n)[^#\n]*[^# \n]#")


def has_unusual_characters(text: str) -> bool:
    """Whether the text has characters that one of the parsers refuses, or takes for a line end or a space."""
    return _UNUSUAL.search(text) is not None


def doubts_about_text(text: str) -> set[Doubt]:
    """Doubts that show without parsing."""
    found = set()
    if has_unusual_characters(text):
        found.add(Doubt.CHARACTERS)
    if _MARKER.search(text):
        found.add(Doubt.DOCUMENTS)
    return found


def doubts_about_gap(gap: str) -> set[Doubt]:
    """Doubts about what stands between two nodes.

    Args:
        gap: the text from the last character of the one to the first of the other.
    """
    found = set()
    if "?" in gap[1:]:
        found.add(Doubt.KEYS)
    if _GLUED_COMMENT.search(gap):
        found.add(Doubt.COMMENTS)
    return found
