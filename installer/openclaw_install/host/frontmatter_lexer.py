"""Cuts the YAML of a frontmatter into lexemes, exactly where OpenClaw's YAML library cuts it.

OpenClaw reads frontmatter with the npm package `yaml` 2.9. What that library calls an error, and where it
sees it, decides whether OpenClaw refuses a skill or mends it, and PyYAML decides differently (YAML 1.1,
other tolerance). So the modules `frontmatter_*` follow that library stage by stage: lexemes, tree, nodes,
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
from collections.abc import Callable

BOM = "\ufeff"
DOCUMENT = "\x02"  # a document starts with the next lexeme
FLOW_END = "\x18"  # a flow collection ended where it should not
SCALAR = "\x1f"  # the next lexeme is a scalar's text

_BLANKS = " \n\t"  # the text has no carriage returns left when it gets here
_FLOW_INDICATORS = ",[]{}"
_SPACES = re.compile(r" *")
_SPACES_AND_TABS = re.compile(r"[ \t]*")
_NOT_ANCHOR = re.compile(r"[ ,\[\]{}\n\t]|\Z")
_TAG = re.compile(r"(?:[-0-9A-Za-z#;/?:@&=+$_.!~*'()]|%[0-9A-Fa-f]{2})*")
_VERBATIM_TAG = re.compile(r"[^ \n\t>]*>?")
_HEADER = re.compile(r"[^ \n\t#]*")
_PLAIN_RUN = re.compile(r"[^ \n\t:]+")
_PLAIN_RUN_IN_FLOW = re.compile(r"[^ \n\t:,\[\]{}]+")

State = Callable[[], "State | None"]


class Lexer:
    """One pass over one text; `lex` may be called once."""

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

    def lex(self) -> list[str]:
        """The lexemes of the whole text; joined without the control marks they give the text again."""
        state: State | None = self._stream
        while state is not None and self.pos < self.size:
            state = state()
        return self.out

    # -- looking ----------------------------------------------------------------------------------------

    def _at(self, index: int) -> str:
        return self.text[index] if 0 <= index < self.size else ""

    def _blank_at(self, index: int) -> bool:
        return index >= self.size or self.text[index] in _BLANKS

    def _line(self) -> str:
        end = self.text.find("\n", self.pos)
        return self.text[self.pos :] if end == -1 else self.text[self.pos : end]

    def _marker_at(self, index: int) -> bool:
        """Whether a document marker (`---` or `...`) starts here, with nothing glued to it."""
        return self.text.startswith(("---", "..."), index) and self._blank_at(index + 3)

    def _continue_scalar(self, offset: int) -> int:
        """Where the content of the next line starts, or -1 if the line is no part of the scalar."""
        if self.indent_next > 0:
            end = _SPACES.match(self.text, offset).end()  # type: ignore[union-attr] # matches the empty text
            return end if self._at(end) == "\n" or end - offset >= self.indent_next else -1
        return -1 if self._marker_at(offset) else offset

    # -- pushing ----------------------------------------------------------------------------------------

    def _push_count(self, count: int) -> int:
        if count <= 0:
            return 0
        lexeme = self.text[self.pos : self.pos + count]
        self.out.append(lexeme)
        self.pos += count
        return count

    def _push_to(self, index: int, *, allow_empty: bool) -> int:
        lexeme = self.text[self.pos : index]
        if lexeme:
            self.out.append(lexeme)
            self.pos += len(lexeme)
        elif allow_empty:
            self.out.append("")
        return len(lexeme)

    def _push_match(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.pos)
        return self._push_to(found.end(), allow_empty=False) if found else 0

    def _push_spaces(self, *, tabs: bool) -> int:
        return self._push_match(_SPACES_AND_TABS if tabs else _SPACES)

    def _push_newline(self) -> int:
        return self._push_count(1) if self._at(self.pos) == "\n" else 0

    def _push_anchor(self) -> int:
        found = _NOT_ANCHOR.search(self.text, self.pos)
        return self._push_to(found.start() if found else self.size, allow_empty=False)

    def _push_tag(self) -> int:
        if self._at(self.pos + 1) == "<":
            found = _VERBATIM_TAG.match(self.text, self.pos + 2)
        else:
            found = _TAG.match(self.text, self.pos + 1)
        return self._push_to(found.end() if found else self.size, allow_empty=False)

    def _push_indicators(self) -> int:
        """Pushes tags, anchors and misplaced `-`, `?`, `:` with the spaces after each."""
        count = 0
        while True:
            char = self._at(self.pos)
            if char == "!":
                count += self._push_tag()
            elif char == "&":
                count += self._push_anchor()
            elif char and char in "-?:" and self._ends_indicator(self.pos + 1):
                if self.flow_level == 0:
                    self.indent_next = self.indent_value + 1
                elif self.flow_key:
                    self.flow_key = False
                count += self._push_count(1)
            else:
                return count
            count += self._push_spaces(tabs=True)

    def _ends_indicator(self, index: int) -> bool:
        return self._blank_at(index) or (self.flow_level > 0 and self.text[index] in _FLOW_INDICATORS)

    # -- states -----------------------------------------------------------------------------------------

    def _stream(self) -> State | None:
        line = self._line()
        if line.startswith(BOM):
            self._push_count(1)
            line = line[1:]
        if line.startswith("%"):
            return self._directive(line)
        if self._at(_SPACES_AND_TABS.match(self.text, self.pos).end()) in ("", "#", "\n"):  # type: ignore[union-attr] # matches the empty text
            spaces = self._push_spaces(tabs=True)
            self._push_count(len(line) - spaces)
            self._push_newline()
            return self._stream
        self.out.append(DOCUMENT)
        return self._line_start()

    def _directive(self, line: str) -> State:
        end = len(line)
        comment = re.search(r"[ \t]#", line)
        if comment:
            end = comment.start()
        end = len(line[:end].rstrip(" \t"))
        pushed = self._push_count(end) + self._push_spaces(tabs=True)
        self._push_count(len(line) - pushed)
        return self._stream

    def _line_start(self) -> State | None:
        if self._marker_at(self.pos):
            starts = self._at(self.pos) == "-"
            self._push_count(3)
            self.indent_value = 0
            self.indent_next = 0
            return self._document if starts else self._stream
        self.indent_value = self._push_spaces(tabs=False)
        if self.indent_next > self.indent_value and not self._blank_at(self.pos + 1):
            self.indent_next = self.indent_value
        return self._block_start()

    def _block_start(self) -> State | None:
        char = self._at(self.pos)
        if char and char in "-?:" and self._blank_at(self.pos + 1):
            count = self._push_count(1) + self._push_spaces(tabs=True)
            self.indent_next = self.indent_value + 1
            self.indent_value += count
            return self._block_start
        return self._document

    def _document(self) -> State | None:
        self._push_spaces(tabs=True)
        line = self._line()
        count = self._push_indicators()
        char = line[count : count + 1]
        if char in ("", "#"):
            self._push_count(len(line) - count)
            self._push_newline()
            return self._line_start()
        if char in "{[":
            self._push_count(1)
            self.flow_key = False
            self.flow_level = 1
            return self._flow
        if char in "}]":
            self._push_count(1)
        elif char == "*":
            self._push_anchor()
        elif char in "\"'":
            return self._quoted_scalar()
        elif char in "|>":
            count += self._block_scalar_header()
            count += self._push_spaces(tabs=True)
            self._push_count(len(line) - count)
            self._push_newline()
            return self._block_scalar()
        else:
            return self._plain_scalar()
        return self._document

    def _flow(self) -> State | None:
        indent = -1
        while True:
            spaces = 0
            newlines = self._push_newline()
            if newlines:
                spaces = self.indent_value = indent = self._push_spaces(tabs=False)
            spaces += self._push_spaces(tabs=True)
            if newlines + spaces == 0:
                break
        line = self._line()
        if self._flow_is_cut(line, indent):
            self.flow_level = 0
            self.out.append(FLOW_END)
            return self._line_start()
        count = 0
        while line[count : count + 1] == ",":
            count += self._push_count(1)
            count += self._push_spaces(tabs=True)
            self.flow_key = False
        count += self._push_indicators()
        return self._flow_token(line, count)

    def _flow_is_cut(self, line: str, indent: int) -> bool:
        """Whether too little indentation, or a document marker, ends the flow collection here.

        A closing bracket as far left as the opening line is let through, as people write it so.
        """
        marker = line.startswith(("---", "...")) and (len(line) == 3 or line[3] in _BLANKS)
        outside = indent != -1 and indent < self.indent_next and not line.startswith("#")
        cut = outside or (indent == 0 and marker)
        closes = indent == self.indent_next - 1 and self.flow_level == 1 and line.startswith(("]", "}"))
        return cut and not closes

    def _flow_token(self, line: str, count: int) -> State | None:
        char = line[count : count + 1]
        if char in ("", "#"):
            self._push_count(len(line) - count)
        elif char in "{[":
            self._push_count(1)
            self.flow_key = False
            self.flow_level += 1
        elif char in "}]":
            self._push_count(1)
            self.flow_key = True
            self.flow_level -= 1
            return self._flow if self.flow_level else self._document
        elif char == "*":
            self._push_anchor()
        elif char in "\"'":
            self.flow_key = True
            return self._quoted_scalar()
        elif char == ":" and (
            self.flow_key or self._blank_at(self.pos + 1) or self._at(self.pos + 1) == ","
        ):
            self.flow_key = False
            self._push_count(1)
            self._push_spaces(tabs=True)
        else:
            self.flow_key = False
            return self._plain_scalar()
        return self._flow

    def _quoted_scalar(self) -> State:
        quote = self._at(self.pos)
        end = self._closing_quote(quote)
        # JavaScript's `substring(0, -1)` is empty: without a closing quote no line is looked at.
        limit = max(end, 0)
        newline = self.text.find("\n", self.pos, limit)
        while newline != -1:
            content = self._continue_scalar(newline + 1)
            if content == -1:
                end = newline - 1  # an error: the next line is not indented enough
                break
            newline = self.text.find("\n", content, limit)
        if end == -1:
            end = self.size
        self._push_to(end + 1, allow_empty=False)
        return self._flow if self.flow_level else self._document

    def _closing_quote(self, quote: str) -> int:
        end = self.text.find(quote, self.pos + 1)
        if quote == "'":
            while end != -1 and self._at(end + 1) == "'":
                end = self.text.find("'", end + 2)
            return end
        while end != -1:
            start = end
            while start > 0 and self.text[start - 1] == "\\":
                start -= 1
            if (end - start) % 2 == 0:
                break
            end = self.text.find('"', end + 1)
        return end

    def _block_scalar_header(self) -> int:
        self.block_scalar_indent = -1
        self.block_scalar_keep = False
        index = self.pos
        while True:
            index += 1
            char = self._at(index)
            if char == "+":
                self.block_scalar_keep = True
            elif "0" < char <= "9":
                self.block_scalar_indent = int(char) - 1
            elif char != "-":
                break
        return self._push_match(_HEADER)

    def _block_scalar(self) -> State | None:
        newline, indent = self._leading_blank_lines()
        if indent >= self.indent_next:
            if self.block_scalar_indent == -1:
                self.indent_next = indent
            else:
                self.indent_next = self.block_scalar_indent + (self.indent_next or 1)
            while True:
                content = self._continue_scalar(newline + 1)
                if content == -1:
                    break
                newline = self.text.find("\n", content)
                if newline == -1:
                    newline = self.size
                    break
        newline = self._block_scalar_end(newline, indent)
        self.out.append(SCALAR)
        self._push_to(newline + 1, allow_empty=True)
        return self._line_start()

    def _leading_blank_lines(self) -> tuple[int, int]:
        newline = self.pos - 1
        indent = 0
        index = self.pos
        while index < self.size:
            char = self.text[index]
            if char == " ":
                indent += 1
            elif char == "\n":
                newline = index
                indent = 0
            else:
                break
            index += 1
        return newline, indent

    def _block_scalar_end(self, newline: int, indent: int) -> int:
        """The newline that ends the scalar: badly indented tabs are kept in it, so that they are found."""
        index = _SPACES.match(self.text, newline + 1).end()  # type: ignore[union-attr] # matches the empty text
        if self._at(index) == "\t":
            while self._at(index) and self.text[index] in "\t \n":
                index += 1
            return index - 1
        while not self.block_scalar_keep:
            last = newline - 1
            index = last
            while self._at(index) == " ":
                index -= 1
            if self._at(index) != "\n" or index < self.pos or index + 1 + indent <= last:
                break
            newline = index
        return newline

    def _plain_scalar(self) -> State:
        in_flow = self.flow_level > 0
        run = _PLAIN_RUN_IN_FLOW if in_flow else _PLAIN_RUN
        end = self.pos - 1
        index = self.pos
        while index < self.size:
            found = run.match(self.text, index)
            if found:
                index = found.end()
                end = index - 1
                continue
            char = self.text[index]
            if char == ":":
                if self._ends_indicator(index + 1):
                    break
                end = index
            elif char in _BLANKS:
                following = self._at(index + 1)
                if following == "#" or (in_flow and following and following in _FLOW_INDICATORS):
                    break
                if char == "\n":
                    content = self._continue_scalar(index + 1)
                    if content == -1:
                        break
                    index = max(index, content - 2)
            else:
                break
            index += 1
        self.out.append(SCALAR)
        self._push_to(end + 1, allow_empty=True)
        return self._flow if in_flow else self._document
