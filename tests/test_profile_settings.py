"""The relay that was agreed to: written once, read strictly, overruled by the environment."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError

from openclaw_install.common.errors import ConfigError, UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.web_address import normalised_address
from openclaw_install.messaging.profile_settings import (
    EmbeddedHub,
    ProfileSettings,
    forget_settings,
    load_settings,
    save_settings,
    server_url,
    settings_path,
)
from openclaw_install.protocol.profile import ProfilePaths, profile_paths
from tests.schemas import assert_valid

_AGREED = "2026-01-01T00:00:00Z"


@pytest.fixture
def paths(tmp_path: Path) -> ProfilePaths:
    return profile_paths({}, tmp_path)


@pytest.mark.parametrize("hub", [None, EmbeddedHub(Path("/data/hub"), 8787)])
def test_what_was_agreed_to_is_read_back_and_private(paths: ProfilePaths, hub: EmbeddedHub | None) -> None:
    settings = ProfileSettings("https://relay.example", _AGREED, hub)
    path = save_settings(paths, settings)
    assert load_settings(paths) == settings
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_nothing_was_agreed_to_at_first_and_after_it_was_forgotten(paths: ProfilePaths) -> None:
    assert load_settings(paths) is None
    assert server_url({}, paths) is None
    assert forget_settings(paths) is None
    path = save_settings(paths, ProfileSettings("https://relay.example", _AGREED))
    assert forget_settings(paths) == path
    assert load_settings(paths) is None


def test_the_environment_overrules_what_was_agreed_to(paths: ProfilePaths) -> None:
    save_settings(paths, ProfileSettings("https://relay.example", _AGREED))
    assert server_url({}, paths) == "https://relay.example"
    assert server_url({"PINGAGENT_SERVER_URL": " HTTPS://Other.Example:443/ "}, paths) == (
        "https://other.example"
    )


@pytest.mark.parametrize(
    "url", ["relay.example", "http://relay.example", "https://me:pw@relay.example", "https://x y", "http://["]
)
def test_an_address_that_would_show_messages_or_is_none_is_refused(paths: ProfilePaths, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        server_url({"PINGAGENT_SERVER_URL": url}, paths)
    assert "pw" not in str(caught.value.message)
    assert "PINGAGENT_SERVER_URL" in caught.value.next_step


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"server_url": "http://relay.example"}, {"hub": {"data": "/x", "port": 0}}, {"more": 1}],
)
def test_a_file_that_is_not_ours_is_refused_and_stays(paths: ProfilePaths, change: dict[str, object]) -> None:
    path = save_settings(paths, ProfileSettings("https://relay.example", _AGREED))
    text = json.dumps({**json.loads(path.read_text()), **change})
    path.write_text(text)
    with pytest.raises(ConfigError, match="damaged"):
        load_settings(paths)
    assert path.read_text() == text


_VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    65535,
    65536,
    "",
    "x",
    "/x",
    "https://relay.example",
    "https://x/\n",
    [],
    {},
]


def _variants() -> Iterator[dict[str, Any]]:
    """Documents that differ from a good one in one place, at most."""
    settings = ProfileSettings("https://relay.example", _AGREED, EmbeddedHub(Path("/d"), 8787))
    good = {"version": 1, **jsonable(settings)}
    yield {**good, "more": 1}
    yield {**good, "hub": {**good["hub"], "more": 1}}
    for name in good:
        yield {key: value for key, value in good.items() if key != name}
        yield from ({**good, name: value} for value in _VALUES)
    for name in good["hub"]:
        yield {**good, "hub": {key: value for key, value in good["hub"].items() if key != name}}
        yield from ({**good, "hub": {**good["hub"], name: value}} for value in _VALUES)


def test_the_file_is_read_exactly_as_its_schema_and_the_rules_for_addresses_have_it(
    paths: ProfilePaths,
) -> None:
    path = save_settings(paths, ProfileSettings("https://relay.example", _AGREED))
    taken = 0
    for document in _variants():
        path.write_text(json.dumps(document))
        try:
            assert_valid(document, "pingagent-settings")
            normalised_address(document["server_url"])
        except (ValidationError, ValueError):
            with pytest.raises(ConfigError, match="damaged"):
                load_settings(paths)
        else:
            taken += 1
            assert load_settings(paths) is not None
    assert taken == 10


def test_reading_it_costs_no_jsonschema(paths: ProfilePaths, tmp_path: Path) -> None:
    save_settings(paths, ProfileSettings("https://relay.example", _AGREED))
    script = (
        "import pathlib, sys; from openclaw_install.messaging.profile_settings import load_settings;"
        "from openclaw_install.protocol.profile import profile_paths;"
        "assert load_settings(profile_paths({}, pathlib.Path(sys.argv[1])));"
        "print('jsonschema' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 50_000])
def test_a_damaged_file_names_its_place_and_the_way_out(paths: ProfilePaths, text: str) -> None:
    path = settings_path(paths)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(paths)
    assert str(path) in caught.value.message
    assert "--with-hub" in caught.value.next_step
