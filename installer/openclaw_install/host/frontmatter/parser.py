"""Groups lexemes into the concrete tree, token by token, as OpenClaw's YAML library does."""

from __future__ import annotations

from openclaw_install.host.frontmatter.block_map import block_map_token
from openclaw_install.host.frontmatter.block_seq import block_seq_token
from openclaw_install.host.frontmatter.flow import adopt_into_flow, flow_collection_token
from openclaw_install.host.frontmatter.lexer import Lexer
from openclaw_install.host.frontmatter.tree import (
    BLOCK_COLLECTIONS,
    FLOW_SCALARS,
    PROPS_AND_SPACE,
    Item,
    Token,
    all_empty,
    lexeme_type,
    mend_flow_sequence_items,
    previous_props,
    take_key_props,
)

_INDICATORS = frozenset({"explicit-key-ind", "map-value-ind", "seq-item-ind"})
_ENDS_NODE = frozenset({"comma", "doc-start", "doc-end", "flow-seq-end", "flow-map-end", "map-value-ind"})
_STARTED_BY = {
    "block-scalar-header": "block-scalar",
    "flow-map-start": "flow-collection",
    "flow-seq-start": "flow-collection",
    "seq-item-ind": "block-seq",
}
_STREAM_TOKENS = frozenset({"byte-order-mark", "space", "comment", "newline"})


