"""What a token means inside a block map: the largest state of the tree's machine, and so its own room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_install.host.frontmatter.block_seq import space_in_block
from openclaw_install.host.frontmatter.tree import (
    FLOW_SCALARS,
    Item,
    Token,
    includes,
    is_flow_token,
    take_key_props,
)

if TYPE_CHECKING:
    from openclaw_install.host.frontmatter.parser import Parser


def block_map_token(parser: Parser, block: Token) -> bool:
    """Takes the parser's current token into `block`; False if the map has ended before it."""
    item = block.items[-1]
    kind = parser.type
    if kind in ("newline", "space", "comment"):
        if kind == "newline":
            parser.on_key_line = False
        space_in_block(parser, block, item)
        return True
    if parser.indent < (block.indent or 0):
        return False
    at_map_indent = not parser.on_key_line and parser.indent == block.indent
    at_next_item = at_map_indent and (item.sep is not None or item.explicit_key) and kind != "seq-item-ind"
    start = _start_of_next(block, item) if at_next_item else []
    if kind in ("anchor", "tag"):
        _props(parser, block, start, at_next_item=at_next_item)
    elif kind == "explicit-key-ind":
        _explicit_key(parser, block, start, at_next_item=at_next_item)
    elif kind == "map-value-ind":
        if item.explicit_key:
            _value_of_explicit_key(parser, block, start)
        else:
            _value_of_implicit_key(parser, block, start, at_next_item=at_next_item)
        parser.on_key_line = True
    elif kind in FLOW_SCALARS:
        _scalar(parser, block, start, at_next_item=at_next_item)
    else:
        return _block_value(parser, block, start, at_map_indent=at_map_indent)
    return True


def _start_of_next(block: Token, item: Item) -> list[Token]:
    """Of what follows a key without a value, the part after an empty line belongs to the next key."""
    if item.sep is None or item.value is not None:
        return []
    newlines: list[int] = []
    for index, token in enumerate(item.sep):
        if token.type == "newline":
            newlines.append(index)
        elif token.type == "comment":
            if (token.indent or 0) > (block.indent or 0):
                newlines.clear()
        elif token.type != "space":
            newlines.clear()
    if len(newlines) < 2:
        return []
    start = item.sep[newlines[1] :]
    del item.sep[newlines[1] :]
    return start


def _props(parser: Parser, block: Token, start: list[Token], *, at_next_item: bool) -> None:
    item = block.items[-1]
    if at_next_item or item.value is not None:
        block.items.append(Item([*start, parser.token()]))
        parser.on_key_line = True
    else:
        (item.start if item.sep is None else item.sep).append(parser.token())


def _explicit_key(parser: Parser, block: Token, start: list[Token], *, at_next_item: bool) -> None:
    item = block.items[-1]
    if item.sep is None and not item.explicit_key:
        item.start.append(parser.token())
        item.explicit_key = True
    elif at_next_item or item.value is not None:
        block.items.append(Item([*start, parser.token()], explicit_key=True))
    else:
        parser.stack.append(parser.block_map([Item([parser.token()], explicit_key=True)]))
    parser.on_key_line = True


def _value_of_explicit_key(parser: Parser, block: Token, start: list[Token]) -> None:
    item = block.items[-1]
    if item.sep is None:
        if includes(item.start, "newline"):
            item.key, item.sep = None, [parser.token()]
        else:
            props = take_key_props(item.start)
            parser.stack.append(parser.block_map([Item(props, None, [parser.token()])]))
    elif item.value is not None:
        block.items.append(Item([], None, [parser.token()]))
    elif includes(item.sep, "map-value-ind"):
        parser.stack.append(parser.block_map([Item(start, None, [parser.token()])]))
    elif is_flow_token(item.key) and not includes(item.sep, "newline"):
        props = take_key_props(item.start)
        inner = Item(props, item.key, [*item.sep, parser.token()])
        item.key, item.sep = None, None
        parser.stack.append(parser.block_map([inner]))
    else:
        item.sep = [*item.sep, *start, parser.token()]


def _value_of_implicit_key(parser: Parser, block: Token, start: list[Token], *, at_next_item: bool) -> None:
    item = block.items[-1]
    if item.sep is None:
        item.key, item.sep = None, [parser.token()]
    elif item.value is not None or at_next_item:
        block.items.append(Item(start, None, [parser.token()]))
    elif includes(item.sep, "map-value-ind"):
        parser.stack.append(parser.block_map([Item([], None, [parser.token()])]))
    else:
        item.sep.append(parser.token())


def _scalar(parser: Parser, block: Token, start: list[Token], *, at_next_item: bool) -> None:
    item = block.items[-1]
    if at_next_item or item.value is not None:
        block.items.append(Item(start, parser.token(), []))
        parser.on_key_line = True
    elif item.sep is not None:
        parser.stack.append(parser.token())
    else:
        item.key, item.sep = parser.token(), []
        parser.on_key_line = True


def _block_value(parser: Parser, block: Token, start: list[Token], *, at_map_indent: bool) -> bool:
    item = block.items[-1]
    value = parser.start_block_value(block)
    if value is None:
        return False
    if value.type == "block-seq":
        if not item.explicit_key and item.sep is not None and not includes(item.sep, "newline"):
            parser.pop(parser.error("Unexpected block-seq-ind on same line with key"))
            return True
    elif at_map_indent:
        block.items.append(Item(start))
    parser.stack.append(value)
    return True
