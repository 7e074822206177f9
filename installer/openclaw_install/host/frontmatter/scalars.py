"""The text of a scalar: plain, quoted or block, folded and unescaped as OpenClaw's YAML library does it."""

from __future__ import annotations

import re

from openclaw_install.host.frontmatter.props import OnError, resolve_end
from openclaw_install.host.frontmatter.tree import Token

_BAD_STARTS = {
    "\t": "a tab character",
    ",": "flow indicator character ,",
    "%": "directive indicator character %",
    "|": "block scalar indicator |",
    ">": "block scalar indicator >",
    "@": "reserved character @",
    "`": "reserved character `",
}
_ESCAPES = {
    "0": "\0",
    "a": "\x07",
    "b": "\b",
    "e": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "\t": "\t",
}
_ESCAPE_LENGTHS = {"x": 2, "u": 4, "U": 8}
_HEX = re.compile(r"[0-9a-fA-F]+")
_DOUBLE_QUOTED_PART = re.compile(r"[^\\ \t\n]+|[ \t]+")


def flow_scalar(token: Token, on_error: OnError) -> tuple[str, int, int]:
    """The value of a plain or quoted scalar, where its text ends, and where what follows it ends."""

    def here(relative: int, code: str, message: str) -> None:
        on_error(token.offset + relative, code, message)

    source = token.source
    if token.type == "scalar":
        value = _plain(source, here)
    elif token.type == "single-quoted-scalar":
        value = _single_quoted(source, here)
    else:
        value = _double_quoted(source, here)
    value_end = token.offset + len(source)
    return value, value_end, resolve_end(token.end, value_end, on_error)


def _plain(source: str, on_error: OnError) -> str:
    bad = _BAD_STARTS.get(source[:1])
    if bad:
        on_error(0, "BAD_SCALAR_START", f"Plain value cannot start with {bad}")
    return _fold(source)


def _single_quoted(source: str, on_error: OnError) -> str:
    if len(source) == 1 or source[-1] != "'":
        on_error(len(source), "MISSING_CHAR", "Missing closing 'quote")
    return _fold(source[1:-1]).replace("''", "'")


def _fold(source: str) -> str:
    """Joins lines: one line break is a space, and each empty line more is a line break."""
    if "\n" not in source:
        return source
    first, *middle, last = source.split("\n")
    folded = [first.rstrip(" \t")]
    separator = " "
    for line in middle:
        text = line.strip(" \t")
        if text:
            folded += (separator, text)
            separator = " "
        elif separator == "\n":
            folded.append("\n")
        else:
            separator = "\n"
    folded += (separator, last.lstrip(" \t"))
    return "".join(folded)


def _double_quoted(source: str, on_error: OnError) -> str:
    out: list[str] = []
    index, end = 1, len(source) - 1
    while index < end:
        char = source[index]
        if char == "\\":
            index = _escape(source, index + 1, out, on_error)
        elif char == "\n":
            index = _fold_newline(source, index, out)
        else:
            found = _DOUBLE_QUOTED_PART.match(source, index)
            part = found[0] if found else char
            index += len(part)
            # Space before a line break is dropped. The closing quote is never part of a run of text,
            # unless it is missing, and then the last character is no text either.
            if part[0] not in " \t":
                out.append(part if index <= end else part[: end - index])
            elif source[index : index + 1] != "\n":
                out.append(part)
    if len(source) == 1 or source[-1] != '"':
        on_error(len(source), "MISSING_CHAR", 'Missing closing "quote')
    return "".join(out)


def _escape(source: str, index: int, out: list[str], on_error: OnError) -> int:
    """Reads the escape whose letter is at `index`; the index after it."""
    char = source[index : index + 1]
    if char in _ESCAPES:
        out.append(_ESCAPES[char])
        return index + 1
    if char == "\n":
        index += 1
        while source[index : index + 1] in (" ", "\t"):
            index += 1
        return index
    length = _ESCAPE_LENGTHS.get(char)
    if length is None:
        raw = source[index - 1 : index + 1]
        on_error(index - 1, "BAD_DQ_ESCAPE", f"Invalid escape sequence {raw}")
        out.append(raw)
        return index + 1
    digits = source[index + 1 : index + 1 + length]
    code = int(digits, 16) if len(digits) == length and _HEX.fullmatch(digits) else -1
    if 0 <= code <= 0x10FFFF:
        out.append(chr(code))
    else:
        raw = source[index - 1 : index + 1 + length]
        on_error(index - 1, "BAD_DQ_ESCAPE", f"Invalid escape sequence {raw}")
        out.append(raw)
    return index + 1 + length


def _fold_newline(source: str, index: int, out: list[str]) -> int:
    index += 1
    start = index
    while source[index : index + 1] in (" ", "\t", "\n") and index < len(source):
        index += 1
    out.append("\n" * source.count("\n", start, index) or " ")
    return index


