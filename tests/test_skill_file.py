"""What a SKILL.md's text means; every expected value was read off OpenClaw 2026.9.6."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.host.javascript import json_text, number_text
from openclaw_install.host.skills.file import parse_skill, string_list
from openclaw_install.host.skills.frontmatter import document
from openclaw_install.host.skills.frontmatter.doubts import Doubt
from openclaw_install.host.skills.frontmatter.reading import read_frontmatter
from tests.skill_cases import FRONTMATTERS, hard_files
from tests.work import calls_of


def _description(yaml: str) -> str | None:
    return parse_skill(f"---\nname: n\ndescription: {yaml}\n---\n", "f").description


@pytest.mark.parametrize(
    "frontmatter",
    [
        "name: a\ndescription: Use it for this: and that (see b).\nlicense: MIT\n",
        'name: "a"\ndescription: "Say \\"hi\\" \\\\ \\n \\t \\/"\nversion: 1.50\nold: ~\nnone:\nyes: true\n',
        "name: a\ndescription: >\n  one\n  two\n\n\n  three\nallowed-tools: Read, Bash(git:*)\n",
        "name: a\ndescription: |-\n  one\n   two\n\ntags: [a, 'b c', \"d:e\", 1]\nempty: []\n",
        'name: a\ndescription: d\nmetadata: {"openclaw":{"requires":{"bins":["x"]}}}\nm: {}\n',
        'name: a\ndescription: d\nm:\n  {\n    "openclaw": { "os": ["linux", ], },\n    "2": 1.5,\n  }\n',
        "name: a\ndescription: d\nmetadata:\n  openclaw:\n    requires:\n      bins:\n      - x\n      - y\n",
        "name: a\ndescription: d\nin:\n  - name: x\n    need: true\n    note:\n  - name: y\nl:\n- 'it''s'\n",
    ],
)
def test_there_is_no_doubt_about_everyday_frontmatter(frontmatter: str) -> None:
    file = parse_skill(f"---\n{frontmatter}---\n", "f")
    assert file.valid
    assert file.uncertain is None


@pytest.mark.parametrize(
    ("yaml", "description"),
    [
        ("Extract: text", "Extract: text"),
        ('"quoted" then text', '"quoted" then text'),
        ("*bold* text", "*bold* text"),
        ("@you", "@you"),
        ("[a, 'b', 1, null]", '["a","b",1,null]'),
        (
            "{a: 1.50, b: [1e21, -0, 0o17, 0x1F, .5, .inf, .nan]}",
            "{a: 1.50, b: [1e21, -0, 0o17, 0x1F, .5, .inf, .nan]}",
        ),
        ("\n  a: [1e21, -0, 0o17, 0x1F, .5, .inf, .nan, 1e-7]", '{"a":[1e+21,0,15,31,0.5,null,null,1e-7]}'),
        ("\n  2: b\n  1: a\n  x: c", '{"1":"a","2":"b","x":"c"}'),
        ("\n  true: a\n  null: b\n  1.50: c\n  no: d", '{"true":"a","":"b","1.5":"c","no":"d"}'),
        ("{{ text }}", '{"{ text }":null}'),
        ("null", "null"),
        ("~", "~"),
        ("1.50", "1.5"),
        ("True", "true"),
    ],
)
def test_values_become_text_as_in_javascript(yaml: str, description: str) -> None:
    assert _description(yaml) == description


@pytest.mark.parametrize(
    ("frontmatter", "doubts"),
    [
        ("description: !!binary aGk=\n", {Doubt.TAGS}),
        ("description: d\nx: !!timestamp 2020-01-02\n", {Doubt.TAGS}),
        ("description: d\nx: !!set {a, b}\n", {Doubt.TAGS}),
        ("description: d\nx: !own {a: b}\n", {Doubt.TAGS}),
        ("description: &a d\nx: *a\n", {Doubt.ANCHORS}),
        ("description: &a [*a]\n", {Doubt.REFUSED}),
        ("description:\n  ? [x, 'y']\n  : z\n", {Doubt.KEYS}),
        ("? description\n: d\n", {Doubt.KEYS}),
        ("description: {{ text }}\n", {Doubt.KEYS}),
        ("1: a\ndescription: d\n", {Doubt.KEYS}),
        ("__proto__: a\ndescription: d\n", {Doubt.KEYS}),
        ("description: a\tb\n", {Doubt.CHARACTERS}),
        ("description: a\x85b\u2028c\x07\n", {Doubt.CHARACTERS}),
        ("description: d\n...\n", {Doubt.DOCUMENTS}),
        ("%YAML 1.2\ndescription: d\n", {Doubt.DOCUMENTS, Doubt.REFUSED}),
        ("description: d\n--- a\nb: c\n", {Doubt.DOCUMENTS, Doubt.REFUSED}),
        ('description: "a\nb"\n', {Doubt.INDENTATION}),
        ("description: d\nx: [a,\nb]\n", {Doubt.INDENTATION}),
        ("description: d\nx:\n>-\n  a\n", {Doubt.INDENTATION}),
        ("description: d\nx: [a]#b\n", {Doubt.COMMENTS}),
        ("description: |2-#\n    a\n", {Doubt.COMMENTS}),
        ("description: *bold* text\n", {Doubt.MENDED}),
        ('description: d\nx: "\\ud83d\\ude00"\n', {Doubt.REFUSED}),
        ("description: d\nx: a: b\n", {Doubt.REFUSED}),
        ("description: d\nx: {a: 1, a: 2}\n", {Doubt.REFUSED}),
    ],
)
def test_the_reader_knows_where_openclaw_may_read_differently(frontmatter: str, doubts: set[Doubt]) -> None:
    content = f"---\n{frontmatter}---\n"
    assert read_frontmatter(content).doubts == doubts
    uncertain = parse_skill(content, "f").uncertain
    assert uncertain is not None
    assert set(uncertain.doubts) == {str(doubt) for doubt in doubts}
    assert uncertain.block == frontmatter.removesuffix("\n")


def test_the_page_lists_the_classes_of_doubt() -> None:
    page = (Path(__file__).parents[1] / "docs" / "skills.md").read_text(encoding="utf-8")
    section = page.partition("## Where the two parsers may differ")[2].partition("\n## ")[0]
    listed = [
        line.split(" | ")[0].removeprefix("| ") for line in section.splitlines() if line.startswith("| ")
    ]
    assert sorted(listed) == sorted(["Class", *Doubt])


def test_characters_that_the_library_refuses_are_kept() -> None:
    file = parse_skill("---\ndescription: a\x07\x85\ufeff\u2028b\nx:\n  - c\x80\n---\n", "f")
    assert file.description == "a\x07\x85\ufeff\u2028b"
    assert file.fields["x"] == '["c\x80"]'


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("no frontmatter", "description is required"),
        ("---\nname: x\n", "invalid frontmatter: UNTERMINATED_FRONTMATTER: missing closing --- delimiter"),
        ("---\njust text\n---\n", "invalid frontmatter: INVALID_ROOT: frontmatter must be a YAML mapping"),
        ("---\na: b\na: c\n---\n", "invalid frontmatter: DUPLICATE_KEY: Map keys must be unique"),
        ("---\ndescription: d\nx: *y\n---\n", "invalid frontmatter: BAD_ALIAS: the alias 'y' has no anchor"),
        (
            "---\ndescription: d\nx: a: b\n---\n",
            "invalid frontmatter: YAML_SYNTAX: mapping values are not allowed in this context "
            "(line 3, column 5)",
        ),
        ("---\ndescription: ' '\n---\n", "description is required"),
    ],
)
def test_a_refusal_has_openclaws_reason(content: str, error: str) -> None:
    file = parse_skill(content, "folder")
    assert not file.valid
    assert file.error is not None
    assert file.error.startswith(error)


def test_a_name_is_the_folders_where_the_file_gives_none_and_must_exist() -> None:
    assert parse_skill("---\ndescription: d\n---\n", " folder ").name == "folder"
    assert parse_skill("---\nname: ' '\ndescription: d\n---\n", "folder").name == "folder"
    assert parse_skill("---\ndescription: d\n---\n", "").error == "name is required"


def _bomb(levels: int) -> str:
    lines = [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, levels)]
    return "description: d\na0: &a0 [x]\n" + "".join(lines)


@pytest.mark.parametrize(
    ("frontmatter", "valid"),
    [
        (_bomb(12), False),
        ("description: d\na: &a " + "x" * 100_000 + "\nb: [" + "*a," * 30_000 + "]", False),
        ("description: d\na: " + "[" * 20_000, False),
        ("description: d\na: " + "{a: " * 10_000 + "}" * 10_000, False),
        ("description: d\n" + "- " * 20_000, False),
        ("description: d\na: " + "a," * 120_000, True),
        ("description: d\na: [" + "a," * 120_000 + "]", False),
        ("description: d\na: &a " + "[" * 150 + "]" * 150 + "\nb: *a\n", True),
        ("description: d\n" + "\n".join(f"k{n}: v" for n in range(15_000)), True),
        ("description: d\na: " + "'b\nc" * 5_000, False),
        ("description: a: b\n" * 10_000, False),
    ],
)
def test_alias_bombs_and_deep_nesting_are_refused_within_bounds_on_work(
    frontmatter: str, valid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = 0
    readings = 0
    original = document._events

    def counted(text: str) -> Iterator[Any]:
        nonlocal events, readings
        readings += 1
        for event in original(text):
            events += 1
            yield event

    monkeypatch.setattr(document, "_events", counted)
    file = parse_skill(f"---\n{frontmatter}\n---\n", "f")
    assert file.valid is valid
    assert readings <= 4  # once, and once for each of the three fields that can be mended
    assert events <= document.MAX_NODES * 2
    assert sum(map(len, file.fields.values())) <= document.MAX_NODES * 256


def test_reading_costs_in_proportion_to_the_size() -> None:
    def cost(lines: int) -> int:
        text = (
            "---\ndescription: d\n" + "".join(f"k{n}: [v, 'w', {{x: 1}}]\n" for n in range(lines)) + "---\n"
        )
        return calls_of(lambda: parse_skill(text, "f"))

    assert cost(2_000) < 4.5 * cost(500)


def test_a_value_nested_deeper_than_the_stack_is_refused() -> None:
    deep = "description: d\na:\n" + "".join(" " * level + "-\n" for level in range(1, 400))
    assert not parse_skill(f"---\n{deep}---\n", "f").valid


@pytest.mark.parametrize("depth", [100, 200, 300, 450, 600, 900, 2000])
def test_no_depth_of_nesting_raises(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for text in (
        f"a:\n  {nested}\n",
        f'metadata: {{"openclaw":{{"requires":{{"bins":[{nested}]}}}}}}\n',
        f"metadata: '{{openclaw: {{requires: {{bins: [{nested},]}}}}}}'\n",
    ):
        file = parse_skill(f"---\ndescription: d\n{text}---\n", "f")
        assert file.valid or file.uncertain is not None


def test_the_manifest_is_read_from_json5_and_anything_else_in_it_is_ignored() -> None:
    def needs(metadata: str) -> tuple[str, ...]:
        text = f"---\nname: n\ndescription: d\nmetadata: {metadata}\n---\n"
        return parse_skill(text, "n").requirements.bins

    assert needs("\"{openclaw: {requires: {bins: ['a', 'b',]}}} // end\"") == ("a", "b")
    assert needs('{"clawdbot": {"requires": {"bins": "a, b"}}}') == ("a", "b")
    assert needs('{"openclaw": [1], "clawdbot": {"requires": {"bins": ["a"]}}}') == ()
    assert needs('{"openclaw": 1, "clawdbot": {"requires": {"bins": ["a"]}}}') == ("a",)
    assert needs('{"openclaw": {"requires": ["a"]}}') == ()
    assert needs("'[' ") == ()
    assert needs("'[1]'") == ()
    assert needs("'" + "[" * 5000 + "'") == ()


def test_lists_of_names_are_read_loosely() -> None:
    assert string_list("a, b ,,c") == ("a", "b", "c")
    assert string_list([1, 1.5, None, True, ["x", None, 2], {"a": 1}, " y ", ""]) == (
        "1",
        "1.5",
        "null",
        "true",
        "x,,2",
        "[object Object]",
        "y",
    )
    assert string_list(7) == ()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-1.5, "-1.5"),
        (100.0, "100"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (123456789.125, "123456789.125"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_javascript_writes_them(number: float, text: str) -> None:
    assert number_text(number) == text


def test_json_text_keeps_unicode_escapes_halves_and_orders_indexes_first() -> None:
    assert json_text({"b": "é\u2028", "10": None, "2": True}) == '{"2":true,"10":null,"b":"é\u2028"}'
    assert json_text("\ud83d\ude00 \ud83d \x07") == '"😀 \\ud83d \\u0007"'
    assert json.loads(json_text(["a", 1.5])) == ["a", 1.5]


def test_a_file_without_frontmatter_has_no_fields_and_no_issue() -> None:
    assert read_frontmatter("text").fields == {}
    assert read_frontmatter("---\n---\n").issue is None
    assert parse_skill(b"\xff\xfe", "f").error == "description is required"


def test_every_hard_frontmatter_is_read_without_an_exception() -> None:
    assert len(FRONTMATTERS) > 70
    for name, content in hard_files().items():
        parse_skill(content, name)
