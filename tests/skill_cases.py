"""SKILL.md files that are hard to read: hand-written ones, and mutations of them from a fixed seed."""

# ruff: noqa: RUF001 - full-width colons are part of what is tested

from __future__ import annotations

import os
import random
from pathlib import Path

# What each case is about is its key, which is also the folder's name where the file is written to a disk.
FRONTMATTERS: dict[str, str] = {
    "plain": "name: plain\ndescription: Plain text.\nlicense: MIT\n",
    "no-name": "description: The folder gives the name.\n",
    "no-description": "name: no-description\nsummary: nothing\n",
    "empty-description": 'name: empty-description\ndescription: ""\n',
    "colon": "name: colon\ndescription: Extract text: tables, and forms. Use when: asked\nversion: 1.0.0\n",
    "colon-in-quotes": 'name: colon-in-quotes\ndescription: "Guide: how to"\n',
    "read-when-colon": "name: read-when-colon\ndescription: d\nread_when: foo: bar\nsummary: a: b: c\n",
    "other-colon": "name: other-colon\ndescription: d\nusage: foo: bar\n",
    "hash": "name: hash\ndescription: text # a comment\nx: a#b\n",
    "quotes-inside": 'name: quotes-inside\ndescription: Say "hi" and it\'s fine\n',
    "quoted-start": 'name: quoted-start\ndescription: "quoted" then text\n',
    "single-broken": "name: single-broken\ndescription: 'it's broken'\n",
    "double-open": 'name: double-open\ndescription: "never closed\nother: y\n',
    "double-escapes": 'name: double-escapes\ndescription: "a\\tb \\u4f60 \\ud83d\\ude00 \\x41 \\"q\\""\n',
    "bad-escape": 'name: bad-escape\ndescription: "a\\qb"\n',
    "single-escape": "name: single-escape\ndescription: 'it''s: fine'\n",
    "folded": "name: folded\ndescription: >-\n  one\n  two: three\n\n  four\n   five\n  six\n",
    "literal": "name: literal\ndescription: |\n  one\n    two\n  three # no comment\n\nafter: 1\n",
    "literal-indent": "name: literal-indent\ndescription: |2-\n    four\n  two\nk: |+\n  keep\n\n\nz: 0x1F\n",
    "literal-flush": "name: literal-flush\ndescription: |\nnot indented\n",
    "multi-line": "name: multi-line\ndescription: one\n  two # comment\n  three\n",
    "multi-line-colon": "name: multi-line-colon\ndescription: one\n  two: three\n",
    "star": "name: star\ndescription: *bold* text\n",
    "alias": "name: &n alias\ndescription: *n\n",
    "at-sign": "name: at-sign\ndescription: @you do it\n",
    "backtick": "name: backtick\ndescription: `code` first\n",
    "percent": "name: percent\ndescription: %d things\n",
    "tag": "name: tag\ndescription: !important do it\n",
    "dash": "name: dash\ndescription: - a list?\n",
    "question": "name: question\ndescription: ? maybe\n",
    "list": "name: list\ndescription:\n  - a\n  - b: c\n",
    "flow-list": "name: flow-list\ndescription: [a, 'b', 1, null]\n",
    "flow-map": "name: flow-map\ndescription: {a: b, c: [1.50, -0, 0o17, 1e21]}\n",
    "placeholder": "name: placeholder\ndescription: {{ description }}\n",
    "long-placeholder": "name: long-placeholder\ndescription: {{ "
    + "Use this when it is needed. " * 8
    + "}}\n",
    "quoted-placeholder": "name: quoted-placeholder\ndescription: {{ '"
    + "it''s long, " * 15
    + "', \"two\\n\\nlines of text, and more of it \\n"
    + "x" * 90
    + '" }}\n',
    "value-in-placeholder": "name: value-in-placeholder\ndescription:\n  {{ key: "
    + "a long text " * 12
    + ", [&b deep "
    + "and long " * 12
    + ", !t tagged "
    + "z" * 90
    + " again]: !!str x }}\n",
    "unbreakable-placeholder": 'unbreakable-placeholder: x\ndescription: {{ "'
    + "x" * 73
    + "\\a" * 9
    + "y" * 60
    + " " * 30
    + "z" * 90
    + "\", !!str 5, ? &c 'one\n\n  two: three' : ok, 'and\n\n  more': 1.0e2 }}\n",
    "spelt-placeholder": "name: spelt-placeholder\nk: &a x\n"
    "description:\n  {{1.50, 0x1F, 0o17, 1.5e-7, 0e1, True, .inf, Null, *a : b}}\n",
    "numbers": "name: 12\ndescription: 1.50\n",
    "booleans": "name: yes\ndescription: true\n",
    "nulls": "name: ~\ndescription: null\n",
    "timestamp": "name: timestamp\ndescription: 2024-01-02\n",
    "duplicate": "name: duplicate\nname: again\ndescription: d\n",
    "duplicate-nested": "name: duplicate-nested\ndescription: d\nm: {a: 1, a: 2}\n",
    "merge-key": "<<: {name: other}\nname: merge-key\ndescription: d\n",
    "tab-indent": "name: tab-indent\ndescription: a\n\tb: tab\n",
    "tab-after-colon": "name:\ttab-after-colon\ndescription:\td\n",
    "tab-in-list": "name: tab-in-list\ndescription: d\nl:\n-\ta\n- b\n",
    "bad-indent": "name: bad-indent\n description: d\n",
    "indented-root": "  name: indented-root\n  description: d\n",
    "no-space": "name:no-space\ndescription:d\n",
    "space-before-colon": "name : space-before-colon\ndescription : d\n",
    "quoted-keys": "\"name\": quoted-keys\n'description': text: more\n",
    "explicit-keys": "? name\n: explicit-keys\n? description\n: d\n",
    "flow-root": "{name: flow-root, description: 'a flow', metadata: {openclaw: {os: darwin}}}\n",
    "list-root": "- name: list-root\n- description: d\n",
    "scalar-root": "just text\n",
    "comments": "# first\nname: comments # after\n\n  # indented\ndescription: d\n# last\n",
    "document-end": "name: document-end\ndescription: d\n...\n",
    "two-documents": "name: two-documents\ndescription: d\n--- again\nx: 1\n",
    "directive": "%YAML 1.2\nname: directive\ndescription: d\n",
    "anchors": "name: anchors\ndescription: d\na: &a [1, 2]\nb: [*a, *a, {c: *a}]\n",
    "alias-bomb": "name: alias-bomb\ndescription: d\na: &a [x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\n"
    "c: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n",
    "circular": "name: circular\ndescription: d\na: &a [*a]\n",
    "tags": "name: !!str 12\ndescription: !!int 7\nb: !!binary aGk=\ns: !!set {a, b}\n"
    "o: !!omap [a: 1]\nt: !!timestamp 2020-01-02\np: !!pairs [a: 1, b]\n",
    "bad-tag": "name: bad-tag\ndescription: !!timestamp soon\n",
    "unicode": "name: 技能\ndescription: 当用户需要：查询天气时使用。触发词：天气、气温\n",
    "emoji": "name: emoji\ndescription: 🧩 text 😀: more\nemoji: 🧩\n",
    "no-break-space": "name: no-break-space\ndescription: \xa0padded\xa0\n",
    "line-separator": "name: line-separator\ndescription: one\u2028two\n",
    "long-key": f"name: long-key\ndescription: d\n? {'k' * 1100}\n: v\n{'l' * 1100}: v\n",
    "json-one-line": 'name: json-one-line\ndescription: d\nmetadata: {"openclaw":{"requires":{"bins":'
    '["surely-not-there","sh"],"env":["HARD_ENV","HARD_UNSET"]},"primaryEnv":"HARD_UNSET"}}\n',
    "json-block": 'name: json-block\ndescription: d\nmetadata:\n  {\n    "openclaw":\n      {\n'
    '        "requires": { "anyBins": ["surely-not-there", "nor-this"], },\n        "emoji": "🐙",\n'
    "      },\n  }\n",
    "json5-text": "name: json5-text\ndescription: d\nmetadata: '{openclaw: {requires: {config: "
    '["channels.slack", "browser.enabled",],}, /* c */ always: false}}\'\n',
    "yaml-metadata": "name: yaml-metadata\ndescription: d\nmetadata:\n  openclaw:\n    os: [win32]\n"
    "    requires:\n      bins: sh, surely-not-there\n",
    "legacy-key": "name: legacy-key\ndescription: d\n"
    'metadata: {"clawdbot":{"requires":{"bins":["legacy-bin"]}}}\n',
    "both-keys": 'name: both-keys\ndescription: d\nmetadata: {"clawdbot":{"requires":{"bins":["old"]}},'
    '"openclaw":{"requires":{"bins":["new-bin"]}}}\n',
    "always": 'name: always\ndescription: d\nmetadata: {"openclaw":{"always":true,'
    '"requires":{"bins":["x"]},"os":["macos","linux"]}}\n',
    "odd-requires": 'name: odd-requires\ndescription: d\nmetadata: {"openclaw":{"requires":{"bins":[1,'
    'null,true,{"a":1},["x",2]," y "],"env":"A, B ,,C","config":7}}}\n',
    "skill-key": 'name: skill-key\ndescription: d\nmetadata: {"openclaw":{"skillKey":"keyed",'
    '"primaryEnv":"K","requires":{"env":["K","L"]}}}\n',
    "bad-metadata": "name: bad-metadata\ndescription: d\nmetadata: {not json at all\n",
    "lone-comma": "name: lone-comma\ndescription: d\nmetadata: {,}\n",
    "lone-comma-below": 'name: lone-comma-below\ndescription: d\nmetadata:\n  {"a": [ , ]}\n',
    "last-commas": 'name: last-commas\ndescription: d\nmetadata:\n  {"openclaw":{"os":["linux", ], },}\n',
    "invocation": "name: invocation\ndescription: d\nuser-invocable: false\ndisable-model-invocation: yes\n",
    "disabled": "name: disabled\ndescription: d\n",
}

