"""Turns the concrete tree into nodes, and finds the errors that decide whether OpenClaw takes the text."""

from __future__ import annotations

from dataclasses import dataclass, field

from openclaw_install.host.frontmatter_javascript import json_string
from openclaw_install.host.frontmatter_nodes import (
    PREFIX,
    Alias,
    Mapping,
    Node,
    Scalar,
    Sequence,
    key_identity,
    resolve_plain,
)
from openclaw_install.host.frontmatter_parser import Parser
from openclaw_install.host.frontmatter_props import (
    Props,
    PropsPlace,
    contains_newline,
    empty_scalar_position,
    resolve_end,
    resolve_props,
)
from openclaw_install.host.frontmatter_scalars import block_scalar, flow_scalar
from openclaw_install.host.frontmatter_tags import Directives, tagged_collection, tagged_scalar
from openclaw_install.host.frontmatter_tree import BLOCK_COLLECTIONS, FLOW_SCALARS, Item, Token

_SAME_COLUMN = "All mapping items must start at the same column"
_BLOCK_IN_FLOW = "Block collections are not allowed within flow collections"
_ONE_LINE_KEYS = "Implicit keys of flow sequence pairs need to be on a single line"
_MAX_IMPLICIT_KEY = 1024
_KEY_TOO_LONG = "The : indicator must be at most 1024 chars after the start of an implicit {} key"


@dataclass(frozen=True, slots=True)
class YamlIssue:
    """An error of the YAML text: the library's code and message, and the offset it points at."""

    position: int
    code: str
    message: str


@dataclass(slots=True)
class Document:
    """The first document of a text: its root node and all errors, in the library's order."""

    root: Node | None
    issues: list[YamlIssue] = field(default_factory=list)


def parse_document(text: str) -> Document:
    """Parses `text` as one YAML document of the core schema, as `yaml.parseDocument` does.

    Nesting too deep for the interpreter's stack is one of the issues, not an exception.
    """
    try:
        return _Stream().compose(Parser().parse(text), len(text))
    except RecursionError:
        return Document(None, [YamlIssue(0, "RESOURCE_EXHAUSTION", "Maximum call stack size exceeded")])


class _Stream:
    """The tokens of a whole text: directives, documents and what stands between them."""

    def __init__(self) -> None:
        self.directives = Directives()
        self.at_directives = False
        self.issues: list[YamlIssue] = []

    def on_error(self, position: int, code: str, message: str) -> None:
        self.issues.append(YamlIssue(position, code, message))

    def compose(self, tokens: list[Token], size: int) -> Document:
        document: Document | None = None
        for token in tokens:
            if token.type == "document":
                if document is not None:
                    message = "Source contains multiple documents; please use YAML.parseAllDocuments()"
                    document.issues.append(YamlIssue(token.offset, "MULTIPLE_DOCS", message))
                    return document
                document = self._document(token)
            else:
                self._between(token, document)
        if document is None:
            if self.at_directives:
                self.on_error(size, "MISSING_CHAR", "Missing directives-end indicator line")
            return Document(None, self.issues)
        document.issues.extend(self.issues)
        return document

    def _between(self, token: Token, document: Document | None) -> None:
        if token.type == "directive":
            self.directives.add(
                token.source, lambda offset, text: self.on_error(token.offset + offset, "BAD_DIRECTIVE", text)
            )
            self.at_directives = True
        elif token.type == "error":
            message = f"{token.message}: {json_string(token.source)}" if token.source else token.message
            issue = YamlIssue(token.offset, "UNEXPECTED_TOKEN", message)
            (self.issues if self.at_directives or document is None else document.issues).append(issue)
        elif token.type == "doc-end":
            if document is None:
                message = "Unexpected doc-end without preceding document"
                self.on_error(token.offset, "UNEXPECTED_TOKEN", message)
            else:
                resolve_end(token.end, token.offset + len(token.source), self.on_error)
                document.issues.extend(self.issues)
                self.issues = []

    def _document(self, token: Token) -> Document:
        composer = _Composer(self.directives, self.issues)
        value = token.value
        following = value or (token.end[0] if token.end else None)
        place = PropsPlace("doc-start", following, token.offset, 0, start_on_newline=True)
        props = resolve_props(token.start, place, self.on_error)
        if props.found and value and value.type in BLOCK_COLLECTIONS and not props.has_newline:
            message = "Block collection cannot start on same line with directives-end marker"
            self.on_error(props.end, "MISSING_CHAR", message)
        root = composer.node(value, props, token.start, props.end)
        resolve_end(token.end, root.range[2], self.on_error, strict=False)
        if self.at_directives and not props.found:
            self.on_error(token.offset, "MISSING_CHAR", "Missing directives-end/doc-start indicator line")
        self.at_directives = False
        document = Document(root, self.issues)
        self.issues = []
        return document


