"""Identity files: made once, private, never overwritten, and told in words when something is wrong."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_install.common.errors import ConflictError, FileError, InstallError, UsageError
from openclaw_install.common.redaction import Secret
from openclaw_install.protocol import identity_document, profile_files
from openclaw_install.protocol.canonical import b64u
from openclaw_install.protocol.errors import IdentityError
from openclaw_install.protocol.identity import Identity, rename, rotate_encryption, rotate_signing
from openclaw_install.protocol.identity_document import (
    export_identity,
    import_identity,
    read_identity,
    write_identity,
)
from openclaw_install.protocol.profile import backup_of, profile_paths
from openclaw_install.protocol.profile_files import (
    create_identity,
    ensure_identity,
    load_identity,
    save_identity,
    store_new_identity,
    update_identity,
)
from tests.protocol_rig import NOW, agent
from tests.schemas import assert_valid

PASSPHRASE = Secret("correct horse battery")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _code(error: pytest.ExceptionInfo[InstallError]) -> str:
    assert error.value.next_step
    return error.value.error_code


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where an identity belongs; nothing is there yet, not even the folders."""
    return profile_paths({}, tmp_path).identity


# --- places


def test_the_default_profile_lies_below_the_home_folder(tmp_path: Path) -> None:
    paths = profile_paths({"PINGAGENT_PROFILE": "", "PINGAGENT_ROOT_DIR": ""}, tmp_path)
    folder = tmp_path / ".pingagent" / "profiles" / "openclaw"
    assert (paths.profile, paths.folder) == ("openclaw", folder)
    assert (paths.identity, paths.store) == (folder / "identity.json", folder / "store.db")
    assert paths.trust_policy == folder / "trust-policy.json"


def test_the_environment_moves_the_root_the_profile_and_single_files(tmp_path: Path) -> None:
    env = {
        "PINGAGENT_ROOT_DIR": "~/agents",
        "PINGAGENT_PROFILE": "work",
        "PINGAGENT_IDENTITY_PATH": "/keys/me.json",
        "PINGAGENT_STORE_PATH": "~/me.db",
        "PINGAGENT_TRUST_POLICY_PATH": "~",
    }
    paths = profile_paths(env, tmp_path)
    assert paths.folder == tmp_path / "agents" / "profiles" / "work"
    assert paths.identity == Path("/keys/me.json")
    assert paths.store == tmp_path / "me.db"
    assert paths.trust_policy == tmp_path


@pytest.mark.parametrize("name", ["..", ".", "a/b", "/a", "a\\b", "a\nb", "-a", " a", "x" * 65, "\u0430"])
def test_a_profile_whose_name_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        profile_paths({"PINGAGENT_PROFILE": name}, tmp_path)


def test_a_relative_path_is_refused_because_it_would_change_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="PINGAGENT_STORE_PATH"):
        profile_paths({"PINGAGENT_STORE_PATH": "store.db"}, tmp_path)


# --- creation


def test_a_created_identity_is_private_and_loads_again(place: Path) -> None:
    identity = create_identity(place, NOW, alias="ann", display_name="Ann")
    assert load_identity(place) == identity
    assert (_mode(place), _mode(backup_of(place))) == (0o600, 0o600)
    assert {_mode(folder) for folder in (place.parent, place.parent.parent, place.parents[2])} == {0o700}
    assert sorted(path.name for path in place.parent.iterdir()) == ["identity.json", "identity.json.bak"]
    assert_valid(json.loads(place.read_bytes()), "pingagent-identity")


def test_a_wide_umask_changes_nothing(place: Path) -> None:
    before = os.umask(0)
    try:
        create_identity(place, NOW)
    finally:
        os.umask(before)
    assert (_mode(place), _mode(backup_of(place)), _mode(place.parent)) == (0o600, 0o600, 0o700)


@pytest.mark.parametrize("there", ["file", "folder", "link", "dangling link"])
def test_what_is_there_is_never_overwritten(there: str, place: Path, tmp_path: Path) -> None:
    place.parent.mkdir(parents=True)
    target = tmp_path / "target"
    if there == "file":
        place.write_text("mine")
    elif there == "folder":
        place.mkdir()
    else:
        place.symlink_to(target)
    if there == "link":
        target.write_text("mine")
    with pytest.raises(ConflictError) as refused:
        create_identity(place, NOW)
    assert _code(refused) == "identity.exists"
    assert not (there == "file" and place.read_text() != "mine")
    assert target.exists() is (there == "link")
    assert [path.name for path in place.parent.iterdir()] == ["identity.json"]


