"""What a token means inside a block sequence, and where space and comments inside a block belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_install.host.frontmatter.tree import Item, Token, includes

if TYPE_CHECKING:
    from openclaw_install.host.frontmatter.parser import Parser


def block_seq_token(parser: Parser, seq: Token) -> None:
    """Takes the parser's current token into `seq`, or ends the sequence before it."""
    item = seq.items[-1]
    indent = seq.indent or 0
    if parser.type in ("newline", "space", "comment"):
        space_in_block(parser, seq, item)
    elif parser.type in ("anchor", "tag"):
        if item.value is not None or parser.indent <= indent:
            _deeper_in_seq(parser, seq)
        else:
            item.start.append(parser.token())
    elif parser.type == "seq-item-ind" and parser.indent == indent:
        if item.value is not None or includes(item.start, "seq-item-ind"):
            seq.items.append(Item([parser.token()]))
        else:
            item.start.append(parser.token())
    else:
        _deeper_in_seq(parser, seq)


def _deeper_in_seq(parser: Parser, seq: Token) -> None:
    """A value that is indented deeper begins; anything else ends the sequence."""
    block = parser.start_block_value(seq) if parser.indent > (seq.indent or 0) else None
    if block:
        parser.stack.append(block)
    else:
        parser.pop_and_step()


def space_in_block(parser: Parser, block: Token, item: Item) -> None:
    """A newline, space or comment inside a block map or sequence."""
    if item.value is not None:
        end = item.value.end
        if parser.type == "newline" and end and end[-1].type == "comment":
            end.append(parser.token())
        else:
            block.items.append(Item([parser.token()]))
    elif item.sep is not None:
        item.sep.append(parser.token())
    elif parser.type != "newline" and _move_indented_comment(parser, block, item):
        return
    else:
        item.start.append(parser.token())


def _move_indented_comment(parser: Parser, block: Token, item: Item) -> bool:
    """A comment indented deeper than the block belongs to the end of the entry before."""
    if parser.type != "comment" or parser.indent <= (block.indent or 0) or len(block.items) < 2:
        return False
    if not all(token.type in ("newline", "space") for token in item.start):
        return False
    previous = block.items[-2].value
    if previous is None or previous.end is None:
        return False
    previous.end.extend(item.start)
    previous.end.append(parser.token())
    block.items.pop()
    return True
