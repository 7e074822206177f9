"""What an uninstall leaves is named with its size and worth, and goes for good where that is asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.messaging import store_lock
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.runtime import locks
from openclaw_install.setup.history import ago, standing_runs
from openclaw_install.setup.leftovers import IMAGES, in_words, left, purge
from openclaw_install.setup.removal import uninstall
from tests.schemas import assert_valid
from tests.setup_rig import GATEWAY_TOKEN, PLAIN, Operator, PlainHost, WholeHost
from tests.test_setup_runtime import TwinRuntime

RELAY = "https://relay.example"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    plain.write(PLAIN)
    return plain


@pytest.fixture
def whole(host: PlainHost) -> WholeHost:
    made = WholeHost(host, TwinRuntime(), {"PINGAGENT_SERVER_URL": RELAY})
    made.set_up()
    return made


def test_case_as_a_new_user_what_an_uninstall_keeps_with_tokens_in_it_is_listed(host: PlainHost) -> None:
    host.setup()
    (host.skills / "pingagent" / "SKILL.md").write_text("mine now")
    host.setup(overwrite_edited=True)
    (host.skills / "pingagent" / "SKILL.md").write_text("mine again")
    result = host.uninstall(keep_changed=True)
    [images] = result.stays
    assert (images.path, images.what) == (host.store.folder, IMAGES)
    assert images.bytes > 0
    listed = tuple(one.path for one in result.stays)
    for path in host.ours.rglob("*"):
        if path.is_file() and GATEWAY_TOKEN in path.read_text(errors="replace"):
            assert any(path.is_relative_to(place) for place in listed), path


def test_an_uninstall_that_keeps_something_forgets_the_images_of_all_that_it_took_back(
    host: PlainHost,
) -> None:
    for _ in range(3):
        host.setup()
        host.undo()
    host.setup()
    (host.skills / "pingagent" / "SKILL.md").write_text("mine now")
    host.uninstall(keep_changed=True)
    # The run that stands for what was kept, and the one that says so.
    assert len(list(host.store.folder.glob("receipts/*"))) == 2
    assert [receipt.partial for receipt in host.store.in_force()] == [True]


def test_purge_asks_a_question_of_its_own_and_names_each_place(whole: WholeHost) -> None:
    person = Operator(answers=[True, False])
    kept = uninstall(whole.context(person), purge_too=True)
    assert (kept.outcome, kept.purged, person.questions) == ("undone", (), 2)
    paths = profile_paths({}, whole.host.home)
    assert paths.identity.exists()
    [said] = [line for line in person.shown if str(paths.identity) + " " in line]
    assert "nobody can be this agent again" in said
    assert "bytes" in said


def test_purge_deletes_what_was_left_and_nothing_of_openclaw(whole: WholeHost) -> None:
    done = uninstall(whole.context(), purge_too=True)
    assert_valid(jsonable(done), "undo-report")
    assert {one.path.name for one in done.purged} >= {"identity.json", "identity.json.bak"}
    assert done.stays == ()
    assert sorted(path.name for path in whole.host.home.iterdir()) == [".openclaw"]
    assert whole.host.config.read_text() == PLAIN
    again = uninstall(whole.context(), purge_too=True)
    assert (again.outcome, again.purged) == ("unchanged", ())


def test_purge_works_after_an_uninstall_without_it(whole: WholeHost) -> None:
    uninstall(whole.context())
    person = Operator()
    done = uninstall(whole.context(person), purge_too=True)
    assert (done.outcome, person.questions) == ("unchanged", 1)
    assert not profile_paths({}, whole.host.home).identity.exists()


def test_purge_leaves_what_a_process_works_with(whole: WholeHost) -> None:
    paths = profile_paths({}, whole.host.home)
    with store_lock.held(paths.store), pytest.raises(ConflictError) as caught:
        uninstall(whole.context(), purge_too=True)
    assert caught.value.error_code == "conflict.in_use"
    assert paths.identity.exists()


def test_purge_leaves_what_another_host_may_need(whole: WholeHost, tmp_path: Path) -> None:
    other = tmp_path / "XDG_STATE_HOME" / "openclaw-install" / "hosts" / "0123456789abcdef"
    other.mkdir(parents=True)
    (other / "lock").touch()
    person = Operator()
    done = uninstall(whole.context(person), purge_too=True)
    assert (done.purged, person.questions) == ((), 1)
    assert any("of other hosts" in line for line in person.shown)
    assert profile_paths({}, whole.host.home).identity.exists()


@pytest.mark.parametrize("place", [".", "..", "skills", "skills/x"])
def test_purge_never_touches_a_place_that_holds_or_is_openclaws(host: PlainHost, place: str) -> None:
    path = host.state_dir / place
    path.mkdir(parents=True, exist_ok=True)
    found = left([(path, "a hub")])
    person = Operator()
    gone = purge(found, host.location, in_use="", show=person.show, confirm=person.confirm)
    assert (gone, person.questions) == ((), 0)
    assert path.exists()


def test_purge_deletes_nothing_through_a_link(host: PlainHost, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo").touch()
    (tmp_path / "hub").symlink_to(tmp_path / "mine")
    person = Operator()
    found = left([(tmp_path / "hub", "a hub")])
    assert purge(found, host.location, in_use="", show=person.show, confirm=person.confirm) == ()
    assert (tmp_path / "mine" / "photo").exists()


def test_purge_never_takes_a_folder_for_a_file_of_the_agent(whole: WholeHost) -> None:
    folder = whole.host.home / "Documents"
    folder.mkdir()
    (folder / "photo").touch()
    for name in ("PINGAGENT_TRUST_POLICY_PATH", "PINGAGENT_STORE_PATH"):
        there = replace(whole, env={**(whole.env or {}), name: str(folder)})
        done = uninstall(there.context(), purge_too=True)
        assert folder not in [one.path for one in (*done.purged, *done.stays)]
        assert (folder / "photo").exists()


def test_purge_takes_the_journal_and_the_copies_of_a_store_that_lies_elsewhere(whole: WholeHost) -> None:
    folder = whole.host.home / "elsewhere"
    folder.mkdir()
    ours = ["s.db", "s.db-wal", "s.db.before-v4", "s.db.damaged-20261129T010203Z-wal", ".s.db.before-v4.tmp"]
    for name in (*ours, "s.db.mine", "other"):
        (folder / name).write_text("a message")
    there = replace(whole, env={**(whole.env or {}), "PINGAGENT_STORE_PATH": str(folder / "s.db")})
    left_alone = uninstall(there.context())
    assert {folder / name for name in ours} <= {one.path for one in left_alone.stays}
    uninstall(there.context(), purge_too=True)
    assert sorted(path.name for path in folder.iterdir()) == ["other", "s.db.mine"]


def test_purge_leaves_a_hub_that_runs(whole: WholeHost, tmp_path: Path) -> None:
    data = tmp_path / "XDG_DATA_HOME" / "openclaw-install" / "hub"
    data.mkdir(parents=True)
    with locks.held(data / "hub.lock", "held", "test"), pytest.raises(ConflictError) as caught:
        uninstall(whole.context(), purge_too=True)
    assert caught.value.error_code == "conflict.in_use"
    assert data.exists()
    uninstall(whole.context(), purge_too=True)
    assert not data.exists()


_ON_A_MOUNT = """
import sys
from pathlib import Path
from openclaw_install.host.locate import locate
from openclaw_install.setup.leftovers import left, purge
root = Path(sys.argv[1])
location = locate({"HOME": str(root / "home")})
found = left([(root / "hub", "a hub"), (root / "file", "a file")])
gone = purge(found, location, in_use="", show=print, confirm=lambda _: True)
print([one.path.name for one in gone], (root / "hub" / "disk" / "photo").exists())
"""


def test_purge_spares_a_folder_that_holds_another_file_system(tmp_path: Path) -> None:
    (tmp_path / "hub" / "disk").mkdir(parents=True)
    (tmp_path / "file").touch()
    mount = 'mount -t tmpfs none "$1/hub/disk" && touch "$1/hub/disk/photo" && exec "$2" -c "$3" "$1"'
    act = ["unshare", "-rm", "sh", "-c", mount, "sh", str(tmp_path), sys.executable, _ON_A_MOUNT]
    try:
        done = subprocess.run(act, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if "permitted" in done.stderr or "denied" in done.stderr:
        pytest.skip("this machine lets nobody mount")
    assert done.stdout.splitlines()[-1] == "['file'] True", done.stderr


def test_the_runs_that_stand_are_listed_newest_first_with_dates_in_words_and_a_summary(
    host: PlainHost,
) -> None:
    first = host.setup().applied
    host.edit(
        'allowedSessionKeyPrefixes: ["hook:im:", "hook:ingress"]', 'allowedSessionKeyPrefixes: ["hook:im:"]'
    )
    second = host.fix_hooks().applied
    assert first is not None
    assert second is not None
    made = max(receipt.created for receipt in host.store.in_force()).timestamp()
    found = standing_runs(host.store, made + 3 * 3600)
    assert_valid(jsonable(found), "undo-list")
    assert [run.receipt for run in found.runs] == [second.receipt, first.receipt]
    assert [run.command for run in found.runs] == ["verify-runtime --fix-hooks", "setup"]
    assert found.runs[0].ago == "3 hours ago"
    assert found.runs[0].summary == "config: hooks.allowedSessionKeyPrefixes"
    assert "pingagent" in found.runs[1].summary
    assert "hooks.enabled" in found.runs[1].summary


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (-5, "just now"),
        (-3600, "in the future, by this clock"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86400, "1 day ago"),
    ],
)
def test_ages_are_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_sizes_are_words() -> None:
    found = [in_words(size) for size in (0, 1, 999, 1500, 2_000_000, 3_000_000_000)]
    assert found == ["0 bytes", "1 byte", "999 bytes", "1.5 kB", "2.0 MB", "3.0 GB"]


def test_a_dry_run_of_undo_shows_what_becomes_of_the_config_without_its_secrets(host: PlainHost) -> None:
    host.setup()
    token = host.data["hooks"]["token"]
    person = Operator()
    result = host.undo(operator=person, dry_run=True)
    assert "-  hooks: {" in result.diff
    assert person.undo_plans[0].diff == result.diff
    assert token not in result.diff
    assert GATEWAY_TOKEN not in result.diff
