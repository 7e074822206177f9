"""Composes flow collections, `{...}` and `[...]`, and finds the errors in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from openclaw_install.host.frontmatter.nodes import Mapping, Node, Sequence, key_identity
from openclaw_install.host.frontmatter.props import (
    Props,
    PropsPlace,
    contains_newline,
    resolve_end,
    resolve_props,
)
from openclaw_install.host.frontmatter.tags import Directives
from openclaw_install.host.frontmatter.tree import BLOCK_COLLECTIONS, Item, Token

MAX_IMPLICIT_KEY = 1024
KEY_TOO_LONG = "The : indicator must be at most 1024 chars after the start of an implicit {} key"
_BLOCK_IN_FLOW = "Block collections are not allowed within flow collections"
_ONE_LINE_KEYS = "Implicit keys of flow sequence pairs need to be on a single line"


@dataclass(frozen=True, slots=True)
class YamlIssue:
    """An error of the YAML text: the library's code and message, and the offset it points at."""

    position: int
    code: str
    message: str


class FlowComposer(ABC):
    """The part of the composer that knows flow collections; `at_root` is true until a collection began."""

    def __init__(self, directives: Directives, issues: list[YamlIssue]) -> None:
        self.directives = directives
        self.issues = issues
        self.at_root = True

    def on_error(self, position: int, code: str, message: str) -> None:
        """Notes an error at an offset, with the library's code and message."""
        self.issues.append(YamlIssue(position, code, message))

    @abstractmethod
    def node(self, token: Token | None, props: Props, before: list[Token] | None, offset: int) -> Node:
        """The node of `token`; without one an empty scalar at `offset`, after the space in `before`."""

    def check_unique(self, key: Node, seen: set[object], offset: int) -> None:
        """Reports a key that the map already has, and remembers it otherwise."""
        identity = key_identity(key)
        if identity in seen:
            self.on_error(offset, "DUPLICATE_KEY", "Map keys must be unique")
        elif identity:
            seen.add(identity)

    def flow(self, token: Token) -> Mapping | Sequence:
        """The map or sequence of a flow collection."""
        is_map = token.start[0].source == "{"
        name = "flow map" if is_map else "flow sequence"
        collection: Mapping | Sequence = Mapping() if is_map else Sequence()
        at_root = self.at_root
        self.at_root = False
        seen: set[object] = set()
        offset = token.offset + 1
        for index, item in enumerate(token.items):
            following = item.key or (item.sep[0] if item.sep else None)
            indent = token.indent or 0
            place = PropsPlace(
                "explicit-key-ind", following, offset, indent, start_on_newline=False, flow=name
            )
            props = resolve_props(item.start, place, self.on_error)
            if self._is_empty_item(item, props):
                if index == 0 and props.comma:
                    self.on_error(props.comma.offset, "UNEXPECTED_TOKEN", f"Unexpected , in {name}")
                elif index < len(token.items) - 1:
                    self.on_error(props.start, "UNEXPECTED_TOKEN", f"Unexpected empty item in {name}")
                offset = props.end
                continue
            self._check_flow_item(item, props, name, first=index == 0)
            if isinstance(collection, Sequence) and item.sep is None and props.found is None:
                node = self.node(item.value, props, item.sep, props.end)
                collection.items.append(node)
                offset = node.range[2]
                self._check_no_block(item.value, node)
            else:
                offset = self._flow_pair(item, props, collection, token, seen)
        self._close_flow(collection, token, offset, name, at_root=at_root)
        return collection

    @staticmethod
    def _is_empty_item(item: Item, props: Props) -> bool:
        has_props = props.found or props.anchor or props.tag
        return not has_props and item.sep is None and item.value is None

    def _check_flow_item(self, item: Item, props: Props, name: str, *, first: bool) -> None:
        if props.found is None and name == "flow sequence" and item.key and contains_newline(item.key):
            self.on_error(item.key.offset, "MULTILINE_IMPLICIT_KEY", _ONE_LINE_KEYS)
        if first and props.comma:
            self.on_error(props.comma.offset, "UNEXPECTED_TOKEN", f"Unexpected , in {name}")
        elif not first and props.comma is None:
            self.on_error(props.start, "MISSING_CHAR", f"Missing , between {name} items")
        if not first and props.comments:
            before = next((token for token in item.start if token.type not in ("comma", "space")), None)
            if before and before.type == "comment" and before.source != "#":
                props.comments -= 1  # it belongs to the entry before

    def _check_no_block(self, token: Token | None, node: Node) -> None:
        if token and token.type in BLOCK_COLLECTIONS:
            self.on_error(node.range[0], "BLOCK_IN_FLOW", _BLOCK_IN_FLOW)

    def _flow_pair(
        self, item: Item, key_props: Props, collection: Mapping | Sequence, token: Token, seen: set[object]
    ) -> int:
        """Composes a `key: value` of a flow collection into it; the offset after the pair."""
        is_map = isinstance(collection, Mapping)
        name = "flow map" if is_map else "flow sequence"
        key = self.node(item.key, key_props, item.start, key_props.end)
        self._check_no_block(item.key, key)
        place = PropsPlace(
            "map-value-ind", item.value, key.range[2], token.indent or 0, start_on_newline=False, flow=name
        )
        props = resolve_props(item.sep or [], place, self.on_error)
        if props.found is None:
            self._check_separator(item.value, props, name)
        elif not is_map and key_props.found is None:
            self._check_sequence_key(item, key_props, props.found)
        value: Node | None = None
        if item.value or props.found:
            value = self.node(item.value, props, item.sep, props.end)
            self._check_no_block(item.value, value)
        if isinstance(collection, Mapping):
            self.check_unique(key, seen, key_props.end)
            collection.pairs.append((key, value))
        else:
            end = (value or key).range
            pair = Mapping((key.range[0], end[1], end[2]), [(key, value)])
            collection.items.append(pair)
        return value.range[2] if value else props.end

    def _check_separator(self, value: Token | None, props: Props, name: str) -> None:
        if value is None:
            return
        if value.source.startswith(":"):
            self.on_error(value.offset, "MISSING_CHAR", f"Missing space after : in {name}")
        else:
            self.on_error(props.start, "MISSING_CHAR", f"Missing , or : between {name} items")

    def _check_sequence_key(self, item: Item, key_props: Props, found: Token) -> None:
        for token in item.sep or ():
            if token is found:
                break
            if token.type == "newline":
                self.on_error(token.offset, "MULTILINE_IMPLICIT_KEY", _ONE_LINE_KEYS)
                break
        if key_props.start < found.offset - MAX_IMPLICIT_KEY:
            self.on_error(found.offset, "KEY_OVER_1024_CHARS", KEY_TOO_LONG.format("flow sequence"))

    def _close_flow(
        self, collection: Mapping | Sequence, token: Token, offset: int, name: str, *, at_root: bool
    ) -> None:
        expected = "}" if isinstance(collection, Mapping) else "]"
        closing = token.end[0] if token.end else None
        after = list(token.end or ())[1:]
        content_end = offset
        if closing and closing.source == expected:
            content_end = closing.offset + 1
        else:
            title = name.capitalize()
            if at_root:
                self.on_error(offset, "MISSING_CHAR", f"{title} must end with a {expected}")
            else:
                message = (
                    f"{title} in block collection must be sufficiently indented and end with a {expected}"
                )
                self.on_error(offset, "BAD_INDENT", message)
            if closing and len(closing.source) != 1:
                after.insert(0, closing)
        collection.range = (token.offset, content_end, resolve_end(after, content_end, self.on_error))