class _Composer:
    """Composes the nodes of one document."""

    def __init__(self, directives: Directives, issues: list[YamlIssue]) -> None:
        self.directives = directives
        self.issues = issues
        self.at_root = True

    def on_error(self, position: int, code: str, message: str) -> None:
        self.issues.append(YamlIssue(position, code, message))

    def node(self, token: Token | None, props: Props, before: list[Token] | None, offset: int) -> Node:
        """The node of `token`, or an empty scalar at `offset` (after the space in `before`) if there is none."""
        if token is None:
            return self._empty(offset, before, props)
        node: Node | None = None
        if token.type == "alias":
            node = self._alias(token)
            if props.anchor or props.tag:
                self.on_error(token.offset, "ALIAS_PROPS", "An alias node must not specify any properties")
        elif token.type in FLOW_SCALARS or token.type == "block-scalar":
            node = self._scalar(token, props.tag)
        elif token.type in BLOCK_COLLECTIONS or token.type == "flow-collection":
            node = self._collection(token, props)
        else:
            self.on_error(token.offset, "UNEXPECTED_TOKEN", token.message)
        if node is None:
            return self._empty(token.offset, None, props)
        self._anchor(node, props)
        return node

    def _anchor(self, node: Node, props: Props) -> None:
        if props.anchor is None:
            return
        if not isinstance(node, Alias):
            node.anchor = props.anchor.source[1:]
        if node.anchor == "":
            self.on_error(props.anchor.offset, "BAD_ALIAS", "Anchor cannot be an empty string")

    def _empty(self, offset: int, before: list[Token] | None, props: Props) -> Node:
        token = Token("scalar", empty_scalar_position(offset, before), -1)
        node = self._scalar(token, props.tag)
        self._anchor(node, props)
        return node

    def _alias(self, token: Token) -> Alias:
        if token.source == "*":
            self.on_error(token.offset, "BAD_ALIAS", "Alias cannot be an empty string")
        end = token.offset + len(token.source)
        return Alias(token.source[1:], (token.offset, end, resolve_end(token.end, end, self.on_error)))

    def _scalar(self, token: Token, tag: Token | None) -> Scalar:
        if token.type == "block-scalar":
            value, value_end = block_scalar(token, self.on_error, at_root=self.at_root)
            end = value_end
        else:
            value, value_end, end = flow_scalar(token, self.on_error)
        style = "plain" if token.type == "scalar" else "block" if token.type == "block-scalar" else token.source[0]
        scalar = Scalar(value, (token.offset, value_end, end), style)
        if tag is None:
            name = None
        else:
            name = self.directives.tag_name(tag.source, lambda text: self._tag_error(tag, text))
        scalar.tag = name or None
        if name and name != "!" and tag is not None:
            tagged_scalar(scalar, value, name, self.directives, lambda text: self._tag_error(tag, text))
        elif name != "!" and style == "plain":
            scalar.value = resolve_plain(value)
            scalar.text = value
        return scalar

    def _tag_error(self, tag: Token, message: str) -> None:
        self.on_error(tag.offset, "TAG_RESOLVE_FAILED", message)

    def _collection(self, token: Token, props: Props) -> Mapping | Sequence:
        tag = props.tag
        name: str | None = None
        if tag:
            name = self.directives.tag_name(tag.source, lambda text: self._tag_error(tag, text))
        if token.type == "block-seq":
            last = props.anchor or tag
            if props.anchor and tag:
                last = props.anchor if props.anchor.offset > tag.offset else tag
            newline = props.newline_after_prop
            if last and (newline is None or newline.offset < last.offset):
                self.on_error(last.offset, "MISSING_CHAR", "Missing newline after block sequence props")
        collection: Mapping | Sequence
        if token.type == "block-map":
            collection = self._block_map(token)
        elif token.type == "block-seq":
            collection = self._block_seq(token)
        else:
            collection = self._flow(token)
        if name and tag:
            collection.tag = name if name != "!" else PREFIX + ("map" if isinstance(collection, Mapping) else "seq")
            tagged_collection(collection, name, self.directives, lambda text: self._tag_error(tag, text))
        return collection

    # -- block collections ------------------------------------------------------------------------------

    def _block_map(self, token: Token) -> Mapping:
        mapping = Mapping()
        self.at_root = False
        seen: set[object] = set()
        indent = token.indent or 0
        offset = token.offset
        comment_end: int | None = None
        for item in token.items:
            following = item.key or (item.sep[0] if item.sep else None)
            place = PropsPlace("explicit-key-ind", following, offset, indent, start_on_newline=True)
            props = resolve_props(item.start, place, self.on_error)
            implicit = props.found is None
            if implicit:
                self._check_key_column(item.key, token, offset)
                if not props.anchor and not props.tag and item.sep is None:
                    comment_end = props.end
                    continue
                if props.newline_after_prop or contains_newline(item.key):
                    at = (item.key or item.start[-1]).offset
                    self.on_error(at, "MULTILINE_IMPLICIT_KEY", "Implicit keys need to be on a single line")
            elif props.found and props.found.indent != token.indent:
                self.on_error(offset, "BAD_INDENT", _SAME_COLUMN)
            key = self.node(item.key, props, item.start, props.end)
            self._check_unique(key, seen, props.end)
            value, offset = self._block_value(item, key, props, indent, implicit=implicit)
            mapping.pairs.append((key, value))
        if comment_end is not None and 0 < comment_end < offset:
            self.on_error(comment_end, "IMPOSSIBLE", "Map comment with trailing content")
        mapping.range = (token.offset, offset, offset if comment_end is None else comment_end)
        return mapping

    def _check_key_column(self, key: Token | None, block: Token, offset: int) -> None:
        if key is None:
            return
        if key.type == "block-seq":
            message = "A block sequence may not be used as an implicit map key"
            self.on_error(offset, "BLOCK_AS_IMPLICIT_KEY", message)
        elif key.indent is not None and key.indent != block.indent:
            self.on_error(offset, "BAD_INDENT", _SAME_COLUMN)

    def _check_unique(self, key: Node, seen: set[object], offset: int) -> None:
        identity = key_identity(key)
        if identity in seen:
            self.on_error(offset, "DUPLICATE_KEY", "Map keys must be unique")
        elif identity:
            seen.add(identity)

    def _block_value(
        self, item: Item, key: Node, key_props: Props, indent: int, *, implicit: bool
    ) -> tuple[Node | None, int]:
        """The value of a pair and the offset after it."""
        on_newline = item.key is None or item.key.type == "block-scalar"
        place = PropsPlace("map-value-ind", item.value, key.range[2], indent, start_on_newline=on_newline)
        props = resolve_props(item.sep or [], place, self.on_error)
        if props.found is None:
            if implicit:
                message = "Implicit map keys need to be followed by map values"
                self.on_error(key.range[0], "MISSING_CHAR", message)
            return None, props.end
        if implicit:
            if item.value and item.value.type == "block-map" and not props.has_newline:
                message = "Nested mappings are not allowed in compact mappings"
                self.on_error(props.end, "BLOCK_AS_IMPLICIT_KEY", message)
            if key_props.start < props.found.offset - _MAX_IMPLICIT_KEY:
                self.on_error(key.range[0], "KEY_OVER_1024_CHARS", _KEY_TOO_LONG.format("block mapping"))
        value = self.node(item.value, props, item.sep, props.end)
        return value, value.range[2]

    def _block_seq(self, token: Token) -> Sequence:
        sequence = Sequence()
        self.at_root = False
        indent = token.indent or 0
        offset = token.offset
        comment_end: int | None = None
        for item in token.items:
            place = PropsPlace("seq-item-ind", item.value, offset, indent, start_on_newline=True)
            props = resolve_props(item.start, place, self.on_error)
            if props.found is None:
                if not props.anchor and not props.tag and item.value is None:
                    comment_end = props.end
                    continue
                if item.value and item.value.type == "block-seq":
                    message = "All sequence items must start at the same column"
                    self.on_error(props.end, "BAD_INDENT", message)
                else:
                    self.on_error(offset, "MISSING_CHAR", "Sequence item without - indicator")
            node = self.node(item.value, props, item.start, props.end)
            offset = node.range[2]
            sequence.items.append(node)
        sequence.range = (token.offset, offset, offset if comment_end is None else comment_end)
        return sequence

    # -- flow collections -------------------------------------------------------------------------------

    def _flow(self, token: Token) -> Mapping | Sequence:
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
            self._check_unique(key, seen, key_props.end)
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
        if key_props.start < found.offset - _MAX_IMPLICIT_KEY:
            self.on_error(found.offset, "KEY_OVER_1024_CHARS", _KEY_TOO_LONG.format("flow sequence"))

    def _close_flow(
        self, collection: Mapping | Sequence, token: Token, offset: int, name: str, *, at_root: bool
    ) -> None:
        expected = "}" if isinstance(collection, Mapping) else "]"
        closing, *after = token.end or [None]
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
        rest = [piece for piece in after if piece]
        collection.range = (token.offset, content_end, resolve_end(rest, content_end, self.on_error))
