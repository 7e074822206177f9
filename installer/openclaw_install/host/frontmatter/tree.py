"""The concrete tree of a YAML text: lexemes with their place, grouped into maps, sequences and scalars."""

from __future__ import annotations

from openclaw_install.host.frontmatter.scanner import BOM, DOCUMENT, FLOW_END, SCALAR

_FIXED_TYPES = {
    BOM: "byte-order-mark",
    DOCUMENT: "doc-mode",
    FLOW_END: "flow-error-end",
    SCALAR: "scalar",
    "---": "doc-start",
    "...": "doc-end",
    "": "newline",
    "\n": "newline",
    "-": "seq-item-ind",
    "?": "explicit-key-ind",
    ":": "map-value-ind",
    "{": "flow-map-start",
    "}": "flow-map-end",
    "[": "flow-seq-start",
    "]": "flow-seq-end",
    ",": "comma",
}
_TYPES_BY_FIRST = {
    " ": "space",
    "\t": "space",
    "#": "comment",
    "%": "directive-line",
    "*": "alias",
    "&": "anchor",
    "!": "tag",
    "'": "single-quoted-scalar",
    '"': "double-quoted-scalar",
    "|": "block-scalar-header",
    ">": "block-scalar-header",
}
FLOW_SCALARS = frozenset({"alias", "scalar", "single-quoted-scalar", "double-quoted-scalar"})
BLOCK_COLLECTIONS = frozenset({"block-map", "block-seq"})
PROPS_AND_SPACE = frozenset({"anchor", "tag", "space", "comment", "newline"})
_FLOW_TOKENS = FLOW_SCALARS | {"flow-collection"}
_EMPTY_TYPES = frozenset({"space", "comment", "newline"})
_KEY_STARTS_AFTER = frozenset({"doc-start", "explicit-key-ind", "map-value-ind", "seq-item-ind", "newline"})


def lexeme_type(source: str) -> str | None:
    """What kind of token a lexeme is, or None for text that is no token at all."""
    return _FIXED_TYPES.get(source) or _TYPES_BY_FIRST.get(source[0])


class Token:
    """A lexeme with its place, or a larger piece of the tree that grew from one.

    Attributes:
        type: the library's name of the kind.
        offset: index of its first character in the text.
        indent: indentation of its line, or None where the library keeps none.
        source: the text of a lexeme or scalar; empty for collections.
        end: what follows it on its line; None until something does. A flow collection has its brackets here.
        items: the entries of a collection.
        start: properties before a document's content, in `start_tokens`; the opening bracket of a flow.
        value: a document's content.
    """

    __slots__ = ("end", "indent", "items", "message", "offset", "source", "start", "type", "value")

    def __init__(self, kind: str, offset: int, indent: int | None, source: str = "") -> None:
        self.type = kind
        self.offset = offset
        self.indent = indent
        self.source = source
        self.end: list[Token] | None = None
        self.items: list[Item] = []
        self.start: list[Token] = []
        self.value: Token | None = None
        self.message = ""


class Item:
    """One entry of a collection; `sep` is None until a key has been read (an empty list is not None)."""

    __slots__ = ("explicit_key", "key", "sep", "start", "value")

    def __init__(
        self,
        start: list[Token],
        key: Token | None = None,
        sep: list[Token] | None = None,
        value: Token | None = None,
        *,
        explicit_key: bool = False,
    ) -> None:
        self.start = start
        self.key = key
        self.sep = sep
        self.value = value
        self.explicit_key = explicit_key


def includes(tokens: list[Token], kind: str) -> bool:
    """Whether a token of this kind is among them."""
    return any(token.type == kind for token in tokens)


def all_empty(tokens: list[Token]) -> bool:
    """Whether there is nothing but space, comments and newlines."""
    return all(token.type in _EMPTY_TYPES for token in tokens)


def is_flow_token(token: Token | None) -> bool:
    """Whether this can stand inside a flow collection, or be a key on one line."""
    return token is not None and token.type in _FLOW_TOKENS


def previous_props(parent: Token) -> list[Token]:
    """The tokens before a key, which sit at the end of what its parent has collected so far."""
    if parent.type == "document":
        return parent.start
    if parent.type == "block-map":
        last = parent.items[-1]
        return last.start if last.sep is None else last.sep
    if parent.type == "block-seq":
        return parent.items[-1].start
    return []


def take_key_props(previous: list[Token]) -> list[Token]:
    """Cuts the tags and anchors that belong to a key off the end of `previous`, and returns them."""
    if not previous:
        return []
    index = len(previous) - 1
    while index >= 0 and previous[index].type not in _KEY_STARTS_AFTER:
        index -= 1
    index += 1
    while index < len(previous) and previous[index].type == "space":
        index += 1
    taken = previous[index:]
    del previous[index:]
    return taken


def mend_flow_sequence_items(flow: Token) -> None:
    """Turns entries of a flow sequence that were read as keys, but have no `:`, back into values."""
    if flow.start[0].type != "flow-seq-start":
        return
    for item in flow.items:
        if item.sep is None or item.value is not None:
            continue
        if includes(item.start, "explicit-key-ind") or includes(item.sep, "map-value-ind"):
            continue
        if item.key is not None:
            item.value = item.key
            item.key = None
        if is_flow_token(item.value):
            value = item.value
            if value is not None:
                value.end = item.sep if value.end is None else value.end + item.sep
        else:
            item.start.extend(item.sep)
        item.sep = None
