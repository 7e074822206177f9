"""The one question names all that a setup does, and a dry run says where its changes would lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.runtime.report import LogReport, RuntimeReport
from tests.setup_rig import BOMBED, PLAIN, Asker, Operator, PlainHost, WholeHost, enforcing, follower
from tests.test_setup_runtime import TwinRuntime

RELAY = "https://relay.example"
STOPPED = RuntimeReport("stopped", "it does not run", LogReport("/logs/runtime.log"))


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN)
    return plain


def test_case_as_a_new_user_the_one_question_names_folders_identity_relay_and_process(
    host: PlainHost,
) -> None:
    person = Operator()
    run = WholeHost(host, TwinRuntime(now=STOPPED), {"PINGAGENT_SERVER_URL": RELAY}).set_up(person)
    assert person.questions == 1
    assert run.connected is not None
    assert run.connected.outcome == "connected"
    [plan] = person.plans
    said = "\n".join(plan.besides)
    for word in (
        f"make the folder {host.skills}",
        str(host.store.folder),
        str(profile_paths({}, host.home).identity),
        RELAY,
        "one process in the background that logs to /logs/runtime.log",
    ):
        assert word in said


def test_a_no_to_the_one_question_makes_no_identity_and_connects_nothing(host: PlainHost) -> None:
    person, runtime = Operator(answers=[False]), TwinRuntime(now=STOPPED)
    run = WholeHost(host, runtime, {"PINGAGENT_SERVER_URL": RELAY}).set_up(person)
    assert run.applied is not None
    assert (person.questions, run.applied.outcome, run.exit_code) == (1, "declined", 1)
    assert run.applied.next_step == "openclaw-install"
    assert not profile_paths({}, host.home).folder.exists()
    assert runtime.calls == []


def test_a_second_setup_says_of_nothing_beside_the_files(host: PlainHost) -> None:
    whole = WholeHost(host, TwinRuntime(), {"PINGAGENT_SERVER_URL": RELAY})
    whole.set_up()
    host.edit('"hook:im:", ', "")
    person = Operator()
    whole.set_up(person)
    assert [plan.besides for plan in person.plans] == [()]


@pytest.mark.parametrize("text", [PLAIN, BOMBED], ids=["plain", "bombed"])
def test_case_as_a_new_user_a_dry_run_that_would_end_ready_exits_with_0(host: PlainHost, text: str) -> None:
    host.write(text, mode=0o644)
    whole = WholeHost(host, TwinRuntime(now=STOPPED), {"PINGAGENT_SERVER_URL": RELAY})
    run = whole.set_up(dry_run=True)
    assert run.report.activation_state == "blocked"
    assert run.applied is not None
    assert (run.applied.would_be, run.applied.left, run.exit_code) == ("ready_waiting_inbound", (), 0)
    assert run.applied.next_step == "openclaw-install"
    assert not host.ours.exists()


def test_a_dry_run_names_what_its_changes_would_not_cure(host: PlainHost) -> None:
    run = host.setup(dry_run=True, ask=Asker(enforcing("hook:")))
    assert run.exit_code == 0
    run = host.setup(dry_run=True, ask=Asker(LivePolicy("unreachable", 19999)))
    assert run.applied is not None
    assert run.applied.would_be == "blocked"
    assert [one.code for one in run.applied.left] == ["gateway.unreachable"]
    assert run.exit_code == 1


def test_a_dry_run_over_a_read_only_config_says_that_nothing_would_be_changed(tmp_path: Path) -> None:
    host = PlainHost(tmp_path / "nix", env={"OPENCLAW_NIX_MODE": "1"})
    host.write(PLAIN)
    whole = WholeHost(host, TwinRuntime(now=STOPPED), {"PINGAGENT_SERVER_URL": RELAY})
    run = whole.set_up(dry_run=True)
    assert run.applied is not None
    assert (run.applied.would_be, run.exit_code) == ("blocked", 1)
    assert run.applied.left[0].code == "config.read_only"
    real = whole.set_up()
    assert real.error is not None
    assert real.error.error_code == "config.read_only"


def test_a_dry_run_takes_no_runtime_that_cannot_be_looked_at_for_one_that_will_start(host: PlainHost) -> None:
    class Locked(TwinRuntime):
        def report(self) -> RuntimeReport:
            raise FileError("cannot look at the lock", next_step="look", code="file.eacces")

    run = WholeHost(host, Locked(), {"PINGAGENT_SERVER_URL": RELAY}).set_up(dry_run=True)
    assert run.applied is not None
    assert run.applied.would_be == "blocked"
    assert [one.code for one in run.applied.left] == ["runtime.file_eacces"]


def test_a_dry_run_of_the_hook_fix_says_what_makes_it(host: PlainHost) -> None:
    host.write(BOMBED)
    run = host.fix_hooks(dry_run=True, ask=Asker(follower(host)))
    assert run.applied is not None
    assert (run.exit_code, run.applied.next_step) == (0, "openclaw-install verify-runtime --fix-hooks")


def test_a_dry_run_after_a_setup_has_nothing_to_run(host: PlainHost) -> None:
    host.setup()
    run = host.setup(dry_run=True)
    assert run.applied is not None
    assert (run.applied.outcome, run.applied.next_step, run.exit_code) == ("unchanged", "", 0)
