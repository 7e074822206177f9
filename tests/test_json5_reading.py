"""Our JSON5 reader: its verdicts and values are npm's, its errors name the place and show no value."""

from __future__ import annotations

import math
from typing import Any

import pytest

from openclaw_install.host.config.json5_text import Place, mask_line, parse_json5, place_of
from openclaw_install.host.config.json5_tree import MAX_DEPTH, Json5Error, Node, as_js_number, parse_tree
from tests.work import calls_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "{a:+1,b:-.5,c:5.,d:0x1F,e:-0XaF,f:1E-3}",
            {"a": 1, "b": -0.5, "c": 5, "d": 31, "e": -175, "f": 0.001},
        ),
        ("[Infinity,-Infinity,+Infinity]", [math.inf, -math.inf, math.inf]),
        ("[1e400,-1e400,12345678901234567890]", [math.inf, -math.inf, 12345678901234567168]),
        (r"""['\x41B\v\0\q\'', "it's"]""", ["AB\v\0q'", "it's"]),
        ("'a\\\nb\\\r\nc\\\rd\\\u2028e'", "abcde"),
        (r"'\ud83d\ude00\ud83d'", "😀\ud83d"),
        ("'tab\tand \u2028 stay'", "tab\tand \u2028 stay"),
        ("\ufeff{\u00a0a/**/:\u3000//x\u2028 1,}//end", {"a": 1}),
        (r"{a\u0062:1, ключ:2, $_:3, 𐐀:4}", {"ab": 1, "ключ": 2, "$_": 3, "𐐀": 4}),
        ("{a:1,a:2,__proto__:3}", {"a": 2, "__proto__": 3}),
        ("[true,false,null,]", [True, False, None]),
        ("7", 7),
        ('"plain"', "plain"),
    ],
)
def test_a_legal_text_has_the_value_that_npm_gives_it(text: str, value: Any) -> None:
    assert parse_json5(text) == value
    assert parse_tree(text).value == value


def test_nan_is_read_as_nan() -> None:
    assert all(math.isnan(number) for number in parse_json5("[NaN,-NaN,+NaN]"))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("  // only a comment", 1, 20),
        ("{", 1, 2),
        ("{a:1_000}", 1, 5),
        ("{a:010}", 1, 5),
        ("{a:1\nb:2}", 2, 1),
        ("{a:1}}", 1, 6),
        ("{a:'x\ny'}", 1, 4),
        ("{a:'\\1'}", 1, 5),
        ("{a:'\\01'}", 1, 5),
        ("{a:'\\u12'}", 1, 5),
        ("{a:'\\x4'}", 1, 5),
        ("{\\u0020a:1}", 1, 2),
        ("{a\\:1}", 1, 3),
        ("{1:1}", 1, 2),
        ("{a 1}", 1, 4),
        ("{a:,}", 1, 4),
        ("[,]", 1, 2),
        ("[1 2]", 1, 4),
        ("{a:1 /* never closed", 1, 6),
        ("{a:.}", 1, 4),
        ("{a:+-1}", 1, 4),
        ("{a:1e}", 1, 5),
        ("{a:truthy}", 1, 4),
        ("{a:undefined}", 1, 4),
        ("{\r\n  a: 1,\r\n  b = 2\r\n}", 3, 5),
        ("{a:1,\u2028b}", 2, 2),
    ],
)
def test_an_illegal_text_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(Json5Error) as caught:
        parse_json5(text)
    place = place_of(text, caught.value)
    assert (place.line, place.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "line", "column", "excerpt"),
    [
        ("{hooks: {enabled: true,\n", 1, 24, "{hooks: {enabled: ***,"),
        ("{\n  token: 'abc', \r\n\n \t\n", 2, 16, "token: ***,"),
        ("{a: [1,\u2028 // was: SEKRIT\n\n", 2, 16, "***"),
        ("\n\n", 3, 1, ""),
    ],
)
def test_a_text_that_is_cut_off_is_told_at_its_last_line_with_words(
    text: str, line: int, column: int, excerpt: str
) -> None:
    with pytest.raises(Json5Error) as caught:
        parse_json5(text)
    assert place_of(text, caught.value) == Place(line, column, excerpt)


