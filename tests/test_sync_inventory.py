"""Which skills of a host can go up, under which name, and why others cannot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openclaw_install.common.errors import UsageError
from openclaw_install.host.locate import locate
from openclaw_install.host.skills import host as skill_host
from openclaw_install.host.skills.loader import InstalledLoader, LoaderAnswer
from openclaw_install.sync.inventory import Inventory, LocalSkill, inventory_of
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.pipeline import read_contents
from openclaw_install.sync.report import warnings_of
from openclaw_install.sync.skill_source import read_source
from tests.sync_rig import skill_text, write_skill


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    (made / ".openclaw").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(made))
    return made


def taken(*roots: Path) -> Inventory:
    with Ledger() as ledger:
        return inventory_of(locate(os.environ), roots, ledger)


def by_path(inventory: Inventory, path: Path) -> LocalSkill:
    return next(skill for skill in inventory.skills if skill.path == str(path))


def test_a_link_from_a_root_to_itself_shows_no_skill_twice(home: Path) -> None:
    root = home / ".openclaw" / "workspace" / "skills"
    path = write_skill(root, "notes")
    (root / "loop").symlink_to(root)
    assert [skill.path for skill in taken().skills] == [str(path)]


def test_skills_come_from_all_roots_of_the_operator_in_their_precedence(home: Path, tmp_path: Path) -> None:
    state = home / ".openclaw"
    extra, named = tmp_path / "extra", tmp_path / "named"
    (state / "openclaw.json").write_text(json.dumps({"skills": {"load": {"extraDirs": [str(extra)]}}}))
    places = {
        "named": named,
        "workspace": state / "workspace" / "skills",
        "project": state / "workspace" / ".agents" / "skills",
        "personal": home / ".agents" / "skills",
        "managed": state / "skills",
        "extra": extra,
        "desk": home / "Workspace" / "openclaw" / "skills",
    }
    for name, root in places.items():
        write_skill(root, name)
        write_skill(root, "everywhere", skill_text("everywhere", name))
    found = taken(named)
    assert list(dict.fromkeys(skill.root for skill in found.skills)) == [
        str(root) for root in places.values()
    ]
    usable = found.usable()
    assert set(usable) == {*places, "everywhere"}
    assert usable["everywhere"].root == str(named)
    shadowed = [skill for skill in found.skills if skill.problem == "shadowed"]
    assert len(shadowed) == len(places) - 1
    assert all(str(named) in skill.reason for skill in shadowed)
    (without,) = [skill for skill in taken().usable().values() if skill.name == "everywhere"]
    assert without.root == str(places["workspace"])


def test_the_folders_name_goes_up_and_another_name_is_warned_of(home: Path) -> None:
    path = write_skill(home / ".openclaw" / "skills", "folder", skill_text("declared"))
    found = taken()
    skill = by_path(found, path)
    assert (skill.name, skill.declared, skill.problem) == ("folder", "declared", "")
    assert "'declared'" in warnings_of(found.skills)[0]


def test_one_name_goes_up_once_even_where_openclaw_sees_two_skills(home: Path) -> None:
    high = write_skill(home / ".openclaw" / "workspace" / "skills", "tool", skill_text("one"))
    low = write_skill(home / ".openclaw" / "skills", "tool", skill_text("two"))
    nested = write_skill(home / ".openclaw" / "skills" / "group", "tool", skill_text("three"))
    found = taken()
    assert found.usable()["tool"].path == str(high)
    assert {by_path(found, path).problem for path in (low, nested)} == {"shadowed"}


def test_a_broken_skill_does_not_hide_a_good_one_below_it(home: Path) -> None:
    broken = write_skill(home / ".openclaw" / "workspace" / "skills", "tool", "no frontmatter")
    good = write_skill(home / ".openclaw" / "skills", "tool")
    found = taken()
    assert found.usable()["tool"].path == str(good)
    assert by_path(found, broken).problem == "invalid"
    assert "description is required" in by_path(found, broken).reason


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "invalid"),
        (b"---\nname: x\n---\n", "invalid"),
        (b"x" * 5_000_000, "too_large"),
        (skill_text("x").encode() + b"\xff\xfe", "not_utf8"),
        (skill_text("x").encode() + b"\0", ""),
        (b"\xef\xbb\xbf" + skill_text("x").encode(), ""),
    ],
)
def test_contents_that_no_agent_could_use_stay_here(home: Path, content: bytes, problem: str) -> None:
    path = write_skill(home / ".openclaw" / "skills", "x", content)
    skill = by_path(taken(), path)
    assert skill.problem == problem
    assert bool(skill.reason) is bool(problem)


@pytest.mark.parametrize("name", ["b" * 200, "ünï-cödé", "with blank", "\u0430lpha", ".x.", "a'b\"c"])
def test_odd_names_that_can_be_shown_go_up_as_they_are(home: Path, name: str) -> None:
    write_skill(home / ".openclaw" / "skills" / "below", name, skill_text("x"))
    names = [skill.name for skill in taken().skills]
    assert names == ([] if name.startswith(".") else [name])


@pytest.mark.parametrize("name", ["new\nline", "esc\x1b[31m", "rtl\u202egnp", "zero\u200bwidth"])
def test_names_that_cannot_be_shown_stay_here(home: Path, name: str) -> None:
    write_skill(home / ".openclaw" / "skills", name, skill_text("x"))
    (skill,) = taken().skills
    assert skill.problem == "bad_name"
    assert name not in f"{skill.name}{skill.path}"


def test_a_name_that_is_no_text_stays_here(home: Path) -> None:
    root = home / ".openclaw" / "skills"
    write_skill(root, "good")
    write_skill(root, os.fsdecode(b"bad\xff"), skill_text("x"))
    problems = {skill.name: skill.problem for skill in taken().skills}
    assert problems == {"good": "", "bad\N{REPLACEMENT CHARACTER}": "bad_name"}


def test_links_are_followed_as_openclaw_follows_them(home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write_skill(outside, "linked")
    workspace = home / ".openclaw" / "workspace" / "skills"
    managed = home / ".openclaw" / "skills"
    for root in (workspace, managed):
        root.mkdir(parents=True)
    (workspace / "linked").symlink_to(outside / "linked")
    (workspace / "own").mkdir()
    (workspace / "own" / "SKILL.md").symlink_to(outside / "linked" / "SKILL.md")
    (workspace / "nowhere").symlink_to(tmp_path / "missing")
    found = taken()
    assert {(skill.name, skill.problem) for skill in found.skills} == {
        ("linked", "outside"),
        ("own", "outside"),
    }
    (managed / "linked").symlink_to(outside / "linked")
    assert taken().usable()["linked"].root == str(managed)


def test_the_same_root_named_twice_is_told_as_the_same_file(home: Path) -> None:
    root = home / ".openclaw" / "skills"
    write_skill(root, "one")
    found = taken(root)
    assert [skill.problem for skill in found.skills] == ["", "shadowed"]
    assert "same file" in found.skills[1].reason


def test_a_root_that_is_a_skill_itself_is_one_skill(home: Path, tmp_path: Path) -> None:
    single = tmp_path / "single"
    write_skill(tmp_path, "single")
    write_skill(single / "skills", "inner")
    assert [skill.name for skill in taken(single).skills] == ["single"]
    (single / "SKILL.md").write_text("broken")
    assert [skill.name for skill in taken(single).skills] == ["inner"]


def test_what_ships_with_openclaw_is_there_only_by_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = tmp_path / "package" / "skills"
    write_skill(bundled, "github")
    monkeypatch.setenv("OPENCLAW_BUNDLED_SKILLS_DIR", str(bundled))
    (skill,) = taken().skills
    assert skill.shipped
    assert "github" in taken().usable()


def test_more_skills_than_openclaw_loads_from_a_root_all_go_up(home: Path) -> None:
    root = home / ".openclaw" / "skills"
    for number in range(320):
        write_skill(root, f"s{number}")
    assert len(taken().usable()) == 320


def test_a_content_is_parsed_once_and_a_change_is_seen_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_skill(home / ".openclaw" / "skills", "x", skill_text("a-name"))
    first = taken()
    assert len(first.learned) == 1
    before = path.stat()
    path.write_text(skill_text("b-name"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = taken()
    assert second.skills[0].declared == "b-name"
    assert second.skills[0].sha256 != first.skills[0].sha256
    assert taken().learned == {}


def test_a_root_that_is_no_folder_is_wrong_usage(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        taken(tmp_path / "missing")


def test_files_that_are_no_plain_files_are_not_read(tmp_path: Path) -> None:
    def problem(name: str) -> str:
        folder = tmp_path / name
        return read_source(str(folder / "SKILL.md"), str(folder), max_bytes=1000).problem

    for name in ("pipe", "linked", "folder", "missing", "gone"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / "SKILL.md")
    (tmp_path / "original").write_text("x")
    os.link(tmp_path / "original", tmp_path / "linked" / "SKILL.md")
    (tmp_path / "folder" / "SKILL.md").mkdir()
    (tmp_path / "gone" / "SKILL.md").symlink_to(tmp_path / "gone" / "target")
    assert {problem(name) for name in ("pipe", "linked", "folder", "missing", "gone")} == {"unreadable"}
    assert read_source("nul\0", "nul\0", max_bytes=10).problem == "unreadable"
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "real.md").write_text(skill_text("x"))
    (inner / "SKILL.md").symlink_to(inner / "real.md")
    assert problem("inner") == ""


def test_a_file_that_changed_since_the_plan_is_not_sent(tmp_path: Path) -> None:
    path = write_skill(tmp_path, "x")
    contents = read_contents([(str(path), "0" * 64), (str(tmp_path / "missing"), "1" * 64)])
    assert contents == {}


def test_an_uncertain_verdict_is_not_kept_and_openclaw_s_answer_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"name: notes\ndescription: &a d": LoaderAnswer(error="invalid frontmatter: X: y")}
    monkeypatch.setattr(InstalledLoader, "read", lambda _self, _blocks: answers)
    root = home / ".openclaw" / "workspace" / "skills"
    path = write_skill(root, "notes", b"---\nname: notes\ndescription: &a d\n---\n")
    with Ledger() as ledger:
        before = inventory_of(locate(os.environ), (), ledger)
        assert by_path(before, path).problem == ""
        assert before.learned == {}
        loader = InstalledLoader(Path("node"), Path("package"))
        monkeypatch.setattr(skill_host, "installed_loader", lambda _location: loader)
        after = inventory_of(locate(os.environ), (), ledger)
        assert by_path(after, path).problem == "invalid"
        assert "invalid frontmatter: X: y" in by_path(after, path).reason
        assert len(after.learned) == 1
        assert inventory_of(locate(os.environ), (), ledger).learned == {}
