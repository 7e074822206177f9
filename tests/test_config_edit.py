"""The span editor on documents as people write them: style is followed, comments and other bytes stay."""

from __future__ import annotations

import re
from typing import Any

import pytest

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config import edit as config_edit
from openclaw_install.host.config.edit import Edit, Remove, SetValue, apply_edits, same, value_at
from openclaw_install.host.config.json5_text import parse_json5
from tests.work import calls_of

COMMENTED = """\
// my host
{
  // how it is reached
  gateway: { mode: 'local', port: 18789 }, // keep the port
  hooks: {
    enabled: false, // why
    allowedSessionKeyPrefixes: [
      'hook:gmail:', // mail
    ],
    // token: 'not any more',
  }, /* hooks */
  // that is all
}
"""


def after(text: str, *edits: Edit) -> str:
    return apply_edits(text, edits)


def test_many_edits_leave_all_comments_and_styles_of_a_commented_config() -> None:
    assert after(
        COMMENTED,
        SetValue(("hooks", "enabled"), True),
        SetValue(("hooks", "allowedSessionKeyPrefixes"), ["hook:gmail:", "hook:im:"]),
        SetValue(("hooks", "allowedAgentIds"), ["main"]),
        SetValue(("mcp", "servers", "x-y"), {"command": "a", "args": ["b"]}),
        SetValue(("gateway", "bind"), "loopback"),
    ) == (
        "// my host\n{\n"
        "  // how it is reached\n"
        "  gateway: { mode: 'local', port: 18789, bind: 'loopback' }, // keep the port\n"
        "  hooks: {\n"
        "    enabled: true, // why\n"
        "    allowedSessionKeyPrefixes: [\n"
        "      'hook:gmail:', // mail\n"
        "      'hook:im:',\n"
        "    ],\n"
        "    allowedAgentIds: ['main'],\n"
        "    // token: 'not any more',\n"
        "  }, /* hooks */\n"
        "  mcp: {\n"
        "    servers: {\n"
        "      'x-y': {\n"
        "        command: 'a',\n"
        "        args: ['b'],\n"
        "      },\n"
        "    },\n"
        "  },\n"
        "  // that is all\n}\n"
    )


def test_crlf_tabs_and_a_byte_order_mark_are_followed() -> None:
    text = '\ufeff{\r\n\t"a": 1,\r\n\t"b": {\r\n\t\t"c": 2\r\n\t}\r\n}\r\n'
    assert after(text, SetValue(("b", "d"), {"e": [{"f": 1}]}), SetValue(("z",), None)) == (
        '\ufeff{\r\n\t"a": 1,\r\n\t"b": {\r\n\t\t"c": 2,\r\n\t\t"d": {\r\n\t\t\t"e": [\r\n\t\t\t\t{\r\n'
        '\t\t\t\t\t"f": 1\r\n\t\t\t\t}\r\n\t\t\t]\r\n\t\t}\r\n\t},\r\n\t"z": null\r\n}\r\n'
    )


