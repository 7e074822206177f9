"""The documents of a YAML text: the first one's root node, and every error that OpenClaw's library finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from openclaw_install.host.frontmatter.compose import Composer, YamlIssue
from openclaw_install.host.frontmatter.nodes import Node
from openclaw_install.host.frontmatter.parser import Parser
from openclaw_install.host.frontmatter.props import PropsPlace, resolve_end, resolve_props
from openclaw_install.host.frontmatter.tags import Directives
from openclaw_install.host.frontmatter.tree import BLOCK_COLLECTIONS, Token
from openclaw_install.host.javascript import json_string


@dataclass(slots=True)
class Document:
    """The first document of a text: its root node and all errors, in the library's order."""

    root: Node | None
    issues: list[YamlIssue] = field(default_factory=list)


def parse_document(text: str) -> Document:
    """Parses `text` as one YAML document of the core schema, as `yaml.parseDocument` does.

    Nesting too deep for the interpreter's stack is one of the issues, not an exception.
    """
    try:
        return _Stream().compose(Parser().parse(text), len(text))
    except RecursionError:
        return Document(None, [YamlIssue(0, "RESOURCE_EXHAUSTION", "Maximum call stack size exceeded")])


class _Stream:
    """The tokens of a whole text: directives, documents and what stands between them."""

    def __init__(self) -> None:
        self.directives = Directives()
        self.at_directives = False
        self.issues: list[YamlIssue] = []

    def on_error(self, position: int, code: str, message: str) -> None:
        self.issues.append(YamlIssue(position, code, message))

    def compose(self, tokens: list[Token], size: int) -> Document:
        document: Document | None = None
        for token in tokens:
            if token.type == "document":
                if document is not None:
                    message = "Source contains multiple documents; please use YAML.parseAllDocuments()"
                    document.issues.append(YamlIssue(token.offset, "MULTIPLE_DOCS", message))
                    return document
                document = self._document(token)
            else:
                self._between(token, document)
        if document is None:
            if self.at_directives:
                self.on_error(size, "MISSING_CHAR", "Missing directives-end indicator line")
            return Document(None, self.issues)
        document.issues.extend(self.issues)
        return document

    def _between(self, token: Token, document: Document | None) -> None:
        if token.type == "directive":
            self.directives.add(
                token.source, lambda offset, text: self.on_error(token.offset + offset, "BAD_DIRECTIVE", text)
            )
            self.at_directives = True
        elif token.type == "error":
            message = f"{token.message}: {json_string(token.source)}" if token.source else token.message
            issue = YamlIssue(token.offset, "UNEXPECTED_TOKEN", message)
            (self.issues if self.at_directives or document is None else document.issues).append(issue)
        elif token.type == "doc-end":
            if document is None:
                message = "Unexpected doc-end without preceding document"
                self.on_error(token.offset, "UNEXPECTED_TOKEN", message)
            else:
                resolve_end(token.end, token.offset + len(token.source), self.on_error)
                document.issues.extend(self.issues)
                self.issues = []

    def _document(self, token: Token) -> Document:
        composer = Composer(self.directives, self.issues)
        value = token.value
        following = value or (token.end[0] if token.end else None)
        place = PropsPlace("doc-start", following, token.offset, 0, start_on_newline=True)
        props = resolve_props(token.start, place, self.on_error)
        if props.found and value and value.type in BLOCK_COLLECTIONS and not props.has_newline:
            message = "Block collection cannot start on same line with directives-end marker"
            self.on_error(props.end, "MISSING_CHAR", message)
        root = composer.node(value, props, token.start, props.end)
        resolve_end(token.end, root.range[2], self.on_error, strict=False)
        if self.at_directives and not props.found:
            self.on_error(token.offset, "MISSING_CHAR", "Missing directives-end/doc-start indicator line")
        self.at_directives = False
        document = Document(root, self.issues)
        self.issues = []
        return document
