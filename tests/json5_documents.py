"""Random JSON5 documents for the tests: a value, written in some legal way, with the place of every part."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from openclaw_install.host.config.paths import KeyPath

_BARE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")

keys = st.one_of(
    st.sampled_from(
        ["a", "b", "hooks", "$x", "_", "with space", "it's", 'say "x"', "", "ключ", "😀", "__proto__"]
    ),
    st.text(max_size=4),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
objects = st.dictionaries(keys, values, max_size=5)


@dataclass(frozen=True)
class Span:
    """Where a member stands: its key (or the element) starts at `key`, its value spans `start` to `end`."""

    key: int
    start: int
    end: int


@dataclass
class Document:
    """The text; each key path's span; members that a later one of the same name overrules; comments."""

    text: str = ""
    spans: dict[KeyPath, Span] = field(default_factory=dict)
    overruled: list[tuple[KeyPath, Span]] = field(default_factory=list)
    comments: dict[str, int] = field(default_factory=dict)


def document(value: Any, seed: int) -> Document:
    """`value` written as JSON5 in the way that `seed` stands for."""
    writer = _Writer(random.Random(seed))  # noqa: S311 - the tests need variety, not secrecy
    writer.trivia()
    writer.value(value, (), None)
    writer.trivia()
    return writer.done


class _Writer:
    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.done = Document()
        self.newline = dice.choice(["\n", "\n", "\r\n", "\r"])
        self.depth = 0
        self.airy = dice.random() < 0.6
        self.commented = dice.random() < 0.7
        if dice.random() < 0.1:
            self.done.text = "\ufeff"

    def put(self, text: str) -> None:
        self.done.text += text

    def trivia(self) -> None:
        while self.dice.random() < 0.45:
            kind = self.dice.randrange(8)
            name = f"c{len(self.done.comments)}!"
            if kind < 2 and self.commented:
                text = f"/*{name}{self.dice.choice(['', ' * ', self.newline])}*/"
                self.done.comments[name] = len(self.done.text)
                self.put(text)
            elif kind == 2 and self.commented:
                self.done.comments[name] = len(self.done.text)
                self.put(f"//{name} {{[,:'{self.newline}")
            elif kind < 6 and self.airy:
                self.put(self.newline + "  " * self.depth)
            else:
                self.put(
                    self.dice.choice([" ", "\t", "  ", "\u00a0", "\u2028", "\u3000"][: 4 if kind else 6])
                )

    def value(self, value: Any, path: KeyPath, key: int | None) -> None:
        start = len(self.done.text)
        if isinstance(value, dict):
            self._container("{}", [(name, child) for name, child in value.items()], path)
        elif isinstance(value, list):
            self._container("[]", list(enumerate(value)), path)
        else:
            self.put(self._scalar(value))
        self.done.spans[path] = Span(start if key is None else key, start, len(self.done.text))

    def _container(self, brackets: str, children: list[tuple[Any, Any]], path: KeyPath) -> None:
        self.put(brackets[0])
        self.depth += 1
        for position, (name, child) in enumerate(children):
            self.trivia()
            if isinstance(name, str) and self.dice.random() < 0.1:
                start = len(self.done.text)
                self._member(name, self.dice.choice([1, "old", None, True]), None)
                self.done.overruled.append(((*path, name), Span(start, start, len(self.done.text))))
                self.put(",")
                self.trivia()
            self._member(name, child, (*path, name))
            if position + 1 < len(children) or self.dice.random() < 0.4:
                self.trivia()
                self.put(",")
        self.depth -= 1
        self.trivia()
        self.put(brackets[1])

    def _member(self, name: str | int, child: Any, path: KeyPath | None) -> None:
        start = len(self.done.text)
        if isinstance(name, str):
            bare = _BARE.fullmatch(name) and self.dice.random() < 0.7
            self.put(name if bare else self._string(name))
            self.trivia()
            self.put(":")
            self.trivia()
        if path is None:
            self.put(self._scalar(child))
        else:
            self.value(child, path, start)

    def _scalar(self, value: Any) -> str:
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, bool) or value is None:
            return json.dumps(value)
        if isinstance(value, int):
            plain = str(abs(value))
            spelled = self.dice.choice(
                [plain, plain, hex(abs(value)), plain + ".", plain + ".0", plain + "e0"]
            )
            return ("-" if value < 0 else self.dice.choice(["", "", "+"])) + spelled
        return self.dice.choice(["", "+"] if value > 0 else [""]) + repr(value)

    def _string(self, value: str) -> str:
        quote = self.dice.choice("'\"")
        parts = [self._character(char, quote) for char in value]
        if self.dice.random() < 0.1:
            # A CR as line continuation would swallow an LF that follows it: only whole line ends here.
            parts.insert(self.dice.randint(0, len(parts)), "\\" + self.dice.choice(["\n", "\r\n"]))
        return quote + "".join(parts) + quote

    def _character(self, char: str, quote: str) -> str:
        code = ord(char)
        if char in (quote, "\\", "\n", "\r") or self.dice.random() < 0.05:
            if code > 0xFFFF:
                pair = char.encode("utf-16-be").hex()
                return f"\\u{pair[:4]}\\u{pair[4:]}"
            return f"\\x{code:02x}" if code < 256 and self.dice.random() < 0.5 else f"\\u{code:04x}"
        return char