@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ("{a: 1, /* was\nSEKRIT: 'x' */ b: 2, c: 3 4}", "*** ***: ***, c: *** ***}"),
        ("{a: 'one \\\nSEKRIT: two', b: 2 3}", "***, b: *** ***}"),
        ("{a: 'it\\'s', // 'x\nb: 2 3}", "b: *** ***}"),
        ('{a: "//",\n/* x */ b: 2, c: 3 4}', "*** ***: ***, c: *** ***}"),
        ("{a: 'one\\\n\\\nSEKRIT: \\\nb', c: 3 4}", "***, c: *** ***}"),
    ],
)
def test_the_rest_of_a_string_or_comment_of_the_line_before_is_masked(text: str, excerpt: str) -> None:
    with pytest.raises(Json5Error) as caught:
        parse_json5(text)
    assert place_of(text, caught.value).excerpt == excerpt


def test_nesting_is_bounded_and_never_exhausts_the_stack() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert isinstance(parse_tree(deep), Node)
    for text in ("[" * 100_000, "{a:" * 100_000, "[" * 100_000 + "]" * 100_000):
        with pytest.raises(Json5Error, match=f"more than {MAX_DEPTH} levels"):
            parse_json5(text)


@pytest.mark.parametrize(
    "text",
    [
        "{a:'" + "x" * 3_000_000,
        "{a:'" + "\\x41" * 700_000,
        "{a:1 " + "/**/" * 700_000,
        "/*" + "*" * 3_000_000,
        "{a:" + "1" * 3_000_000 + "x",
        "{" + "a" * 3_000_000,
    ],
    ids=["string", "escapes", "comments", "comment", "number", "key"],
)
def test_a_hostile_text_is_refused_with_few_calls(text: str) -> None:
    """Whole patterns read each of them: work by the character would be millions of calls."""

    def refuse() -> None:
        with pytest.raises(Json5Error):
            parse_json5(text)

    assert calls_of(refuse) < 2_000


def test_spans_and_commas_are_exact() -> None:
    text = "{ 'k😀' /*x*/ : [1, 2 ,] , b:'\\\r\n' }"
    root = parse_tree(text)
    first, second = root.children
    assert text[first.start : first.node.end] == "'k😀' /*x*/ : [1, 2 ,]"
    assert [text[child.node.start : child.node.end] for child in first.node.children] == ["1", "2"]
    assert first.comma is not None
    assert text[first.comma :].startswith(", b:")
    assert text[second.start : second.node.end] == "b:'\\\r\n'"
    assert second.comma is None
    assert (root.start, root.end) == (0, len(text))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  token: 'abc', x: 1 y", "token: ***, x: *** ***"),
        ('{"hooks": {"token": "abc" "path": 1}', '{"hooks": {"token": *** ***: ***}'),
        ("token: sk-abc:def, // was: old", "token: ***:***, ***"),
        ("botToken: 123:ABC", "botToken: ***:***"),
        ("sk-secret-value-on-a-line-of-its-own", "***"),
        ("  a: 'never closed, b: 2", "a: ***"),
        ("/* c: d */ e: 1", "*** ***: ***"),
        ("a/b", "*********"),
        ("k: [" + "'x', " * 50, ("k: [" + "***, " * 50)[:79] + "…"),
    ],
)
def test_an_excerpt_shows_keys_and_brackets_only(line: str, shown: str) -> None:
    assert mask_line(line) == shown


@pytest.mark.parametrize(
    ("number", "kept"),
    [(1.0, 1), (1.5, 1.5), (2**53 + 1, 2**53), (10**400, math.inf), (-(10**400), -math.inf)],
)
def test_numbers_are_kept_as_javascript_keeps_them(number: float, kept: float) -> None:
    assert as_js_number(number) == kept
    assert type(as_js_number(number)) is type(kept)