def block_scalar(token: Token, on_error: OnError, *, at_root: bool) -> tuple[str, int]:
    """The value of a literal or folded scalar and where it ends.

    Args:
        token: the scalar; its header and what follows on the header's line are its `start`.
        on_error: where errors go.
        at_root: whether it is the whole document, which needs no indentation.
    """
    return _BlockScalar(token, on_error, at_root=at_root).read()


class _BlockScalar:
    def __init__(self, token: Token, on_error: OnError, *, at_root: bool) -> None:
        self.token = token
        self.on_error = on_error
        self.at_root = at_root
        self.folded = token.start[0].source[0] == ">"
        self.explicit_indent = 0
        self.chomp = ""
        self.header_length = self._header()
        self.lines = _split_lines(token.source) if token.source else []

    def _header(self) -> int:
        source = self.token.start[0].source
        error = -1
        for index, char in enumerate(source[1:], start=1):
            if not self.chomp and char in "-+":
                self.chomp = char
            elif not self.explicit_indent and char in "123456789":
                self.explicit_indent = int(char)
            elif error == -1:
                error = self.token.offset + index
        if error != -1:
            message = f"Block scalar header includes extra characters: {source}"
            self.on_error(error, "UNEXPECTED_TOKEN", message)
        length = len(source)
        has_space = False
        for token in self.token.start[1:]:
            if token.type == "space":
                has_space = True
            elif token.type == "comment" and not has_space:
                message = "Comments must be separated from other tokens by white space characters"
                self.on_error(token.offset, "MISSING_CHAR", message)
            elif token.type == "error":
                self.on_error(token.offset, "UNEXPECTED_TOKEN", token.message)
            length += len(token.source)
        return length

    def read(self) -> tuple[str, int]:
        lines = self.lines
        end = self.token.offset + self.header_length + len(self.token.source)
        chomp_start = len(lines)
        while chomp_start and not lines[chomp_start - 1][1]:
            chomp_start -= 1
        if chomp_start == 0:
            return ("\n" * max(1, len(lines) - 1) if self.chomp == "+" and lines else ""), end
        trim, content_start, offset = self._measure(chomp_start)
        for index in range(len(lines) - 1, chomp_start - 1, -1):
            if len(lines[index][0]) > trim:
                chomp_start = index + 1
                break
        out = [lines[index][0][trim:] + "\n" for index in range(content_start)]
        self._join(out, lines[content_start:chomp_start], trim, offset)
        value = "".join(out)
        if self.chomp == "+":
            value += "".join("\n" + lines[index][0][trim:] for index in range(chomp_start, len(lines)))
            if not value.endswith("\n"):
                value += "\n"
        elif self.chomp != "-":
            value += "\n"
        return value, end

    def _measure(self, chomp_start: int) -> tuple[int, int, int]:
        """Finds the indentation to cut, the first line with content, and that line's offset."""
        trim = (self.token.indent or 0) + self.explicit_indent
        offset = self.token.offset + self.header_length
        for index in range(chomp_start):
            indent, content = self.lines[index]
            if content:
                if len(indent) < trim:
                    message = (
                        "Block scalars with more-indented leading empty lines must use an explicit "
                        "indentation indicator"
                    )
                    self.on_error(offset + len(indent), "MISSING_CHAR", message)
                if self.explicit_indent == 0:
                    trim = len(indent)
                if trim == 0 and not self.at_root:
                    message = "Block scalar values in collections must be indented"
                    self.on_error(offset, "BAD_INDENT", message)
                return trim, index, offset
            if self.explicit_indent == 0 and len(indent) > trim:
                trim = len(indent)
            offset += len(indent) + 1
        return trim, 0, offset

    def _join(self, out: list[str], lines: list[tuple[str, str]], trim: int, offset: int) -> None:
        separator = ""
        more_indented = False
        for raw_indent, content in lines:
            indent = raw_indent
            offset += len(indent) + len(content) + 1
            if content and len(indent) < trim:
                against = "explicit indentation indicator" if self.explicit_indent else "first line"
                message = f"Block scalar lines must not be less indented than their {against}"
                self.on_error(offset - len(content) - 1, "BAD_INDENT", message)
                indent = ""
            if not self.folded:
                out.append(separator + indent[trim:] + content)
                separator = "\n"
            elif len(indent) > trim or content.startswith("\t"):
                if separator == " ":
                    separator = "\n"
                elif not more_indented and separator == "\n":
                    separator = "\n\n"
                out.append(separator + indent[trim:] + content)
                separator = "\n"
                more_indented = True
            elif not content:
                if separator == "\n":
                    out.append("\n")
                else:
                    separator = "\n"
            else:
                out.append(separator + content)
                separator = " "
                more_indented = False


def _split_lines(source: str) -> list[tuple[str, str]]:
    """Lines as (leading spaces, the rest)."""
    lines = []
    for line in source.split("\n"):
        rest = line.lstrip(" ")
        lines.append((line[: len(line) - len(rest)], rest))
    return lines
