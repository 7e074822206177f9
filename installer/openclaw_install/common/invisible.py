"""Characters that a reader cannot see, or that turn text around: found, spelled out, or taken away. Pure.

A joiner or an emoji's variation selector passes where a script or an emoji needs it, since there it changes
what is drawn (Unicode Standard Annex 31, rules A1, A2 and B; Bengali's RA with a joiner before its virama;
the sequences of Unicode Technical Standard 51). Anywhere else it draws nothing, and a text could hide another
one in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

from openclaw_install.common.invisible_table import (
    AFTER_JOINER,
    BEFORE_JOINER,
    BLANK_GLYPHS,
    DEFAULT_IGNORABLE,
    VARIATION_BASES,
    code_points,
)

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_TEXT_STYLE, _EMOJI_STYLE = "\ufe0e", "\ufe0f"
_PLACED = frozenset({_ZWNJ, _ZWJ, _TEXT_STYLE, _EMOJI_STYLE})
_KEYCAP, _KEYS = "\u20e3", frozenset("0123456789#*")
_VIRAMA = 9  # the canonical combining class of viramas
_MOST_MARKS = 8  # that are looked over for the letter that carries them


@lru_cache(maxsize=8192)
def is_invisible(char: str) -> bool:
    """Whether this character alone draws nothing or acts on others; plain spaces of any width are seen."""
    return unicodedata.category(char) in _HIDDEN or ord(char) in _unseen()


def spelled_out(text: str, keep: str = "") -> str:
    r"""`text` with each invisible character that is out of place as `\u{200b}`; those in `keep` stay."""
    return rewritten(
        text, lambda char: f"\\u{{{ord(char):x}}}", lambda char: char not in keep and is_invisible(char)
    )


def strip_invisible(text: str) -> str:
    """`text` without any invisible character but tabs and line ends: for judging what is left."""
    gone = {ord(char): None for char in set(text) if char not in "\t\n\r" and is_invisible(char)}
    return text.translate(gone) if gone else text


def rewritten(text: str, instead: Callable[[str], str], hidden: Callable[[str], bool] = is_invisible) -> str:
    """`text` with `instead(char)` for each character that is `hidden` and out of place."""
    suspects = {char for char in set(text) if hidden(char)}
    if not suspects:
        return text
    return "".join(
        instead(char) if char in suspects and not _is_in_place(text, index) else char
        for index, char in enumerate(text)
    )


def hides_nothing(text: str) -> bool:
    """Whether no invisible character in `text` is out of place."""
    return not any(is_invisible(char) and not _is_in_place(text, index) for index, char in enumerate(text))


def is_visible_name(text: str) -> bool:
    """Whether `text` can be a name: it hides nothing, and something of it is seen (no accents alone)."""
    return hides_nothing(text) and any(
        unicodedata.category(char)[0] in "LNPS" and not is_invisible(char) for char in text
    )


def _is_in_place(text: str, index: int) -> bool:
    """Whether the joiner or selector at `index` changes what is drawn there; no other character is."""
    char = text[index]
    if char not in _PLACED or index == 0:
        return False
    after = text[index + 1] if index + 1 < len(text) else ""
    if char in (_TEXT_STYLE, _EMOJI_STYLE):
        return _is_styled(text[index - 1], char, after)
    if char == _ZWNJ:
        return _parts_letters(text, index) or (_ends_in_virama(text, index) and _is_letter(after))
    return (
        _joins_emoji(text, index, after)
        or (_ends_in_virama(text, index) and not after.startswith(tuple(_PLACED)) and not _is_mark(after))
        or (_is_indic_letter(text[index - 1]) and bool(after) and unicodedata.combining(after) == _VIRAMA)
    )


def _is_styled(base: str, selector: str, after: str) -> bool:
    if base in _KEYS:
        return selector == _EMOJI_STYLE and after == _KEYCAP
    return ord(base) in _points(VARIATION_BASES)


def _joins_emoji(text: str, index: int, after: str) -> bool:
    place = index - 1
    if text[place] == _EMOJI_STYLE or 0x1F3FB <= ord(text[place]) <= 0x1F3FF:
        place -= 1
    return (
        place >= 0
        and ord(text[place]) in _points(BEFORE_JOINER)
        and bool(after)
        and ord(after) in _points(AFTER_JOINER)
    )


def _parts_letters(text: str, index: int) -> bool:
    """Whether both letters beside this non-joiner would join without it (rule A1)."""
    before = _letter_before(text, index)
    after = next((one for one in text[index + 1 : index + 1 + _MOST_MARKS] if not _is_mark(one)), "")
    joins = _joining()
    return before in joins["initial"] and after in joins["final"]


def _letter_before(text: str, index: int) -> str:
    near = text[max(0, index - _MOST_MARKS) : index]
    return next((one for one in reversed(near) if not _is_mark(one)), "")


def _ends_in_virama(text: str, index: int) -> bool:
    before = text[index - 1]
    return unicodedata.combining(before) == _VIRAMA and _is_letter(_letter_before(text, index))


def _is_letter(char: str) -> bool:
    return bool(char) and unicodedata.category(char) == "Lo" and not is_invisible(char)


def _is_indic_letter(char: str) -> bool:
    # From Devanagari to Sinhala: the blocks whose scripts have a virama.
    return "\u0900" <= char <= "\u0dff" and _is_letter(char)


def _is_mark(char: str) -> bool:
    return bool(char) and unicodedata.category(char)[0] == "M" and not is_invisible(char)


@cache
def _unseen() -> frozenset[int]:
    return code_points(DEFAULT_IGNORABLE) | code_points(BLANK_GLYPHS)


@cache
def _points(ranges: str) -> frozenset[int]:
    return code_points(ranges)


@cache
def _joining() -> dict[str, frozenset[str]]:
    """Arabic letters that join the one after them (`initial`) and the one before (`final`).

    By Unicode's presentation forms: a letter has an initial form exactly if it joins what follows.
    """
    found: dict[str, set[str]] = {"initial": set(), "final": set()}
    for code in (*range(0xFB50, 0xFDFF), *range(0xFE70, 0xFEFF)):
        form, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        kind = form.strip("<>")
        if kind in found and len(letters) == 1:
            found[kind].add(chr(int(letters[0], 16)))
    return {kind: frozenset(letters) for kind, letters in found.items()}
