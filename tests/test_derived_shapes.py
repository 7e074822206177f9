"""What is derived from a record or a signature: JSON, schemas, argument checks, descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from openclaw_install.common.docstrings import described
from openclaw_install.common.jsonable import Timestamp, jsonable, record_from
from openclaw_install.surfaces.schemas import (
    ArgumentError,
    checked,
    input_schema,
    output_schema,
    record_schema,
    without_descriptions,
)
from openclaw_install.surfaces.views.text import Text


@dataclass(frozen=True)
class Peer:
    """Another agent.

    Attributes:
        did: its lasting name, which
            never changes.
    """

    did: str
    alias: str | None


@dataclass(frozen=True)
class Page:
    """A page of agents.

    Attributes:
        peers, older: agents of either kind.
        seen_at: when each was seen.
    """

    peers: tuple[Peer, ...]
    older: tuple[Peer, ...]
    seen_at: tuple[Timestamp, ...]
    last: Timestamp | None
    counts: dict[str, int]


@dataclass(frozen=True)
class Named:
    """What has a name.

    Attributes:
        name: as it is called.
        note: kept with it.
    """

    name: str
    note: str = ""


@dataclass(frozen=True)
class Renamed(Named):
    """What was called otherwise before.

    Attributes:
        note: why.
        before: its earlier name.
    """

    before: str | None = None


def agents(
    app: object,
    *,
    limit: Annotated[int, Ge(1), Le(200)] = 20,
    kind: Literal["near", "far"] | None = None,
    known: list[Peer] | None = None,
) -> Page:
    """List agents.

    Start here.

    Args:
        limit: rows to show.
    """
    raise AssertionError


def test_a_record_becomes_an_object_of_its_fields_and_times_become_text() -> None:
    page = Page((Peer("a", None),), (), (0.0015,), 12.0, {"near": 1})
    assert jsonable(page) == {
        "peers": [{"did": "a", "alias": None}],
        "older": [],
        "seen_at": ["1970-01-01T00:00:00.002Z"],
        "last": "1970-01-01T00:00:12.000Z",
        "counts": {"near": 1},
    }


def test_what_json_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        jsonable({"a": object()})


@given(
    st.builds(
        Page,
        st.lists(st.builds(Peer, st.text(), st.none() | st.text())).map(tuple),
        st.just(()),
        st.lists(st.floats(0, 4e9)).map(tuple),
        st.none() | st.floats(0, 4e9),
        st.dictionaries(st.text(), st.integers()),
    )
)
def test_whatever_a_record_holds_its_json_fits_its_schema(page: Page) -> None:
    Draft202012Validator(output_schema(agents)).validate(jsonable(page))


def test_a_schema_is_no_looser_than_its_record() -> None:
    judge = Draft202012Validator(output_schema(agents))
    good: dict[str, Any] = {"peers": [], "older": [], "seen_at": [], "last": None, "counts": {}}
    assert judge.is_valid(good)
    assert not judge.is_valid({**good, "more": 1})
    assert not judge.is_valid({key: value for key, value in good.items() if key != "last"})
    assert not judge.is_valid({**good, "peers": [{"did": "a"}]})


def test_the_signature_is_the_input_schema_and_the_docstring_describes_it() -> None:
    schema = input_schema(agents)
    assert schema["required"] == []
    assert schema["properties"]["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 200,
        "default": 20,
        "description": "rows to show.",
    }
    assert schema["properties"]["kind"] == {"type": "string", "enum": ["near", "far"]}


def test_descriptions_follow_the_names_and_go_on_over_lines() -> None:
    properties = output_schema(agents)["properties"]
    assert properties["older"]["description"] == "agents of either kind."
    assert output_schema(agents)["$defs"]["Peer"]["properties"]["did"]["description"].endswith(
        "never changes."
    )
    assert "description" not in str(without_descriptions(output_schema(agents)))


def test_an_answer_has_every_field_so_its_schema_lists_no_default() -> None:
    schema = record_schema(Renamed)
    assert schema["required"] == ["name", "note", "before"]
    assert "default" not in str(schema)


def test_what_a_base_class_says_of_its_attributes_describes_them_too() -> None:
    properties = record_schema(Renamed)["properties"]
    assert [properties[name]["description"] for name in ("name", "note", "before")] == [
        "as it is called.",
        "why.",
        "its earlier name.",
    ]


def test_a_summary_is_all_before_the_first_section() -> None:
    assert described(agents).summary == "List agents. Start here."
    assert described(dataclass(frozen=True)(type("Bare", (), {}))).summary == ""


def test_arguments_become_what_the_action_takes() -> None:
    assert checked(agents, {"limit": 3, "known": [{"did": "a", "alias": None}], "kind": None}) == {
        "limit": 3,
        "known": [Peer("a", None)],
        "kind": None,
    }


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"limit": "hunter2"}, "limit"),
        ({"limit": 500}, "limit"),
        ({"limit": True}, "limit"),
        ({"kind": "hunter2"}, "kind"),
        ({"known": [{"did": "hunter2"}]}, "known.0.alias"),
        ({"known": [{"did": "a", "alias": None, "x": "hunter2"}]}, "known.0.x"),
    ],
)
def test_a_broken_argument_is_named_and_never_quoted(arguments: dict[str, Any], place: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        checked(agents, arguments)
    assert place in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.next_step


def test_an_unknown_argument_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ArgumentError) as caught:
        checked(agents, {"limits": 3})
    assert '"limits"' in caught.value.message
    assert caught.value.next_step == "the arguments are: limit, kind, known"


def test_a_text_shows_as_many_rows_as_there_is_room_for() -> None:
    rows = [f"row {number}" for number in range(100)]
    first = Text(("head",), rows, ("tail",)).within(120)
    assert first.startswith("head\nrow 0\n")
    assert first.endswith("\ntail")
    last = Text(("head",), rows, ("tail",), newest_last=True).within(160)
    assert "row 99\ntail" in last
    assert "row 1\n" not in last
    assert len(first) <= 120
    assert len(last) <= 160
    assert Text(("head",), rows, ("tail",)).lines == ["head", *rows, "tail"]


@dataclass(frozen=True)
class Part:
    """A part of `Stored`."""

    name: str
    share: float = 1.0


@dataclass(frozen=True)
class Stored:
    """A record of every kind that is read back."""

    at: Timestamp
    phase: Literal["on", "off"]
    count: int
    flag: bool
    place: Path
    parts: tuple[Part, ...] = ()
    main: Part | None = None
    figures: Mapping[str, str | int | float | bool | None] | None = None
    version: Literal[1] = 1


STORED = Stored(
    1_800_000_000.125,
    "on",
    3,
    flag=True,
    place=Path("/a"),
    parts=(Part("one"), Part("two", 0.5)),
    main=Part("three"),
    figures={"a": 1, "b": "x", "c": None, "d": False, "e": 0.5},
)


def test_a_record_comes_back_from_its_json_and_what_is_missing_has_its_default() -> None:
    assert record_from(Stored, jsonable(STORED)) == STORED
    document = {**jsonable(STORED), "of a later version": [1]}
    for name in ("parts", "main", "figures", "version"):
        del document[name]
    assert record_from(Stored, document) == Stored(1_800_000_000.125, "on", 3, flag=True, place=Path("/a"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", "yesterday"),
        ("at", None),
        ("at", 1e300),
        ("at", -1e12),
        ("at", "9999-12-31T23:59:59-12:00"),
        ("phase", "between"),
        ("phase", ["on"]),
        ("count", True),
        ("count", 3.0),
        ("count", "3"),
        ("flag", 1),
        ("place", 4),
        ("parts", {}),
        ("parts", [{"share": 0.5}]),
        ("parts", [{"name": "one", "share": float("nan")}]),
        ("parts", [{"name": "one", "share": 10**400}]),
        ("main", []),
        ("figures", {"a": [1]}),
        ("version", True),
        ("version", 2),
    ],
)
def test_a_document_that_is_no_such_record_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"no|none|large|missing"):
        record_from(Stored, {**jsonable(STORED), name: value})
    with pytest.raises(ValueError, match=r"no|none|large|missing"):
        record_from(Stored, [value])


def test_a_document_without_a_field_that_has_no_default_is_refused() -> None:
    document = jsonable(STORED)
    del document["count"]
    with pytest.raises(ValueError, match="missing"):
        record_from(Stored, document)
