"""What `--keep-changed` keeps stays on record, so that a later undo or uninstall can finish."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConfigError, ConflictError, UsageError
from tests.schemas import assert_valid
from tests.setup_rig import BOMBED, PLAIN, Operator, PlainHost, tree_of

LISTED = 'allowedSessionKeyPrefixes: ["hook:im:"'
SESSION = 'defaultSessionKey: "hook:ingress"'


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN, mode=0o644)
    return plain


@pytest.fixture
def origin(host: PlainHost) -> dict[str, tuple[str, int, str]]:
    return host.tree()


def break_config(host: PlainHost) -> None:
    host.config.write_text(host.config.read_text() + "}")


def mend_config(host: PlainHost) -> None:
    host.config.write_text(host.config.read_text().removesuffix("}"))


@pytest.mark.parametrize("first", ["undo", "uninstall"])
@pytest.mark.parametrize("then", ["undo", "uninstall"])
def test_a_config_that_could_not_be_read_is_taken_back_once_it_is_mended(
    host: PlainHost, first: str, then: str, origin: object
) -> None:
    host.setup()
    break_config(host)
    with pytest.raises(ConfigError):
        getattr(host, first)()
    kept = getattr(host, first)(keep_changed=True)
    assert [item.path for item in kept.kept] == [str(host.config)]
    assert not host.skills.exists()
    mend_config(host)
    assert "token" in host.data["hooks"]
    assert getattr(host, then)().outcome == "undone"
    assert host.tree() == origin
    assert host.store.in_force() == ()


def test_keeping_the_same_again_writes_nothing_and_asks_nothing(host: PlainHost) -> None:
    host.setup()
    break_config(host)
    host.uninstall(keep_changed=True)
    before = tree_of(host.root, times=True)
    for command in ("undo", "uninstall"):
        operator = Operator()
        result = getattr(host, command)(operator=operator, keep_changed=True)
        assert (result.outcome, result.exit_code) == ("undone", 0)
        assert [item.path for item in result.kept] == [str(host.config)]
        assert operator.questions == 0
    after = tree_of(host.root, times=True)
    assert {name for name in after if "lock" not in name} == {name for name in before if "lock" not in name}


def test_the_receipt_of_a_partial_undo_is_as_its_schema_says(host: PlainHost) -> None:
    host.setup()
    host.edit(SESSION, 'defaultSessionKey: "hook:im:me"')
    host.undo(keep_changed=True)
    documents = [json.loads(path.read_text()) for path in host.store.folder.glob("receipts/*/receipt.json")]
    for document in documents:
        assert_valid(document, "receipt")
    [remnant] = [item for document in documents for item in document["remnants"]]
    assert (remnant["kind"], remnant["path"]) == ("config", str(host.config))
    assert remnant["key_paths"] == [["hooks", "defaultSessionKey"]]


def test_of_the_config_only_the_kept_keys_stand(host: PlainHost) -> None:
    host.setup()
    host.edit(SESSION, 'defaultSessionKey: "hook:im:me"')
    host.undo(keep_changed=True)
    # What we had set and taken back is the user's own by now, even with our former value.
    host.edit("defaultSessionKey", "enabled: true, defaultSessionKey")
    host.edit('"hook:im:me"', '"hook:ingress"')
    host.undo()
    assert host.data["hooks"] == {"enabled": True}
    with pytest.raises(UsageError):
        host.undo()


def test_what_was_taken_back_and_came_again_from_the_user_is_no_conflict(host: PlainHost) -> None:
    host.setup()
    edited = host.skills / "pingagent" / "SKILL.md"
    edited.write_text("mine now")
    host.undo(keep_changed=True)
    other = host.skills / "mysta-sync" / "SKILL.md"
    other.parent.mkdir()
    other.write_text("my own")
    host.config.chmod(0o640)
    edited.unlink()
    assert host.undo().kept == ()
    assert other.read_text() == "my own"
    assert host.config.stat().st_mode & 0o777 == 0o640
    assert not edited.parent.exists()


def test_permissions_that_were_kept_can_be_taken_back_later(host: PlainHost, origin: object) -> None:
    host.setup()
    host.config.chmod(0o640)
    host.uninstall(keep_changed=True)
    host.config.chmod(0o600)
    host.uninstall()
    assert host.tree() == origin


def test_a_second_try_can_keep_less(host: PlainHost) -> None:
    host.setup()
    edited = host.skills / "pingagent" / "SKILL.md"
    edited.write_text("mine now")
    host.edit(SESSION, 'defaultSessionKey: "hook:im:me"')
    assert len(host.uninstall(keep_changed=True).kept) == 2
    host.edit('"hook:im:me"', '"hook:ingress"')
    assert [item.path for item in host.uninstall(keep_changed=True).kept] == [str(edited)]
    assert host.config.read_text() == PLAIN
    [standing] = host.store.in_force()
    assert [change.path for change in standing.changes] == [edited]
    assert standing.partial


def test_a_setup_after_a_partial_uninstall_is_a_run_of_its_own(host: PlainHost, origin: object) -> None:
    host.setup()
    break_config(host)
    host.uninstall(keep_changed=True)
    mend_config(host)
    assert host.setup().exit_code == 0
    assert (host.skills / "pingagent" / "SKILL.md").is_file()
    host.uninstall()
    assert host.tree() == origin
    assert not host.ours.exists()


def two_runs(host: PlainHost) -> tuple[str, str]:
    """A setup, and a fix of one key that the setup had set, too."""
    host.setup()
    host.edit(LISTED + ', "hook:ingress"]', LISTED + "]")
    host.fix_hooks()
    first, second = host.store.in_force()
    return first.id, second.id


def test_undo_gets_past_what_the_user_wants_to_keep(host: PlainHost) -> None:
    first, second = two_runs(host)
    host.config.write_text(
        host.config.read_text().replace(LISTED + ', "hook:ingress"]', 'allowedSessionKeyPrefixes: "mine"')
    )
    assert host.undo(keep_changed=True).receipts == (second,)
    back = host.undo(keep_changed=True)
    assert back.receipts == (first,)
    assert host.data["hooks"] == {"allowedSessionKeyPrefixes": "mine"}
    assert [item.id for item in host.store.in_force()] == [first, second]


def test_what_was_kept_unread_of_a_later_run_is_undone_before_the_older_one(
    host: PlainHost, origin: object
) -> None:
    _first, second = two_runs(host)
    break_config(host)
    host.undo(keep_changed=True)
    for mended in (False, True):
        if mended:
            mend_config(host)
        with pytest.raises((ConflictError, ConfigError)):
            host.undo()
    with pytest.raises(ConflictError) as caught:
        host.undo(keep_changed=True)
    assert f"by the later run {second}; undo that one first" in caught.value.message
    host.undo(second)
    host.edit(LISTED + "]", LISTED + ', "hook:ingress"]')
    host.undo()
    assert host.tree() == origin


def test_a_file_of_a_later_run_that_the_user_kept_does_not_stand_in_the_way(host: PlainHost) -> None:
    edited = host.skills / "pingagent" / "SKILL.md"
    edited.parent.mkdir(parents=True)
    edited.write_text("from before")
    host.setup(overwrite_edited=True)
    edited.write_text("changed")
    host.setup(overwrite_edited=True)
    first, second = (receipt.id for receipt in host.store.in_force())
    edited.write_text("mine now")
    host.undo(second, keep_changed=True)
    host.undo(first, keep_changed=True)
    assert edited.read_text() == "mine now"
    assert host.config.read_text() == PLAIN


def test_uninstall_takes_several_runs_back_once_the_config_can_be_read(tmp_path: Path) -> None:
    host = PlainHost(tmp_path / "bombed")
    host.write(BOMBED)
    origin = host.tree()
    host.fix_hooks()
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    host.setup()
    assert len(host.store.in_force()) == 2
    break_config(host)
    host.uninstall(keep_changed=True)
    mend_config(host)
    host.uninstall()
    assert host.tree() == origin


def test_hundreds_of_partial_undos_keep_the_record_of_what_stands(host: PlainHost) -> None:
    host.setup()
    edited = host.skills / "pingagent" / "SKILL.md"
    edited.write_text("mine now")
    host.uninstall(keep_changed=True)
    for _ in range(15):
        host.setup()
        host.undo()
    assert [change.path for receipt in host.store.in_force() for change in receipt.changes] == [edited]
    edited.unlink()
    host.uninstall()
    assert not list(host.store.folder.glob("receipts/*"))
