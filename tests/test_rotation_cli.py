"""`pingagent identity rotate` and `doctor --fix` by a wrong clock: refused where that can be known."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest

from openclaw_install.messaging.bridge.own_clock import check_clock
from openclaw_install.protocol.errors import RotationError
from openclaw_install.protocol.identity import rotate_signing
from openclaw_install.protocol.profile_files import load_identity, save_identity
from openclaw_install.protocol.rotation import is_from_future
from tests.pingagent_rig import Profile
from tests.relay_rig import relay_in_memory
from tests.support.clocks import GoingClock
from tests.test_pingagent_cli import Terminal, terminal
from tests.test_pingagent_doctor import look, serving

__all__ = ["terminal"]
DAY = 86_400.0


@pytest.mark.parametrize("apart", [DAY, -DAY, 400.0])
def test_no_key_is_rotated_while_the_clocks_of_this_machine_and_of_the_relay_differ(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, apart: float
) -> None:
    clock, place = GoingClock(), terminal.profile.paths.identity
    clock.step(apart)
    with relay_in_memory(clock=clock) as relay:
        monkeypatch.setenv("PINGAGENT_SERVER_URL", relay.base_url)
        before = place.read_bytes()
        for arguments in ((), ("--encryption-only",), ("--dry-run",)):
            error = terminal.error("identity", "rotate", "--yes", *arguments)
            assert error["code"] == "rotation.clock"
            assert "clock" in error["next_step"]
        assert place.read_bytes() == before
        clock.step(-apart)
        assert terminal.document("identity", "rotate", "--yes")["ok"]


def test_the_command_names_the_cure_of_a_rotation_by_a_wrong_clock_and_has_it(terminal: Terminal) -> None:
    place = terminal.profile.paths.identity
    save_identity(place, rotate_signing(terminal.profile.me, time.time() + 30 * DAY))
    error = terminal.error("identity", "rotate", "--yes")
    assert error["code"] == "rotation.ahead"
    _, _, command = error["next_step"].rpartition(": ")
    assert command == "pingagent identity rotate --correct-time"
    assert len(load_identity(place).rotation) == 2
    assert terminal.document("identity", "rotate", "--correct-time", "--yes")["ok"]
    after = load_identity(place)
    assert len(after.rotation) == 3
    assert not is_from_future(after.rotation, time.time())


def test_a_clock_that_was_set_while_somebody_was_asked_dates_nothing(tmp_path: Path) -> None:
    profile, clock = Profile.make(tmp_path / "home"), GoingClock()

    async def check() -> None:
        await check_clock({}, profile.paths, profile.me, clock)

    anyio.run(check)
    clock.step(-DAY)
    with pytest.raises(RotationError) as refused:
        anyio.run(check)
    assert refused.value.error_code == "rotation.clock"


@pytest.mark.parametrize("apart", [20 * DAY, -20 * DAY])
def test_the_doctor_makes_and_forgets_no_key_by_a_clock_that_the_relay_contradicts(
    tmp_path: Path, apart: float
) -> None:
    profile = Profile.make(tmp_path / "home")
    before = profile.paths.identity.read_bytes()
    found = look(profile, serving(profile), fix=True, clock=lambda: time.time() + apart)
    assert profile.paths.identity.read_bytes() == before
    (old,) = (one for one in found.findings if one.code == "identity.encryption_old")
    assert "clock" in old.next_step


def test_the_doctor_forgets_no_encryption_key(tmp_path: Path) -> None:
    profile = Profile.make(tmp_path / "home")
    look(profile, fix=True, clock=lambda: time.time() + 400 * DAY)
    kept = load_identity(profile.paths.identity).encryption
    assert [key.epoch for key in kept] == [1, 2]
