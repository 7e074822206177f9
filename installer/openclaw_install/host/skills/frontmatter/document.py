"""One YAML mapping read with PyYAML's C parser: its values, and where OpenClaw's parser might see others.

The parser hands over events; the tree is built here, without recursion and within bounds on depth and nodes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import yaml

from openclaw_install.host.javascript import Value, number_text
from openclaw_install.host.skills.frontmatter.core_schema import resolve_plain
from openclaw_install.host.skills.frontmatter.doubts import Doubt, doubts_about_gap, has_unusual_characters

# A PyYAML that was built without its C parser reads the same events, slowly.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_DEPTH = 200
MAX_NODES = 100_000
_CHARACTERS_OF_A_NODE = 256  # so many characters of one text count as one more node
_BLOCK_HEADER = re.compile(r"[|>][-+1-9]{0,2} *(?:\n|\Z| #)")
_TEXT_TAG = "tag:yaml.org,2002:str"

# Characters that PyYAML refuses or takes for a line end, and OpenClaw's parser for a letter like any other.
_ODD = (*range(9), 11, 12, *range(14, 32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)
_STAND_INS = {code: 0xF0000 + code for code in _ODD}
_RESTORED = {stand_in: code for code, stand_in in _STAND_INS.items()}


class YamlRefusedError(ValueError):
    """The text is no YAML mapping that can be read within the bounds.

    Attributes:
        code: what is wrong, by OpenClaw's name for it where it has one.
        lines: the lines that the error is about, counted from 0; the first is where it was noticed.
        doubts: why OpenClaw may see it differently; empty where it is sure to refuse the text for this.
    """

    def __init__(
        self,
        code: str,
        message: str,
        lines: tuple[int, ...] = (),
        doubts: AbstractSet[Doubt] = frozenset({Doubt.REFUSED}),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.lines = lines
        self.doubts = doubts


@dataclass(slots=True)
class Entry:
    """One pair of the root mapping; `start` is where its key begins in the text."""

    key: str
    start: int
    value: Value


@dataclass(slots=True)
class Document:
    """The root mapping's pairs in order, and in what OpenClaw's parser might differ about them."""

    entries: list[Entry] = field(default_factory=list)
    doubts: set[Doubt] = field(default_factory=set)


def load_document(text: str) -> Document:
    """Reads `text` as one YAML document whose root is a mapping.

    Raises:
        YamlRefusedError: it is none, or it is beyond the bounds.
    """
    stands_in = has_unusual_characters(text)
    builder = _Builder(text, stands_in=stands_in)
    try:
        for event in _events(text.translate(_STAND_INS) if stands_in else text):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        message = "the text has characters that YAML does not allow"
        raise YamlRefusedError("YAML_SYNTAX", message) from None
    if not isinstance(builder.root, dict):
        message = "frontmatter must be a YAML mapping"
        raise YamlRefusedError("INVALID_ROOT", message, doubts=builder.document.doubts)
    return builder.document


def _events(text: str) -> Iterator[yaml.Event]:
    # OpenClaw ends a block text with a line end even where the text stops without one.
    parser = _LOADER(text + "\n")
    while (event := parser.get_event()) is not None:
        yield event


def _syntax_error(error: yaml.MarkedYAMLError) -> YamlRefusedError:
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    # Line 1 of the file is the opening delimiter.
    place = f" (line {marks[0].line + 2}, column {marks[0].column + 1})" if marks else ""
    message = f"{error.problem or error.context or 'the text is no YAML'}{place}"
    return YamlRefusedError("YAML_SYNTAX", message, tuple(mark.line for mark in marks))


@dataclass(slots=True)
class _Collection:
    """A list or map that is being filled.

    Attributes:
        value: what it holds so far.
        start: where it begins in the text.
        column: where it begins in its line; for one in brackets, the column of what holds the brackets.
        is_flow: it is written with brackets.
        anchor: its name for aliases.
        nodes_before: how many nodes came before it.
        key: the map's key that waits for its value; `key_start` is where it begins.
    """

    value: list[Value] | dict[str, Value]
    start: int
    column: int
    is_flow: bool
    anchor: str | None
    nodes_before: int
    key: str | None = None
    key_start: int = 0


class _Builder:
    """Builds the tree. Its handlers take events as `Any`, as the stubs let marks be None; they never are."""

    def __init__(self, text: str, *, stands_in: bool) -> None:
        self.text = text
        self.stands_in = stands_in
        self.document = Document()
        self.root: Value = None
        self._has_gaps_to_look_at = "#" in text or "?" in text
        self._open: list[_Collection] = []
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._documents = 0
        self._nodes = 0  # with every alias counted in full
        self._end = 0  # where the node before this one ended
        self._take: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._begin,
            yaml.SequenceStartEvent: self._begin,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
            yaml.StreamEndEvent: self._look,
        }

    def take(self, event: yaml.Event) -> None:
        """Adds what one event brings.

        Raises:
            YamlRefusedError: a key comes twice, an alias has no anchor, or a bound is passed.
        """
        take = self._take.get(type(event))
        if take:
            take(event)

    def _document(self, _event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise YamlRefusedError("MULTIPLE_DOCS", "the frontmatter holds more than one YAML document")

    def _look(self, event: Any) -> None:
        """Notes what is doubtful about the text since the node before."""
        if self._has_gaps_to_look_at:
            start = event.start_mark.index
            if start > self._end:
                before = self.text[self._end - 1] if self._end else "\n"
                self.document.doubts |= doubts_about_gap(before + self.text[self._end : start])
            self._end = max(event.end_mark.index, self._end)

    def _scalar(self, event: Any) -> None:
        self._look(event)
        start = event.start_mark.index
        text: str = event.value.translate(_RESTORED) if self.stands_in else event.value
        value: Value = text
        if event.style in ("'", '"'):
            self._look_at_lines(start, event.end_mark.index)
        elif event.style in ("|", ">"):
            self._look_at_header(event)
        if event.tag is not None:
            self.document.doubts.add(Doubt.TAGS)
            if event.tag not in ("!", _TEXT_TAG):
                value = resolve_plain(text)
        elif event.implicit[0]:
            value = resolve_plain(text)
        nodes = 1 + len(text) // _CHARACTERS_OF_A_NODE
        self._count(nodes)
        self._name(event.anchor, value, nodes)
        self._add(value, start, event.end_mark.index)

    def _alias(self, event: Any) -> None:
        self._look(event)
        self.document.doubts.add(Doubt.ANCHORS)
        value, nodes = self._anchors.get(event.anchor, (None, 0))
        if not nodes:
            raise YamlRefusedError("BAD_ALIAS", f"the alias {event.anchor!r} has no anchor before it")
        self._count(nodes)
        self._add(value, event.start_mark.index, event.end_mark.index)

    def _begin(self, event: Any) -> None:
        self._look(event)
        if event.tag is not None:
            self.document.doubts.add(Doubt.TAGS)
        if len(self._open) >= MAX_DEPTH:
            raise YamlRefusedError("RESOURCE_EXHAUSTION", f"it is nested deeper than {MAX_DEPTH} levels")
        mark = event.start_mark
        self._open.append(
            _Collection(
                value={} if type(event) is yaml.MappingStartEvent else [],
                start=mark.index,
                column=self._column() if event.flow_style else mark.column,
                is_flow=bool(event.flow_style),
                anchor=event.anchor,
                nodes_before=self._nodes,
            )
        )
        self._count(1)

    def _close(self, event: Any) -> None:
        self._look(event)
        done = self._open.pop()
        if done.is_flow and not (self._open and self._open[-1].is_flow):
            self._look_at_lines(done.start, event.end_mark.index)
        self._name(done.anchor, done.value, self._nodes - done.nodes_before)
        self._add(done.value, done.start, event.end_mark.index)

    def _column(self) -> int:
        return self._open[-1].column if self._open else 0

    def _look_at_lines(self, start: int, end: int) -> None:
        """Notes where a line of a quoted text or of something in brackets is not indented enough."""
        if self.text.find("\n", start, end) == -1:
            return
        lines = self.text[start:end].split("\n")[1:]
        column = self._column()
        if any(line and len(line) - len(line.lstrip(" ")) <= column for line in lines):
            self.document.doubts.add(Doubt.INDENTATION)

    def _look_at_header(self, event: Any) -> None:
        """Notes what is doubtful about the line on which a block text begins."""
        start = event.start_mark.index
        if event.start_mark.column <= self._column():
            self.document.doubts.add(Doubt.INDENTATION)
        if not _BLOCK_HEADER.match(self.text, start):
            self.document.doubts.add(Doubt.COMMENTS)

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise YamlRefusedError("RESOURCE_EXHAUSTION", f"it holds more than {MAX_NODES} values")

    def _name(self, anchor: str | None, value: Value, nodes: int) -> None:
        if anchor is not None:
            self.document.doubts.add(Doubt.ANCHORS)
            self._anchors[anchor] = (value, nodes)

    def _add(self, value: Value, start: int, end: int) -> None:
        """Puts a finished value into the collection around it, as an item, a key or a key's value."""
        if not self._open:
            self.root = value
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            parent.key = self._key(value, start, end)
            parent.key_start = start
            if parent.key in parent.value:
                doubts = {Doubt.REFUSED} if parent.is_flow else self.document.doubts
                raise YamlRefusedError("DUPLICATE_KEY", "Map keys must be unique", doubts=doubts)
            parent.value[parent.key] = None
        else:
            parent.value[parent.key] = value
            if len(self._open) == 1:
                self.document.entries.append(Entry(parent.key, parent.key_start, value))
            parent.key = None

    def _key(self, value: Value, start: int, end: int) -> str:
        """The key as JavaScript would name the property; a list or map is spelt as it is written."""
        if isinstance(value, str) and value != "__proto__":
            return value
        self.document.doubts.add(Doubt.KEYS)
        if isinstance(value, list | dict):
            return self.text[start:end]
        if isinstance(value, float):
            return number_text(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return value or ""