# Whole files, where the frame around the frontmatter is what is hard.
FILES: dict[str, bytes] = {
    "byte-order-mark": b"\xef\xbb\xbf---\nname: byte-order-mark\ndescription: d\n---\n",
    "crlf": b"---\r\nname: crlf\r\ndescription: >\r\n  a\r\n  b\r\n---\r\nbody\r\n",
    "old-mac": b"---\rname: old-mac\rdescription: d\r---\r",
    "no-frontmatter": b"# Title\n\nText.\n",
    "empty-file": b"",
    "empty-frontmatter": b"---\n---\nbody\n",
    "blank-line-first": b"\n---\nname: blank-line-first\ndescription: d\n---\n",
    "unterminated": b"---\nname: unterminated\ndescription: d\n",
    "four-dashes": b"---\nname: four-dashes\ndescription: d\n----\nmore: x\n---\n",
    "spaces-after": b"---  \nname: spaces-after\ndescription: d\n---\t \nbody",
    "closed-at-end": b"---\nname: closed-at-end\ndescription: d\n---",
    "indented-close": b"---\nname: indented-close\ndescription: d\n ---\n",
    "not-utf8": b"---\nname: not-utf8\ndescription: caf\xe9 \xff\xfe \xed\xa0\x80 \xf0\x9f\x98 end\n---\n",
    "nul-byte": b"---\nname: nul-byte\ndescription: a\x00b\n---\n",
    "control": b"---\nname: control\ndescription: a\x07\x1f\x02\x18b\n---\n",
    "just-fits": b"---\nname: just-fits\ndescription: d\n---\n".ljust(256_000, b"x"),
    "one-too-many": b"---\nname: one-too-many\ndescription: d\n---\n".ljust(256_001, b"x"),
    "megabyte": b"---\nname: megabyte\ndescription: d\n---\n".ljust(1_000_000, b"x"),
}


