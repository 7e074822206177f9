"""What a token means inside a flow collection, `{...}` or `[...]`, and after its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_install.host.frontmatter.tree import (
    FLOW_SCALARS,
    PROPS_AND_SPACE,
    Item,
    Token,
    mend_flow_sequence_items,
    previous_props,
    take_key_props,
)

if TYPE_CHECKING:
    from openclaw_install.host.frontmatter.parser import Parser


def flow_collection_token(parser: Parser, flow: Token) -> None:
    """Takes the parser's current token into `flow`, or ends the collection before it."""
    if parser.type == "flow-error-end":
        parser.pop()
        while parser.stack and parser.stack[-1].type == "flow-collection":
            parser.pop()
    elif not flow.end:
        _inside_flow(parser, flow)
    else:
        _after_flow(parser, flow)


def _inside_flow(parser: Parser, flow: Token) -> None:
    kind = parser.type
    if kind in ("flow-map-end", "flow-seq-end"):
        flow.end = [parser.token()]
    elif kind in ("comma", "explicit-key-ind"):
        item = flow.items[-1] if flow.items else None
        if item is None or item.sep is not None:
            flow.items.append(Item([parser.token()]))
        else:
            item.start.append(parser.token())
    elif kind == "map-value-ind" or kind in PROPS_AND_SPACE or kind in FLOW_SCALARS:
        _item_token(parser, flow)
    else:
        block = parser.start_block_value(flow)
        if block:
            parser.stack.append(block)
        else:
            parser.pop_and_step()


def _item_token(parser: Parser, flow: Token) -> None:
    """A `:`, property, space or scalar: part of the last entry, or the start of a new one after its value."""
    token = parser.token()
    begins_key = parser.type == "map-value-ind" or parser.type in FLOW_SCALARS
    item = flow.items[-1] if flow.items else None
    if item is None or item.value is not None:
        item = Item([] if begins_key else [token])
        flow.items.append(item)
        if not begins_key:
            return
    if item.sep is not None:
        if parser.type in FLOW_SCALARS:
            parser.stack.append(token)
        else:
            item.sep.append(token)
    elif parser.type == "map-value-ind":
        item.key, item.sep = None, [token]
    elif parser.type in FLOW_SCALARS:
        item.key, item.sep = token, []
    else:
        item.start.append(token)


def _after_flow(parser: Parser, flow: Token) -> None:
    parent = parser.stack[-2]
    starts_value = parser.type == "map-value-ind"
    if parent.type == "block-map" and (
        (starts_value and parent.indent == flow.indent)
        or (parser.type == "newline" and parent.items[-1].sep is None)
    ):
        parser.pop_and_step()
    elif starts_value and parent.type != "flow-collection":
        start = take_key_props(previous_props(parent))
        mend_flow_sequence_items(flow)
        end = flow.end or []
        sep = [*end[1:], parser.token()]
        flow.end = end[:1]
        parser.on_key_line = True
        parser.stack[-1] = parser.block_map([Item(start, flow, sep)], flow)
    else:
        parser.line_end(flow)


def adopt_into_flow(top: Token, token: Token) -> None:
    """Puts a finished node into the flow collection around it."""
    item = top.items[-1] if top.items else None
    if item is None or item.value is not None:
        top.items.append(Item([], token, []))
    elif item.sep is not None:
        item.value = token
    else:
        item.key, item.sep = token, []