def test_racing_creators_get_one_identity(place: Path) -> None:
    start = threading.Barrier(8)

    def race(_: int) -> tuple[Identity, bool]:
        start.wait(30)
        return ensure_identity(place, NOW)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(race, range(8)))
    assert len({identity.did for identity, _ in results}) == 1
    assert [made for _, made in results].count(True) == 1
    assert load_identity(place) == results[0][0] == load_identity(backup_of(place))


def test_where_only_the_second_copy_is_left_no_new_identity_takes_its_place(place: Path) -> None:
    identity = create_identity(place, NOW)
    place.unlink()
    with pytest.raises(IdentityError) as refused:
        ensure_identity(place, NOW)
    assert _code(refused) == "identity.only_backup"
    backup_of(place).rename(place)
    assert ensure_identity(place, NOW) == (identity, False)


def test_a_file_system_without_hard_links_is_served_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(_self: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    identity = create_identity(place, NOW)
    assert load_identity(place) == identity
    with pytest.raises(ConflictError):
        create_identity(place, NOW)


@pytest.mark.parametrize("failing", ["fsync", "hardlink", "second write"])
def test_a_full_disk_leaves_nothing_behind(
    failing: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def no_links(*_: object) -> None:
        monkeypatch.setattr(os, "fsync", full)
        raise OSError(errno.EPERM, "no links here")

    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif failing == "second write":
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    else:
        monkeypatch.setattr(Path, "hardlink_to", full)
    with pytest.raises(FileError, match=r"identity\.json") as refused:
        create_identity(place, NOW)
    assert _code(refused) == "file.enospc"
    assert list(place.parent.iterdir()) == []


# --- loading


def test_a_missing_identity_says_how_to_get_one(place: Path) -> None:
    with pytest.raises(IdentityError, match=str(place)) as refused:
        load_identity(place)
    assert _code(refused) == "identity.missing"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_an_identity_that_others_can_read_is_refused(mode: int, place: Path) -> None:
    create_identity(place, NOW)
    place.chmod(mode)
    with pytest.raises(IdentityError, match=str(place)) as refused:
        load_identity(place)
    assert _code(refused) == "identity.too_open"
    assert "chmod 600" in refused.value.next_step


def test_a_link_is_not_followed(place: Path, tmp_path: Path) -> None:
    create_identity(tmp_path / "real.json", NOW)
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "real.json")
    with pytest.raises(IdentityError) as refused:
        load_identity(place)
    assert _code(refused) == "identity.link"
    with pytest.raises(IdentityError):
        ensure_identity(place, NOW)


def test_a_folder_or_a_pipe_in_its_place_is_told(place: Path) -> None:
    place.mkdir(parents=True)
    with pytest.raises(FileError, match="no regular file"):
        load_identity(place)
    place.rmdir()
    os.mkfifo(place, 0o600)
    with pytest.raises(FileError, match="no regular file"):
        load_identity(place)
    with pytest.raises(FileError) as refused:
        load_identity(place / "below")
    assert _code(refused) == "file.enotdir"


def _damage(document: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(
        {key: value for key, value in {**document, **changes}.items() if value != "gone"}
    ).encode()


_DOCUMENT = json.loads(write_identity(rotate_encryption(agent(1, alias="ann"), NOW + 1)))
_OTHER = json.loads(write_identity(agent(3)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\0" * 100,
        write_identity(agent(1))[:-40],
        b" " * 300_000,
        _damage(_DOCUMENT, schema="pingagent.identity@2"),
        _damage(_DOCUMENT, did=_OTHER["did"]),
        _damage(_DOCUMENT, signing_seed=_OTHER["signing_seed"]),
        _damage(_DOCUMENT, signing_seed="AA"),
        _damage(_DOCUMENT, rotation=_OTHER["rotation"]),
        _damage(_DOCUMENT, rotation=[]),
        _damage(_DOCUMENT, encryption=[]),
        _damage(_DOCUMENT, encryption=_DOCUMENT["encryption"][::-1]),
        _damage(_DOCUMENT, encryption=_DOCUMENT["encryption"][:1] * 2),
        _damage(_DOCUMENT, encryption=[{}]),
        _damage(_DOCUMENT, alias=5),
        _damage(_DOCUMENT, alias="not an alias"),
        _damage(_DOCUMENT, display_name="A\u202eB"),
        _damage(_DOCUMENT, did="gone"),
        _damage(_DOCUMENT, more=1),
    ],
)
def test_a_damaged_identity_names_the_place_and_the_way_out_and_shows_no_key(
    data: bytes, place: Path
) -> None:
    create_identity(place, NOW)
    place.write_bytes(data)
    with pytest.raises(IdentityError, match=str(place)) as refused:
        load_identity(place)
    assert _code(refused) == "identity.damaged"
    assert str(backup_of(place)) in refused.value.next_step
    for seed in (_DOCUMENT["signing_seed"], _OTHER["signing_seed"]):
        assert seed not in repr(refused.value) + refused.value.message + refused.value.next_step
    assert load_identity(backup_of(place)).did


# --- saving


def test_a_saved_identity_replaces_the_file_and_its_copy_so_that_forgotten_keys_are_gone(place: Path) -> None:
    before = create_identity(place, NOW)
    after = update_identity(place, lambda identity: rotate_signing(identity, NOW + 1))
    assert load_identity(place) == after == load_identity(backup_of(place))
    old_seed = b64u(before.signing.reveal_seed())
    assert all(old_seed not in path.read_text() for path in place.parent.iterdir())
    assert _mode(place) == 0o600


def test_what_a_killed_process_left_beside_the_file_goes_with_the_next_change(place: Path) -> None:
    create_identity(place, NOW)
    left = [place.with_name(f".{name}.0123456789ab.tmp") for name in ("identity.json", "identity.json.bak")]
    for path in left:
        path.write_bytes(place.read_bytes())
    update_identity(place, lambda identity: rotate_signing(identity, NOW + 1))
    assert not any(path.exists() for path in left)


def test_an_update_that_changes_nothing_writes_nothing(place: Path) -> None:
    create_identity(place, NOW)
    stamp = place.stat().st_mtime_ns, place.stat().st_ino
    update_identity(place, lambda identity: identity)
    assert (place.stat().st_mtime_ns, place.stat().st_ino) == stamp


def test_updates_at_the_same_time_are_all_kept(place: Path) -> None:
    create_identity(place, NOW)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: update_identity(place, lambda it: rotate_encryption(it, NOW + n)), range(8)))
    assert [key.epoch for key in load_identity(place).encryption] == list(range(1, 10))


