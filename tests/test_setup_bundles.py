"""Bundles on the host: what is written, what stays because somebody made it, and links that stay alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_install.common.errors import BundleError
from openclaw_install.setup import survey as survey_module
from openclaw_install.setup.changes import Kept
from tests.setup_rig import SOUND, PlainHost, tree_of
from tests.setup_upgrades import newer_version, ship

LINK = "it is a symbolic link; what it leads to is yours"


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(SOUND)
    return plain


def state_of(host: PlainHost, name: str = "pingagent") -> str:
    [found] = [bundle for bundle in host.verify().report.bundles if bundle.name == name]
    return found.state


def warnings(host: PlainHost) -> dict[str, str]:
    return {warning.code: warning.next_step for warning in host.verify().report.warnings}


def kept(host: PlainHost, *, overwrite_edited: bool = False) -> tuple[Kept, ...]:
    run = host.setup(overwrite_edited=overwrite_edited)
    assert run.applied is not None
    return run.applied.plan.kept


def test_a_bundle_goes_from_absent_to_identical(host: PlainHost) -> None:
    assert state_of(host) == "absent"
    assert warnings(host)["bundle.absent"] == "openclaw-install"
    host.setup()
    assert state_of(host) == "identical"
    assert "bundle.absent" not in warnings(host)


def test_skill_md_is_written_last_and_taken_first(host: PlainHost) -> None:
    run = host.setup()
    assert run.applied is not None
    names = [
        change.path.name
        for change in run.applied.plan.changes
        if change.label.startswith("bundle pingagent:")
    ]
    assert names[-1] == "SKILL.md"
    back = [
        change.path.name for change in host.undo().changes if change.label.startswith("bundle pingagent:")
    ]
    assert back[0] == "SKILL.md"


def test_an_edited_file_is_kept_and_reported_until_told_otherwise(host: PlainHost) -> None:
    host.setup()
    edited = host.skills / "pingagent" / "SKILL.md"
    edited.write_text("---\nname: pingagent\ndescription: mine\n---\n")
    assert state_of(host) == "edited"
    assert warnings(host)["bundle.edited"] == "openclaw-install --overwrite-edited"
    assert kept(host) == (Kept(str(edited), "you changed it; --overwrite-edited replaces it"),)
    assert "mine" in edited.read_text()
    assert kept(host, overwrite_edited=True) == ()
    assert state_of(host) == "identical"
    host.undo()
    assert "description: mine" in edited.read_text()


def test_a_deleted_file_comes_back(host: PlainHost) -> None:
    host.setup()
    (host.skills / "pingagent" / "references" / "tools.md").unlink()
    assert state_of(host) == "incomplete"
    host.setup()
    assert state_of(host) == "identical"


def test_an_upgrade_replaces_what_we_wrote_and_removes_what_no_longer_ships(
    host: PlainHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.setup()
    (host.skills / "pingagent" / "mine.md").write_text("mine")
    ship(monkeypatch, newer_version(tmp_path, "---\nname: pingagent\ndescription: newer\n---\n"))
    assert state_of(host) == "outdated"
    assert kept(host) == ()
    assert state_of(host) == "identical"
    references = {path.name for path in (host.skills / "pingagent" / "references").iterdir()}
    assert "news.md" in references
    assert "encryption.md" not in references
    assert (host.skills / "pingagent" / "mine.md").read_text() == "mine"


def test_an_edited_file_that_no_longer_ships_stays(
    host: PlainHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.setup()
    edited = host.skills / "pingagent" / "references" / "encryption.md"
    edited.write_text("mine now")
    ship(monkeypatch, newer_version(tmp_path, "---\nname: pingagent\ndescription: newer\n---\n"))
    assert kept(host, overwrite_edited=True) == (Kept(str(edited), "you changed it"),)
    assert edited.read_text() == "mine now"


@pytest.mark.parametrize("overwrite_edited", [False, True])
@pytest.mark.parametrize("inside", [False, True], ids=["leads out", "leads inside"])
@pytest.mark.parametrize("place", ["pingagent", "pingagent/references", "pingagent/SKILL.md"])
def test_nothing_is_written_through_a_link(
    host: PlainHost, place: str, inside: bool, overwrite_edited: bool
) -> None:
    base = host.skills if inside else host.home
    target = base / "dotfiles"
    if place.endswith(".md"):
        target.parent.mkdir(exist_ok=True)
        target.write_text("the user's")
    else:
        target.mkdir(parents=True)
        (target / "SKILL.md").write_text("the user's")
    link = host.skills / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    before = tree_of(target, times=True) if target.is_dir() else target.read_text()
    assert Kept(str(link), LINK) in kept(host, overwrite_edited=overwrite_edited)
    assert link.is_symlink()
    assert (tree_of(target, times=True) if target.is_dir() else target.read_text()) == before
    host.uninstall()
    assert (tree_of(target, times=True) if target.is_dir() else target.read_text()) == before


def test_a_link_that_leads_nowhere_is_left_alone(host: PlainHost) -> None:
    host.skills.mkdir()
    (host.skills / "pingagent").symlink_to(host.home / "nowhere")
    assert kept(host) == (Kept(str(host.skills / "pingagent"), LINK),)
    assert not (host.home / "nowhere").exists()


def test_the_skills_folder_itself_may_be_a_link(host: PlainHost) -> None:
    target = host.home / "my-skills"
    target.mkdir()
    host.skills.symlink_to(target)
    before = host.tree()
    assert kept(host) == ()
    assert (target / "pingagent" / "SKILL.md").is_file()
    host.undo()
    assert host.tree() == before


def test_a_file_where_a_bundle_belongs_stays(host: PlainHost) -> None:
    host.skills.mkdir()
    place = host.skills / "pingagent"
    place.write_text("the user's")
    assert state_of(host) == "edited"
    reason = "it is no folder; move it away to have the shipped folder there"
    assert kept(host, overwrite_edited=True) == (Kept(str(place), reason),)
    assert place.read_text() == "the user's"


def test_a_folder_where_a_file_belongs_stays(host: PlainHost) -> None:
    place = host.skills / "pingagent" / "SKILL.md"
    place.mkdir(parents=True)
    reason = "it is no file; move it away to have the shipped file there"
    assert kept(host, overwrite_edited=True) == (Kept(str(place), reason),)
    assert place.is_dir()


def test_a_bundle_is_eligible_when_its_program_and_key_are_there(host: PlainHost) -> None:
    def eligible() -> dict[str, bool]:
        return {bundle.name: bundle.eligible for bundle in host.verify().report.bundles}

    host.add_command("pingagent")
    assert eligible()["pingagent"] is False  # not installed yet
    host.setup()
    assert eligible() == {"mistro-connect": False, "mysta-sync": False, "pingagent": True}
    host.env["MYSTA_API_KEY"] = "mysta_x"
    host.add_command("curl")
    assert eligible()["mysta-sync"] is True
    (host.skills / "pingagent" / "SKILL.md").write_text("no frontmatter: OpenClaw refuses it")
    assert eligible()["pingagent"] is False


def test_a_damaged_installation_of_ours_is_a_blocked_report(
    host: PlainHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> None:
        raise BundleError("a file is missing", next_step="reinstall it", code="bundle.data_missing")

    monkeypatch.setattr(survey_module, "shipped_bundles", damaged)
    run = host.verify()
    assert run.report.activation_state == "blocked"
    assert [blocker.code for blocker in run.report.blockers] == ["bundle.data_missing"]
