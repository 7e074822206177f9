"""An invitation to a relay: from the operator's file to the bridge's first card, and then it is gone."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import pytest

from openclaw_install.common.errors import UsageError
from openclaw_install.common.redaction import Secret
from openclaw_install.host.locate import locate
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.model import AddInvite, Invite
from openclaw_install.messaging.bridge.registration import INVITATION_NEXT_STEP
from openclaw_install.messaging.relay.client import RelayRefused
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.protocol.card import make_card
from openclaw_install.protocol.profile import invite_of, profile_paths
from openclaw_install.setup.connection import connect, forget
from openclaw_install.setup.context import Options
from openclaw_install.surfaces.cli.passphrase import invite_reader
from tests.collab_rig import Agent, Rig, play
from tests.relay_rig import relay_in_memory
from tests.setup_rig import Operator
from tests.support.async_waiting import until
from tests.support.memory_relay_store import MemoryRelayStore

CODE = "pinv_" + "a" * 43


def test_the_bridge_is_blocked_with_the_cure_until_there_is_an_invitation(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        made.relay.invite = CODE
        del made.relay.cards[made.me.did]
        place = invite_of(made.settings.identity)
        async with made.bridge():
            await until(lambda: any(event.kind == "blocked" for event in made.events), "the refusal")
            error = next(event.error for event in made.events if event.kind == "blocked")
            assert error is not None
            assert (error.error_code, error.next_step) == ("relay.invitation_required", INVITATION_NEXT_STEP)
            place.write_text("pinv_wrong\n")
            await asyncio.sleep(0)
            place.write_text(f"{CODE}\n")
            await until(lambda: made.me.did in made.relay.cards, "the registration")
            await until(lambda: not place.exists(), "the end of the code")

    play(tmp_path, scenario)


def test_the_real_relay_takes_the_code_of_the_real_client(tmp_path: Path) -> None:
    limits = RelayLimits(registration="invitation")
    store, me = MemoryRelayStore(limits), Agent.make(tmp_path / "me")
    store.commit([AddInvite(Invite("i", 1, 1, 0, 2**50), hashlib.sha256(CODE.encode()).hexdigest())])

    async def publish(url: str) -> None:
        relay, card = HttpRelay(url, lambda: me.identity), make_card(me.identity, 1, time.time())
        try:
            for code in (None, Secret("pinv_wrong")):
                with pytest.raises(RelayRefused) as caught:
                    await relay.put_card(card, code)
                assert caught.value.reason == "invitation_required"
            await relay.put_card(card, Secret(CODE))
            assert (await relay.card(me.did)).did == me.did
        finally:
            await relay.aclose()

    with relay_in_memory(limits, store=store) as running:
        asyncio.run(publish(running.base_url))


def test_the_setup_keeps_the_code_privately_and_forgets_it_with_the_relay(tmp_path: Path) -> None:
    file = tmp_path / "code"
    file.write_text(f"{CODE}\nmore\n")
    file.chmod(0o644)
    env = {"HOME": str(tmp_path / "home"), "PINGAGENT_SERVER_URL": "https://relay.example"}
    read = invite_reader(file, may_ask=False)
    with pytest.raises(UsageError, match="others can read"):
        connect(locate(env), env, Options(invite=read), Operator(), 1e9, lambda: 1)
    file.chmod(0o600)
    planned = connect(locate(env), env, Options(invite=read, dry_run=True), Operator(), 1e9, lambda: 1)
    assert planned is not None
    place = invite_of(profile_paths(env, Path(env["HOME"])).identity)
    assert (planned.outcome, place.exists()) == ("planned", False)
    for outcome in ("connected", "unchanged"):
        done = connect(locate(env), env, Options(invite=read), Operator(), 1e9, lambda: 1)
        assert done is not None
        assert done.outcome == outcome
        assert (place.read_text(), place.stat().st_mode & 0o777) == (f"{CODE}\n", 0o600)
    others = [path for path in place.parent.rglob("*") if path.is_file() and path != place]
    assert others
    assert not any(CODE in path.read_text(errors="replace") for path in others)
    forget(locate(env), env)
    assert not place.exists()


def test_without_a_file_and_a_terminal_nobody_is_asked() -> None:
    assert invite_reader(None, may_ask=True)(is_new=True) is None


def test_at_a_terminal_the_code_is_asked_for_once_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def prompt(_question: str, **how: object) -> str:
        asked.append(how)
        return f" {CODE} "

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("click.prompt", prompt)
    read = invite_reader(None, may_ask=True)
    assert read(is_new=False) is None
    code = read(is_new=True)
    assert code is not None
    assert code.reveal() == CODE
    assert [how["hide_input"] for how in asked] == [True]
    assert CODE not in repr(code)
    assert invite_reader(None, may_ask=False)(is_new=True) is None
