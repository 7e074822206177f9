"""Nodes to plain values, with the alias limit that keeps a small text from becoming a huge value."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.host.frontmatter.keys import key_text
from openclaw_install.host.frontmatter.nodes import Alias, Mapping, Node, Scalar, Sequence
from openclaw_install.host.javascript import RawJson, Value, number_text

MAX_ALIAS_COUNT = 100


class YamlValueError(ValueError):
    """The text is well-formed YAML, but its aliases lead nowhere or to too much."""


@dataclass(slots=True)
class _Anchored:
    value: Value = None
    known: bool = False
    count: int = 1
    alias_count: int = 0


def to_value(root: Mapping) -> Value:
    """The plain value of a document's root mapping.

    Raises:
        YamlValueError: an alias has no anchor before it, or aliases multiply beyond the limit.
    """
    return _Converter(root).mapping(root)


class _Converter:
    def __init__(self, root: Node) -> None:
        self.root = root
        self.anchors: dict[int, _Anchored] = {}
        self.references: list[Node] | None = None

    def value(self, node: Node | None) -> Value:
        if node is None:
            return None
        if isinstance(node, Alias):
            return self._alias(node)
        if not node.anchor:
            return self._plain(node, None)
        anchored = _Anchored()
        self.anchors[id(node)] = anchored
        value = self._plain(node, anchored)
        anchored.value, anchored.known = value, True
        return value

    def _plain(self, node: Scalar | Mapping | Sequence, anchored: _Anchored | None) -> Value:
        if isinstance(node, Scalar):
            return node.value if node.opaque is None else RawJson(node.opaque)
        if isinstance(node, Mapping):
            return self.mapping(node, anchored)
        items: list[Value] = []
        self._announce(items, anchored)
        items.extend(map(self.value, node.items))
        return RawJson("{}") if node.opaque else items

    @staticmethod
    def _announce(value: Value, anchored: _Anchored | None) -> None:
        """A collection is known by its anchor before it is filled, so that it may contain itself."""
        if anchored is not None:
            anchored.value, anchored.known = value, True

    def mapping(self, node: Mapping, anchored: _Anchored | None = None) -> Value:
        out: dict[str, Value] = {}
        self._announce(out, anchored)
        for key, value in node.pairs:
            out[self._key(key)] = self.value(value)
        return RawJson("{}") if node.opaque else out

    def _key(self, node: Node) -> str:
        value = self.value(node)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return number_text(value)
        if isinstance(value, str) and not isinstance(value, RawJson):
            return value
        return key_text(node)

    def _resolve(self, alias: Alias) -> Node | None:
        if self.references is None:
            self.references = []
            _collect(self.root, self.references)
        found: Node | None = None
        for node in self.references:
            if node is alias:
                break
            if node.anchor == alias.source:
                found = node
        return found

    def _alias(self, alias: Alias) -> Value:
        source = self._resolve(alias)
        if source is None:
            message = f"Unresolved alias (the anchor must be set before the alias): {alias.source}"
            raise YamlValueError(message)
        if id(source) not in self.anchors:
            self.value(source)
        anchored = self.anchors[id(source)]
        if not anchored.known:
            raise YamlValueError("This should not happen: Alias anchor was not resolved?")
        anchored.count += 1
        if anchored.alias_count == 0:
            anchored.alias_count = self._alias_count(source)
        if anchored.count * anchored.alias_count > MAX_ALIAS_COUNT:
            raise YamlValueError("Excessive alias count indicates a resource exhaustion attack")
        return anchored.value

    def _alias_count(self, node: Node | None) -> int:
        if isinstance(node, Alias):
            source = self._resolve(node)
            anchored = self.anchors.get(id(source)) if source is not None else None
            return anchored.count * anchored.alias_count if anchored else 0
        if isinstance(node, Sequence):
            return max(map(self._alias_count, node.items), default=0)
        if isinstance(node, Mapping):
            return max((max(self._alias_count(k), self._alias_count(v)) for k, v in node.pairs), default=0)
        return 1


def _collect(node: Node | None, found: list[Node]) -> None:
    """Every alias and every anchored node, in the order of the text."""
    if node is None:
        return
    if isinstance(node, Alias) or node.anchor:
        found.append(node)
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            _collect(key, found)
            _collect(value, found)
    elif isinstance(node, Sequence):
        for item in node.items:
            _collect(item, found)
