"""Makes text of others safe to show: control characters escaped, no line breaks, bounded in length."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from openclaw_install.common.invisible import is_invisible, rewritten

CUT = "…"


def neutral(text: str) -> str:
    """`text` with what does not print or is not seen made visible: escapes, line ends, hidden characters."""
    return rewritten(text, lambda char: char.encode("unicode_escape").decode("ascii"), _needs_escape)


def shown_json(document: object, indent: int | None = None) -> str:
    """The document as JSON in which nothing is hidden: what a terminal would not show stands as its escape.

    So does half a surrogate pair, which a config may have and UTF-8 has not.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return rewritten(
        text, lambda char: json.dumps(char)[1:-1], lambda char: char != "\n" and is_invisible(char)
    )


@lru_cache(maxsize=8192)
def _needs_escape(char: str) -> bool:
    return not char.isprintable() or is_invisible(char)


def cut(text: str, most: int) -> str:
    """`text` in at most `most` characters; an ellipsis says that something is missing."""
    return text if len(text) <= most else text[: max(0, most - 1)] + CUT


def quoted(text: str, most: int) -> str:
    """`text` as one quoted string of at most `most` characters and the quotes: data, and where it ends."""
    # What stands for a character that does not print is longer than it: cut before, and again after.
    inner = json.dumps(cut(text, most), ensure_ascii=False)[1:-1]
    return f'"{cut(neutral(inner), most)}"'


def within(head: Iterable[str], items: Iterable[str], tail: Iterable[str], *, most: int, more: str) -> str:
    """Lines in at most `most` characters: all of the head and tail, and as many items as there is room for.

    Args:
        more: said instead of the items that are left out, with `{left}` for their number and `{shown}` for
            the number of the others.
    """
    listed, ending = list(items), list(tail)
    lines = list(head)
    room = most - sum(len(line) + 1 for line in (*lines, *ending))
    shown = 0
    for index, item in enumerate(listed):
        left = len(listed) - index - 1
        reserve = len(more.format(left=left, shown=index + 1)) + 1 if left else 0
        if len(item) + 1 + reserve > room:
            break
        room -= len(item) + 1
        lines.append(item)
        shown += 1
    if shown < len(listed):
        lines.append(more.format(left=len(listed) - shown, shown=shown))
    return cut("\n".join([*lines, *ending]), most)
