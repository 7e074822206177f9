"""What a SKILL.md's text means; every expected value was read off OpenClaw 2026.9.6."""

from __future__ import annotations

import json
import math
import time

import pytest

from openclaw_install.host.frontmatter.document import parse_document
from openclaw_install.host.frontmatter.keys import key_text
from openclaw_install.host.frontmatter.nodes import Mapping
from openclaw_install.host.frontmatter.quick import quick_fields
from openclaw_install.host.frontmatter.reading import normalize, read_block, read_frontmatter
from openclaw_install.host.javascript import json_text, number_text, well_formed
from openclaw_install.host.skill_file import parse_skill, string_list
from tests.skill_cases import FRONTMATTERS, hard_files, mutated


def _block(content: bytes) -> str | None:
    text = normalize(content.decode("utf-8", "replace"))
    head, separator, tail = text.partition("---\n")
    block, closing, _ = tail.partition("\n---\n")
    return f"{block}\n" if separator and closing and not head else None


def _description(yaml: str) -> str | None:
    return parse_skill(f"---\nname: n\ndescription: {yaml}\n---\n", "f").description


def test_the_quick_reader_agrees_with_the_full_one_wherever_it_answers() -> None:
    answered = 0
    for content in [*hard_files().values(), *mutated(seed=7, count=8000)]:
        block = _block(content)
        quick = quick_fields(block) if block else None
        if block and quick is not None:
            answered += 1
            full = read_block(block)
            assert (block, full.issue, dict(full.fields)) == (block, None, quick)
    assert answered > 400


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
def test_everyday_frontmatter_is_taken_by_the_quick_reader(frontmatter: str) -> None:
    quick = quick_fields(frontmatter)
    assert quick is not None
    assert quick == read_block(frontmatter).fields


@pytest.mark.parametrize(
    "frontmatter",
    [
        "",
        "name: a\n  continued\n",
        "name: a\nname: b\n",
        "true: a\n",
        "name: a # comment\n",
        "a: {b: c}\n",
        'a: {"b": 1, "b": 2}\n',
        'a: {"b": NaN}\n',
        'a: {"b": ",}",}\n',
        "a:\n{\n}\n",
        "a:\n  - b: {c: d}\n",
        "a:\n    b: c\n  d: e\n",
        "a:\n  b: c\n    d: e\n",
        "a:\n  - \n",
        "a:\n  - b\n  c: d\n",
        "a: |\nb: c\n",
        "a: >\n  one\n    two\n",
        "a: |\n    one\n  two\n",
        "a: 'b' c\n",
        "description: a: - b\n",
        "description: \xa0a\n",
        "a\tb: c\n",
        "a:\n  b: c\n  b: d\n",
        "a:\n  b: [c\n",
        "a: " + '{"b":' * 5000 + "\n",
    ],
)
def test_the_quick_reader_leaves_the_rest_to_the_full_one(frontmatter: str) -> None:
    assert quick_fields(frontmatter) is None


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
        ("null", "null"),
        ("~", "~"),
        ("1.50", "1.5"),
        ("True", "true"),
        ("{{ text }}", '{"{ text }":null}'),
        ("!!binary aGk=", '{"type":"Buffer","data":[104,105]}'),
        ("!!timestamp 2020-01-02T03:04:05Z", "!!timestamp 2020-01-02T03:04:05Z"),
        ("\n  - !!timestamp 2020-02-30 1:2:3.4567 +5", '["2020-02-29T20:02:03.456Z"]'),
        ("\n  - !!timestamp 2020-01-02T03:04:05-03:30", '["2020-01-02T06:34:05.000Z"]'),
        ("!!timestamp 2020-13-02", '"2021-01-02T00:00:00.000Z"'),
        ("!!timestamp 0001-01-01", '"1901-01-01T00:00:00.000Z"'),
        ("!!timestamp 9999-99-01", "null"),
        ("!!set {a, b}", "{}"),
        ("!!omap [a: 1, b: 2]", "!!omap [a: 1, b: 2]"),
        ("!!pairs [a, {}]", '[{"a":null},{"":null}]'),
        ("\n  ? [x, 'y']\n  : z", '{"[ x, \'y\' ]":"z"}'),
        ("&a [*a]", "&a [*a]"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d"', "\ud83d"),
    ],
)
def test_values_become_text_as_in_javascript(yaml: str, description: str) -> None:
    assert _description(yaml) == description


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("no frontmatter", "description is required"),
        ("---\nname: x\n", "invalid frontmatter: UNTERMINATED_FRONTMATTER: missing closing --- delimiter"),
        ("---\njust text\n---\n", "invalid frontmatter: INVALID_ROOT: frontmatter must be a YAML mapping"),
        ("---\na: b\na: c\n---\n", "invalid frontmatter: DUPLICATE_KEY: Map keys must be unique"),
        ("---\ndescription: d\nx: *y\n---\n", "invalid frontmatter: YAML_EXCEPTION: Unresolved alias"),
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


