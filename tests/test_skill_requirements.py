"""What a skill lacks on a host, by plain facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.skills.facts import HostFacts
from openclaw_install.host.skills.file import parse_skill
from openclaw_install.host.skills.requirements import (
    KnownFacts,
    Missing,
    Requirements,
    config_path_is_truthy,
    is_configured_secret,
    missing,
)
from openclaw_install.host.skills.roots import SkillHost

_ALL = Requirements(
    bins=("git", "nope"),
    any_bins=("nope", "neither"),
    env=("SET", "BLANK", "UNSET"),
    config=("a.b", "a.c", "browser.enabled"),
    os=("win32", "darwin"),
)


def _facts(entry: dict[str, Any] | None = None, platform: str = "linux") -> KnownFacts:
    return KnownFacts(
        config={"a": {"b": 1, "c": 0}},
        env={"SET": "x", "BLANK": " \ufeff"},
        find_bin={"git"}.__contains__,
        platform=platform,
        entry=entry or {},
    )


def test_each_list_is_reduced_to_what_the_host_lacks() -> None:
    lacks = missing(_ALL, _facts())
    assert lacks == Missing(
        bins=("nope",),
        any_bins=("nope", "neither"),
        env=("BLANK", "UNSET"),
        config=("a.c",),
        os=("win32", "darwin"),
    )
    assert lacks
    assert jsonable(lacks) == {
        "bins": ["nope"],
        "any_bins": ["nope", "neither"],
        "env": ["BLANK", "UNSET"],
        "config": ["a.c"],
        "os": ["win32", "darwin"],
    }


def test_always_skips_everything_but_the_platform() -> None:
    needs = Requirements(
        bins=("nope",), any_bins=("x",), env=("Y",), config=("z",), os=("MacOS ",), always=True
    )
    assert missing(needs, _facts()) == Missing(os=("MacOS ",))
    assert not missing(needs, _facts(platform="darwin"))


def test_one_of_the_any_bins_is_enough() -> None:
    assert not missing(Requirements(any_bins=("nope", "git")), _facts())


def test_a_variable_may_come_from_the_skills_own_entry() -> None:
    needs = Requirements(env=("KEY", "OTHER"), primary_env="KEY")
    assert missing(needs, _facts()).env == ("KEY", "OTHER")
    assert missing(needs, _facts({"env": {"OTHER": "v", "KEY": " "}})).env == ("KEY",)
    assert missing(needs, _facts({"apiKey": "secret"})).env == ("OTHER",)
    assert missing(needs, _facts({"env": "no object"})).env == ("KEY", "OTHER")


@pytest.mark.parametrize(
    ("value", "configured"),
    [
        ("secret", True),
        ("  ", False),
        (None, False),
        (7, False),
        ({"source": "env", "provider": "default", "id": "KEY"}, True),
        ({"source": "file", "id": "/a"}, True),
        ({"source": "env", "provider": " ", "id": "KEY"}, False),
        ({"source": "env", "id": ""}, False),
        ({"source": "cloud", "id": "KEY"}, False),
    ],
)
def test_a_secret_is_text_or_a_reference(value: object, configured: bool) -> None:
    assert is_configured_secret(value) is configured


@pytest.mark.parametrize(
    ("path", "truthy"),
    [
        ("text", True),
        ("blank", False),
        ("zero", False),
        ("half", True),
        ("off", False),
        ("null", False),
        ("empty", True),
        (".a..b.", True),
        ("list", True),
        ("list.0", True),
        ("list.1", False),
        ("list.2", False),
        ("list.length", True),
        ("list.01", False),
        ("text.length", False),
        ("a.b.c", False),
        ("absent", False),
        ("browser.enabled", True),
        ("browser.evaluateEnabled", False),
        ("__proto__.x", False),
        ("constructor", False),
    ],
)
def test_a_config_path_counts_as_openclaw_counts_it(path: str, truthy: bool) -> None:
    config = {
        "text": "x",
        "blank": " \n",
        "zero": 0,
        "half": 0.5,
        "off": False,
        "null": None,
        "empty": {},
        "a": {"b": True},
        "list": ["x", ""],
        "browser": {"evaluateEnabled": False},
    }
    assert config_path_is_truthy(config, path) is truthy


def _host(config: dict[str, Any], env: dict[str, str] | None = None) -> SkillHost:
    return SkillHost(Path("/s"), Path("/w"), Path("/h"), config=config, env=env or {})


def test_a_program_is_whatever_path_holds_that_may_be_executed(tmp_path: Path) -> None:
    for name, mode in (("runs", 0o755), ("text", 0o644)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    facts = HostFacts(_host({}, {"PATH": f":/nowhere::{tmp_path}"}))
    found = {name for name in ("runs", "text", "absent", "../runs", "nul\0", "") if facts.has_bin(name)}
    assert found == {"runs", ""}  # as in OpenClaw, an empty name is the folder itself
    assert facts.has_bin("runs")
    assert not HostFacts(_host({})).has_bin("runs")


def test_a_skill_can_be_turned_off_by_its_key_or_by_the_list_of_bundled_ones(tmp_path: Path) -> None:
    file = parse_skill("---\nname: n\ndescription: d\n---\n", "n")
    keyed = parse_skill('---\nname: n\ndescription: d\nmetadata: {"openclaw":{"skillKey":"k"}}\n---\n', "n")

    def off(config: dict[str, Any], source: str = "openclaw-managed", *, key: bool = False) -> str | None:
        return HostFacts(_host(config)).eligibility(keyed if key else file, str(tmp_path), source).turned_off

    entries = {"skills": {"entries": {"n": {"enabled": False}, "k": "no object"}}}
    assert off(entries) == "skills.entries.n.enabled"
    assert off(entries, key=True) is None
    assert off({"skills": {"entries": []}}) is None
    assert off({"skills": "x"}) is None
    assert off({"skills": {"allowBundled": ["other"]}}) is None
    assert off({"skills": {"allowBundled": ["other"]}}, "openclaw-bundled") == "skills.allowBundled"
    assert off({"skills": {"allowBundled": ["k"]}}, "openclaw-custodian", key=True) is None
    assert off({"skills": {"allowBundled": [" "]}}, "openclaw-bundled") is None
    assert off({"skills": {"allowBundled": "other"}}, "openclaw-bundled") is None


@pytest.mark.parametrize(
    ("origin", "key"),
    [
        (b'{"slug": " from-source "}', "from-source"),
        (b'{"slug": " "}', "n"),
        (b'{"slug": 7}', "n"),
        (b"[1]", "n"),
        (b"{", "n"),
        (b'{"slug": "big"}'.ljust(20_000), "n"),
    ],
)
def test_a_skill_from_a_source_goes_by_the_name_it_was_installed_under(
    tmp_path: Path, origin: bytes, key: str
) -> None:
    (tmp_path / ".openclaw").mkdir()
    (tmp_path / ".openclaw" / "source-origin.json").write_bytes(origin)
    file = parse_skill("---\nname: n\ndescription: d\n---\n", "n")
    facts = HostFacts(_host({"skills": {"entries": {key: {"enabled": False}}}}))
    assert (
        facts.eligibility(file, str(tmp_path), "openclaw-managed").turned_off
        == f"skills.entries.{key}.enabled"
    )


def test_an_origin_file_outside_the_skill_is_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"slug": "s"}')
    folder = tmp_path / "skill" / ".openclaw"
    folder.mkdir(parents=True)
    (folder / "source-origin.json").symlink_to(outside)
    file = parse_skill("---\nname: n\ndescription: d\n---\n", "n")
    facts = HostFacts(_host({"skills": {"entries": {"s": {"enabled": False}}}}))
    assert facts.eligibility(file, str(folder.parent), "openclaw-managed").eligible
