"""`pingagent doctor`: what is missing or damaged is told with its cure, and mended where that is safe."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.doctor import examine
from openclaw_install.messaging.health import write_health
from openclaw_install.messaging.models import RelayCursor
from openclaw_install.messaging.models.overview import DoctorReport
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.transport_health import TransportHealth
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.identity import rotate_signing
from openclaw_install.protocol.profile_files import load_identity, save_identity
from tests.pingagent_rig import Profile
from tests.schemas import assert_valid
from tests.support.memory_relay import MemoryRelayServer
from tests.test_pingagent_cli import Terminal, terminal

__all__ = ["terminal"]
URL = {"PINGAGENT_SERVER_URL": "https://relay.example"}


def look(profile: Profile, server: MemoryRelayServer | None = None, **more: Any) -> DoctorReport:
    def relay(_url: str, identity: Any) -> Relay:
        assert server is not None
        return server.client(identity().did)

    async def run() -> DoctorReport:
        env = URL if server else {}
        return await examine(env, profile.home, "cli:tester", relay=relay, **more)

    return anyio.run(run)


def ids(found: DoctorReport) -> set[str]:
    return {one.code for one in found.findings}


def serving(profile: Profile, clock: float = 0.0) -> MemoryRelayServer:
    server = MemoryRelayServer(lambda: time.time() + clock)
    server.cards[profile.me.did] = make_card(profile.me, 1, time.time())
    return server


def test_a_profile_that_works_has_no_findings(profile: Profile) -> None:
    health = TransportHealth("connected", 1.0, 2.0, 0, 0, 0, "ok", 1.0, "", 0.0, "")
    with Store(profile.paths.store) as store:
        write_health(store, health, time.time())
    with profile.runtime():
        found = look(profile, serving(profile))
    assert found.ok
    assert found.findings == ()
    assert found.health.connection == "connected"


def test_nothing_at_all_is_told_with_the_way_to_begin(tmp_path: Path) -> None:
    profile = Profile.make(tmp_path)
    for path in profile.paths.folder.iterdir():
        path.unlink()
    found = look(profile, fix=True)
    assert ids(found) == {"identity.missing", "store.missing", "relay.none"}
    assert not found.ok
    assert found.health.connection == "stopped"


def test_without_a_runtime_or_a_card_the_cure_is_named(profile: Profile) -> None:
    server = MemoryRelayServer(time.time)
    found = look(profile, server)
    assert ids(found) == {"runtime.stopped", "card.missing"}
    command = "openclaw-install runtime start"
    assert {one.code: one.next_step for one in found.findings} == {
        "runtime.stopped": command,
        "card.missing": f"start the runtime: {command}",
    }


def test_an_old_card_and_a_wrong_clock_are_warnings(profile: Profile) -> None:
    server = serving(profile, clock=86_400.0)
    save_identity(profile.paths.identity, rotate_signing(profile.me, time.time()))
    found = look(profile, server)
    assert {"card.old", "relay.clock"} < ids(found)


def test_a_relay_that_does_not_answer_and_one_that_is_no_address_are_findings(profile: Profile) -> None:
    async def run(url: str) -> DoctorReport:
        return await examine({"PINGAGENT_SERVER_URL": url}, profile.home, "cli:tester")

    assert "relay.unreachable" in ids(anyio.run(run, "http://127.0.0.1:9"))
    assert "usage.relay_address" in ids(anyio.run(run, "http://example.com"))


def test_another_relay_at_the_address_is_trusted_only_on_a_persons_word(profile: Profile) -> None:
    server = serving(profile)
    url = URL["PINGAGENT_SERVER_URL"]
    with Store(profile.paths.store) as store:
        store.relay.set_cursor(RelayCursor(url, "the-one-before", "log", 7), 1.0)
    assert "relay.identity_changed" in ids(look(profile, server))
    assert "relay.identity_changed" in ids(look(profile, server, fix=True))
    with profile.runtime():
        assert "conflict.bridge_running" in ids(look(profile, server, new_relay=True))
    found = look(profile, server, new_relay=True)
    assert "relay.identity_changed" not in ids(found)
    assert len(found.repaired) == 1
    with Store(profile.paths.store) as store:
        pinned = store.relay.cursor(url)
        told = [one.data["what"] for one in store.events.since(0) if one.kind == "doctor.repaired"]
    assert told == list(found.repaired)
    assert pinned is not None
    assert pinned.relay_id != "the-one-before"
    assert "relay.identity_changed" not in ids(look(profile, server))


def test_open_keys_are_closed_and_told(profile: Profile) -> None:
    profile.paths.identity.chmod(0o644)
    assert "identity.too_open" in ids(look(profile))
    found = look(profile, fix=True)
    assert "identity.was_open" in ids(found)
    assert profile.paths.identity.stat().st_mode & 0o777 == 0o600
    with Store(profile.paths.store) as store:
        assert [one.kind for one in store.events.since(0)] == ["doctor.repaired"]


def test_a_lost_identity_comes_back_from_its_second_copy(profile: Profile) -> None:
    profile.paths.identity.unlink()
    assert "identity.missing" in ids(look(profile))
    found = look(profile, fix=True)
    assert "identity.missing" not in ids(found)
    assert load_identity(profile.paths.identity) == profile.me


def test_an_encryption_key_that_is_due_is_rotated(profile: Profile) -> None:
    later = time.time() + 8 * 86_400
    assert "identity.encryption_old" in ids(look(profile, clock=lambda: later))
    found = look(profile, fix=True, clock=lambda: later)
    assert "identity.encryption_old" not in ids(found)
    assert len(found.repaired) == 1
    assert load_identity(profile.paths.identity).current_encryption.epoch == 2


def test_a_damaged_store_is_kept_beside_a_new_one_and_never_taken_from_a_bridge(profile: Profile) -> None:
    damaged = b"no database " * 1000
    profile.paths.store.write_bytes(damaged)
    assert "store.damaged" in ids(look(profile))
    with profile.runtime():
        assert "conflict.bridge_running" in ids(look(profile, fix=True))
    assert profile.paths.store.read_bytes() == damaged
    found = look(profile, fix=True)
    assert "store.renewed" in ids(found)
    kept = list(profile.paths.store.parent.glob("store.db.damaged-*"))
    assert [path.read_bytes() for path in kept] == [damaged]
    assert "store.damaged" not in ids(look(profile))


def test_a_store_of_another_identity_is_told(profile: Profile) -> None:
    with Store(profile.paths.store) as store:
        store.facts.set_once("store.owner", "did:agent:" + "a" * 32, 1.0)
    assert "store.other_identity" in ids(look(profile))


@pytest.mark.parametrize(
    ("state", "blocker", "expected"),
    [
        (
            "blocked",
            Problem("gateway.token", "refused", "mend it", path="hooks.token"),
            "gateway.token",
        ),
        ("degraded", None, "transport.degraded"),
    ],
)
def test_what_the_bridge_says_is_passed_on(
    profile: Profile, state: Any, blocker: Problem | None, expected: str
) -> None:
    health = TransportHealth("polling", None, 2.0, 0, 0, 3, state, 1.0, "slow", 0.0, "wait", blocker)
    with Store(profile.paths.store) as store:
        write_health(store, health, time.time())
    with profile.runtime():
        assert expected in ids(look(profile, serving(profile)))


def test_the_command_prints_findings_and_messages_that_did_not_make_it(terminal: Terminal) -> None:
    terminal.run("chat", "-t", terminal.profile.peer("baker"), "-m", "hi")
    terminal.profile.commit_next(state="failed", seq=None, reason="no key\x1b[31m", next_step="ask it")
    document = terminal.document("doctor")
    assert document["exit_code"] == 1
    assert_valid(document["result"], "pingagent-doctor-result")
    assert document["result"]["failed"][0]["next_step"] == "ask it"
    code, out, _ = terminal.run("doctor", "--fix", "-v")
    assert code == 1
    findings = document["result"]["findings"]
    assert ("relay.none", "critical") in {(one["code"], one["severity"]) for one in findings}
    assert all(f"({one['code']})" in out for one in findings)
    assert terminal.error("doctor", "--new-relay")["code"] == "usage.consent"
    assert terminal.document("doctor", "--new-relay", "--dry-run")["result"]["repaired"] == []
    assert "\x1b" not in out


def test_a_trust_policy_that_cannot_be_used_is_a_finding(profile: Profile) -> None:
    Store(profile.paths.store).close()
    profile.paths.trust_policy.write_text("{")
    assert "trust.policy_invalid" in ids(look(profile))
