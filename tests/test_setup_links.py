"""Links that the user puts in the place of our folders: what they lead to is never touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConflictError
from openclaw_install.setup.changes import Kept
from openclaw_install.setup.disk_files import LINKED
from tests.setup_rig import PLAIN, PlainHost, tree_of

Replace = Callable[[PlainHost], tuple[Path, Path]]


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN, mode=0o644)
    return plain


def _moved(place: Path, target: Path) -> tuple[Path, Path]:
    """Somebody moves a folder, or a file, and links it back: all that we wrote is in there to the letter."""
    place.rename(target)
    place.symlink_to(target)
    return place, target


LINKS: dict[str, Replace] = {
    "a bundle": lambda host: _moved(host.skills / "pingagent", host.home / "checkout"),
    "a folder of a bundle": lambda host: _moved(
        host.skills / "pingagent" / "references", host.home / "notes"
    ),
    "a file of a bundle": lambda host: _moved(host.skills / "pingagent" / "SKILL.md", host.home / "mine.md"),
    "the skills folder": lambda host: _moved(host.skills, host.home / "skills"),
    "inside the state folder": lambda host: _moved(host.skills / "pingagent", host.state_dir / "checkout"),
}


def _bytes(target: Path) -> object:
    return tree_of(target, times=True) if target.is_dir() else target.read_bytes()


@pytest.mark.parametrize("command", ["undo", "uninstall"])
@pytest.mark.parametrize("replace", LINKS.values(), ids=LINKS.keys())
def test_what_a_link_leads_to_is_kept_and_named(host: PlainHost, replace: Replace, command: str) -> None:
    host.setup()
    link, target = replace(host)
    held, before = _bytes(target), host.tree()
    with pytest.raises(ConflictError) as caught:
        getattr(host, command)()
    assert f"{link} ({LINKED})" in caught.value.message
    assert host.tree() == before
    result = getattr(host, command)(keep_changed=True)
    assert result.kept == (Kept(str(link), LINKED),)
    assert link.is_symlink()
    assert _bytes(target) == held
    assert host.config.read_text() == PLAIN


@pytest.mark.parametrize("replace", LINKS.values(), ids=LINKS.keys())
def test_once_the_link_is_gone_the_rest_is_taken_back(tmp_path: Path, replace: Replace) -> None:
    host = PlainHost(tmp_path / "host")
    host.write(PLAIN, mode=0o644)
    origin = host.tree()
    host.setup()
    link, target = replace(host)
    host.uninstall(keep_changed=True)
    link.unlink()
    target.rename(link)
    assert host.uninstall().outcome == "undone"
    assert host.tree() == origin
    assert not list(host.store.folder.glob("receipts/*"))


def test_an_empty_folder_of_the_users_behind_a_link_is_not_removed(host: PlainHost) -> None:
    host.setup()
    shutil.rmtree(host.skills / "pingagent")
    checkout = host.home / "checkout"
    (checkout / "references").mkdir(parents=True)
    (host.skills / "pingagent").symlink_to(checkout)
    host.uninstall(keep_changed=True)
    assert (checkout / "references").is_dir()


@pytest.mark.parametrize("command", ["setup", "undo"])
def test_a_run_that_died_is_not_settled_through_a_link(host: PlainHost, command: str) -> None:
    """The receipt of each is made to look as if the process had died after its last change but one."""
    host.setup()
    checkout = host.home / "checkout"
    shutil.copytree(host.skills / "pingagent", checkout)
    if command == "undo":
        host.undo()
        host.skills.mkdir()
    else:
        shutil.rmtree(host.skills / "pingagent")
    newest = max(host.store.folder.glob("receipts/*/receipt.json"))
    newest.write_text(newest.read_text().replace('"status": "applied"', '"status": "applying"'))
    (host.skills / "pingagent").symlink_to(checkout)
    (checkout / ".SKILL.md.0123456789ab.tmp").write_text("the user's")
    before = tree_of(checkout, times=True)
    [found] = host.settle()
    assert found.outcome == "rolled_back"
    assert found.kept == (str(host.skills / "pingagent"),)
    assert tree_of(checkout, times=True) == before


def test_a_skills_folder_that_was_a_link_all_along_is_ours_to_clear(host: PlainHost) -> None:
    elsewhere = host.home / "dotfiles" / "skills"
    elsewhere.mkdir(parents=True)
    host.skills.symlink_to(elsewhere)
    origin = host.tree()
    host.setup()
    assert (elsewhere / "pingagent" / "SKILL.md").is_file()
    # Pointed elsewhere since: what we wrote is still where we wrote it.
    host.skills.unlink()
    host.skills.symlink_to(host.home)
    host.uninstall()
    host.skills.unlink()
    host.skills.symlink_to(elsewhere)
    assert host.tree() == origin
