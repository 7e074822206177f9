"""Uninstall after any number of runs: nothing of ours is left, and everything of the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_install.common.errors import ConflictError
from openclaw_install.setup.private_state import remaining, remove_empty
from tests.setup_rig import PLAIN, PlainHost
from tests.setup_upgrades import newer_version, ship

LISTED = 'allowedSessionKeyPrefixes: ["hook:im:"'


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN, mode=0o644)
    return plain


@pytest.fixture
def origin(host: PlainHost) -> dict[str, tuple[str, int, str]]:
    """The host as it was before anything of ours came."""
    return host.tree()


def test_uninstall_after_several_runs_leaves_nothing_of_ours(
    host: PlainHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = host.skills / "mysta-sync" / "SKILL.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("my own, from before")
    origin = host.tree()
    host.setup(overwrite_edited=True)
    host.edit(LISTED + ', "hook:ingress"]', LISTED + "]")
    host.fix_hooks()
    ship(monkeypatch, newer_version(tmp_path, "---\nname: pingagent\ndescription: newer\n---\n"))
    assert host.setup().applied is not None
    assert len(host.store.in_force()) == 3
    assert not (host.skills / "pingagent" / "references" / "encryption.md").exists()
    result = host.uninstall()
    assert result.outcome == "undone"
    assert host.tree() == origin
    assert mine.read_text() == "my own, from before"
    assert not host.ours.exists()


def test_uninstall_keeps_edits_that_the_user_made_between_two_runs(host: PlainHost) -> None:
    host.setup()
    host.edit('level: "info"', 'level: "debug"')
    host.edit(LISTED + ', "hook:ingress"]', LISTED + "]")
    host.fix_hooks()
    host.uninstall()
    assert host.config.read_text() == PLAIN.replace("info", "debug")


def test_uninstall_keeps_and_names_what_the_user_changed_and_its_images(host: PlainHost) -> None:
    host.setup()
    edited = host.skills / "pingagent" / "SKILL.md"
    edited.write_text("mine now")
    with pytest.raises(ConflictError):
        host.uninstall()
    result = host.uninstall(keep_changed=True)
    assert [kept.path for kept in result.kept] == [str(edited)]
    assert list(host.store.folder.glob("receipts/*/after-*"))
    edited.unlink()
    assert host.uninstall().outcome == "undone"
    assert not list(host.store.folder.glob("receipts/*"))
    assert not host.skills.exists()


def test_uninstall_where_nothing_is_ours_changes_nothing(host: PlainHost, origin: object) -> None:
    assert host.uninstall().outcome == "unchanged"
    assert host.uninstall(dry_run=True).outcome == "unchanged"
    assert host.tree() == origin
    assert not host.ours.exists()


def test_uninstall_of_one_host_leaves_the_records_of_another(host: PlainHost, tmp_path: Path) -> None:
    other = PlainHost(tmp_path / "host", profile="work")
    other.write(PLAIN)
    host.setup()
    other.setup()
    host.uninstall()
    assert not host.store.folder.exists()
    assert len(other.store.in_force()) == 1
    assert other.uninstall().outcome == "undone"
    assert not host.ours.exists()


def test_a_run_that_had_opened_the_lock_of_an_uninstalled_host_shuts_others_out_all_the_same(
    host: PlainHost,
) -> None:
    host.setup()
    host.uninstall()
    with host.store.lock(), pytest.raises(ConflictError), host.store.lock():
        pass


def test_what_stays_in_our_folders_is_named_and_empty_ones_go(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("log", "data", "state", "missing")]
    for place in places[:3]:
        place.mkdir()
    (places[1] / "hub").mkdir()
    (places[1] / "hub" / "relay.key").touch()
    (places[2] / "hosts").mkdir()
    (places[2] / "hosts" / "another").touch()
    remove_empty(places)
    assert [path.exists() for path in places] == [False, True, True, False]
    assert remaining(places) == (places[1] / "hub",)


def test_case_as_a_new_user_uninstall_after_overwrite_edited_is_no_conflict(host: PlainHost) -> None:
    origin = host.tree()
    host.setup()
    skill = host.skills / "mysta-sync" / "SKILL.md"
    shipped = skill.read_bytes()
    skill.write_text("my edit")
    host.setup(overwrite_edited=True)
    assert skill.read_bytes() == shipped
    planned = host.uninstall(dry_run=True)
    assert (planned.conflicts, planned.exit_code) == ((), 0)
    assert host.uninstall().outcome == "undone"
    assert host.tree() == origin
    assert not host.ours.exists()


def test_a_key_that_the_user_set_between_two_runs_and_the_second_replaced_is_no_conflict(
    host: PlainHost,
) -> None:
    host.setup()
    token = host.data["hooks"]["token"]
    host.edit(token, "short")
    host.fix_hooks()
    assert host.data["hooks"]["token"] not in (token, "short")
    host.uninstall()
    assert host.config.read_text() == PLAIN


def test_what_was_edited_once_more_after_overwrite_edited_is_a_conflict_still(host: PlainHost) -> None:
    host.setup()
    skill = host.skills / "mysta-sync" / "SKILL.md"
    skill.write_text("my edit")
    host.setup(overwrite_edited=True)
    skill.write_text("my second edit")
    with pytest.raises(ConflictError) as caught:
        host.uninstall()
    assert str(skill) in caught.value.message
    assert skill.read_text() == "my second edit"
