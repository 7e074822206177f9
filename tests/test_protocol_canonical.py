"""Canonical JSON, base64url and times: one spelling for each value, and no second reading."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.protocol.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    b64u,
    canonical_json,
    parse_strict,
    unb64u,
)
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.times import iso, seconds_of, to_milliseconds

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_what_is_written_is_read_back_and_written_the_same(value: Any) -> None:
    written = canonical_json(value)
    assert parse_strict(written, len(written)) == value
    assert canonical_json(parse_strict(written, len(written))) == written


@given(st.dictionaries(_TEXTS, st.integers(0, 9), min_size=2, max_size=6))
def test_the_order_of_insertion_does_not_show(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_keys_are_sorted_by_utf16_units_and_escapes_are_those_of_rfc_8785() -> None:
    value = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert [*json.loads(canonical_json(value))] == ["\r", "1", "\x80", "ö", "€", "\U0001f600", "\ufb33"]
    text = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/\x7f\u2028"
    assert canonical_json(text).decode() == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f\u2028"'


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        math.nan,
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        "\ud800",
        {"\udc00": 1},
        {1: 2},
        b"x",
        {1, 2},
        object(),
    ],
)
def test_a_value_with_no_one_spelling_is_refused(value: object) -> None:
    with pytest.raises(ProtocolError):
        canonical_json({"a": [value]})


@pytest.mark.parametrize(
    "document",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b"1.0",
        b"1e3",
        b"-0",
        b"NaN",
        b"-Infinity",
        b"9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"",
        b"{} {}",
        b'"\t"',
        b"01",
        b"[1,]",
        b"[" * 200_000,
        b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
    ],
)
def test_a_document_with_two_readings_or_none_is_refused(document: bytes) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_strict(document, 300_000)
    assert refused.value.error_code.startswith("json.")


def test_a_document_over_the_limit_is_not_even_parsed() -> None:
    with pytest.raises(ProtocolError, match="2 are allowed") as refused:
        parse_strict(b"[ ]", 2)
    assert refused.value.error_code == "json.oversized"


@given(st.binary(max_size=70))
def test_base64url_has_one_spelling(data: bytes) -> None:
    assert unb64u(b64u(data)) == data


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "+/8", "QQ\n", " QQ", "Q Q", "QQé", "QUJD\0"])
def test_another_spelling_of_base64url_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        unb64u(text)


@given(st.floats(0, 253_402_300_799))
def test_times_keep_their_milliseconds(seconds: float) -> None:
    assert seconds_of(iso(seconds)) == to_milliseconds(seconds)
    assert iso(seconds_of(iso(seconds))) == iso(seconds)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, 1e18])
def test_a_time_outside_the_calendar_is_refused(seconds: float) -> None:
    with pytest.raises(ProtocolError):
        iso(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T01:29:00Z",
        "2026-11-21T01:29:00.1234Z",
        "2026-11-21T01:29:00.123+00:00",
        "2026-11-21 01:29:00.123Z",
        "2026-02-30T01:29:00.123Z",
        "2026-11-21T24:00:00.000Z",
        "2026-11-21T01:29:60.000Z",
        "1969-12-31T23:59:59.999Z",
        "2026-11-21T01:29:00.123Z\n",
        "٢٠٢٦-11-21T01:29:00.123Z",
        "",
    ],
)
def test_another_spelling_of_a_time_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        seconds_of(text)
