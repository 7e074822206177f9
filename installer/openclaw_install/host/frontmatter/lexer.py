"""Cuts the YAML of a frontmatter into lexemes, exactly where OpenClaw's YAML library cuts it."""

from __future__ import annotations

import re
from collections.abc import Callable

from openclaw_install.host.frontmatter.scanner import (
    BLANKS,
    BOM,
    DOCUMENT,
    FLOW_END,
    FLOW_INDICATORS,
    SCALAR,
    Scanner,
)

_HEADER = re.compile(r"[^ \n\t#]*")
_PLAIN_RUN = re.compile(r"[^ \n\t:]+")
_PLAIN_RUN_IN_FLOW = re.compile(r"[^ \n\t:,\[\]{}]+")

State = Callable[[], "State | None"]


class Lexer(Scanner):
    """One pass over one text; `lex` may be called once."""

    def lex(self) -> list[str]:
        """The lexemes of the whole text; joined without the control marks they give the text again."""
        state: State | None = self._stream
        while state is not None and self.pos < self.size:
            state = state()
        return self.out

    # -- states -----------------------------------------------------------------------------------------

    def _stream(self) -> State | None:
        line = self.line()
        if line.startswith(BOM):
            self.push_count(1)
            line = line[1:]
        if line.startswith("%"):
            return self._directive(line)
        if self.at(self.after_spaces(self.pos, tabs=True)) in ("", "#", "\n"):
            spaces = self.push_spaces(tabs=True)
            self.push_count(len(line) - spaces)
            self.push_newline()
            return self._stream
        self.out.append(DOCUMENT)
        return self._line_start()

    def _directive(self, line: str) -> State:
        end = len(line)
        comment = re.search(r"[ \t]#", line)
        if comment:
            end = comment.start()
        end = len(line[:end].rstrip(" \t"))
        pushed = self.push_count(end) + self.push_spaces(tabs=True)
        self.push_count(len(line) - pushed)
        return self._stream

    def _line_start(self) -> State | None:
        if self.marker_at(self.pos):
            starts = self.at(self.pos) == "-"
            self.push_count(3)
            self.indent_value = 0
            self.indent_next = 0
            return self._document if starts else self._stream
        self.indent_value = self.push_spaces(tabs=False)
        if self.indent_next > self.indent_value and not self.blank_at(self.pos + 1):
            self.indent_next = self.indent_value
        return self._block_start()

    def _block_start(self) -> State | None:
        char = self.at(self.pos)
        if char and char in "-?:" and self.blank_at(self.pos + 1):
            count = self.push_count(1) + self.push_spaces(tabs=True)
            self.indent_next = self.indent_value + 1
            self.indent_value += count
            return self._block_start
        return self._document

    def _document(self) -> State | None:
        self.push_spaces(tabs=True)
        line = self.line()
        count = self.push_indicators()
        char = line[count : count + 1]
        if char in ("", "#"):
            self.push_count(len(line) - count)
            self.push_newline()
            return self._line_start()
        if char in "{[":
            self.push_count(1)
            self.flow_key = False
            self.flow_level = 1
            return self._flow
        if char in "}]":
            self.push_count(1)
        elif char == "*":
            self.push_anchor()
        elif char in "\"'":
            return self._quoted_scalar()
        elif char in "|>":
            count += self._block_scalar_header()
            count += self.push_spaces(tabs=True)
            self.push_count(len(line) - count)
            self.push_newline()
            return self._block_scalar()
        else:
            return self._plain_scalar()
        return self._document

    def _flow(self) -> State | None:
        indent = -1
        while True:
            spaces = 0
            newlines = self.push_newline()
            if newlines:
                spaces = self.indent_value = indent = self.push_spaces(tabs=False)
            spaces += self.push_spaces(tabs=True)
            if newlines + spaces == 0:
                break
        line = self.line()
        if self._flow_is_cut(line, indent):
            self.flow_level = 0
            self.out.append(FLOW_END)
            return self._line_start()
        count = 0
        while line[count : count + 1] == ",":
            count += self.push_count(1)
            count += self.push_spaces(tabs=True)
            self.flow_key = False
        count += self.push_indicators()
        return self._flow_token(line, count)

    def _flow_is_cut(self, line: str, indent: int) -> bool:
        """Whether too little indentation, or a document marker, ends the flow collection here.

        A closing bracket as far left as the opening line is let through, as people write it so.
        """
        marker = line.startswith(("---", "...")) and (len(line) == 3 or line[3] in BLANKS)
        outside = indent != -1 and indent < self.indent_next and not line.startswith("#")
        cut = outside or (indent == 0 and marker)
        closes = indent == self.indent_next - 1 and self.flow_level == 1 and line.startswith(("]", "}"))
        return cut and not closes

    def _flow_token(self, line: str, count: int) -> State | None:
        char = line[count : count + 1]
        if char in ("", "#"):
            self.push_count(len(line) - count)
        elif char in "{[":
            self.push_count(1)
            self.flow_key = False
            self.flow_level += 1
        elif char in "}]":
            self.push_count(1)
            self.flow_key = True
            self.flow_level -= 1
            return self._flow if self.flow_level else self._document
        elif char == "*":
            self.push_anchor()
        elif char in "\"'":
            self.flow_key = True
            return self._quoted_scalar()
        elif char == ":" and (self.flow_key or self.blank_at(self.pos + 1) or self.at(self.pos + 1) == ","):
            self.flow_key = False
            self.push_count(1)
            self.push_spaces(tabs=True)
        else:
            self.flow_key = False
            return self._plain_scalar()
        return self._flow

    def _quoted_scalar(self) -> State:
        quote = self.at(self.pos)
        end = self._closing_quote(quote)
        # JavaScript's `substring(0, -1)` is empty: without a closing quote no line is looked at.
        limit = max(end, 0)
        newline = self.text.find("\n", self.pos, limit)
        while newline != -1:
            content = self.continue_scalar(newline + 1)
            if content == -1:
                end = newline - 1  # an error: the next line is not indented enough
                break
            newline = self.text.find("\n", content, limit)
        if end == -1:
            end = self.size
        self.push_to(end + 1, allow_empty=False)
        return self._flow if self.flow_level else self._document

    def _closing_quote(self, quote: str) -> int:
        end = self.text.find(quote, self.pos + 1)
        if quote == "'":
            while end != -1 and self.at(end + 1) == "'":
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
            char = self.at(index)
            if char == "+":
                self.block_scalar_keep = True
            elif "0" < char <= "9":
                self.block_scalar_indent = int(char) - 1
            elif char != "-":
                break
        return self.push_match(_HEADER)

    def _block_scalar(self) -> State | None:
        newline, indent = self._leading_blank_lines()
        if indent >= self.indent_next:
            if self.block_scalar_indent == -1:
                self.indent_next = indent
            else:
                self.indent_next = self.block_scalar_indent + (self.indent_next or 1)
            while True:
                content = self.continue_scalar(newline + 1)
                if content == -1:
                    break
                newline = self.text.find("\n", content)
                if newline == -1:
                    newline = self.size
                    break
        newline = self._block_scalar_end(newline, indent)
        self.out.append(SCALAR)
        self.push_to(newline + 1, allow_empty=True)
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
        index = self.after_spaces(newline + 1)
        if self.at(index) == "\t":
            while self.at(index) and self.text[index] in "\t \n":
                index += 1
            return index - 1
        while not self.block_scalar_keep:
            last = newline - 1
            index = last
            while self.at(index) == " ":
                index -= 1
            if self.at(index) != "\n" or index < self.pos or index + 1 + indent <= last:
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
                if self.ends_indicator(index + 1):
                    break
                end = index
            elif char in BLANKS:
                following = self.at(index + 1)
                if following == "#" or (in_flow and following and following in FLOW_INDICATORS):
                    break
                if char == "\n":
                    content = self.continue_scalar(index + 1)
                    if content == -1:
                        break
                    index = max(index, content - 2)
            else:
                break
            index += 1
        self.out.append(SCALAR)
        self.push_to(end + 1, allow_empty=True)
        return self._flow if in_flow else self._document