def hard_files() -> dict[str, bytes]:
    """All hard cases as whole files, by name."""
    framed = {name: f"---\n{text}---\n\n# Title\n".encode() for name, text in FRONTMATTERS.items()}
    return {**framed, **FILES}


def skill(name: str, description: str = "d") -> bytes:
    """A file without surprises."""
    return f"---\nname: {name}\ndescription: {description}\n---\n".encode()


def write_skill(folder: Path, content: bytes) -> Path:
    """Writes a SKILL.md into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "SKILL.md"
    path.write_bytes(content)
    return path


def write_hard_files(root: Path) -> None:
    """Each hard file in a folder of its own below `root`."""
    for name, content in hard_files().items():
        write_skill(root / name, content)


def write_hard_places(root: Path, outside: Path) -> None:
    """Files in hard places below `root`: too deep, hidden, behind links, in the way; some lie `outside`."""
    deep = root / "deep"
    for _ in range(5):
        deep = deep / "down"
    write_skill(deep, skill("depth-six"))
    write_skill(deep.parent / "other" / "down", skill("depth-seven"))
    write_skill(root / ".hidden", skill("in-hidden"))
    write_skill(root / "node_modules" / "pkg", skill("in-node-modules"))
    write_skill(root / "outer", skill("outer"))
    write_skill(root / "outer" / "inner", skill("inner"))
    write_skill(root / "group" / "first", skill("same-name", "the first"))
    write_skill(root / "group" / "second", skill("same-name", "the second"))
    write_skill(root / "ß", skill("of-two-letters", "the first"))
    write_skill(root / "x-last", skill("of-two-letters", "the second"))
    write_skill(outside / "target", skill("linked-out"))
    write_skill(outside / "file", skill("file-linked-out"))
    (root / "link-out").symlink_to(outside / "target")
    (root / "link-in").symlink_to(root / "group" / "first")
    (root / "file-link-out").mkdir()
    (root / "file-link-out" / "SKILL.md").symlink_to(outside / "file" / "SKILL.md")
    (root / "file-link-in").mkdir()
    (root / "file-link-in" / "real.md").write_bytes(skill("file-link-in"))
    (root / "file-link-in" / "SKILL.md").symlink_to("real.md")
    (root / "broken-link").mkdir()
    (root / "broken-link" / "SKILL.md").symlink_to("nowhere")
    (root / "loop").mkdir()
    (root / "loop" / "SKILL.md").symlink_to("SKILL.md")
    (root / "round").symlink_to(root)
    (root / "is-folder" / "SKILL.md").mkdir(parents=True)
    (root / "is-pipe").mkdir()
    os.mkfifo(root / "is-pipe" / "SKILL.md")
    (root / "hard-link").mkdir()
    write_skill(outside / "twin", skill("hard-link"))
    os.link(outside / "twin" / "SKILL.md", root / "hard-link" / "SKILL.md")
    (root / "lower").mkdir()
    (root / "lower" / "skill.md").write_bytes(skill("lower"))


_PIECES = (
    ": ",
    ":",
    "#",
    ' "',
    "'",
    "\\",
    "\n",
    "\n\n",
    "\n  ",
    "\n ",
    "\n\t",
    "\t",
    "- ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a ",
    "!",
    "!!str ",
    "|",
    ">-\n  ",
    "@",
    "`",
    "%",
    "--- ",
    "...\n",
    "~",
    "1.5",
    "é",
    "中文：",
    "😀",
    "\u2028",
    "\x85",
    "\xa0",
    "\ufeff",
    "\x00",
    "\x1f",
    "\r",
    " ",
    "  ",
    "name: ",
    "description: ",
    "metadata: ",
    '{"openclaw": {"requires": {"bins": ["a"]}}}',
    "summary: a: b\n",
    "key: value\n",
    "  sub: 1\n",
    "- item\n",
    "\\u0041",
    "{{",
    "''",
    "<<: ",
    "[a]: b\n",
    "10: x\n",
    "? a\n: b\n",
    "#\n",
    ": - ",
)


def mutated(seed: int, count: int) -> list[bytes]:
    """`count` files: hard cases and random trees with a few random edits; the same for the same seed."""
    chooser = random.Random(seed)  # noqa: S311 - repeatable on purpose
    texts = list(FRONTMATTERS.values())
    out = []
    for _ in range(count):
        text = _random_tree(chooser) if chooser.random() < 0.3 else chooser.choice(texts)
        for _ in range(chooser.choice((0, 1, 1, 1, 2, 3, 5))):
            text = _edit(chooser, text, chooser.choice(texts))
        out.append(_frame(chooser, text))
    return out


def _edit(chooser: random.Random, text: str, other: str) -> str:
    at = chooser.randrange(len(text) + 1)
    kind = chooser.random()
    if kind < 0.5:
        return text[:at] + chooser.choice(_PIECES) + text[at:]
    if kind < 0.65:
        return text[:at] + text[at + chooser.choice((1, 1, 2, 5)) :]
    if kind < 0.75:
        start = chooser.randrange(len(other))
        return text[:at] + other[start : start + chooser.randrange(30)] + text[at:]
    lines = text.split("\n")
    index = chooser.randrange(len(lines))
    if kind < 0.85:
        lines[index] = " " * chooser.choice((0, 1, 2, 4)) + lines[index].lstrip(" ")
    elif kind < 0.95:
        lines.insert(chooser.randrange(len(lines)), lines[index])
    else:
        chooser.shuffle(lines)
    return "\n".join(lines)


def _frame(chooser: random.Random, text: str) -> bytes:
    end = "" if text.endswith("\n") else "\n"
    frames = [f"---\n{text}{end}---\n# Title\n"] * 8
    frames += [f"\ufeff---\n{text}{end}---", f"---\n{text}", f"--- \t\n{text}---\n---\n"]
    chosen = chooser.choice(frames)
    if chooser.random() < 0.05:
        chosen = chosen.replace("\n", "\r\n")
    data = bytearray(chosen.encode("utf-8", "surrogatepass"))
    if chooser.random() < 0.03:
        data.insert(chooser.randrange(len(data)), chooser.choice((0x80, 0xC3, 0xE4, 0xED, 0xF0, 0xFF)))
    return bytes(data)


_SCALARS = (
    "a",
    "b c",
    '"q"',
    "'s'",
    '"a\n  b"',
    "'x\n y'",
    "",
    "*a",
    "&a v",
    "!t z",
    "1",
    "true",
    "~",
    "a:b",
    "a#b",
    "- x",
    "? k",
    "x: y",
    "|\n  t\n",
    ">-\n   f\n  g\n",
    "a\n  b\n   c",
    "[",
    "}",
    ":",
    "中",
)


def _random_tree(chooser: random.Random) -> str:
    keys = ("name", "description", "metadata", "k", "read_when", '"name"', "? k")
    lines = [
        chooser.choice(keys) + chooser.choice((": ", ":", "  : ")) + _random_node(chooser, 0, 0)
        for _ in range(chooser.randrange(1, 4))
    ]
    if chooser.random() < 0.6:
        lines.append("description: text")
    return "\n".join(lines) + "\n"


def _random_node(chooser: random.Random, indent: int, depth: int) -> str:
    kind = chooser.random()
    parts = range(chooser.randrange(1, 4))
    if depth > 3 or kind < 0.5:
        return chooser.choice(_SCALARS)
    if kind < 0.63:
        inner = (_random_node(chooser, indent, depth + 1) for _ in parts)
        return "[" + chooser.choice((", ", ",", ",\n ")).join(inner) + chooser.choice(("]", ",]", "\n]"))
    if kind < 0.76:
        pairs = (
            chooser.choice(_SCALARS)
            + chooser.choice((": ", ":", "\n: "))
            + _random_node(chooser, indent, depth + 1)
            for _ in parts
        )
        return "{" + chooser.choice((", ", ",\n  ")).join(pairs) + "}"
    margin = indent + chooser.choice((0, 1, 2, 2))
    starts = ("a: ", "b: ", "? d: ", "e f: ", "&x g: ", '"c":') if kind < 0.9 else ("- ", "-", "- - ", "-\t")
    lines = (
        " " * margin + chooser.choice(starts) + _random_node(chooser, margin + 2, depth + 1) for _ in parts
    )
    return "\n" + "\n".join(lines)
