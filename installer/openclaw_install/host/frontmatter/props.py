"""Tokens around a node: its tags, anchors and indicators, what may follow it, and the errors in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from openclaw_install.host.frontmatter.tree import FLOW_SCALARS, Token

# Where the error is (first character), its code in the YAML library, and its message.
OnError = Callable[[int, str, str], None]

_COMMENT_NEEDS_SPACE = "Comments must be separated from other tokens by white space characters"
_PROP_NEEDS_SPACE = "Tags and anchors must be separated from the next token by white space"
_TAB = "Tabs are not allowed as indentation"
_SPACE_AFTER_PROP = ("space", "newline", "comma")


@dataclass(slots=True)
class Props:
    """What stands before a node.

    Attributes:
        end: the offset after the last token.
        start: the offset of the first tag or anchor, or `end`.
        found: the indicator, if it is there.
        comments: how many comments belong to the node.
    """

    end: int
    start: int
    comma: Token | None = None
    found: Token | None = None
    anchor: Token | None = None
    tag: Token | None = None
    has_newline: bool = False
    newline_after_prop: Token | None = None
    comments: int = 0


@dataclass(frozen=True, slots=True)
class PropsPlace:
    """Where properties are read.

    Attributes:
        indicator: kind of the indicator that belongs here (`-`, `?`, `:` or `---`).
        next: the node that follows, if any.
        offset: where an empty list of tokens stands.
        parent_indent: indentation of the collection around it.
        start_on_newline: whether the place itself counts as the start of a line.
        flow: "flow map" or "flow sequence" inside one; empty in block context.
    """

    indicator: str
    next: Token | None
    offset: int
    parent_indent: int
    start_on_newline: bool
    flow: str = ""


class _PropsReader:
    """Reads one list of property tokens; the attributes are the state between two tokens."""

    def __init__(self, place: PropsPlace, on_error: OnError) -> None:
        self.place = place
        self.on_error = on_error
        self.at_newline = place.start_on_newline
        self.has_space = place.start_on_newline
        self.needs_space = False
        self.tab: Token | None = None
        self.first: int | None = None
        self.props = Props(place.offset, place.offset)

    def read(self, tokens: list[Token]) -> Props:
        for token in tokens:
            self._before(token)
            self._take(token)
        props = self.props
        if tokens:
            props.end = tokens[-1].offset + len(tokens[-1].source)
        props.start = props.end if self.first is None else self.first
        self._after()
        return props

    def _before(self, token: Token) -> None:
        if self.needs_space:
            if token.type not in _SPACE_AFTER_PROP:
                self.on_error(token.offset, "MISSING_CHAR", _PROP_NEEDS_SPACE)
            self.needs_space = False
        if self.tab:
            if self.at_newline and token.type not in ("comment", "newline"):
                self.on_error(self.tab.offset, "TAB_AS_INDENT", _TAB)
            self.tab = None

    def _take(self, token: Token) -> None:
        kind = token.type
        if kind == "space":
            self._space(token)
        elif kind == "comment":
            if not self.has_space:
                self.on_error(token.offset, "MISSING_CHAR", _COMMENT_NEEDS_SPACE)
            self.props.comments += 1
            self.at_newline = False
        elif kind == "newline":
            self.at_newline = self.has_space = self.props.has_newline = True
            if self.props.anchor or self.props.tag:
                self.props.newline_after_prop = token
        elif kind in ("anchor", "tag"):
            self._prop(token)
        elif kind == self.place.indicator:
            self._indicator(token)
        else:
            self._comma_or_error(token)

    def _comma_or_error(self, token: Token) -> None:
        if token.type != "comma" or not self.place.flow:
            self.on_error(token.offset, "UNEXPECTED_TOKEN", f"Unexpected {token.type} token")
        else:
            if self.props.comma:
                self.on_error(token.offset, "UNEXPECTED_TOKEN", f"Unexpected , in {self.place.flow}")
            self.props.comma = token
        self.at_newline = self.has_space = False

    def _space(self, token: Token) -> None:
        before_flow = self.place.next is not None and self.place.next.type == "flow-collection"
        tabs_matter = not self.place.flow and (self.place.indicator != "doc-start" or not before_flow)
        if tabs_matter and "\t" in token.source:
            self.tab = token
        self.has_space = True

    def _prop(self, token: Token) -> None:
        props = self.props
        if token.type == "anchor":
            if props.anchor:
                self.on_error(token.offset, "MULTIPLE_ANCHORS", "A node can have at most one anchor")
            props.anchor = token
        else:
            if props.tag:
                self.on_error(token.offset, "MULTIPLE_TAGS", "A node can have at most one tag")
            props.tag = token
        if self.first is None:
            self.first = token.offset
        self.at_newline = self.has_space = False
        self.needs_space = True

    def _indicator(self, token: Token) -> None:
        props = self.props
        if props.anchor or props.tag:
            message = f"Anchors and tags must be after the {token.source} indicator"
            self.on_error(token.offset, "BAD_PROP_ORDER", message)
        if props.found:
            message = f"Unexpected {token.source} in {self.place.flow or 'collection'}"
            self.on_error(token.offset, "UNEXPECTED_TOKEN", message)
        props.found = token
        self.at_newline = token.type in ("seq-item-ind", "explicit-key-ind")
        self.has_space = False

    def _after(self) -> None:
        following = self.place.next
        if (
            self.needs_space
            and following
            and following.type not in _SPACE_AFTER_PROP
            and (following.type != "scalar" or following.source)
        ):
            self.on_error(following.offset, "MISSING_CHAR", _PROP_NEEDS_SPACE)
        if self.tab and (
            (self.at_newline and (self.tab.indent or 0) <= self.place.parent_indent)
            or (following is not None and following.type in ("block-map", "block-seq"))
        ):
            self.on_error(self.tab.offset, "TAB_AS_INDENT", _TAB)


def resolve_props(tokens: list[Token], place: PropsPlace, on_error: OnError) -> Props:
    """Reads the tokens before a node and reports what may not stand there."""
    return _PropsReader(place, on_error).read(tokens)


def resolve_end(end: list[Token] | None, offset: int, on_error: OnError, *, strict: bool = True) -> int:
    """The offset after everything that follows a node; reports what may not follow it.

    Args:
        end: the tokens after the node.
        offset: where the node itself ends.
        on_error: where errors go.
        strict: whether a comment must have space before it.
    """
    has_space = False
    for token in end or ():
        if token.type in ("space", "newline"):
            has_space = True
        elif token.type == "comment":
            if strict and not has_space:
                on_error(token.offset, "MISSING_CHAR", _COMMENT_NEEDS_SPACE)
        else:
            on_error(token.offset, "UNEXPECTED_TOKEN", f"Unexpected {token.type} at node end")
        offset += len(token.source)
    return offset


def contains_newline(key: Token | None) -> bool:
    """Whether a key runs over more than one line."""
    if key is None:
        return False
    if key.type in FLOW_SCALARS:
        return "\n" in key.source or any(token.type == "newline" for token in key.end or ())
    if key.type != "flow-collection":
        return True
    for item in key.items:
        around = [*item.start, *(item.sep or ())]
        if any(token.type == "newline" for token in around):
            return True
        if contains_newline(item.key) or contains_newline(item.value):
            return True
    return False


def empty_scalar_position(offset: int, before: list[Token] | None) -> int:
    """Where a scalar without text stands: after the last token before it that is more than space."""
    if not before:
        return offset
    index = len(before) - 1
    while index >= 0 and before[index].type in ("space", "comment", "newline"):
        offset -= len(before[index].source)
        index -= 1
    if index < 0:
        return offset
    index += 1
    while index < len(before) and before[index].type == "space":
        offset += len(before[index].source)
        index += 1
    return offset
