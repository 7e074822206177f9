"""Adds members to a JSON5 container and takes members away, with commas and whitespace as it has them.

What goes with a removed member: its key, its value, its comma, and its line when nothing else stands there.
Every comment stays, except those between its key and the end of its value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from openclaw_install.host.config.json5_tree import Child, Node
from openclaw_install.host.config.render import (
    Style,
    colon_gap,
    key_quote_at,
    line_indent,
    own_indent,
    render_key,
    render_value,
)

_BLANKS = re.compile(r"[ \t]*")
_LINE_COMMENT = re.compile(r"//[^\n\r\u2028\u2029]*")
_BLOCK_COMMENT = re.compile(r"/\*[\s\S]*?\*/")
_LINE_END = re.compile(r"\r\n|[\n\r]")


@dataclass(frozen=True)
class Patch:
    """Replaces `[start, end)` of the text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Splice:
    """What happens to one container's list of children.

    Attributes:
        removed: indexes of the children that go.
        added: (key or None, value) of those that come.
        before: they come after the last kept child whose index is below this.
    """

    node: Node
    removed: frozenset[int]
    added: tuple[tuple[str | None, Any], ...]
    before: int


def splice_children(text: str, change: Splice, style: Style) -> list[Patch]:
    """The patches that make the change."""
    children = change.node.children
    kept = [child for index, child in enumerate(children) if index not in change.removed]
    trailing = bool(children) and children[-1].comma is not None
    patches: list[Patch] = []
    for index in sorted(change.removed):
        at_end = not kept or children[index].start > kept[-1].start
        patches += _removal(text, children[index], at_end=at_end)
    if change.added:
        return patches + _Insertion(text, change, style, kept).patches()
    if kept and not trailing and kept[-1].comma is not None:
        patches.append(Patch(kept[-1].comma, kept[-1].comma + 1, ""))
    return patches


def _removal(text: str, child: Child, *, at_end: bool) -> list[Patch]:
    """Takes the whitespace on one side along: before the last ones, after the others."""
    start, end = child.start, child.node.end
    patches: list[Patch] = []
    if child.comma is not None:
        if text[end : child.comma].isspace() or end == child.comma:
            end = child.comma + 1
        else:
            patches.append(Patch(child.comma, child.comma + 1, ""))
    after = _skip(_BLANKS, text, end)
    line_end = _LINE_END.match(text, after)
    indent = own_indent(text, start)
    if indent is not None and line_end:
        return [*patches, Patch(start - len(indent), line_end.end(), "")]
    if line_end or (at_end and text[start - 1] in " \t"):
        while text[start - 1] in " \t":
            start -= 1
        return [*patches, Patch(start, end, "")]
    return [*patches, Patch(start, after, "")]


class _Insertion:
    """Puts new children after an anchor: the last kept child before them, or the opening bracket."""

    def __init__(self, text: str, change: Splice, style: Style, kept: Sequence[Child]) -> None:
        self.text = text
        self.node = change.node
        self.added = change.added
        children = change.node.children
        before = [children[i] for i in range(change.before) if i not in change.removed]
        self.anchor = before[-1] if before else None
        self.is_followed = bool(kept) and self.anchor is not kept[-1]
        self.has_kept = bool(kept)
        self.style = self._local_style(style)
        self.position, in_line_comment = self._position()
        self.samples = [*reversed(before), *children]
        self.multiline = in_line_comment or self._is_multiline()

    def patches(self) -> list[Patch]:
        patches: list[Patch] = []
        if self.anchor is not None and self.anchor.comma is None:
            patches.append(Patch(self.anchor.node.end, self.anchor.node.end, ","))
        text = self._lines() if self.multiline else self._one_line()
        return [*patches, Patch(self.position, self.position, text)]

    def _local_style(self, style: Style) -> Style:
        """The document's style, overruled by what this container itself does."""
        children = self.node.children
        if children and isinstance(self.node.value, dict):
            style = replace(style, key_quote=key_quote_at(self.text, children[-1].start))
        for child in reversed(children):
            if isinstance(child.node.value, str):
                return replace(style, quote=self.text[child.node.start])
        return style

    def _position(self) -> tuple[int, bool]:
        """Where to insert: behind the comments on the anchor's line; and whether the last one is a `//`."""
        limit = self.node.end - 1
        if self.anchor is None:
            position = self.node.start + 1
        else:
            position = self.anchor.node.end if self.anchor.comma is None else self.anchor.comma + 1
        for child in self.node.children:
            if child.start >= position:
                limit = min(limit, child.start)
        while True:
            start = _skip(_BLANKS, self.text, position)
            line_comment = _LINE_COMMENT.match(self.text, start, limit)
            if line_comment:
                return line_comment.end(), True
            block = _BLOCK_COMMENT.match(self.text, start, limit)
            if block is None:
                return position, False
            position = block.end()

    def _is_multiline(self) -> bool:
        if self.node.children:
            return any(own_indent(self.text, child.start) is not None for child in self.node.children)
        body = self.text[self.node.start : self.node.end]
        before = self.text[: self.node.start]
        return bool(_LINE_END.search(body) or _LINE_END.search(before) or not before.strip("\ufeff \t"))

    def _has_last_comma(self) -> bool:
        children = self.node.children
        if self.is_followed:
            return True
        return children[-1].comma is not None if children else self.style.trailing

    def _member(self, name: str | None, value: Any, indent: str) -> str:
        rendered = render_value(value, self.style, indent, multiline=self.multiline)
        if name is None:
            return rendered
        gaps = (colon_gap(self.text, child) for child in self.samples[:1])
        colon = next((gap for gap in gaps if gap is not None), self.style.colon)
        return f"{render_key(name, self.style)}:{colon}{rendered}"

    def _lines(self) -> str:
        base = line_indent(self.text, self.node.start)
        indents = (own_indent(self.text, child.start) for child in self.samples)
        indent = next((found for found in indents if found is not None), base + self.style.unit)
        members = [self._member(name, value, indent) for name, value in self.added]
        newline = self._newline()
        text = "".join(f"{newline}{indent}{member}," for member in members)
        if not self._has_last_comma():
            text = text[:-1]
        rest = self.text[self.position : self.node.end - 1]
        closes_here = not self.has_kept and not rest.strip(" \t") and not self.node.children
        return text + newline + base if closes_here else text

    def _newline(self) -> str:
        """The line end in front of this container's own lines, else the document's."""
        for child in self.samples:
            indent = own_indent(self.text, child.start)
            if indent is not None:
                end = child.start - len(indent)
                return "\r\n" if self.text[end - 2 : end] == "\r\n" else self.text[end - 1]
        return self.style.newline

    def _one_line(self) -> str:
        members = [self._member(name, value, "") for name, value in self.added]
        gap = self._gap()
        text = f",{gap}".join(members) + ("," if self._has_last_comma() else "")
        follower = self.text[self.position : self.position + 1]
        if self.anchor is not None:
            return gap + text
        if self.has_kept or self.node.children:
            lead = self.text[self.position : _skip(_BLANKS, self.text, self.position)]
            return lead + text + ("" if not self.has_kept or follower in " \t" else gap)
        return f" {text} " if isinstance(self.node.value, dict) else text

    def _gap(self) -> str:
        """What stands between a comma and the next member here."""
        children = self.node.children
        for child, following in pairwise(children):
            if child.comma is not None:
                gap = self.text[child.comma + 1 : following.start]
                return gap if not gap.strip(" \t") else " "
        return " " if self.style.colon else ""


def _skip(pattern: re.Pattern[str], text: str, offset: int) -> int:
    match = pattern.match(text, offset)
    return match.end() if match else offset
