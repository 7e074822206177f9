"""The cursor under the lexer: looking at the text of a frontmatter, and pushing pieces of it as lexemes.

OpenClaw reads frontmatter with the npm package `yaml` 2.9. What that library calls an error, and where it
sees it, decides whether OpenClaw refuses a skill or mends it, and PyYAML decides differently (YAML 1.1,
other tolerance). So the modules of this folder follow that library stage by stage: lexemes, tree, nodes,
values. They keep what has a consequence for OpenClaw and leave out the rest (comments, editing, writing).

The library is under the ISC licence:
    Copyright Eemeli Aro <eemeli@gmail.com>
    Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is
    hereby granted, provided that the above copyright notice and this permission notice appear in all copies.
    THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE
    INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE
    FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS
    OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING
    OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
"""

from __future__ import annotations

import re

BOM = "\ufeff"
DOCUMENT = "\x02"  # a document starts with the next lexeme
FLOW_END = "\x18"  # a flow collection ended where it should not
SCALAR = "\x1f"  # the next lexeme is a scalar's text
BLANKS = " \n\t"  # the text has no carriage returns left when it gets here
FLOW_INDICATORS = ",[]{}"
_SPACES = re.compile(r" *")
_SPACES_AND_TABS = re.compile(r"[ \t]*")
_NOT_ANCHOR = re.compile(r"[ ,\[\]{}\n\t]|\Z")
_TAG = re.compile(r"(?:[-0-9A-Za-z#;/?:@&=+$_.!~*'()]|%[0-9A-Fa-f]{2})*")
_VERBATIM_TAG = re.compile(r"[^ \n\t>]*>?")


class Scanner:
    """A position in a text, the lexemes so far, and what decides where the next one ends.

    Attributes:
        block_scalar_indent: the indentation that a block scalar's header names, less one; -1 for none.
        block_scalar_keep: whether the header keeps all lines at the end.
        flow_key: whether a `:` may follow at once, after a quoted key in a flow collection.
        flow_level: how many flow collections are open.
        indent_next: the least indentation of a line that continues the current value.
        indent_value: the indentation of the current line.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.size = len(text)
        self.out: list[str] = []
        self.pos = 0
        self.block_scalar_indent = -1
        self.block_scalar_keep = False
        self.flow_key = False
        self.flow_level = 0
        self.indent_next = 0
        self.indent_value = 0

    # -- looking ----------------------------------------------------------------------------------------

    def at(self, index: int) -> str:
        """The character there, or nothing outside the text."""
        return self.text[index] if 0 <= index < self.size else ""

    def blank_at(self, index: int) -> bool:
        """Whether white space, or the end of the text, is there."""
        return index >= self.size or self.text[index] in BLANKS

    def line(self) -> str:
        """The rest of the current line."""
        end = self.text.find("\n", self.pos)
        return self.text[self.pos :] if end == -1 else self.text[self.pos : end]

    def marker_at(self, index: int) -> bool:
        """Whether a document marker (`---` or `...`) starts here, with nothing glued to it."""
        return self.text.startswith(("---", "..."), index) and self.blank_at(index + 3)

    def continue_scalar(self, offset: int) -> int:
        """Where the content of the next line starts, or -1 if the line is no part of the scalar."""
        if self.indent_next > 0:
            end = self.after_spaces(offset)
            return end if self.at(end) == "\n" or end - offset >= self.indent_next else -1
        return -1 if self.marker_at(offset) else offset

    def after_spaces(self, index: int, *, tabs: bool = False) -> int:
        """The index of the first character from `index` on that is no space (or tab)."""
        found = (_SPACES_AND_TABS if tabs else _SPACES).match(self.text, index)
        return found.end() if found else index

    # -- pushing ----------------------------------------------------------------------------------------

    def push_count(self, count: int) -> int:
        """Pushes so many characters, if any; how many it were."""
        if count <= 0:
            return 0
        lexeme = self.text[self.pos : self.pos + count]
        self.out.append(lexeme)
        self.pos += count
        return count

    def push_to(self, index: int, *, allow_empty: bool) -> int:
        """Pushes everything up to `index`; an empty lexeme only if it is allowed."""
        lexeme = self.text[self.pos : index]
        if lexeme:
            self.out.append(lexeme)
            self.pos += len(lexeme)
        elif allow_empty:
            self.out.append("")
        return len(lexeme)

    def push_match(self, pattern: re.Pattern[str]) -> int:
        """Pushes what the pattern matches here."""
        found = pattern.match(self.text, self.pos)
        return self.push_to(found.end(), allow_empty=False) if found else 0

    def push_spaces(self, *, tabs: bool) -> int:
        """Pushes spaces, and tabs if they count."""
        return self.push_match(_SPACES_AND_TABS if tabs else _SPACES)

    def push_newline(self) -> int:
        """Pushes a line end, if one is here."""
        return self.push_count(1) if self.at(self.pos) == "\n" else 0

    def push_anchor(self) -> int:
        """Pushes an anchor or alias."""
        found = _NOT_ANCHOR.search(self.text, self.pos)
        return self.push_to(found.start() if found else self.size, allow_empty=False)

    def _push_tag(self) -> int:
        if self.at(self.pos + 1) == "<":
            found = _VERBATIM_TAG.match(self.text, self.pos + 2)
        else:
            found = _TAG.match(self.text, self.pos + 1)
        return self.push_to(found.end() if found else self.size, allow_empty=False)

    def push_indicators(self) -> int:
        """Pushes tags, anchors and misplaced `-`, `?`, `:` with the spaces after each."""
        count = 0
        while True:
            char = self.at(self.pos)
            if char == "!":
                count += self._push_tag()
            elif char == "&":
                count += self.push_anchor()
            elif char and char in "-?:" and self.ends_indicator(self.pos + 1):
                if self.flow_level == 0:
                    self.indent_next = self.indent_value + 1
                elif self.flow_key:
                    self.flow_key = False
                count += self.push_count(1)
            else:
                return count
            count += self.push_spaces(tabs=True)

    def ends_indicator(self, index: int) -> bool:
        """Whether what is there lets a `-`, `?` or `:` before it be an indicator."""
        return self.blank_at(index) or (self.flow_level > 0 and self.text[index] in FLOW_INDICATORS)