def test_an_update_waits_for_the_lock_only_so_long(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_identity(place, NOW)
    monkeypatch.setattr(profile_files, "LOCK_SECONDS", 0.05)
    with filelock.FileLock(place.with_name(".identity.json.lock")), pytest.raises(ConflictError) as refused:
        update_identity(place, lambda it: it)
    assert _code(refused) == "identity.locked"


def test_a_lock_that_cannot_be_made_is_told(place: Path) -> None:
    create_identity(place, NOW)
    place.with_name(".identity.json.lock").mkdir()
    with pytest.raises(FileError, match="lock") as refused:
        update_identity(place, lambda it: it)
    assert _code(refused).startswith("file.")


def test_an_update_of_a_missing_identity_makes_no_folder(place: Path) -> None:
    with pytest.raises(IdentityError):
        update_identity(place, lambda it: it)
    assert not place.parent.exists()


def test_another_agent_or_an_older_state_is_not_saved_over_the_file(place: Path) -> None:
    first = create_identity(place, NOW)
    second = update_identity(place, lambda it: rotate_signing(it, NOW + 1))
    for wrong in (first, agent(3), rotate_signing(first, NOW + 2)):
        with pytest.raises(ConflictError) as refused:
            save_identity(place, wrong)
        assert _code(refused) == "identity.conflict"
    assert load_identity(place) == second


def test_a_link_at_the_copys_place_is_replaced_and_never_written_through(place: Path, tmp_path: Path) -> None:
    identity = create_identity(place, NOW)
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    backup_of(place).unlink()
    backup_of(place).symlink_to(outside)
    save_identity(place, rename(identity, alias="ann", display_name=None))
    assert outside.read_text() == "untouched"
    assert not backup_of(place).is_symlink()


def test_a_full_disk_keeps_the_identity_that_was_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = create_identity(place, NOW)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FileError):
        save_identity(place, rename(identity, alias="ann", display_name=None))
    monkeypatch.undo()
    assert load_identity(place) == identity
    assert not [path for path in place.parent.iterdir() if path.suffix == ".tmp"]


