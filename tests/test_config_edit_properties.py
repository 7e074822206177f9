"""Hypothesis drives the span editor: the result means what was asked, and no other byte has changed."""

from __future__ import annotations

import copy
import os
from typing import Any

import pyjson5
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from openclaw_install.host.config.edit import Edit, Remove, SetValue, apply_edits, same, value_at
from openclaw_install.host.config.json5_text import parse_json5
from openclaw_install.host.config.paths import KeyPath
from tests.json5_documents import Document, document, keys, objects, values

EXAMPLES = int(os.environ.get("EDIT_EXAMPLES", "120"))  # set it high to hunt
SEEDS = st.integers(0, 2**32)
relaxed = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def expected_after(value: Any, edit: Edit) -> Any:
    """What the edit means, said in the plainest way: on a copy, one step after the other."""
    result = copy.deepcopy(value)
    here = result
    for part in edit.path[:-1]:
        here = here[part]
    if isinstance(edit, SetValue) and isinstance(here, list) and edit.path[-1] == len(here):
        here.append(edit.value)
    elif isinstance(edit, SetValue):
        here[edit.path[-1]] = edit.value
    else:
        del here[edit.path[-1]]
    return result


def is_subsequence(short: str, long: str) -> bool:
    """Whether `long` is `short` with characters put in between and nothing else."""
    rest = iter(long)
    return all(char in rest for char in short)


def pick(data: st.DataObject, doc: Document, *, kind: type | None = None) -> KeyPath:
    """One of the document's key paths, to values of that kind only."""
    value = parse_json5(doc.text)
    paths = [path for path in doc.spans if kind is None or isinstance(value_at(value, path), kind)]
    assume(paths)
    return data.draw(st.sampled_from(sorted(paths, key=lambda path: (len(path), str(path)))))


@relaxed
@given(objects, SEEDS)
def test_the_generated_documents_read_as_the_value_that_they_were_written_from(value: Any, seed: int) -> None:
    assert same(parse_json5(document(value, seed).text), value)


@relaxed
@given(objects, SEEDS, values, st.data())
def test_replacing_a_value_changes_nothing_outside_that_value(
    value: Any, seed: int, new: Any, data: st.DataObject
) -> None:
    doc = document(value, seed)
    path = pick(data, doc)
    assume(path)
    result = apply_edits(doc.text, [SetValue(path, new)])
    span = doc.spans[path]
    assert same(parse_json5(result), expected_after(value, SetValue(path, new)))
    assert result[: span.start] == doc.text[: span.start]
    assert result.endswith(doc.text[span.end :])
    assert len(result) >= span.start + len(doc.text) - span.end
    assert all(name in result for name, at in doc.comments.items() if not span.start <= at < span.end)


@relaxed
@given(objects, SEEDS, keys, values, st.data())
def test_a_new_member_is_pure_insertion_inside_its_object(
    value: Any, seed: int, key: str, new: Any, data: st.DataObject
) -> None:
    doc = document(value, seed)
    parent = pick(data, doc, kind=dict)
    assume(key not in value_at(value, parent))
    result = apply_edits(doc.text, [SetValue((*parent, key), new)])
    span = doc.spans[parent]
    assert same(parse_json5(result), expected_after(value, SetValue((*parent, key), new)))
    assert is_subsequence(doc.text, result)
    assert result[: span.start + 1] == doc.text[: span.start + 1]
    assert result.endswith(doc.text[span.end - 1 :])
    assert all(name in result for name in doc.comments)


@relaxed
@given(objects, SEEDS, st.lists(values, min_size=1, max_size=3), st.data())
def test_a_list_that_only_grows_keeps_every_byte_of_its_elements(
    value: Any, seed: int, more: list[Any], data: st.DataObject
) -> None:
    doc = document(value, seed)
    path = pick(data, doc, kind=list)
    at = data.draw(st.integers(0, len(value_at(value, path))))
    old = value_at(value, path)
    new = [*old[:at], *more, *old[at:]]
    result = apply_edits(doc.text, [SetValue(path, new)])
    assert same(parse_json5(result), expected_after(value, SetValue(path, new)))
    assert is_subsequence(doc.text, result)
    assert all(name in result for name in doc.comments)


@relaxed
@given(objects, SEEDS, st.data())
def test_removing_takes_the_member_with_its_comma_and_nothing_else(
    value: Any, seed: int, data: st.DataObject
) -> None:
    doc = document(value, seed)
    path = pick(data, doc)
    assume(path)
    result = apply_edits(doc.text, [Remove(path)])
    parent = doc.spans[path[:-1]]
    gone = [doc.spans[path], *(span for name, span in doc.overruled if name == path)]
    assert same(parse_json5(result), expected_after(value, Remove(path)))
    assert result[: parent.start + 1] == doc.text[: parent.start + 1]
    assert result.endswith(doc.text[parent.end - 1 :])
    left = doc.text
    for span in sorted(gone, key=lambda span: -span.key):
        left = left[: span.key] + left[span.end :]
    commas = len(dark(left)) - len(dark(result))
    assert 0 <= commas <= len(gone)
    assert is_subsequence(dark(result), dark(left))
    assert sorted(dark(left)) == sorted(dark(result) + "," * commas)


def dark(text: str) -> str:
    """The text without its whitespace."""
    return "".join(text.split())


@relaxed
@given(objects, SEEDS, st.data())
def test_setting_what_is_already_there_changes_no_byte(value: Any, seed: int, data: st.DataObject) -> None:
    doc = document(value, seed)
    path = pick(data, doc)
    assume(path)
    assert apply_edits(doc.text, [SetValue(path, value_at(value, path))]) == doc.text


@relaxed
@given(objects, SEEDS, st.data())
def test_several_edits_at_once_mean_what_they_mean_one_after_the_other(
    value: Any, seed: int, data: st.DataObject
) -> None:
    doc = document(value, seed)
    edits: list[Edit] = []
    wanted = value
    for _ in range(3):
        key = data.draw(keys)
        edit: Edit = SetValue((key,), data.draw(values))
        if wanted and data.draw(st.booleans()):
            edit = Remove((data.draw(st.sampled_from(sorted(wanted))),))
        edits.append(edit)
        wanted = expected_after(wanted, edit)
    result = apply_edits(doc.text, edits)
    assert same(parse_json5(result), wanted)
    assert apply_edits(result, [SetValue((key,), wanted[key]) for key in wanted]) == result


@relaxed
@given(objects, SEEDS, keys, values)
def test_another_reader_understands_the_result_as_well(value: Any, seed: int, key: str, new: Any) -> None:
    doc = document(value, seed)
    try:
        same_before = same(pyjson5.decode(doc.text), value)
    except pyjson5.Json5Exception:
        same_before = False
    result = apply_edits(doc.text, [SetValue((key,), new)])
    if same_before:
        assert same(pyjson5.decode(result), {**value, key: new})


def test_the_comment_check_above_would_notice_a_lost_comment() -> None:
    doc = Document("{a: 1 /*c0!*/}", comments={"c0!": 6})
    with pytest.raises(AssertionError):
        assert all(name in "{a: 1}" for name in doc.comments)