class Parser:
    """One parse of one text. `stack[-1]` is what is being built; `emitted` holds what is finished."""

    def __init__(self) -> None:
        self.emitted: list[Token] = []
        self.stack: list[Token] = []
        self.at_new_line = True
        self.at_scalar = False
        self.indent = 0
        self.offset = 0
        self.on_key_line = False
        self.source = ""
        self.type = ""

    def parse(self, text: str) -> list[Token]:
        """The documents, directives, errors and separators of `text`, in the order of their completion."""
        for lexeme in Lexer(text).lex():
            self._next(lexeme)
        while self.stack:
            self.pop()
        return self.emitted

    # -- the current token ------------------------------------------------------------------------------

    def token(self) -> Token:
        """The current lexeme as a token."""
        return Token(self.type, self.offset, self.indent, self.source)

    def error(self, message: str) -> Token:
        """An error at the current lexeme, which goes into the tree in place of a node."""
        token = Token("error", self.offset, None, self.source)
        token.message = message
        return token

    def block_map(self, items: list[Item], start: Token | None = None) -> Token:
        """A new block map with these items, starting at the current lexeme or at the token `start`."""
        at = start or self.token()
        made = Token("block-map", at.offset, at.indent)
        made.items = items
        return made

    # -- the machine ------------------------------------------------------------------------------------

    def _next(self, source: str) -> None:
        self.source = source
        if self.at_scalar:
            self.at_scalar = False
            self.step()
            self.offset += len(source)
            return
        kind = lexeme_type(source)
        if kind is None:
            self.pop(self.error(f"Not a YAML token: {source}"))
            self.offset += len(source)
        elif kind == "scalar":
            self.at_new_line = False
            self.at_scalar = True
            self.type = "scalar"
        else:
            self.type = kind
            self.step()
            self._after_step(kind, source)

    def _after_step(self, kind: str, source: str) -> None:
        if kind == "newline":
            self.at_new_line = True
            self.indent = 0
        elif kind == "space":
            if self.at_new_line and source[0] == " ":
                self.indent += len(source)
        elif kind in _INDICATORS:
            if self.at_new_line:
                self.indent += len(source)
        elif kind in ("doc-mode", "flow-error-end"):
            return
        else:
            self.at_new_line = False
        self.offset += len(source)

    def step(self) -> None:
        """Gives the current token to whatever is being built."""
        if self.type == "doc-end" and not (self.stack and self.stack[-1].type == "doc-end"):
            while self.stack:
                self.pop()
            self.stack.append(Token("doc-end", self.offset, None, self.source))
            return
        if not self.stack:
            self._stream()
            return
        top = self.stack[-1]
        if top.type == "block-map":
            if not block_map_token(self, top):
                self.pop_and_step()
        elif top.type == "block-seq":
            block_seq_token(self, top)
        elif top.type == "flow-collection":
            flow_collection_token(self, top)
        else:
            handlers = {
                "document": self._document,
                "block-scalar": self._block_scalar,
                "doc-end": self._document_end,
            }
            handlers.get(top.type, self._scalar)(top)

    def pop_and_step(self) -> None:
        """Ends what is being built, and gives the current token to what is around it."""
        self.pop()
        self.step()

    def pop(self, error: Token | None = None) -> None:
        """Hands the finished top (or `error` in its place) to its parent, or emits it."""
        token = error or self.stack.pop()
        if not self.stack:
            self.emitted.append(token)
            return
        top = self.stack[-1]
        if token.type == "block-scalar":
            token.indent = top.indent or 0  # its parent's rather than its header's
        elif token.type == "flow-collection":
            if top.type == "document":
                token.indent = 0
            mend_flow_sequence_items(token)
        if self._adopt(top, token):
            _move_trailing_space(top, token)

    def _adopt(self, top: Token, token: Token) -> bool:
        """Puts `token` into `top`; False where it became a key or a flow item and nothing more is due."""
        kind = top.type
        if kind == "document":
            top.value = token
        elif kind == "block-scalar":
            top.start.append(token)
        elif kind == "block-map":
            item = top.items[-1]
            if item.value is not None:
                top.items.append(Item([], token, []))
                self.on_key_line = True
                return False
            if item.sep is None:
                item.key, item.sep = token, []
                self.on_key_line = not item.explicit_key
                return False
            item.value = token
        elif kind == "block-seq":
            if top.items[-1].value is not None:
                top.items.append(Item([], value=token))
            else:
                top.items[-1].value = token
        elif kind == "flow-collection":
            adopt_into_flow(top, token)
            return False
        else:
            self.pop()
            self.pop(token)
        return True

    # -- one method for each thing that can be on top of the stack ----------------------------------------

    def _stream(self) -> None:
        if self.type == "directive-line":
            self.emitted.append(Token("directive", self.offset, None, self.source))
        elif self.type in _STREAM_TOKENS:
            self.emitted.append(self.token())
        elif self.type in ("doc-mode", "doc-start"):
            document = Token("document", self.offset, None)
            if self.type == "doc-start":
                document.start.append(self.token())
            self.stack.append(document)
        else:
            self.emitted.append(self.error(f"Unexpected {self.type} token in YAML stream"))

    def _document(self, document: Token) -> None:
        if document.value is not None:
            self.line_end(document)
        elif self.type == "doc-start":
            if all_empty(document.start):
                document.start.append(self.token())
            else:
                self.pop_and_step()
        elif self.type in PROPS_AND_SPACE:
            document.start.append(self.token())
        else:
            block = self.start_block_value(document)
            if block:
                self.stack.append(block)
            else:
                self.emitted.append(self.error(f"Unexpected {self.type} token in YAML document"))

    def _scalar(self, scalar: Token) -> None:
        if self.type != "map-value-ind":
            self.line_end(scalar)
            return
        start = take_key_props(previous_props(self.stack[-2]))
        sep = [*(scalar.end or []), self.token()]
        scalar.end = None
        self.on_key_line = True
        self.stack[-1] = self.block_map([Item(start, scalar, sep)], scalar)

    def _block_scalar(self, scalar: Token) -> None:
        if self.type in ("space", "comment", "newline"):
            scalar.start.append(self.token())
        elif self.type == "scalar":
            scalar.source = self.source
            self.at_new_line = True  # the text includes its last newline
            self.indent = 0
            self.pop()
        else:
            self.pop_and_step()

    def start_block_value(self, parent: Token) -> Token | None:
        """The node that the current token starts, or None if it starts none."""
        kind = self.type
        if kind in FLOW_SCALARS:
            return self.token()
        if kind in ("explicit-key-ind", "map-value-ind"):
            self.on_key_line = True
            start = take_key_props(previous_props(parent))
            if kind == "explicit-key-ind":
                return self.block_map([Item([*start, self.token()], explicit_key=True)])
            return self.block_map([Item(start, None, [self.token()])])
        made = _STARTED_BY.get(kind)
        if made is None:
            return None
        node = Token(made, self.offset, self.indent)
        if made == "block-seq":
            node.items = [Item([self.token()])]
        else:
            node.start = [self.token()]
            node.end = [] if made == "flow-collection" else None
        return node

    def _document_end(self, end: Token) -> None:
        if self.type == "doc-mode":
            return
        end.end = [*(end.end or []), self.token()]
        if self.type == "newline":
            self.pop()

    def line_end(self, token: Token) -> None:
        """What follows a finished node on its line."""
        if self.type in _ENDS_NODE:
            self.pop_and_step()
            return
        if self.type == "newline":
            self.on_key_line = False
        if token.end is None:
            token.end = []
        token.end.append(self.token())
        if self.type == "newline":
            self.pop()


def _move_trailing_space(top: Token, token: Token) -> None:
    """Space and comments after the last entry of a block go to the block around it."""
    if top.type != "document" and top.type not in BLOCK_COLLECTIONS:
        return
    if token.type not in BLOCK_COLLECTIONS or not token.items:
        return
    last = token.items[-1]
    if last.sep is not None or last.value is not None or not last.start or not all_empty(last.start):
        return
    indent = token.indent or 0
    if indent and any(st.type == "comment" and (st.indent or 0) >= indent for st in last.start):
        return
    if top.type == "document":
        top.end = last.start
    else:
        top.items.append(Item(last.start))
    token.items.pop()
