"""Undo and uninstall on a whole host: what comes back, what stays, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConfigError, ConflictError, InstallError, UsageError
from openclaw_install.host.config.json5_text import parse_json5
from openclaw_install.setup.changes import Kept
from openclaw_install.setup.undo import verdict_on
from tests.setup_rig import BOMBED, PLAIN, Operator, PlainHost, tree_of
from tests.setup_upgrades import newer_version, ship, with_file

LISTED = 'allowedSessionKeyPrefixes: ["hook:im:"'


@pytest.fixture(autouse=True)
def the_release_that_serves_pingagent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openclaw_install.__version__", "0.2.0")


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN, mode=0o644)
    return plain


@pytest.fixture
def origin(host: PlainHost) -> dict[str, tuple[str, int, str]]:
    """The host as it was before anything of ours came."""
    return host.tree()


def receipt_of(run: object) -> str:
    receipt = run.applied.receipt  # type: ignore[attr-defined] # a RunResult that applied something
    assert isinstance(receipt, str)
    return receipt


def refused(host: PlainHost) -> str:
    """The message of an undo that must refuse and change nothing."""
    before = host.tree()
    with pytest.raises(ConflictError) as caught:
        host.undo()
    assert caught.value.error_code == "conflict.undo"
    assert "--keep-changed" in caught.value.next_step
    assert host.tree() == before
    return caught.value.message


def test_undo_restores_every_byte_mode_and_folder(host: PlainHost, origin: object) -> None:
    assert host.setup().exit_code == 0
    assert host.config.stat().st_mode & 0o777 == 0o600
    result = host.undo()
    assert (result.outcome, result.exit_code) == ("undone", 0)
    assert host.tree() == origin


def test_undo_restores_the_bytes_of_a_file_with_crlf_and_a_byte_order_mark(host: PlainHost) -> None:
    data = b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode()
    host.config.write_bytes(data)
    host.setup()
    host.undo()
    assert host.config.read_bytes() == data


def test_undo_keeps_what_the_user_changed_elsewhere(host: PlainHost) -> None:
    host.setup()
    host.edit('level: "info"', 'level: "debug"')
    host.edit("// Hands off.", "// Hands off, I said.")
    host.edit("enabled: true,", "enabled: true, // thanks")
    (host.skills / "my-skill").mkdir()
    (host.skills / "my-skill" / "SKILL.md").write_text("mine")
    (host.skills / "pingagent" / "notes.txt").write_text("mine, too")
    host.undo()
    assert host.data == {**_parsed(PLAIN), "logging": {"level": "debug"}, "hooks": {}}
    text = host.config.read_text()
    assert "// Hands off, I said." in text
    assert "// thanks" in text  # so its object stays, too
    assert (host.skills / "my-skill" / "SKILL.md").read_text() == "mine"
    assert sorted(path.name for path in host.skills.iterdir()) == ["my-skill", "pingagent"]
    assert [path.name for path in (host.skills / "pingagent").iterdir()] == ["notes.txt"]


def _parsed(text: str) -> dict[str, object]:
    document = parse_json5(text)
    assert isinstance(document, dict)
    return document


def test_parents_that_we_made_go_with_the_last_key(host: PlainHost) -> None:
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    host.setup()
    assert host.data["mcp"]["servers"]["pingagent"]["args"] == ["mcp", "pingagent"]
    host.edit('level: "info"', 'level: "debug"')
    host.undo()
    assert host.config.read_text() == PLAIN.replace("info", "debug")


def test_parents_that_the_user_added_to_stay(host: PlainHost) -> None:
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    host.setup()
    host.edit("servers: {", "servers: { mine: { command: 'x' },")
    host.edit("enabled: true,", "enabled: true, mappings: [],")
    host.undo()
    assert host.data["mcp"] == {"servers": {"mine": {"command": "x"}}}
    assert host.data["hooks"] == {"mappings": []}


def test_a_list_that_both_extended_keeps_the_users_elements(host: PlainHost) -> None:
    host.write(BOMBED)
    host.fix_hooks()
    assert host.data["hooks"]["allowedSessionKeyPrefixes"][:2] == ["hook:im:", "hook:ingress"]
    host.edit(LISTED, 'allowedSessionKeyPrefixes: ["user:", "hook:im:"')
    host.undo()
    assert host.data["hooks"]["allowedSessionKeyPrefixes"] == ["user:", "hook:im:"]


def test_a_key_that_the_user_set_again_is_named_and_nothing_is_undone(host: PlainHost) -> None:
    host.setup()
    host.edit('defaultSessionKey: "hook:ingress"', 'defaultSessionKey: "hook:im:me"')
    assert f"{host.config}: hooks.defaultSessionKey" in refused(host)
    planned = host.undo(dry_run=True)
    assert (planned.outcome, planned.exit_code) == ("planned", 1)


def test_keep_changed_keeps_the_users_value_and_undoes_the_rest(host: PlainHost) -> None:
    host.setup()
    host.edit('defaultSessionKey: "hook:ingress"', 'defaultSessionKey: "hook:im:me"')
    result = host.undo(keep_changed=True)
    assert result.kept == (Kept(f"{host.config}: hooks.defaultSessionKey", "changed since that run"),)
    assert host.data["hooks"] == {"defaultSessionKey": "hook:im:me"}
    assert not host.skills.exists()
    assert "hooks.defaultSessionKey" in refused(host)


def test_a_bundle_file_that_the_user_edited_is_named_or_kept(host: PlainHost) -> None:
    host.setup()
    edited = host.skills / "pingagent" / "SKILL.md"
    edited.write_text("mine now")
    assert str(edited) in refused(host)
    host.undo(keep_changed=True)
    assert edited.read_text() == "mine now"
    assert not (host.skills / "mysta-sync").exists()


def test_a_bundle_file_that_the_user_deleted_needs_nothing(host: PlainHost, origin: object) -> None:
    host.setup()
    (host.skills / "pingagent" / "SKILL.md").unlink()
    host.undo()
    assert host.tree() == origin


def test_something_else_in_the_place_of_a_bundle_file_is_the_users(host: PlainHost) -> None:
    host.setup()
    place = host.skills / "pingagent" / "SKILL.md"
    place.unlink()
    place.mkdir()
    assert str(place) in refused(host)
    host.undo(keep_changed=True)
    assert place.is_dir()


def test_permissions_that_the_user_changed_since_are_named_or_kept(host: PlainHost) -> None:
    host.setup()
    host.config.chmod(0o640)
    assert f"{host.config} (its permissions)" in refused(host)
    host.undo(keep_changed=True)
    assert host.config.stat().st_mode & 0o777 == 0o640
    assert host.config.read_text() == PLAIN


def test_a_config_that_was_deleted_is_a_conflict_and_stays_deleted(host: PlainHost) -> None:
    host.setup()
    host.config.unlink()
    assert str(host.config) in refused(host)
    host.undo(keep_changed=True)
    assert not host.config.exists()
    assert not host.skills.exists()


@pytest.mark.parametrize("text", ["{ hooks: ", "", "\xff"], ids=["half", "empty", "not UTF-8"])
def test_a_config_that_cannot_be_read_is_an_error_and_stays(host: PlainHost, text: str) -> None:
    host.setup()
    host.config.write_bytes(text.encode("latin-1"))
    before = host.tree()
    with pytest.raises(ConfigError):
        host.undo()
    assert host.tree() == before
    result = host.undo(keep_changed=True)
    assert [kept.path for kept in result.kept] == [str(host.config)]
    assert host.config.read_bytes() == text.encode("latin-1")


def test_bytes_that_are_not_utf_8_are_never_rewritten(host: PlainHost) -> None:
    host.setup()
    host.config.write_bytes(host.config.read_bytes().replace(b"Hands off", b"H\xe4nds off"))
    with pytest.raises(ConfigError) as caught:
        host.undo()
    assert caught.value.error_code == "config.encoding"


def test_a_config_that_became_no_object_has_nothing_of_ours(host: PlainHost) -> None:
    host.setup()
    host.config.write_text("[]")
    host.undo()
    assert host.config.read_text() == "[]"
    assert not host.skills.exists()


def test_a_config_that_became_a_link_is_undone_where_it_leads(host: PlainHost) -> None:
    host.setup()
    target = host.home / "dotfiles.json5"
    host.config.rename(target)
    host.config.symlink_to(target)
    host.undo()
    assert host.config.is_symlink()
    assert target.read_text() == PLAIN


def test_a_config_behind_a_link_is_followed_and_the_link_stays(host: PlainHost) -> None:
    target = host.home / "dotfiles.json5"
    host.config.rename(target)
    host.config.symlink_to(target)
    origin = host.tree()
    host.setup()
    assert host.config.is_symlink()
    assert "hooks" in host.data
    host.undo()
    assert host.tree() == origin


def test_undo_takes_the_newest_run_first_and_then_the_one_before(host: PlainHost, origin: object) -> None:
    host.setup()
    host.edit(LISTED + ', "hook:ingress"]', LISTED + "]")
    broken = host.tree()
    second = receipt_of(host.fix_hooks())
    first = host.undo()
    assert first.receipts == (second,)
    assert host.tree() == broken
    host.undo()
    assert host.tree() == origin
    with pytest.raises(UsageError) as caught:
        host.undo()
    assert caught.value.error_code == "usage.no_receipt"
    assert "there is nothing to undo" in caught.value.message


def test_a_receipt_that_was_undone_cannot_be_undone_again(host: PlainHost) -> None:
    receipt = receipt_of(host.setup())
    host.undo(receipt)
    host.setup()
    with pytest.raises(UsageError, match="no receipt"):
        host.undo(receipt)
    with pytest.raises(UsageError) as caught:
        host.undo("../../somewhere")
    [standing] = host.store.in_force()
    assert f" {standing.id};" in caught.value.next_step
    assert receipt not in caught.value.next_step


def test_an_older_run_is_undone_while_a_newer_one_stands(host: PlainHost) -> None:
    host.write(BOMBED)
    first = receipt_of(host.fix_hooks())
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    host.setup()
    host.undo(first)
    assert host.data["hooks"] == _parsed(BOMBED)["hooks"]
    assert list(host.data["mcp"]["servers"]) == ["pingagent"]
    host.undo()
    assert host.config.read_text() == BOMBED


def test_a_key_that_a_later_run_set_again_is_undone_with_that_one_first(host: PlainHost) -> None:
    first = receipt_of(host.setup())
    host.edit(LISTED + ', "hook:ingress"]', LISTED + "]")
    second = receipt_of(host.fix_hooks())
    before = host.tree()
    with pytest.raises(ConflictError) as caught:
        host.undo(first)
    named = f"hooks.allowedSessionKeyPrefixes (by the later run {second}; undo that one first)"
    assert named in caught.value.message
    assert host.tree() == before
    with pytest.raises(ConflictError):
        host.undo(first, keep_changed=True)
    assert host.tree() == before
    host.undo()
    host.undo()
    assert host.config.read_text() == PLAIN


def test_an_older_run_whose_file_a_newer_one_wrote_again_is_refused_with_its_name(
    host: PlainHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = receipt_of(host.setup())
    ship(monkeypatch, newer_version(tmp_path, "---\nname: pingagent\ndescription: newer\n---\n"))
    second = receipt_of(host.setup())
    before = host.tree()
    with pytest.raises(ConflictError) as caught:
        host.undo(first)
    assert f"(by the later run {second}; undo that one first)" in caught.value.message
    assert host.tree() == before


def test_folders_that_were_still_in_use_go_with_the_run_that_empties_them(
    host: PlainHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: object
) -> None:
    host.setup()
    first = host.skills / "pingagent" / "references"
    ship(monkeypatch, with_file(tmp_path, "news.md"))
    host.setup()
    [older, newer] = host.store.in_force()
    host.undo(older.id)
    assert [path.name for path in host.skills.rglob("*") if path.is_file()] == ["news.md"]
    assert host.store.leftover_folders() == (host.skills, first.parent, first)
    host.undo(newer.id)
    assert host.tree() == origin


@pytest.mark.parametrize("command", ["undo", "uninstall"])
def test_a_dry_run_of_taking_back_writes_nothing_at_all(host: PlainHost, command: str) -> None:
    host.setup()
    before = tree_of(host.root, times=True)
    operator = Operator()
    result = getattr(host, command)(operator=operator, dry_run=True)
    assert (result.outcome, result.exit_code) == ("planned", 0)
    assert len(operator.undo_plans) == 1
    assert operator.questions == 0
    assert tree_of(host.root, times=True) == before


def test_a_dry_run_makes_not_even_a_lock(host: PlainHost) -> None:
    assert host.uninstall(dry_run=True).outcome == "unchanged"
    assert not host.ours.exists()


@pytest.mark.parametrize("command", ["undo", "uninstall"])
def test_declining_changes_nothing(host: PlainHost, command: str) -> None:
    host.setup()
    before = host.tree()
    result = getattr(host, command)(operator=Operator(answers=[False]))
    assert (result.outcome, result.exit_code) == ("declined", 1)
    assert host.tree() == before
    assert len(host.store.in_force()) == 1


def test_undo_says_when_the_gateway_would_not_start_from_the_restored_config(host: PlainHost) -> None:
    host.write(BOMBED)
    host.fix_hooks()
    operator = Operator()
    result = host.undo(operator=operator)
    assert result.next_boot is not None
    assert result.next_boot.rule == "hooks.boot.prefixes_exclude_hook"
    assert host.config.read_text() == BOMBED


def test_undo_judges_the_restored_config_with_its_includes_and_variables(host: PlainHost) -> None:
    (host.state_dir / "hooks.json5").write_text('{ enabled: true, token: "${HOOKS_TOKEN}" }')
    host.env["HOOKS_TOKEN"] = "t" * 40
    host.write('{ hooks: { $include: "./hooks.json5" }, gateway: { port: 1 } }', mode=0o644)
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    with pytest.raises(InstallError):
        raise host.setup().error or AssertionError
    host.write(
        '{ gateway: { mode: "local", bind: "loopback" }, hooks: { $include: "./hooks.json5",'
        " allowRequestSessionKey: true,"
        ' allowedSessionKeyPrefixes: ["hook:"], allowedAgentIds: ["main"] } }'
    )
    host.setup()
    assert host.data["mcp"]["servers"]["pingagent"]
    verdict = host.undo().next_boot
    assert verdict is not None
    assert (verdict.state, verdict.rule) == ("not_judged", None)


def test_a_read_only_config_is_not_restored_either(host: PlainHost) -> None:
    host.setup()
    host.env["OPENCLAW_CONFIG_READONLY"] = "1"
    before = host.tree()
    with pytest.raises(ConfigError) as caught:
        host.undo()
    assert caught.value.error_code == "config.read_only"
    assert host.tree() == before


def test_undo_settles_a_run_that_had_died_first(host: PlainHost, origin: object) -> None:
    host.setup()
    [receipt] = host.store.in_force()
    host.store.mark(receipt, "applying")
    operator = Operator()
    host.undo(operator=operator)
    assert operator.shown == ["an earlier run had died; it was completed"]
    assert host.tree() == origin


def test_what_ran_twice_at_the_same_moment_is_still_undone_in_order(host: PlainHost, origin: object) -> None:
    """The clock was set back between two runs: the ids still sort by what happened."""
    host.setup()
    [first] = host.store.in_force()
    later = first.created.replace(year=first.created.year + 1)
    place = host.store.place(first.id)
    renamed = place.with_name(place.name.replace(str(first.created.year), str(later.year), 1))
    stored = json.loads((place / "receipt.json").read_text())
    stored |= {
        "id": renamed.name,
        "created": stored["created"].replace(str(first.created.year), str(later.year)),
    }
    (place / "receipt.json").write_text(json.dumps(stored))
    place.rename(renamed)
    host.edit(LISTED + ', "hook:ingress"]', LISTED + "]")
    second = receipt_of(host.fix_hooks())
    assert second > renamed.name
    assert host.undo().receipts == (second,)


@pytest.mark.parametrize("data", [b"{ half", b"[]", b'{ $include: "./gone.json5" }'])
def test_nothing_is_said_of_the_next_boot_where_the_restored_file_cannot_be_judged(
    host: PlainHost, data: bytes
) -> None:
    assert verdict_on(data, host.location) is None
