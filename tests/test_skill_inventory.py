"""`skills check` and `skills list` over folders: what is found, what is out of reach, who wins a name."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from openclaw_install.common.data_files import load_schema
from openclaw_install.common.errors import UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.shown_text import shown_json
from openclaw_install.host.skills.discovery import Limits, discover, locale_key
from openclaw_install.host.skills.facts import dialect_warnings
from openclaw_install.host.skills.file import read_skill
from openclaw_install.host.skills.folders import Folder
from openclaw_install.host.skills.inventory import check, list_roots
from openclaw_install.host.skills.loader import InstalledLoader, LoaderAnswer
from openclaw_install.host.skills.results import SkillRecord, SkillsCheck
from openclaw_install.host.skills.roots import SkillHost
from tests.skill_cases import skill, write_hard_files, write_hard_places, write_skill


@pytest.fixture
def host(tmp_path: Path) -> SkillHost:
    base = tmp_path / "host"
    return SkillHost(base / "state", base / "workspace", base / "home", env={"PATH": os.defpath})


def _by_folder(found: SkillsCheck, root: Path) -> dict[str, SkillRecord]:
    return {str(record.path.parent.relative_to(root)): record for record in found.skills}


def _reach(record: SkillRecord) -> str:
    return next((text for text in record.warnings if text.startswith("OpenClaw does not")), "")


def _conforms(found: Any, schema: str) -> None:
    text = shown_json(jsonable(found)).encode()
    jsonschema.Draft202012Validator(load_schema(schema)).validate(json.loads(text))


def test_every_hard_place_is_reported_with_its_reason(tmp_path: Path, host: SkillHost) -> None:
    root = tmp_path / "root"
    write_hard_places(root, tmp_path / "outside")
    found = check([root], host)
    records = _by_folder(found, root)
    assert _reach(records["deep/down/down/down/down/down"]) == ""
    reasons = {
        "deep/down/down/down/down/other/down": "it lies deeper than 6 folders",
        ".hidden": "it lies in a hidden folder (.hidden)",
        "node_modules/pkg": "it lies in node_modules",
        "outer/inner": f"it lies below another skill ({root / 'outer' / 'SKILL.md'})",
    }
    for name, reason in reasons.items():
        assert _reach(records[name]) == f"OpenClaw does not find it from {root}: {reason}"
    assert all(records[name].valid for name in (".hidden", "node_modules/pkg", "outer/inner", "file-link-in"))
    errors = {
        "link-out": "the link leads out of the root",
        "file-link-out": "the link leads out of the root",
        "broken-link": "SKILL.md cannot be read: No such file or directory",
        "loop": "SKILL.md cannot be read: Too many levels of symbolic links",
        "is-folder": "SKILL.md is not a regular file",
        "is-pipe": "SKILL.md is not a regular file",
        "hard-link": "SKILL.md has more than one hard link, which OpenClaw refuses",
    }
    assert {name: records[name].error for name in errors} == errors
    assert not any(records[name].valid or records[name].eligible for name in errors)
    assert "lower" not in records
    assert found.any_invalid
    _conforms(found, "skills-check")


def test_a_name_found_twice_is_shadowed_by_the_one_openclaw_reads_last(
    tmp_path: Path, host: SkillHost
) -> None:
    root = tmp_path / "root"
    write_skill(root / "a", skill("twin"))
    write_skill(root / "b", skill("twin"))
    write_skill(root / "c", skill("single"))
    records = _by_folder(check([root], host), root)
    (told,) = (text for text in records["a"].warnings if text.startswith("shadowed"))
    assert str(root / "b" / "SKILL.md") in told
    assert not any(text.startswith("shadowed") for text in records["b"].warnings + records["c"].warnings)


def test_an_earlier_path_shadows_a_later_one(tmp_path: Path, host: SkillHost) -> None:
    first = write_skill(tmp_path / "one" / "x", skill("x"))
    second = write_skill(tmp_path / "two" / "x", skill("x"))
    found = check([first.parent.parent, second.parent.parent], host)
    assert [bool(record.warnings) for record in found.skills] == [False, True]
    assert str(first) in found.skills[1].warnings[0]


def test_a_file_and_a_skill_folder_can_be_named_directly(tmp_path: Path, host: SkillHost) -> None:
    path = write_skill(tmp_path / "x", skill("other", "Text."))
    for named in (path, path.parent):
        (record,) = check([named], host).skills
        assert (record.path, record.name, record.valid, record.eligible) == (path, "other", True, True)
        assert record.warnings[0] == "the name 'other' differs from the folder's, 'x'"


class _Loader:
    """Answers every question alike, and counts the calls."""

    def __init__(self, answer: LoaderAnswer) -> None:
        self.answer = answer
        self.calls: list[list[str]] = []

    def read(self, blocks: Sequence[str]) -> dict[str, LoaderAnswer]:
        self.calls.append(list(blocks))
        return dict.fromkeys(blocks, self.answer)


_DOUBTFUL = b"---\nname: &a doubtful\ndescription: *a\n---\n"
_BLOCK = "name: &a doubtful\ndescription: *a"


def _uncertainties(warnings: Iterable[str]) -> list[str]:
    return [warning for warning in warnings if warning.startswith("skill.parse_uncertain: ")]


def test_what_openclaw_may_read_differently_is_said_where_it_cannot_be_asked(
    tmp_path: Path, host: SkillHost
) -> None:
    write_skill(tmp_path / "x" / "a", _DOUBTFUL)
    write_skill(tmp_path / "x" / "b", b"---\ndescription: d\nx: y: z\n---\n")
    write_skill(tmp_path / "x" / "c", skill("c"))
    records = _by_folder(check([tmp_path / "x"], host), tmp_path / "x")
    assert _uncertainties(records["a"].warnings) == [
        "skill.parse_uncertain: OpenClaw may read the frontmatter differently (anchors or aliases)"
    ]
    assert (records["a"].valid, records["b"].valid) == (True, False)
    assert len(_uncertainties(records["b"].warnings)) == 1
    assert _uncertainties(records["c"].warnings) == []
    write_skill(host.state_dir / "skills" / "a", _DOUBTFUL)
    listed = list_roots(host)
    (managed,) = [entry for root in listed.roots for entry in root.skills]
    assert len(_uncertainties(managed.warnings)) == 1
    _conforms(listed, "skills-list")


def test_openclaw_is_asked_once_about_all_that_is_uncertain(tmp_path: Path, host: SkillHost) -> None:
    for name in ("one/a", "one/.hidden", "two/b"):
        write_skill(tmp_path / name, _DOUBTFUL)
    write_skill(tmp_path / "two" / "c", skill("c"))
    loader = _Loader(LoaderAnswer({"name": "known", "description": "d"}))
    found = check([tmp_path / "one", tmp_path / "two"], replace(host, loader=loader))
    assert loader.calls == [[_BLOCK] * 3]
    assert sorted(record.name or "" for record in found.skills) == ["c", "known", "known", "known"]
    assert not any(_uncertainties(record.warnings) for record in found.skills)


def test_openclaw_s_answer_decides_what_a_full_root_gives(tmp_path: Path, host: SkillHost) -> None:
    root = host.state_dir / "skills"
    write_skill(root / "a", _DOUBTFUL)
    write_skill(root / "b", skill("b"))
    write_skill(host.workspace / "skills" / ".hidden", _DOUBTFUL)
    loader = _Loader(LoaderAnswer(error="invalid frontmatter: X: y"))
    host = replace(host, config={"skills": {"limits": {"maxSkillsLoadedPerSource": 1}}}, loader=loader)
    listed = {str(entry.path.parent.name): entry.valid for r in list_roots(host).roots for entry in r.skills}
    assert listed == {"a": False, "b": True}
    records = {record.path.parent.name: record for record in check([], host).skills}
    assert records["a"].error == "invalid frontmatter: X: y"
    assert not records[".hidden"].valid
    assert _reach(records["b"]) == ""
    assert loader.calls == [[_BLOCK], [_BLOCK] * 2]


def test_answers_before_one_that_takes_too_long_count(tmp_path: Path) -> None:
    node = tmp_path / "node"
    answers = (
        '{"id": 0, "fields": {"a": "b"}}',
        "no JSON",
        '{"id": 7, "fields": {}}',
        '{"id": 1, "fields": 1}',
    )
    lines = "\n".join(f"echo '{line}'" for line in answers)
    node.write_text(f"#!/bin/sh\n{lines}\nexec sleep 600\n")
    node.chmod(0o755)
    loader = InstalledLoader(node, tmp_path, timeout=2.0)
    assert loader.read(["x", "y", "x"]) == {"x": LoaderAnswer({"a": "b"})}


def test_more_text_than_one_batch_takes_is_not_asked_about(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\nwc -c > '{asked}'\n")
    node.chmod(0o755)
    assert InstalledLoader(node, tmp_path).read([f"{n}" * 1_000_000 for n in range(10, 30)]) == {}
    assert 14_000_000 < int(asked.read_text()) < 17_000_000


def test_a_path_that_is_no_folder_and_no_skill_is_wrong_usage(tmp_path: Path, host: SkillHost) -> None:
    (tmp_path / "text").write_text("x")
    for path in (tmp_path / "absent", tmp_path / "text", tmp_path / "absent" / "SKILL.md"):
        with pytest.raises(UsageError, match="neither a folder nor"):
            check([path], host)


def test_the_hosts_roots_come_in_openclaws_order_and_the_highest_wins(
    tmp_path: Path, host: SkillHost
) -> None:
    package = tmp_path / "package"
    extra = [tmp_path / "extra-1", tmp_path / "extra-2"]
    plugin = write_skill(tmp_path / "plugin" / "from-plugin", skill("from-plugin")).parent
    links = host.state_dir / "plugin-skills"
    links.mkdir(parents=True)
    (links / "from-plugin").symlink_to(plugin)
    (links / "nowhere").symlink_to(tmp_path / "absent")
    write_skill(links / "no-link", skill("no-link"))
    config = {"skills": {"load": {"extraDirs": [str(extra[0]), f" {extra[1]} ", "~/x", "", 7]}}}
    host = replace(host, config=config, bundled_dir=package / "skills")
    places = {
        "openclaw-workspace": host.workspace / "skills",
        "agents-skills-project": host.workspace / ".agents" / "skills",
        "agents-skills-personal": host.home / ".agents" / "skills",
        "openclaw-managed": host.state_dir / "skills",
        "openclaw-workshop": host.state_dir / "agents" / "main" / "agent" / "workshop-skills",
        "openclaw-custodian": package / "custodian-skills",
        "openclaw-bundled": package / "skills",
    }
    for place in [*places.values(), *extra]:
        write_skill(place / "same", skill("same"))
    write_skill(places["openclaw-managed"] / "bad", b"nothing")
    listed = list_roots(host)
    assert [root.source for root in listed.roots] == [*places, *["openclaw-extra"] * 4]
    assert [root.path for root in listed.roots[-3:]] == [host.home / "x", extra[1], extra[0]]
    assert not listed.roots[-3].exists
    winner = places["openclaw-workspace"] / "same" / "SKILL.md"
    entries = [entry for root in listed.roots for entry in root.skills]
    assert {entry.winner for entry in entries if entry.name == "same"} == {winner}
    assert [entry.winner for entry in entries if not entry.valid] == [None]
    assert [entry.name for entry in listed.roots[7].skills] == ["from-plugin"]
    _conforms(listed, "skills-list")
    checked = check([], host)
    assert sum("shadowed" in " ".join(record.warnings) for record in checked.skills) == 8
    _conforms(checked, "skills-check")


def test_personal_skills_count_with_the_default_state_folder_only(host: SkillHost) -> None:
    sources = [root.source for root in list_roots(replace(host, is_default_state=False)).roots]
    assert "agents-skills-personal" not in sources
    assert "openclaw-custodian" not in sources


def test_personal_skills_lie_in_the_accounts_home(tmp_path: Path, host: SkillHost) -> None:
    account = replace(host, env={"HOME": str(tmp_path / "account")})
    assert list_roots(account).roots[2].path == tmp_path / "account" / ".agents" / "skills"


def test_number_limits_are_told_for_the_hosts_roots(host: SkillHost) -> None:
    root = host.workspace / "skills"
    for name in ("a", "b", "c", "d"):
        write_skill(root / name, skill(name))
    limited = replace(host, config={"skills": {"limits": {"maxSkillsLoadedPerSource": 2}}})
    assert [_reach(record)[:25] for record in check([], limited).skills] == [
        "",
        "",
        *["OpenClaw does not load it"] * 2,
    ]
    few = replace(host, config={"skills": {"limits": {"maxCandidatesPerRoot": 2.0}}})
    found = check([], few)
    assert ["limits" in _reach(record) for record in found.skills] == [False, False, True, True]
    (note,) = found.notes
    assert note.startswith(str(root))
    assert "skills.limits" in note
    none = replace(host, config={"skills": {"limits": {"maxCandidatesPerRoot": 0}}})
    assert all(_reach(record) for record in check([], none).skills)
    off = replace(host, config={"skills": {"limits": {"maxSkillsLoadedPerSource": 0}}})
    assert all(_reach(record) for record in check([], off).skills)


def test_number_limits_do_not_end_the_check_of_a_folder(tmp_path: Path, host: SkillHost) -> None:
    for number in range(3):
        write_skill(tmp_path / "root" / f"s{number}", skill(f"s{number}"))
    limited = replace(host, config={"skills": {"limits": {"maxSkillsLoadedPerSource": 2}}})
    found = check([tmp_path / "root"], limited)
    assert [record.valid for record in found.skills] == [True] * 3
    (note,) = found.notes
    assert note.startswith(str(tmp_path / "root"))
    assert re.findall(r"\b\d+\b", note.removeprefix(str(tmp_path))) == ["3", "300", "2"]


def test_a_root_that_is_a_skill_ends_the_descent(tmp_path: Path, host: SkillHost) -> None:
    write_skill(tmp_path / "root", skill("root"))
    write_skill(tmp_path / "root" / "below", skill("below"))
    records = _by_folder(check([tmp_path / "root"], host), tmp_path / "root")
    assert not records["."].warnings
    assert _reach(records["below"]).endswith(f"({tmp_path / 'root' / 'SKILL.md'})")


def test_a_skills_folder_in_the_root_is_the_root_where_nothing_else_holds_skills(
    tmp_path: Path, host: SkillHost
) -> None:
    root = host.workspace / "skills"
    write_skill(root / "skills" / "a" / "deep", skill("deep"))
    write_skill(root / ".other", skill("other"))
    records = _by_folder(check([], host), root)
    assert not _reach(records["skills/a/deep"])
    assert "only" in _reach(records[".other"]) or "hidden" in _reach(records[".other"])
    write_skill(root, skill("own"))
    records = _by_folder(check([], host), root)
    assert _reach(records["skills/a/deep"]).endswith(": the root itself is a skill")
    assert not _reach(records["."])
    write_skill(root, b"refused")
    records = _by_folder(check([], host), root)
    assert not _reach(records["skills/a/deep"])
    write_skill(root / "b", skill("b"))
    (root / "SKILL.md").unlink()
    assert not _reach(_by_folder(check([], host), root)["b"])


def test_a_skills_folder_without_skills_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "skills" / "empty").mkdir(parents=True)
    (tmp_path / "linked").mkdir()
    root = Folder.at(str(tmp_path))
    assert root is not None
    assert discover(root, "openclaw-workspace", Limits()).base is root
    (tmp_path / "away").symlink_to("linked")
    fresh = Folder.at(str(tmp_path))
    assert fresh is not None
    assert discover(fresh, "openclaw-workspace", Limits()).base is fresh


def test_links_out_of_a_root_are_followed_where_openclaw_follows_them(
    tmp_path: Path, host: SkillHost
) -> None:
    target = write_skill(tmp_path / "elsewhere" / "x", skill("x")).parent
    for place in (host.workspace / "skills", host.state_dir / "skills"):
        place.mkdir(parents=True)
        (place / "x").symlink_to(target)
        (place / "folder").symlink_to(target.parent)
        (place / "gone").symlink_to(tmp_path / "gone")
    by_place = {str(record.path): record.valid for record in check([], host).skills}
    assert by_place[str(host.workspace / "skills" / "x" / "SKILL.md")] is False
    assert by_place[str(host.state_dir / "skills" / "x" / "SKILL.md")] is True
    assert by_place[str(host.state_dir / "skills" / "folder" / "x" / "SKILL.md")] is True
    unsearched = str(host.workspace / "skills" / "folder")
    assert any(note.startswith(f"{unsearched}: ") for note in check([], host).notes)
    allowed = replace(
        host, config={"skills": {"load": {"allowSymlinkTargets": [str(target.parent), "/nowhere/at/all"]}}}
    )
    by_place = {str(record.path): record.valid for record in check([], allowed).skills}
    assert by_place[str(host.workspace / "skills" / "x" / "SKILL.md")] is True


def test_the_workshop_folder_is_never_a_skill_itself(host: SkillHost) -> None:
    root = host.state_dir / "agents" / "main" / "agent" / "workshop-skills"
    write_skill(root, skill("itself"))
    write_skill(root / "made", skill("made"))
    names = {entry.name for listed in list_roots(host).roots for entry in listed.skills}
    assert names == {"made"}


def test_hard_files_leave_no_half_record(tmp_path: Path, host: SkillHost) -> None:
    write_hard_files(tmp_path / "root")
    found = check([tmp_path / "root"], host)
    _conforms(found, "skills-check")
    errors = {record.path.parent.name: record.error for record in found.skills}
    assert errors["one-too-many"] == errors["megabyte"] == "File exceeds 256000 bytes"
    assert errors["just-fits"] is None


def test_names_that_no_utf8_can_write_are_reported(tmp_path: Path, host: SkillHost) -> None:
    folder = os.fsencode(tmp_path) + b"/root/caf\xe9"
    os.makedirs(folder)  # noqa: PTH103 - a name that is no text
    with open(folder + b"/SKILL.md", "wb") as stream:  # noqa: PTH123 - the same
        stream.write(b'---\ndescription: "\\ud83d"\n---\n')
    found = check([tmp_path / "root"], host)
    assert found.skills[0].valid
    _conforms(found, "skills-check")


def test_a_file_that_grows_into_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(skill("secret"))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "SKILL.md").symlink_to(secret)
    file = read_skill(str(folder), str(folder))
    assert file.error == "SKILL.md is a link that leads out of the skill's folder"
    assert read_skill(str(tmp_path / "absent"), str(tmp_path)).error is not None
    assert read_skill(f"{tmp_path}/nul\0", str(tmp_path)).error is not None


def test_a_pipe_does_not_hang_the_check(tmp_path: Path, host: SkillHost) -> None:
    (tmp_path / "root" / "pipe").mkdir(parents=True)
    os.mkfifo(tmp_path / "root" / "pipe" / "SKILL.md")
    done: list[SkillsCheck] = []
    thread = threading.Thread(target=lambda: done.append(check([tmp_path / "root"], host)), daemon=True)
    thread.start()
    thread.join(20)
    assert done[0].any_invalid


def test_thousands_of_folders_are_walked(tmp_path: Path, host: SkillHost) -> None:
    for number in range(1500):
        (tmp_path / "root" / f"{number % 30}" / f"{number}").mkdir(parents=True)
    write_skill(tmp_path / "root" / "7" / "7", skill("7"))
    assert [record.name for record in check([tmp_path / "root"], host).skills] == ["7"]


def test_names_are_ordered_as_localecompare_orders_them() -> None:
    expected = [
        "10",
        "2",
        "a",
        "ä",
        "a b",
        "a_b",
        "a-b",
        "a.b",
        "a/b",
        "ab",
        "aB",
        "Ab",
        "AB",
        "b",
        "B",
        "e",
        "é",
        "f",
    ]
    shuffled = [*expected[1::2], *expected[::2]]
    assert sorted(shuffled, key=locale_key) == expected


def test_names_beyond_ascii_are_ordered_as_in_node() -> None:
    latin = [
        "_x",
        "-x",
        "—x",
        "·",
        "(a",
        "~t",
        "😀",
        "$d",
        "1",
        "10",
        "\uff12",
        "a",
        "á",
        "a-b",
        "ab",
        "\uff42",
        "ñ",
        "ß",
    ]
    expected = [*latin, "st", "X", "Ω", "я", "가", "あ", "ア中", "中", "日"]
    assert sorted(sorted(expected, reverse=True), key=locale_key) == expected


@pytest.mark.parametrize(
    ("fields", "folder", "objections"),
    [
        ({"name": "good-name", "description": "d", "license": "x", "metadata": "{}"}, "good-name", []),
        ({"name": "技能", "description": "d"}, "技能", []),
        ({"description": "d"}, "f", ["name is missing"]),
        ({"name": "Big_Name"}, "Big_Name", ["lower case", "letters, digits and hyphens"]),
        ({"name": "-a--b-"}, "-a--b-", ["start or end", "two hyphens"]),
        ({"name": "a" * 65}, "a" * 65, ["65 characters"]),
        ({"name": "a"}, "b", ["name of the folder"]),
        ({"name": "a", "description": "d" * 1025}, "a", ["description has 1025"]),
        ({"name": "a", "compatibility": "d" * 501}, "a", ["compatibility has 501"]),
        ({"name": "a", "version": "1", "author": "x"}, "a", ["unknown frontmatter fields: author, version"]),
    ],
)
def test_the_agentskills_dialect_is_advice(
    fields: dict[str, str], folder: str, objections: list[str]
) -> None:
    found = dialect_warnings(fields, folder)
    assert len(found) == len(objections)
    for text, part in zip(found, objections, strict=True):
        assert text.startswith("agentskills.io: ")
        assert part in text
