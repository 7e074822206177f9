"""The message path: made after consent, told with what is wrong, forgotten without losing an identity."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import HostError, UsageError
from openclaw_install.common.files import make_private_folder
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.locate import locate
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.health import OWNER, OWNER_NEXT_STEP, write_health, write_served
from openclaw_install.messaging.profile_settings import load_settings, settings_path
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.transport_health import Connection, TransportHealth
from openclaw_install.messaging.trust.policy_file import LAST_GOOD
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.protocol.profile_files import load_identity
from openclaw_install.setup.checks import all_problems
from openclaw_install.setup.connection import connect, forget
from openclaw_install.setup.context import Options
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.message_path import (
    MessagePath,
    look_at_message_path,
)
from openclaw_install.setup.removal import uninstall
from tests.schemas import assert_valid
from tests.setup_rig import PLAIN, Operator, PlainHost, WholeHost, tree_of
from tests.test_setup_runtime import TwinRuntime

_NOW = 1_800_000_000.0
_RELAY = "https://relay.example"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


def _connect(env: dict[str, str], options: Options | None = None, person: Operator | None = None) -> Any:
    return connect(locate(env), env, options or Options(), person or Operator(), _NOW, lambda: 4711)


def _look(env: dict[str, str]) -> MessagePath:
    return look_at_message_path(locate(env), env, _NOW)


def _problems(env: dict[str, str]) -> dict[str, str]:
    facts = Facts(locate(env), agent=_look(env))
    found = {problem.code: problem.next_step for problem in all_problems(facts)}
    found.pop("relay.no_bridge", None)  # no bridge runs here, which is told where nothing else is wrong
    return found


def test_without_a_relay_nothing_is_made_and_the_way_to_one_is_told(env: dict[str, str]) -> None:
    assert _connect(env) is None
    assert not Path(env["HOME"]).exists()
    assert _problems(env) == {"relay.not_configured": "openclaw-install --with-hub"}
    assert _look(env).relay is None


def test_a_named_relay_is_connected_to_after_consent_and_once(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    person = Operator()
    first = _connect(env, person=person)
    assert (first.outcome, first.created, first.relay) == ("connected", True, _RELAY)
    paths = profile_paths(env, Path(env["HOME"]))
    known = load_identity(paths.identity)
    second = _connect(env, person=person)
    assert (second.outcome, second.created, person.questions) == ("unchanged", False, 1)
    del env["PINGAGENT_SERVER_URL"]  # it is remembered
    assert _connect(env, person=person).outcome == "unchanged"
    found = _look(env)
    assert (found.relay, found.did, found.embedded_hub, _problems(env)) == (_RELAY, known.did, False, {})
    assert load_identity(paths.identity).did == known.did


def test_another_relay_is_asked_about_again(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    _connect(env)
    env["PINGAGENT_SERVER_URL"] = "https://other.example"
    person = Operator(answers=[False])
    assert _connect(env, person=person).outcome == "declined"
    assert person.questions == 1
    del env["PINGAGENT_SERVER_URL"]
    assert _look(env).relay == _RELAY


@pytest.mark.parametrize(("options", "answer"), [(Options(with_hub=True, dry_run=True), True), (None, False)])
def test_a_dry_run_and_a_no_write_nothing(env: dict[str, str], options: Options | None, answer: bool) -> None:
    found = _connect(env, options or Options(with_hub=True), Operator(answers=[answer]))
    assert found.outcome == ("planned" if options else "declined")
    assert not Path(env["HOME"]).exists()


def test_the_embedded_hub_keeps_its_port_and_its_folder(env: dict[str, str], tmp_path: Path) -> None:
    _connect(env, Options(with_hub=True, hub_data=tmp_path / "hub"))
    paths = profile_paths(env, Path(env["HOME"]))
    settings = load_settings(paths)
    assert settings is not None
    assert settings.hub is not None
    assert (settings.server_url, settings.hub.port) == ("http://127.0.0.1:4711", 4711)
    again = connect(
        locate(env),
        env,
        Options(with_hub=True, hub_data=tmp_path / "elsewhere"),
        Operator(),
        _NOW,
        lambda: 4712,
    )
    assert again is not None
    assert again.outcome == "unchanged"
    assert load_settings(paths) == settings
    assert _look(env).embedded_hub


def test_two_relays_at_once_are_refused(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    with pytest.raises(HostError, match="another relay"):
        _connect(env, Options(with_hub=True))


def test_an_identity_that_is_there_is_taken_and_one_that_is_damaged_stays(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    _connect(env)
    paths = profile_paths(env, Path(env["HOME"]))
    settings_path(paths).unlink()
    assert _connect(env).created is False
    paths.identity.write_text("{")
    found = _look(env)
    assert (found.identity, found.did) == ("damaged", None)
    assert "identity.unusable" in _problems(env)
    settings_path(paths).unlink()
    with pytest.raises(Exception, match="damaged"):
        _connect(env)
    assert paths.identity.read_text() == "{"


def test_a_store_and_settings_that_are_damaged_are_told_and_stay(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    _connect(env)
    paths = profile_paths(env, Path(env["HOME"]))
    paths.store.write_text("no database, and long enough to be read as one" * 50)
    settings_path(paths).write_text("{")
    assert _problems(env).keys() == {"relay.settings", "store.unusable"}
    assert _look(env).store == "damaged"


def test_forgetting_takes_the_consent_back_and_leaves_identity_and_threads(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    _connect(env)
    del env["PINGAGENT_SERVER_URL"]
    paths = profile_paths(env, Path(env["HOME"]))
    done = forget(locate(env), env)
    assert done.removed == (str(settings_path(paths)),)
    assert [str(one.path) for one in done.stays] == [str(paths.identity), f"{paths.identity}.bak"]
    assert "identity" in done.stays[0].what
    assert done.stays[0].bytes == paths.identity.stat().st_size
    assert forget(locate(env), env).removed == ()
    assert _look(env).relay is None


def test_the_hubs_folder_with_its_key_stays_and_is_named(env: dict[str, str], tmp_path: Path) -> None:
    _connect(env, Options(with_hub=True, hub_data=tmp_path / "hub"))
    (tmp_path / "hub").mkdir()
    assert tmp_path / "hub" in [one.path for one in forget(locate(env), env).stays]


def _host(tmp_path: Path) -> PlainHost:
    host = PlainHost(tmp_path)
    host.write(PLAIN)
    return host


@contextlib.contextmanager
def _bridge_says(host: PlainHost, connection: Connection) -> Iterator[None]:
    """A bridge holds the store for the length of the block, and said this of its connection."""
    path = profile_paths({}, host.home).store
    make_private_folder(path.parent)
    health = TransportHealth(connection, None, None, 0, 0, 0, "ok", _NOW, "", 0.0, "")
    with store_lock.held(path), Store(path) as store:
        write_served(store, _RELAY, _NOW)
        write_health(store, health, _NOW)
        yield


def test_the_setup_connects_reports_and_uninstall_forgets(tmp_path: Path) -> None:
    host, runtime = _host(tmp_path), TwinRuntime()
    everything = WholeHost(host, runtime, {"PINGAGENT_SERVER_URL": _RELAY})
    with _bridge_says(host, "connected"):
        run = everything.set_up()
    assert run.report.activation_state == "ready_waiting_inbound"
    assert run.connected is not None
    assert run.connected.outcome == "connected"
    assert run.report.agent is not None
    assert run.report.agent.relay == _RELAY
    done = uninstall(everything.context())
    assert_valid(jsonable(done), "undo-report")
    assert any(path.endswith("settings.json") for path in done.removed)
    names = ["identity.json", "identity.json.bak", "store.db", "store.db.lease"]
    assert [one.path.name for one in done.stays] == names


@pytest.mark.parametrize("connection", ["down", "connecting"])
def test_nothing_waits_for_messages_while_the_relay_is_not_reached(
    tmp_path: Path, connection: Connection
) -> None:
    host = _host(tmp_path)
    everything = WholeHost(host, TwinRuntime(), {"PINGAGENT_SERVER_URL": _RELAY})
    with _bridge_says(host, connection):
        run = everything.set_up()
    blockers = {blocker.code: blocker.next_step for blocker in run.report.blockers}
    assert blockers == {"relay.not_reached": "pingagent doctor"}


@pytest.mark.parametrize("connection", ["connected", "polling"])
def test_a_bridge_that_has_ended_leaves_nobody_waiting_whatever_it_last_said(
    tmp_path: Path, connection: Connection
) -> None:
    host = _host(tmp_path)
    everything = WholeHost(host, TwinRuntime(work=()), {"PINGAGENT_SERVER_URL": _RELAY})
    with _bridge_says(host, connection):
        everything.set_up()
        assert everything.verify().report.activation_state == "ready_waiting_inbound"
    run = everything.verify()
    blockers = {blocker.code: blocker.next_step for blocker in run.report.blockers}
    assert blockers == {"relay.no_bridge": "openclaw-install"}


def test_a_bridge_for_another_relay_is_told_and_not_taken_for_this_one(tmp_path: Path) -> None:
    host, runtime = _host(tmp_path), TwinRuntime()
    agreed = WholeHost(host, runtime, {"PINGAGENT_SERVER_URL": _RELAY})
    other = WholeHost(host, runtime, {"PINGAGENT_SERVER_URL": "https://other.example"})
    with _bridge_says(host, "connected"):
        agreed.set_up()
        run = other.verify()
    blockers = {blocker.code: blocker.next_step for blocker in run.report.blockers}
    assert blockers == {"relay.other_served": "openclaw-install runtime restart"}


def test_another_identity_than_the_stores_is_a_blocker_although_a_bridge_is_connected(tmp_path: Path) -> None:
    host = _host(tmp_path)
    everything = WholeHost(host, TwinRuntime(), {"PINGAGENT_SERVER_URL": _RELAY})
    with _bridge_says(host, "connected"):
        everything.set_up()
        with Store(profile_paths({}, host.home).store) as store:
            store.facts.set(OWNER, "did:agent:another", _NOW)
        run = everything.verify()
    blockers = {blocker.code: blocker.next_step for blocker in run.report.blockers}
    assert blockers == {"store.other_identity": OWNER_NEXT_STEP}


def test_a_host_without_a_relay_is_blocked_with_the_command_that_brings_one(tmp_path: Path) -> None:
    host = _host(tmp_path)
    run = WholeHost(host, TwinRuntime(work=()), {}).set_up()
    blockers = {blocker.code: blocker.next_step for blocker in run.report.blockers}
    assert blockers == {"relay.not_configured": "openclaw-install --with-hub"}
    assert run.applied is not None
    assert run.applied.outcome == "applied"


def test_a_connection_that_cannot_be_made_blocks_and_the_rest_stands(tmp_path: Path) -> None:
    host = _host(tmp_path)
    everything = WholeHost(host, TwinRuntime(work=()), {"PINGAGENT_SERVER_URL": _RELAY})
    run = everything.set_up(with_hub=True)
    assert "relay.connect" in {blocker.code for blocker in run.report.blockers}


def test_a_relay_that_cannot_be_used_is_a_usage_error(tmp_path: Path) -> None:
    host = _host(tmp_path)
    everything = WholeHost(host, TwinRuntime(work=()), {"PINGAGENT_SERVER_URL": "http://relay.example"})
    with pytest.raises(UsageError, match="plain http"):
        everything.set_up()


def test_a_trust_policy_that_cannot_be_used_is_a_blocker_and_an_odd_one_a_warning(tmp_path: Path) -> None:
    host = _host(tmp_path)
    everything = WholeHost(host, TwinRuntime(work=()), {"PINGAGENT_SERVER_URL": _RELAY})
    everything.set_up()
    paths = profile_paths({}, host.home)
    Store(paths.store).close()
    paths.trust_policy.write_text("{")
    with _bridge_says(host, "connected"):
        run = everything.verify()
    assert {"trust.policy_invalid"} == {blocker.code for blocker in run.report.blockers}
    paths.trust_policy.write_text('{"version": 1, "not_ours": 1, "task_policy": {"agent_may_execute": true}}')
    paths.trust_policy.chmod(0o666)
    run = everything.verify()
    found = {warning.code for warning in run.report.warnings}
    assert {"trust.unknown_key", "trust.policy_writable", "trust.switch_ended"} <= found


def test_a_report_changes_nothing_of_the_store_and_says_the_same(tmp_path: Path) -> None:
    host = _host(tmp_path)
    everything = WholeHost(host, TwinRuntime(work=()), {"PINGAGENT_SERVER_URL": _RELAY})
    everything.set_up()
    paths = profile_paths({}, host.home)
    Store(paths.store).close()
    # A policy that no bridge has seen yet: whoever opens the store for writing would keep it there.
    paths.trust_policy.write_text('{"version": 1}')
    before = tree_of(paths.folder, times=True)
    for look in (everything.verify, partial(everything.set_up, dry_run=True)):
        run = look()
        assert run.report.agent is not None
        assert run.report.agent.store == "present"
        assert tree_of(paths.folder, times=True) == before
    with Store(paths.store) as store:  # as a bridge has it open, with all that is new in the log
        store.facts.set(OWNER, "did:agent:another", _NOW)
        run = everything.verify()
        assert store.facts.get(LAST_GOOD) is None
    assert "store.other_identity" in {blocker.code for blocker in run.report.blockers}


def test_a_store_of_an_earlier_version_is_left_to_the_runtime(env: dict[str, str]) -> None:
    store = profile_paths({}, Path(env["HOME"])).store
    store.parent.mkdir(parents=True)
    store.touch(0o600)
    seen = _look(env)
    assert (seen.store, seen.transport) == ("present", None)
    assert store.read_bytes() == b""
    assert [path.name for path in store.parent.iterdir()] == [store.name]


def test_a_missing_identity_has_one_cure_and_a_second_copy_is_not_passed_over(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    assert _problems(env) == {"identity.missing": "openclaw-install"}
    _connect(env)
    path = profile_paths({}, Path(env["HOME"])).identity
    did = load_identity(path).did
    path.unlink()
    cure = _problems(env)["identity.missing"]
    assert cure == f"mv {path}.bak {path}"
    subprocess.run(shlex.split(cure), check=True)
    assert load_identity(path).did == did
    assert _problems(env) == {}


def test_a_bridge_from_before_an_upgrade_is_still_seen_and_its_store_left_alone(env: dict[str, str]) -> None:
    path = profile_paths({}, Path(env["HOME"])).store
    with Store(path) as store:
        write_served(store, _RELAY, _NOW)
        store.facts.set(OWNER, "did:agent:another", _NOW)
        with store.write() as connection:
            # The store as version 5 made it: only what counts rounds was added since.
            connection.execute("DROP INDEX message_came_in")
            connection.execute("DROP INDEX outbox_by_agent")
            connection.execute("PRAGMA user_version = 5")
        seen = _look(env)
        assert (seen.store, seen.served) == ("present", _RELAY)
        assert seen.transport is not None
        assert store.database.count("PRAGMA user_version") == 5


def test_an_identity_that_cannot_be_looked_at_is_not_called_missing(env: dict[str, str]) -> None:
    env["PINGAGENT_SERVER_URL"] = _RELAY
    folder = profile_paths({}, Path(env["HOME"])).identity.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(folder)  # for root too, unlike a folder that may not be entered
    assert _look(env).identity == "damaged"
    assert "identity.unusable" in _problems(env)
