"""Taking an edit back out of a document that somebody else changed since: the pure merge by key path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.host.config.edit import Edit, Remove, SetValue, apply_edits, same
from openclaw_install.host.config.json5_text import parse_json5
from openclaw_install.host.config.paths import KeyPath
from openclaw_install.setup.changes import Change
from openclaw_install.setup.config_merge import (
    ABSENT,
    Inverse,
    inverse_of,
    outermost,
    parents_allow,
    related,
    value_at,
    without_edit,
)

PATH = ("hooks", "list")


def merged(before: Any, after: Any, now: Any, *paths: KeyPath) -> tuple[Any, tuple[KeyPath, ...]]:
    """The document after the inverse, and the conflicts."""
    inverse = inverse_of(before, after, now, paths)
    return made(now, inverse), inverse.conflicts


def made(document: Any, inverse: Inverse) -> Any:
    edits = [*inverse.edits, *(Remove(path) for path in inverse.emptied)]
    for edit in edits:
        document = _edited(document, edit)
    return document


def _edited(document: Any, edit: Edit, depth: int = 0) -> Any:
    """The edit on plain data, written apart from the span editor."""
    key = edit.path[depth]
    if depth + 1 < len(edit.path):
        return {**document, key: _edited(document.get(key, {}), edit, depth + 1)}
    if isinstance(edit, Remove):
        return {name: value for name, value in document.items() if name != key}
    return {**document, key: edit.value}


def _any(document: Any) -> Any:
    return document


def test_a_key_that_we_set_goes_and_the_users_keys_stay() -> None:
    before, after = _any({"own": 1}), _any({"own": 1, "ours": 2})
    assert merged(before, after, {"own": 3, "ours": 2, "new": 4}, ("ours",)) == ({"own": 3, "new": 4}, ())


def test_a_value_that_we_replaced_comes_back() -> None:
    assert merged({"a": 1}, {"a": 2}, {"a": 2, "b": 3}, ("a",)) == ({"a": 1, "b": 3}, ())


def test_a_key_that_we_removed_comes_back_with_its_parents() -> None:
    before, after = _any({"a": {"b": 1}}), _any({"a": {}})
    assert merged(before, after, {"c": 1}, ("a", "b")) == ({"c": 1, "a": {"b": 1}}, ())


def test_what_the_user_took_back_already_needs_nothing() -> None:
    assert inverse_of({"a": 1}, {"a": 2}, {"a": 1}, [("a",)]) == Inverse()
    assert inverse_of({}, {"a": 2}, {}, [("a",)]) == Inverse()


def test_a_key_that_both_set_is_a_conflict_and_stays() -> None:
    assert merged({"a": 1}, {"a": 2}, {"a": 3}, ("a",)) == ({"a": 3}, (("a",),))
    assert merged({}, {"a": 2}, {"a": 3}, ("a",)) == ({"a": 3}, (("a",),))
    assert merged({"a": 1}, {"a": 2}, {}, ("a",)) == ({}, (("a",),))


def test_a_parent_that_became_something_else_is_a_conflict() -> None:
    before, after = _any({"a": {"b": 1}}), _any({"a": {}})
    assert merged(before, after, {"a": "text"}, ("a", "b")) == ({"a": "text"}, (("a", "b"),))


def test_true_is_not_one_and_one_is_one_point_nought() -> None:
    assert merged({"a": 0}, {"a": True}, {"a": 1}, ("a",))[1] == (("a",),)
    assert merged({"a": 0}, {"a": 1}, {"a": 1.0}, ("a",)) == ({"a": 0}, ())


def test_parents_that_we_made_go_when_nothing_else_is_in_them() -> None:
    after: Any = {"mcp": {"servers": {"one": {}, "two": {}}}}
    paths = (("mcp", "servers", "one"), ("mcp", "servers", "two"))
    assert merged({}, after, _any({**after, "x": 1}), *paths) == ({"x": 1}, ())
    assert merged({}, after, _any({"mcp": {"servers": {"one": {}}}}), *paths) == ({}, ())


def test_parents_that_we_made_stay_when_the_user_added_to_them() -> None:
    after: Any = {"mcp": {"servers": {"one": {}}}}
    now = _any({"mcp": {"servers": {"one": {}, "mine": 1}}})
    path = ("mcp", "servers", "one")
    assert merged({}, after, now, path) == ({"mcp": {"servers": {"mine": 1}}}, ())
    now = _any({"mcp": {"servers": {"one": {}}, "mine": 1}})
    assert merged({}, after, now, path) == ({"mcp": {"mine": 1}}, ())


def test_an_empty_parent_that_was_there_before_stays() -> None:
    before, after = _any({"mcp": {}}), _any({"mcp": {"servers": {"one": {}}}})
    assert merged(before, after, _any({**after, "x": 1}), ("mcp", "servers", "one")) == (
        {"mcp": {}, "x": 1},
        (),
    )


def lists(was: list[Any] | None, ours: list[Any], now: Any) -> tuple[Any, tuple[KeyPath, ...]]:
    before: Any = {"hooks": {} if was is None else {"list": was}}
    after, current = {"hooks": {"list": ours}}, {"hooks": {"list": now}, "other": 1}
    document, conflicts = merged(before, after, current, (*PATH, 0), (*PATH, 1))
    return document["hooks"].get("list", ABSENT), conflicts


def test_a_list_that_we_extended_loses_ours_and_keeps_the_users() -> None:
    assert lists(["a"], ["a", "b"], ["a", "b", "user"]) == (["a", "user"], ())
    assert lists(["a"], ["a", "b"], ["user", "b", "a"]) == (["user", "a"], ())
    assert lists(None, ["b"], ["b", "user"]) == (["user"], ())
    assert lists(["a"], ["a", 1], ["a", True, 1]) == (["a", True], ())


def test_a_list_without_anything_of_ours_stays_as_it_is() -> None:
    assert lists(None, ["b"], ["user"]) == (["user"], ())
    assert lists(None, ["b"], []) == ([], ())


def test_what_we_took_out_of_a_list_comes_back() -> None:
    assert lists(["a", "bad"], ["a", "b"], ["a", "b", "user"]) == (["a", "user", "bad"], ())


def test_a_list_never_becomes_empty_where_it_was_not() -> None:
    # An empty list of prefixes restricts nothing at all.
    assert lists(["a"], ["a", "b"], ["b"]) == (["b"], (PATH,))
    assert lists(None, ["a", "b"], ["b"]) == (ABSENT, ())


def test_a_list_that_became_something_else_is_a_conflict() -> None:
    assert lists(["a"], ["a", "b"], "text") == ("text", (PATH,))


def test_an_index_means_its_list_and_the_outermost_path_stands_for_those_below() -> None:
    paths = [("a", "b", 1), ("a", "b", 2, "c"), ("x", "y"), ("x",), ("x", "y", "z")]
    assert outermost(paths) == (("a", "b"), ("x",))
    assert value_at({"a": [1]}, ("a", 0)) is ABSENT
    assert repr(ABSENT) == "ABSENT"
    assert parents_allow({"a": {}}, ("a", "b", "c"))
    assert not parents_allow({"a": None}, ("a", "b"))


KEYS = st.sampled_from(["a", "b", "c", "d", "e"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text("xyz ", max_size=4))
LISTS = st.lists(st.sampled_from(["p", "q", "r", "s"]), unique=True, max_size=4)
DOCUMENTS = st.recursive(
    st.dictionaries(KEYS, st.one_of(SCALARS, LISTS), max_size=4),
    lambda children: st.dictionaries(KEYS, st.one_of(SCALARS, LISTS, children), max_size=4),
    max_leaves=12,
)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


def _edits(data: st.DataObject, document: Any, name: str) -> list[Edit]:
    edits: list[Edit] = []
    for path in data.draw(st.lists(PATHS, max_size=4, unique=True), label=f"paths of {name}"):
        if parents_allow(document, path):
            fresh = st.builds(SetValue, st.just(path), st.one_of(SCALARS, LISTS))
            edit = data.draw(st.one_of(fresh, st.just(Remove(path))), label=f"edit of {name}")
            if not any(related(path, other.path) for other in edits):
                edits.append(edit)
    return edits


def _make(document: Any, edits: list[Edit]) -> Any:
    for edit in edits:
        gone = isinstance(edit, Remove) and value_at(document, edit.path) is ABSENT
        document = document if gone else _edited(document, edit)
    return document


def _created(before: Any, edits: list[Edit]) -> set[KeyPath]:
    """The objects that our edits had to make."""
    parents = {edit.path[:n] for edit in edits for n in range(1, len(edit.path))}
    return {path for path in parents if value_at(before, path) is ABSENT}


@given(before=DOCUMENTS, data=st.data())
def test_undo_gives_what_was_before_with_the_users_edits_where_they_touch_different_keys(
    before: dict[str, Any], data: st.DataObject
) -> None:
    ours = _edits(data, before, "ours")
    after = _make(before, ours)
    users = [
        edit
        for edit in _edits(data, after, "the user's")
        if not any(related(edit.path, own.path) for own in ours)
        and not any(
            related(edit.path, made) and len(edit.path) <= len(made) for made in _created(before, ours)
        )
    ]
    now = _make(after, users)
    inverse = inverse_of(before, after, now, [edit.path for edit in ours])
    assert inverse.conflicts == ()
    assert same(made(now, inverse), _make(before, users))


@given(before=DOCUMENTS, data=st.data())
def test_the_same_holds_for_the_text_of_the_config(before: dict[str, Any], data: st.DataObject) -> None:
    text = apply_edits("// head\n{\n}\n", [SetValue((key,), value) for key, value in before.items()])
    ours = _edits(data, before, "ours")
    after = apply_edits(text, ours)
    now = apply_edits(after, [SetValue(("user's",), ["kept"])])
    change = Change(
        "config",
        Path("/host/openclaw.json"),
        "config",
        text.encode(),
        after.encode(),
        key_paths=tuple(edit.path for edit in ours),
    )
    result = without_edit(change, now.encode())
    assert result.conflicts == ()
    assert same(parse_json5(result.data.decode()), {**before, "user's": ["kept"]})
    assert result.data.startswith(b"// head\n")