@pytest.mark.parametrize(
    ("before", "edit", "result"),
    [
        ("", SetValue(("a", "b"), 1), '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("{}", SetValue(("a",), "x"), '{\n  "a": "x"\n}'),
        ("{}\n", SetValue(("a",), {}), '{\n  "a": {}\n}\n'),
        ("{ // why\n}", SetValue(("a",), []), '{ // why\n  "a": []\n}'),
        ("{\n}", SetValue(("a",), 1), '{\n  "a": 1\n}'),
        ("{a:1}", SetValue(("b",), "x"), '{a:1,b:"x"}'),
        ("{a:1,b:2}", SetValue(("c",), 3), "{a:1,b:2,c:3}"),
        ("{ a: 1 }", SetValue(("b",), {"c": 1}), "{ a: 1, b: { c: 1 } }"),
        ("{ 'a': 'x', }", SetValue(("c-d",), "it's"), "{ 'a': 'x', 'c-d': 'it\\'s', }"),
        ("{ a: {} }", SetValue(("a", "b"), 1), "{ a: { b: 1 } }"),
        ("{ a: [] }", SetValue(("a", 0), 1), "{ a: [1] }"),
        ("{a: 1 // x\n}", SetValue(("b",), 2), "{a: 1, // x\n  b: 2\n}"),
        ("{a: 1 /* x */}", SetValue(("b",), 2), "{a: 1, /* x */ b: 2}"),
        ("{a: 1 /* x */ , /* y */ // z\n}", SetValue(("b",), 2), "{a: 1 /* x */ , /* y */ // z\n  b: 2,\n}"),
        ("{\n  a: 1\n  // last\n}", SetValue(("b",), 2), "{\n  a: 1,\n  b: 2\n  // last\n}"),
        ("{\n  a: 1, b: 2 }", SetValue(("c",), 3), "{\n  a: 1, b: 2,\n  c: 3 }"),
        ("{\n  a: 1\n, b: 2\n}", SetValue(("c",), 3), "{\n  a: 1\n, b: 2,\n  c: 3\n}"),
        ("{\r\ta: 1\r}", SetValue(("b",), 2), "{\r\ta: 1,\r\tb: 2\r}"),
        ('{a: "x"}', SetValue(("a",), 'say "x" it\'s'), '{a: "say \\"x\\" it\'s"}'),
        ("{a: 'x'}", SetValue(("a",), 'say "x" it\'s'), "{a: 'say \"x\" it\\'s'}"),
        ("{a: 1}", SetValue(("a",), "\u2028\x85\x7f\ufeff"), '{a: "\\u2028\\u0085\\u007f\\ufeff"}'),
        ("{a: 0x10}", SetValue(("a",), 16.0), "{a: 0x10}"),
        ("{a: 1}", SetValue(("a",), True), "{a: true}"),
        ("{a: 1, a: 2}", SetValue(("a",), 3), "{a: 1, a: 3}"),
        ("{a: 1, 'a': {b: 1}}", SetValue(("a", "b"), 2), "{a: 1, 'a': {b: 2}}"),
        ("{\n  a: [1, 2]\n}", SetValue(("a",), [0, 1, 2, 3]), "{\n  a: [0, 1, 2, 3]\n}"),
        ("{a: [ 1, 2 ]}", SetValue(("a",), [0, 1, 9]), "{a: [ 0, 1, 9 ]}"),
        ("{a: [1, /*x*/ 3]}", SetValue(("a",), [1, 2, 3]), "{a: [1, /*x*/ 2, 3]}"),
        ("{a: [1]}", SetValue(("a", 1), 2), "{a: [1, 2]}"),
        ("{a: [{b: 1 /*x*/}]}", SetValue(("a",), [{"b": 2}]), "{a: [{b: 2 /*x*/}]}"),
        ("{a: {b: 1, c: 2}}", SetValue(("a",), {"c": 3}), "{a: {c: 3}}"),
        ("{a: 1}", SetValue((), {"b": 2}), "{b: 2}"),
        ("{ a: 1 }", SetValue((), {"b": 2}), "{ b: 2 }"),
        ("{a: [1, 2]}", SetValue(("a",), []), "{a: []}"),
        (
            "{\n  a: 1\n}",
            SetValue(("b",), ["x" * 50, "y" * 50]),
            "{\n  a: 1,\n  b: [\n    " + f'"{"x" * 50}",\n    "{"y" * 50}"' + "\n  ]\n}",
        ),
    ],
)
def test_setting_follows_what_stands_around_it(before: str, edit: SetValue, result: str) -> None:
    assert after(before, edit) == result
    assert after(result, edit) == result, "a second run changes nothing"


@pytest.mark.parametrize(
    ("before", "path", "result"),
    [
        ("{a: 1, b: 2, c: 3}", ("b",), "{a: 1, c: 3}"),
        ("{a: 1, b: 2, c: 3}", ("c",), "{a: 1, b: 2}"),
        ("{a: 1, b: 2, }", ("b",), "{a: 1, }"),
        ("{ a: 1 }", ("a",), "{ }"),
        ("{\n  a: 1,\n  b: 2\n}", ("b",), "{\n  a: 1\n}"),
        ("{\n  a: 1,\n  b: 2,\n}", ("b",), "{\n  a: 1,\n}"),
        ("{\r\n  a: 1,\r\n  b: 2\r\n}", ("a",), "{\r\n  b: 2\r\n}"),
        ("{\n  // above\n  a: 1, // beside\n  b: 2\n}", ("a",), "{\n  // above\n  // beside\n  b: 2\n}"),
        ("{a: /*in*/ 1 /*x*/ , b: 2}", ("a",), "{/*x*/  b: 2}"),
        ("{a: 1, a: 2, b: 3}", ("a",), "{b: 3}"),
        ("{a: [1, 1, /*x*/ 1]}", ("a", 0), "{a: [1, /*x*/ 1]}"),
        ("{a: [1, 1, /*x*/ 1]}", ("a", 2), "{a: [1, 1 /*x*/]}"),
        ("{a: 1}", ("b",), "{a: 1}"),
        ("{a: 1}", ("b", "c"), "{a: 1}"),
        ("{a: [1]}", ("a", 5), "{a: [1]}"),
        ("", ("a",), ""),
    ],
)
def test_removing_takes_the_member_its_comma_and_its_empty_line(
    before: str, path: tuple[str | int, ...], result: str
) -> None:
    assert after(before, Remove(path)) == result


def test_removing_several_and_adding_at_once_leaves_no_holes() -> None:
    assert after("{a: 1, b: 2, c: 3}", Remove(("b",)), Remove(("c",))) == "{a: 1}"
    assert after("{a: 1, b: 2}", Remove(("b",)), SetValue(("c",), 3)) == "{a: 1, c: 3}"
    assert after("{\n  a: 1,\n  b: 2\n}", Remove(("b",)), SetValue(("c",), 3)) == "{\n  a: 1,\n  c: 3\n}"
    assert after("{a: [1, 2, 3]}", Remove(("a", 0)), Remove(("a", 0))) == "{a: [3]}"


@pytest.mark.parametrize(
    ("text", "edit", "code"),
    [
        ("{a: 1", SetValue(("a",), 2), "config.syntax"),
        ("// nothing", SetValue(("a",), 2), "config.syntax"),
        ("[]", SetValue(("a",), 2), "config.not_object"),
        ("{a: 1}", SetValue(("a", "b"), 2), "config.edit_path"),
        ("{a: null}", SetValue(("a", "b"), 2), "config.edit_path"),
        ("{a: []}", SetValue(("a", "b"), 2), "config.edit_path"),
        ("{a: {}}", SetValue(("a", 0), 2), "config.edit_path"),
        ("{a: [1]}", SetValue(("a", 2), 2), "config.edit_path"),
        ("{a: [1]}", SetValue(("a", -1), 2), "config.edit_path"),
        ("{a: 1}", Remove(()), "config.edit_path"),
        ("{a: 1}", Remove(("a", "b")), "config.edit_path"),
        ("{a: 1}", SetValue(("a",), float("nan")), "config.edit_value"),
        ("{a: 1}", SetValue(("a",), {1: 2}), "config.edit_value"),
        ("{a: 1}", SetValue(("a",), object()), "config.edit_value"),
        ("{a: 1}", SetValue(("a",), "\ud800"), "config.edit_value"),
        ("{a: 1}", SetValue(("a",), {"\ud800": 1}), "config.edit_value"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(text: str, edit: Edit, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        after(text, edit)
    assert caught.value.error_code == code
    assert caught.value.next_step


def test_a_syntax_error_in_the_edited_text_shows_no_value() -> None:
    with pytest.raises(ConfigError) as caught:
        after("{\n token: 'sesame' x}", SetValue(("a",), 1))
    assert "line 2, column 18" in caught.value.message
    assert "sesame" not in caught.value.message


@pytest.mark.parametrize("broken", ["{a: 1", "{a: 2}"])
def test_a_result_that_does_not_read_back_is_never_returned(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(config_edit, "_patched", lambda *_: broken)
    with pytest.raises(ConfigError) as caught:
        after("{a: 1}", SetValue(("a",), 3))
    assert caught.value.error_code == "config.edit_failed"


def test_a_config_that_only_npm_understands_can_be_edited_all_the_same() -> None:
    assert after("{a: 1e400, b: 1}", SetValue(("b",), 2)) == "{a: 1e400, b: 2}"


def test_tuples_and_mappings_are_taken_as_lists_and_objects() -> None:
    assert parse_json5(after("{}", SetValue(("a",), ({"b": (1, 2)},)))) == {"a": [{"b": [1, 2]}]}


def test_deep_equality_is_that_of_json() -> None:
    cases: list[tuple[Any, Any, bool]] = [
        (1, 1.0, True), (1, True, False), (0, False, False), (True, True, True), (None, 0, False),
        (float("nan"), float("nan"), True), ("1", 1, False), ([1], [1, 2], False), ({}, [], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ({"a": 1}, {"b": 1}, False),
    ]  # fmt: skip
    for left, right, equal in cases:
        assert same(left, right) is equal, (left, right)


def test_a_value_is_found_by_its_path() -> None:
    data = {"a": [{"b": 5}]}
    assert value_at(data, ("a", 0, "b")) == 5
    for path in (("a", 1), ("a", "b"), ("c",), ("a", 0, "b", "c")):
        with pytest.raises(KeyError):
            value_at(data, path)


def test_a_five_megabyte_config_is_edited_with_work_in_proportion_to_its_size() -> None:
    def text_of(count: int, width: int = 40) -> str:
        lines = (f"  k{i}: {{ token: '{i:0{width}}', list: [1, 2, 3] }}, // c{i}\n" for i in range(count))
        return "{\n" + "".join(lines) + "}\n"

    def edited(text: str) -> str:
        return after(text, SetValue(("hooks", "enabled"), True), SetValue(("k5", "list"), [1, 2, 3, 4]))

    small, large = text_of(500), text_of(2_000)
    assert calls_of(lambda: edited(large)) < 4.5 * calls_of(lambda: edited(small))
    text = text_of(7_500, width=640)
    assert len(text) > 5_000_000
    result = edited(text)
    assert len(re.findall("// c", result)) == 7_500
    assert len(result) - len(text) < 80
