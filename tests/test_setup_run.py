"""The one-shot setup as a whole: first run, second run, dry run, races, locks, what cannot be written."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_install.common import renames
from openclaw_install.common.errors import ConflictError, FileError, UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.setup.context import Context, Options
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.removal import undo
from tests.schemas import assert_valid
from tests.setup_rig import BOMBED, PLAIN, SOUND, Asker, Operator, PlainHost, follower, tree_of, without_ours


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN)
    return plain


def error_code(run: object) -> str:
    error = run.error  # type: ignore[attr-defined] # a RunResult that was stopped
    assert error is not None
    return str(error.error_code)


def test_the_first_run_brings_a_plain_host_to_ready(host: PlainHost) -> None:
    operator = Operator()
    run = host.setup(operator, Asker(follower(host)))
    assert run.report.activation_state == "ready_waiting_inbound"
    assert run.exit_code == 0
    assert run.applied is not None
    assert (run.applied.outcome, run.applied.live) == ("applied", True)
    assert run.applied.receipt is not None
    assert run.applied.backup == host.store.place(run.applied.receipt)
    assert {bundle.state for bundle in run.report.bundles} == {"identical"}
    assert host.config.read_text().startswith("// An operator's own config.\n")
    assert "// Hands off." in host.config.read_text()
    assert operator.questions == 1


def test_the_receipt_follows_its_schema_and_is_private(host: PlainHost) -> None:
    import json

    host.setup()
    [document] = host.store.folder.glob("receipts/*/receipt.json")
    assert_valid(json.loads(document.read_text()), "receipt")
    for path in [host.ours, *host.ours.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_what_is_installed_is_private_too(host: PlainHost) -> None:
    host.setup()
    for path in [host.skills, *host.skills.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_second_run_changes_no_byte_and_no_time_and_asks_nothing(host: PlainHost) -> None:
    host.setup()
    before = tree_of(host.root, times=True)
    operator = Operator()
    run = host.setup(operator)
    assert run.applied is not None
    assert (run.applied.outcome, run.applied.receipt) == ("unchanged", None)
    assert run.exit_code == 0
    assert (operator.questions, operator.plans) == (0, [])
    assert tree_of(host.root, times=True) == before


@pytest.mark.parametrize("text", [PLAIN, BOMBED, SOUND], ids=["plain", "bombed", "sound"])
def test_a_dry_run_shows_the_plan_and_writes_nothing_at_all(host: PlainHost, text: str) -> None:
    host.write(text, mode=0o644)
    before = tree_of(host.root, times=True)
    operator = Operator()
    run = host.setup(operator, dry_run=True)
    assert run.applied is not None
    assert run.applied.outcome == "planned"
    assert "create" in {change.action for change in run.applied.plan.changes}
    assert operator.questions == 0
    assert tree_of(host.root, times=True) == before
    assert not host.ours.exists()
    assert host.fix_hooks(dry_run=True).applied is not None
    assert tree_of(host.root, times=True) == before


def test_a_dry_run_after_a_run_says_that_there_is_nothing_to_do(host: PlainHost) -> None:
    host.setup()
    run = host.setup(dry_run=True)
    assert run.applied is not None
    assert run.applied.outcome == "unchanged"


def test_declining_changes_nothing_and_exits_with_1(host: PlainHost) -> None:
    before = host.tree()
    run = host.setup(Operator(answers=[False]))
    assert run.applied is not None
    assert (run.applied.outcome, run.exit_code) == ("declined", 1)
    assert host.tree() == before
    assert host.store.in_force() == ()


def test_nobody_to_ask_changes_nothing(host: PlainHost) -> None:
    class Nobody(Operator):
        def confirm(self, question: str) -> bool:
            raise UsageError("no terminal", next_step="add --yes", code="usage.consent")

    before = host.tree()
    with pytest.raises(UsageError):
        host.setup(Nobody())
    assert host.tree() == before


def test_a_config_that_changes_while_the_person_reads_is_planned_anew_and_shown_again(
    host: PlainHost,
) -> None:
    operator = Operator(while_asked=[lambda: host.edit("gateway:", "// a new line\n  gateway:")])
    run = host.setup(operator)
    assert run.applied is not None
    assert run.applied.outcome == "applied"
    assert (operator.questions, len(operator.plans)) == (2, 2)
    assert [line.startswith(str(host.config)) for line in operator.shown] == [True]
    assert "// a new line" in host.config.read_text()
    assert len(host.store.in_force()) == 1


def test_consent_to_the_same_diff_is_not_asked_for_twice(host: PlainHost) -> None:
    host.write("// one\n// two\n// three\n// four\n// five\n" + PLAIN)
    operator = Operator(while_asked=[lambda: host.edit("// one", "// uno")])
    run = host.setup(operator)
    assert run.applied is not None
    assert run.applied.outcome == "applied"
    assert operator.questions == 1
    assert host.config.read_text().startswith("// uno\n")


def test_what_another_program_saves_in_our_last_moment_stays_and_the_setup_plans_anew(
    host: PlainHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = iter([lambda: host.edit("gateway:", "// theirs\n  gateway:")])

    def exchange(one: Path, other: Path) -> None:
        if other == host.config:
            next(saves, lambda: None)()
        genuine(one, other)

    genuine = renames.exchange
    monkeypatch.setattr(renames, "exchange", exchange)
    operator = Operator()
    run = host.setup(operator)
    assert run.applied is not None
    assert run.applied.outcome == "applied"
    assert (operator.questions, len(operator.plans)) == (2, 2)
    assert [line.startswith(str(host.config)) for line in operator.shown] == [True]
    assert "// theirs" in host.config.read_text()
    assert "hooks" in host.data
    assert [one.name for one in host.config.parent.glob("*conflict*")] == []


def test_what_is_saved_while_a_run_is_taken_back_stays_too(
    host: PlainHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.setup()
    before_undo = host.config.read_text()

    def exchange(one: Path, other: Path) -> None:
        if other == host.config and host.config.read_text() == before_undo:
            host.edit("gateway:", "// theirs\n  gateway:")
        genuine(one, other)

    genuine = renames.exchange
    monkeypatch.setattr(renames, "exchange", exchange)
    with pytest.raises(ConflictError) as caught:
        host.undo()
    assert caught.value.error_code == "conflict.changed"
    host.undo()
    assert host.config.read_text() == PLAIN.replace("gateway:", "// theirs\n  gateway:", 1)


def test_a_config_that_keeps_changing_is_given_up_after_three_plans(host: PlainHost) -> None:
    numbers = iter(range(5))

    def edit() -> None:
        host.edit("gateway:", f"// edit {next(numbers)}\n  gateway:")

    operator = Operator(while_asked=[edit] * 5)
    with pytest.raises(ConflictError) as caught:
        host.setup(operator)
    assert caught.value.error_code == "conflict.changed"
    assert operator.questions == 3
    assert not host.skills.exists()
    assert "hooks" not in host.data


_HOLDER = """
import sys
from pathlib import Path
from tests.setup_rig import PlainHost
with PlainHost(Path(sys.argv[1])).store.lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(host: PlainHost) -> Iterator[None]:
    """Another process is in the middle of a run on the same host."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(host.root)],
        cwd=Path(__file__).parent.parent,
        env=without_ours({"HOME": str(host.home)}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        yield
        other.stdin.close()


@pytest.mark.usefixtures("held")
def test_a_second_run_at_the_same_time_is_refused_and_reading_is_not(host: PlainHost) -> None:
    before = host.tree()
    for command in (host.setup, host.fix_hooks, host.undo, host.uninstall):
        with pytest.raises(ConflictError) as caught:
            command()
        assert caught.value.error_code == "conflict.locked"
    assert host.tree() == before
    assert host.verify().report.blockers
    assert host.setup(dry_run=True).applied is not None


def test_the_lock_is_free_again_after_a_run_that_failed(host: PlainHost) -> None:
    with pytest.raises(UsageError):
        host.undo()
    assert host.setup().exit_code == 0


def test_a_read_only_config_is_refused_before_anything_is_written_and_the_dry_run_shows_the_plan(
    host: PlainHost,
) -> None:
    host.write(PLAIN, mode=0o644)
    host.env["OPENCLAW_CONFIG_READONLY"] = "1"
    before = host.tree()
    run = host.setup()
    assert error_code(run) == "config.read_only"
    assert run.report.activation_state == "blocked"
    assert error_code(host.fix_hooks()) == "config.read_only"
    assert host.tree() == before
    planned = host.setup(dry_run=True)
    assert planned.applied is not None
    assert "+  hooks: {" in planned.applied.plan.diff
    assert [change.kind for change in planned.applied.plan.changes if change.path == host.config] == [
        "config"
    ]


def test_bundles_are_installed_beside_a_read_only_config_that_needs_no_change(host: PlainHost) -> None:
    registered = '  mcp: { servers: { pingagent: { command: "openclaw-install" } } },\n}\n'
    host.write(SOUND.removesuffix("}\n") + registered, mode=0o644)
    host.env["OPENCLAW_NIX_MODE"] = "1"
    run = host.setup()
    assert run.applied is not None
    assert run.applied.outcome == "applied"
    assert (host.skills / "pingagent" / "SKILL.md").is_file()
    assert host.config.stat().st_mode & 0o777 == 0o644


def test_a_key_that_an_included_file_owns_is_not_edited_and_the_file_is_named(host: PlainHost) -> None:
    included = host.state_dir / "hooks.json5"
    included.write_text("{ enabled: false }")
    host.write('{ hooks: { $include: "./hooks.json5" }, gateway: { port: 19999 } }')
    before = host.tree()
    run = host.setup()
    assert error_code(run) == "config.owned_by_include"
    assert str(included) in run.report.blockers[0].message + run.report.blockers[0].next_step
    assert host.tree() == before


def test_two_hosts_by_profile_share_no_receipts_and_no_lock(tmp_path: Path) -> None:
    default = PlainHost(tmp_path / "host")
    work = PlainHost(tmp_path / "host", profile="work")
    assert work.state_dir == default.home / ".openclaw-work"
    for host in (default, work):
        host.write(PLAIN)
    with default.store.lock():
        assert work.setup().exit_code == 0
    assert default.store.in_force() == ()
    with pytest.raises(UsageError):
        default.undo()
    default.setup()
    work.undo()
    assert work.config.read_text() == PLAIN
    assert "hooks" in default.data


def test_a_config_beside_the_state_folder_is_a_host_of_its_own(host: PlainHost) -> None:
    other = PlainHost(host.root, named_config=host.home / "other.json5")
    other.write(PLAIN)
    assert other.store.folder != host.store.folder


def test_a_state_folder_behind_a_link_is_the_same_host(tmp_path: Path) -> None:
    host = PlainHost(tmp_path / "host")
    host.write(PLAIN)
    folder = host.store.folder
    host.state_dir.rename(host.home / "elsewhere")
    (host.home / ".openclaw").symlink_to(host.home / "elsewhere")
    linked = PlainHost(tmp_path / "host")
    assert linked.setup().exit_code == 0
    assert (host.home / ".openclaw").is_symlink()
    assert (host.home / "elsewhere" / "skills" / "pingagent" / "SKILL.md").is_file()
    other = PlainHost(tmp_path / "host", env={"OPENCLAW_STATE_DIR": str(host.home / "elsewhere")})
    assert other.store.folder == linked.store.folder
    assert other.store.folder != folder
    other.undo()
    assert other.config.read_text() == PLAIN


def test_permissions_are_narrowed_and_come_back(host: PlainHost) -> None:
    host.write(PLAIN, mode=0o666)
    host.state_dir.chmod(0o777)
    assert host.setup().exit_code == 0
    assert host.config.stat().st_mode & 0o777 == 0o600
    assert host.state_dir.stat().st_mode & 0o777 == 0o700
    host.undo()
    assert host.config.stat().st_mode & 0o777 == 0o666
    assert host.state_dir.stat().st_mode & 0o777 == 0o777


def test_a_run_that_had_died_is_settled_first_and_reported(host: PlainHost) -> None:
    host.setup()
    [receipt] = host.store.in_force()
    host.store.mark(receipt, "applying")
    (host.skills / "pingagent" / "SKILL.md").write_text("mine now")
    operator = Operator()
    run = host.setup(operator)
    assert run.applied is not None
    [recovered] = jsonable(run.applied)["recovered"]
    assert recovered["outcome"] == "rolled_back"
    assert recovered["kept"] == [str(host.skills / "pingagent" / "SKILL.md")]
    assert operator.shown[0].startswith("an earlier run had died; it was rolled back")
    assert (host.skills / "pingagent" / "SKILL.md").read_text() == "mine now"


def test_a_full_disk_leaves_everything_as_it_was(host: PlainHost) -> None:
    """A limit on the size of files stands for the disk: no file can grow beyond 64 bytes."""
    before = host.tree()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(FileError) as caught:
            host.setup()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.error_code == "file.efbig"
    assert host.tree() == before
    assert list(host.store.folder.glob("receipts/*")) == []
    assert host.setup().exit_code == 0


def test_a_file_in_the_place_of_the_skills_folder_is_named_and_nothing_is_changed(host: PlainHost) -> None:
    host.skills.write_text("in the way")
    before = host.tree()
    with pytest.raises(FileError) as caught:
        host.setup()
    assert str(host.skills) in caught.value.message
    assert caught.value.next_step
    assert host.tree() == before


def test_a_config_without_objects_where_servers_belong_gets_its_policy_and_no_server(
    host: PlainHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_install.__version__", "0.2.0")
    for name in ("openclaw-install", "pingagent"):
        host.add_command(name)
    host.write(PLAIN.replace("logging:", 'mcp: "none",\n  logging:'))
    run = host.setup()
    assert run.applied is not None
    assert [skipped.reason for skipped in run.applied.plan.skipped if "pingagent" in skipped.what] == [
        "mcp.servers is no object"
    ]
    assert host.data["mcp"] == "none"
    assert host.data["hooks"]["enabled"] is True


def test_the_default_store_lies_in_the_users_own_state_folder(
    host: PlainHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(host.root / "state"))
    assert ReceiptStore(host.location).folder.is_relative_to(host.root / "state" / "openclaw-install")
    with pytest.raises(UsageError):
        undo(Context(host.location, Options(), Operator(), ReceiptStore(host.location)))