@settings(max_examples=30)
@given(st.integers(0, 3), st.integers(0, 3))
def test_any_identity_is_read_back_as_it_was_written(signing: int, encryption: int) -> None:
    identity = agent(1, alias="ann", display_name="Ann ü")
    for number in range(1, signing + 1):
        identity = rotate_signing(identity, NOW + number)
    for number in range(1, encryption + 1):
        identity = rotate_encryption(identity, NOW + number)
    assert read_identity(write_identity(identity)) == identity


# --- export and import


@pytest.fixture(scope="module")
def exported() -> bytes:
    return export_identity(rotate_encryption(agent(1, alias="ann"), NOW + 1), PASSPHRASE)


def test_an_exported_identity_opens_with_its_passphrase_and_lands_where_nothing_is(
    exported: bytes, place: Path
) -> None:
    assert_valid(json.loads(exported), "pingagent-identity-export")
    assert b64u(bytes([1]) * 32) not in exported.decode()
    identity = import_identity(exported, PASSPHRASE)
    assert identity == rotate_encryption_like(identity)
    store_new_identity(place, identity)
    assert load_identity(place) == identity
    with pytest.raises(ConflictError):
        store_new_identity(place, identity)


def rotate_encryption_like(identity: Identity) -> Identity:
    """The exported agent, with the one key that was random taken from `identity`."""
    expected = agent(1, alias="ann")
    assert identity.encryption[0] == expected.current_encryption
    return Identity(expected.did, expected.signing, expected.rotation, identity.encryption, alias="ann")


def test_a_wrong_passphrase_is_refused_and_not_shown(exported: bytes) -> None:
    with pytest.raises(IdentityError) as refused:
        import_identity(exported, Secret("hunter2hunter2"))
    assert _code(refused) == "identity.import_refused"
    assert "hunter2" not in str(refused.value) + refused.value.next_step


def test_the_same_passphrase_typed_on_another_keyboard_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_document, "_N", 2**14)
    data = export_identity(agent(1), Secret("gr\u00fc\u00dfe-gr\u00fc\u00dfe"))
    assert import_identity(data, Secret("gru\u0308\u00dfe-gru\u0308\u00dfe")) == agent(1)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(IdentityError) as refused:
        export_identity(agent(1), Secret("1234567"))
    assert _code(refused) == "identity.passphrase_short"


@pytest.mark.parametrize("field", ["did", "nonce", "ciphertext", "n", "p", "salt"])
def test_an_altered_export_is_refused(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_document, "_N", 2**14)
    document = json.loads(export_identity(agent(1), PASSPHRASE))
    other = json.loads(export_identity(agent(3), PASSPHRASE))
    if field in {"n", "p"}:
        document["kdf"][field] *= 2
    elif field == "salt":
        document["kdf"]["salt"] = other["kdf"]["salt"]
    else:
        document[field] = other[field]
    with pytest.raises(IdentityError) as refused:
        import_identity(json.dumps(document).encode(), PASSPHRASE)
    assert _code(refused) == "identity.import_refused"


@pytest.mark.parametrize(
    "kdf",
    [
        {"n": 2**30},
        {"n": 2**19},
        {"n": 2**13},
        {"n": 2**17 + 1},
        {"n": -1},
        {"n": True},
        {"r": 1024},
        {"p": 5},
        {"p": 0},
        {"name": "argon2"},
        {"salt": ""},
        {"more": 1},
    ],
)
def test_key_derivation_that_would_eat_the_machine_or_protect_nothing_is_refused_before_it_runs(
    kdf: dict[str, Any], exported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_document, "Scrypt", None)
    document = json.loads(exported)
    document["kdf"] |= kdf
    with pytest.raises(IdentityError) as refused:
        import_identity(json.dumps(document).encode(), PASSPHRASE)
    assert _code(refused) == "identity.import_malformed"


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b" " * 600_000, write_identity(agent(1))])
def test_what_is_no_export_is_told(data: bytes) -> None:
    with pytest.raises(IdentityError) as refused:
        import_identity(data, PASSPHRASE)
    assert _code(refused) == "identity.import_malformed"


def test_an_export_whose_inside_is_another_agents_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever knows the passphrase could put another identity under a name that the reader trusts."""
    monkeypatch.setattr(identity_document, "_N", 2**14)
    monkeypatch.setattr(identity_document, "write_identity", lambda _: write_identity(agent(3)))
    data = export_identity(agent(1), PASSPHRASE)
    with pytest.raises(IdentityError) as refused:
        import_identity(data, PASSPHRASE)
    assert _code(refused) == "identity.import_malformed"