def test_alias_bombs_and_deep_nesting_end_soon() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    texts = [
        f"description: d\n{bomb}",
        "description: d\na: " + "[" * 20_000,
        "description: d\na: " + "{a: " * 10_000 + "}" * 10_000,
        "description: d\n" + "- " * 20_000,
        "description: d\na: &a " + "[" * 150 + "]" * 150 + "\nb: *a\n",
        "description: d\n" + "\n".join(f"k{n}: v" for n in range(15_000)),
        "description: d\na: " + "'b\nc" * 5_000,
    ]
    started = time.monotonic()
    verdicts = [parse_skill(f"---\n{text}\n---\n", "f").valid for text in texts]
    assert verdicts == [False, False, False, False, True, True, False]
    assert time.monotonic() - started < 20


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
        assert file.valid or "RESOURCE_EXHAUSTION" in (file.error or "")


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
    assert well_formed("a\ud83d") == "a\ufffd"


@pytest.mark.parametrize(
    ("yaml", "text"),
    [
        ("{}", "{}"),
        ("[]", "[]"),
        ("{a: b, c: , d}", "{ a: b, c:, d }"),
        ("[a, 'it''s', \"q\", 1.5, true, ~, '']", "[ a, 'it''s', \"q\", 1.5, true, ~, '' ]"),
        ("{&x a: *x, !t b: !!str c}", "{ &x a: *x, !t b: !!str c }"),
        ("{[a]: b}", "{\n  ? [ a ]\n  : b\n}"),
        ("{? [a]}", "{ ? [ a ] }"),
        ("['a: b', \"1\", \"it's\", 'x\ty']", "[ 'a: b', \"1\", \"it's\", 'x\ty' ]"),
        ('["\\a\\x01\\e"]', '[ "\\a\\x01\\e" ]'),
        ("[" + ", ".join(["abcdefghij"] * 9) + "]", "[\n" + "  abcdefghij,\n" * 8 + "  abcdefghij\n]"),
        (
            "{k: [" + ", ".join(["abcdefghij"] * 9) + "]}",
            "{\n  k:\n    [\n" + "      abcdefghij,\n" * 8 + "      abcdefghij\n    ]\n}",
        ),
    ],
)
def test_collections_as_keys_are_spelt_as_flow_yaml(yaml: str, text: str) -> None:
    root = parse_document(f"x: {yaml}").root
    assert isinstance(root, Mapping)
    value = root.pairs[0][1]
    assert value is not None
    assert key_text(value) == text


def test_directives_are_checked_although_frontmatter_cannot_use_them() -> None:
    def codes(yaml: str) -> list[str]:
        return [issue.code for issue in parse_document(yaml).issues]

    assert codes("%YAML 1.2\n---\na: b\n") == []
    assert codes("%YAML 1.1 x\n---\na: b\n") == ["BAD_DIRECTIVE"]
    assert codes("%YAML two\n---\na: b\n") == ["BAD_DIRECTIVE"]
    assert codes("%YAML 3.0\n---\na: b\n") == []
    assert codes("%TAG ! tag:x,2000:\n---\na: !b c\n") == []
    assert codes("%TAG !\n---\na: b\n") == ["BAD_DIRECTIVE"]
    assert codes("%TAG ! a b # c\n---\na: b\n") == ["BAD_DIRECTIVE"]
    assert codes("%YAML 1.2") == ["MISSING_CHAR"]
    assert codes("...\n") == []
    assert codes("a: !<tag:yaml.org,2002:str b\n") == ["TAG_RESOLVE_FAILED"]
    assert codes("a: !<!> b\nc: !%41 d\ne: !x!y z\nf: !!\n") == ["TAG_RESOLVE_FAILED"] * 3
    assert codes("a: !!%ff b\n") == ["TAG_RESOLVE_FAILED"]


def test_a_file_without_frontmatter_has_no_fields_and_no_issue() -> None:
    assert read_frontmatter("text").fields == {}
    assert read_frontmatter("---\n---\n").issue is None
    assert parse_skill(b"\xff\xfe", "f").error == "description is required"


def test_every_hard_frontmatter_is_read_without_an_exception() -> None:
    assert len(FRONTMATTERS) > 70
    for name, content in hard_files().items():
        parse_skill(content, name)
