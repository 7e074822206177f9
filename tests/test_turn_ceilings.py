"""Ceilings of turns for each contact and for the host, and the pause of all inbound: nothing is lost."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.migrations import upgrade
from openclaw_install.messaging.actions import inbound as actions
from openclaw_install.messaging.actions.overview import delivery_timeline, runtime_overview
from openclaw_install.messaging.actions.sessions import focus_session, whoami
from openclaw_install.messaging.inbound_guard import ceilings_of, inbound_findings, pause_of
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.database import migrations
from openclaw_install.messaging.trust.gate import TrustRefusedError
from openclaw_install.messaging.turn_ceilings import (
    NO_CEILINGS,
    Ceiling,
    TurnCeilings,
    reached,
)
from openclaw_install.surfaces.cli.boundary import run_command
from openclaw_install.surfaces.cli.pingagent import PROGRAM, pingagent
from openclaw_install.surfaces.tools import TOOLS
from tests.collab_rig import Agent, Rig, health_of, play
from tests.pingagent_rig import Profile
from tests.schemas import assert_valid
from tests.support.async_waiting import until

FIVE = Ceiling("contact", 5, "minute")


def test_the_next_turn_waits_until_the_oldest_that_counts_is_over() -> None:
    found = reached({FIVE: 100.0, Ceiling("host", 9, "hour"): None}, 130.0)
    assert found is not None
    assert (found.ceiling, found.until) == (FIVE, 160.0)
    assert found.reason == "5 turns of this contact per minute; goes on at 1970-01-01T00:02:40.000Z"
    assert len(found.reason) <= 80
    assert reached({FIVE: 100.0}, 160.0) is None
    # The longest wait is the one that is told; what a clock that was set back left ahead counts for none.
    both = {FIVE: 100.0, Ceiling("host", 9, "hour"): 90.0}
    assert reached(both, 130.0) == (Ceiling("host", 9, "hour"), 3690.0)
    assert reached({FIVE: 5000.0}, 130.0) is None


def test_zero_sets_no_ceiling() -> None:
    assert list(NO_CEILINGS.each()) == []
    assert len(list(TurnCeilings().each())) == 6


@given(st.lists(st.integers(0, 300).map(float), max_size=40), st.integers(1, 6))
def test_no_minute_has_more_turns_than_its_ceiling_and_every_message_goes(
    asked: list[float], most: int
) -> None:
    begun: list[float] = []
    for at in sorted(asked):
        now = max(at, begun[-1] if begun else 0.0)
        while found := reached(
            {Ceiling("host", most, "minute"): begun[-most] if len(begun) >= most else None}, now
        ):
            assert now < found.until <= now + 60.0
            now = found.until
        begun.append(now)
    assert len(begun) == len(asked)
    assert all(begun[i] - begun[i - most] >= 60.0 for i in range(most, len(begun)))


def test_case_a_flood_of_one_approved_contact_begins_as_many_turns_as_a_minute_may_have(
    tmp_path: Path,
) -> None:
    play(tmp_path, _flood)


async def _flood(made: Rig) -> None:
    ahead = [0.0]
    made.settings = replace(
        made.settings,
        ceilings=replace(NO_CEILINGS, contact_minute=10),
        clock=lambda: time.time() + ahead[0],
    )
    made.know()
    other = Agent.make(made.root / "other", "other")
    other.register(made.relay)
    made.know(other)
    sent = [made.send(f"again {number}").header.message_id for number in range(62)]
    async with made.bridge():
        await until(lambda: len(made.gateway.turns) == 10 and _held_reason(made) != "", "the ceiling")
        # Another contact's message becomes a turn meanwhile.
        there = other.sealed(made.me, "from another").header.message_id
        made.relay.commit(other.sealed(made.me, "from another", message_id=there))
        await until(lambda: there in _keys(made), "the other contact's turn")
        with made.desk() as desk:
            told = delivery_timeline(desk, message_id=sent[10]).entries
            assert [one.kind for one in told].count("message.paced") == 1
            assert focus_session(desk, session=made.peer.did, mark_read=False).messages[0].state == "approved"
        while _keys(made).count(sent[-1]) == 0:
            before = len(made.gateway.turns)
            ahead[0] += 61.0
            made.relay.commit(made.peer.sealed(made.me, "wakes the bridge"))
            await until(lambda before=before: len(made.gateway.turns) >= min(before + 10, 63), "ten more")  # type: ignore[misc]
    own = [key for key in _keys(made) if key in sent]
    assert own == sent
    assert made.names().count("message.paced") >= 1


def _keys(made: Rig) -> list[str]:
    """The ids of the messages that became turns, in order."""
    return [key for _, key, _ in made.gateway.turns]


def _held_reason(made: Rig) -> str:
    with made.store() as store:
        return str(
            store.database.value(
                "SELECT reason FROM ingress WHERE stage = 'approved' AND next_attempt_at > 0"
            )
            or ""
        )


def test_the_host_s_ceiling_holds_all_contacts_and_a_person_who_raises_it_is_heard_at_once(
    tmp_path: Path,
) -> None:
    play(tmp_path, _host)


async def _host(made: Rig) -> None:
    made.settings = replace(made.settings, ceilings=replace(NO_CEILINGS, host_hour=3))
    other = Agent.make(made.root / "other", "other")
    other.register(made.relay)
    made.know()
    made.know(other)
    with made.desk() as desk:
        actions.change_ceilings(
            desk, contact_minute=0, contact_hour=0, contact_day=0, host_minute=0, host_hour=3, host_day=0
        )
    for number in range(4):
        made.send(f"one {number}")
        made.relay.commit(other.sealed(made.me, f"other {number}"))
    async with made.bridge():
        await until(lambda: len(made.gateway.turns) == 3 and _both_held(made), "the ceiling")
        await until(lambda: health_of(made).state == "degraded", "the health that tells of it")
        with made.desk() as desk:
            state = runtime_overview(desk).transport.inbound
            assert state.waiting == 5
            assert {one.did for one in state.held} == {made.peer.did, other.did}
            assert sum(one.waiting for one in state.held) == 5
            assert all(one.until > time.time() + 3000 for one in state.held)
            found = inbound_findings(desk.store, time.time())
            assert {one.code for one in found} == {"inbound.ceiling"}
            actions.change_ceilings(desk, host_hour=0)
        await until(lambda: len(made.gateway.turns) == 8, "what waited")
        await until(lambda: health_of(made).state != "degraded", "the health")


def _both_held(made: Rig) -> bool:
    with made.store() as store:
        return len(store.ingress.paced(10)) == 2


def test_a_turn_that_is_tried_again_counts_once(tmp_path: Path) -> None:
    play(tmp_path, _tried_again)


async def _tried_again(made: Rig) -> None:
    made.settings = replace(made.settings, ceilings=replace(NO_CEILINGS, contact_minute=1))
    made.know()
    made.gateway.script = [(503, {"ok": False, "error": "busy", "runId": "r"})] * 2
    made.send("one")
    async with made.bridge():
        await until(lambda: len(made.gateway.turns) == 1, "its turn")
    assert made.gateway.requests == 3
    with made.store() as store:
        assert store.ingress.turns_since(0.0) == 1


def test_a_pause_holds_all_inbound_over_a_restart_and_what_waited_goes_in_order(tmp_path: Path) -> None:
    play(tmp_path, _pause)


async def _pause(made: Rig) -> None:
    made.know()
    async with made.bridge():
        before = made.send("before").header.message_id
        await until(lambda: before in _keys(made), "the turn before")
        with made.desk(caller="cli:alice") as desk:
            actions.pause_inbound(desk, reason="too expensive")
        await until(
            lambda: any("paused" in one.message for one in made.events if one.kind == "ready"), "the word"
        )
        sent = [made.send(f"during {number}").header.message_id for number in range(3)]
        await until(lambda: _waiting(made) == 3, "the messages")
    async with made.bridge():
        sent.append(made.send("after the restart").header.message_id)
        await until(lambda: _waiting(made) == 4, "one more")
        assert _keys(made) == [before]
        with made.desk(caller="cli:alice") as desk:
            assert whoami(desk).inbound_paused
            found = runtime_overview(desk)
            assert found.transport.inbound.pause is not None
            assert (found.transport.inbound.pause.by, found.transport.inbound.waiting) == ("cli:alice", 4)
            (finding,) = inbound_findings(desk.store, time.time())
            assert (finding.code, finding.next_step) == ("inbound.paused", "go on: pingagent resume")
            # Sending goes on.
        assert (await made.reply("an answer of mine", wait_seconds=20.0)).sent
        with made.desk(caller="cli:alice") as desk:
            actions.resume_inbound(desk)
        await until(lambda: len(made.gateway.turns) == 5, "what waited")
    assert _keys(made) == [before, *sent]
    with made.store() as store:
        kinds = [one.kind for one in store.events.since(0, limit=500)]
    assert [kind for kind in kinds if kind.startswith("inbound.")] == ["inbound.paused", "inbound.resumed"]


def _waiting(made: Rig) -> int:
    with made.store() as store:
        return store.ingress.open_count()


def test_no_agent_resumes_or_raises_a_ceiling(tmp_path: Path) -> None:
    play(tmp_path, _no_agent)


async def _no_agent(made: Rig) -> None:
    with made.desk(caller="cli:alice") as desk:
        actions.pause_inbound(desk)
    with made.desk(caller="mcp:1") as desk:
        with pytest.raises(TrustRefusedError):
            actions.resume_inbound(desk)
        with pytest.raises(TrustRefusedError):
            actions.change_ceilings(desk, host_day=0)
        with pytest.raises(TrustRefusedError):
            actions.pause_inbound(desk)
        assert pause_of(desk.store) is not None
        assert ceilings_of(desk.store) == TurnCeilings()
    changing = {"inbound", "pause", "resume", "limits", "ceilings"}
    assert not [tool.name for tool in TOOLS if changing & set(tool.name.split("_"))]


def test_the_turns_of_an_older_store_count(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        upgrade(connection, [one for one in migrations() if one.version <= 11])
        connection.execute(
            "INSERT INTO message (id, direction, sender, message_id, thread_id, peer, schema, body, "
            "preview, sent_at, known_at, state) "
            "VALUES (1, 'in', 'd', 'm', 't', 'd', 'pingagent.text@1', '{}', '', 1, 1, 'accepted')"
        )
        connection.execute(
            "INSERT INTO ingress (id, thread_id, peer, log_id, seq, stage, attempts, attempted_at, "
            "accepted_at, turn) VALUES (1, 't', 'd', 'l', 1, 'accepted', 1, 50.0, 51.0, 1)"
        )
    with Store(path) as store:
        assert store.ingress.turn_begun(1, 60.0, "d") == 51.0
        assert store.ingress.turn_begun(2, 60.0) is None


def test_the_count_of_turns_goes_by_its_indexes(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        for where, index in (("peer = ? AND ", "ingress_begun_of"), ("", "ingress_begun")):
            values = (*(["d"] if where else []), 1.0, 3)
            plan = store.database.rows(
                f"EXPLAIN QUERY PLAN SELECT begun_at FROM ingress WHERE {where}begun_at <= ? "  # noqa: S608
                "ORDER BY begun_at DESC LIMIT 1 OFFSET ?",
                *values,
            )
            said = " ".join(str(row["detail"]) for row in plan)
            assert index in said
            assert "TEMP B-TREE" not in said


@dataclass
class _Terminal:
    profile: Profile
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str]:
        code = run_command(pingagent, arguments, program=PROGRAM, bare=PROGRAM)
        return code, self.capture.readouterr().out

    def result(self, *arguments: str) -> dict[str, Any]:
        code, text = self.run(*arguments, "--json")
        document = json.loads(text)
        assert (code, document["ok"]) == (0, True)
        assert_valid(document["result"], "pingagent-inbound-result")
        found: dict[str, Any] = document["result"]
        return found


def test_pause_resume_and_limits_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [one for one in os.environ if one.startswith("PINGAGENT_")]:
        monkeypatch.delenv(name)
    terminal = _Terminal(Profile.make(tmp_path), capsys)
    assert terminal.result("pause", "--dry-run")["dry_run"]
    assert terminal.result("limits")["pause"] is None
    paused = terminal.result("pause", "--reason", "a holiday")["pause"]
    assert paused["reason"] == "a holiday"
    assert terminal.result("pause", "--reason", "again")["pause"] == paused
    assert terminal.result("limits")["pause"] == paused
    assert json.loads(terminal.run("whoami", "--json")[1])["result"]["inbound_paused"] is True
    codes = [one["code"] for one in json.loads(terminal.run("doctor", "--json")[1])["result"]["findings"]]
    assert codes.count("inbound.paused") == 1
    assert terminal.result("resume")["pause"] is None
    set_now = terminal.result("limits", "--contact-hour", "30", "--host-day", "0")["ceilings"]
    assert (set_now["contact_hour"], set_now["host_day"], set_now["contact_minute"]) == (30, 0, 10)
    assert terminal.result("limits")["ceilings"] == set_now
    assert terminal.result("limits", "--default")["ceilings"]["contact_hour"] == 120
    assert terminal.run("limits", "--contact-hour", "-1")[0] == 2
