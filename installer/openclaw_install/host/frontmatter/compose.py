"""Turns the concrete tree into nodes, and finds the errors that decide whether OpenClaw takes the text."""

from __future__ import annotations

from openclaw_install.host.frontmatter.compose_flow import (
    KEY_TOO_LONG,
    MAX_IMPLICIT_KEY,
    FlowComposer,
    YamlIssue,
)
from openclaw_install.host.frontmatter.nodes import (
    PREFIX,
    Alias,
    Mapping,
    Node,
    Scalar,
    Sequence,
    resolve_plain,
)
from openclaw_install.host.frontmatter.props import (
    Props,
    PropsPlace,
    contains_newline,
    empty_scalar_position,
    resolve_end,
    resolve_props,
)
from openclaw_install.host.frontmatter.scalars import block_scalar, flow_scalar
from openclaw_install.host.frontmatter.tags import tagged_collection, tagged_scalar
from openclaw_install.host.frontmatter.tree import BLOCK_COLLECTIONS, FLOW_SCALARS, Item, Token

__all__ = ["Composer", "YamlIssue"]

_SAME_COLUMN = "All mapping items must start at the same column"


class Composer(FlowComposer):
    """Composes the nodes of one document."""

    def node(self, token: Token | None, props: Props, before: list[Token] | None, offset: int) -> Node:
        """The node of `token`; without one an empty scalar at `offset`, after the space in `before`."""
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
        if props.comments:
            node.range = (*node.range[:2], props.end)  # comments before nothing belong to the nothing
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
        style = (
            "plain"
            if token.type == "scalar"
            else "block"
            if token.type == "block-scalar"
            else token.source[0]
        )
        scalar = Scalar(value, (token.offset, value_end, end), style, text=value)
        if tag is None:
            name = None
        else:
            name = self.directives.tag_name(tag.source, lambda text: self._tag_error(tag, text))
        scalar.tag = name or None
        if name and name != "!" and tag is not None:
            tagged_scalar(scalar, value, name, self.directives, lambda text: self._tag_error(tag, text))
        elif name != "!" and style == "plain":
            scalar.value = resolve_plain(value)
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
            collection = self.flow(token)
        if name and tag:
            collection.tag = (
                name if name != "!" else PREFIX + ("map" if isinstance(collection, Mapping) else "seq")
            )
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
            self.check_unique(key, seen, props.end)
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
            if key_props.start < props.found.offset - MAX_IMPLICIT_KEY:
                self.on_error(key.range[0], "KEY_OVER_1024_CHARS", KEY_TOO_LONG.format("block mapping"))
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
