"""The bridge asks the trust policy about senders that no person has decided about, and nobody else."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.messaging.actions import contacts
from openclaw_install.messaging.contact_gate import GateLimits
from openclaw_install.messaging.health import read_health
from openclaw_install.messaging.models import ContactState
from openclaw_install.messaging.store import opened_aside
from openclaw_install.messaging.trust.gate import settle_page
from openclaw_install.messaging.trust.policy_file import TrustBook
from tests.collab_rig import BRISK, Rig, play
from tests.support.async_waiting import until
from tests.trust_rig import NOW, did


def _write(made: Rig, action: str, match: str = "@pe*") -> None:
    document: dict[str, Any] = {"contact_policy": {"rules": [{"match": match, "action": action}]}}
    file = made.me.folder / "next"
    file.write_text(json.dumps(document))
    file.replace(made.me.folder / "trust-policy.json")


def _state(made: Rig) -> ContactState | None:
    with made.store() as store:
        contact = store.contacts.get(made.peer.did)
        return contact.state if contact else None


def test_a_first_contact_that_a_rule_approves_becomes_a_turn_at_once(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        _write(made, "approve")
        made.send("hello")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
        with made.store() as store:
            (decision,) = store.trust.decisions(did=made.peer.did)
            assert (decision.kind, decision.match, decision.after) == (
                "applied_by_policy",
                "@pe*",
                "approved",
            )
            contact = store.contacts.get(made.peer.did)
            assert contact is not None
            assert contact.decided_by == f"policy:{decision.policy_after}"

    play(tmp_path, scenario)


def test_a_stranger_that_a_rule_turns_away_leaves_nothing_behind_and_may_come_back_later(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        _write(made, "block", "*")
        made.send("one")
        async with made.bridge():
            with made.desk() as desk:
                await until(lambda: len(desk.store.ingress.rejections()) == 1)
                assert desk.store.ingress.rejections()[0].reason == "policy_block"
                assert desk.store.contacts.get(made.peer.did) is None
                past, _ = desk.store.trust.past(0.0)
                assert [one.subject.did for one in past] == [made.peer.did]
                _write(made, "approve", made.peer.did)
                made.send("two")
                await until(lambda: len(made.gateway.turns) == 1)

    play(tmp_path, scenario)


def test_contacts_that_wait_follow_a_changed_file_and_a_persons_word_stands_above_it(tmp_path: Path) -> None:
    async def scenario(made: Rig) -> None:
        first = made.send("one").header.message_id
        async with made.bridge():
            await until(lambda: _state(made) == "pending")
            assert made.gateway.requests == 0
            _write(made, "approve")
            await until(lambda: made.gateway.keys() == [first])
            _write(made, "block")
            await until(lambda: _state(made) == "blocked")
            with made.desk(caller="cli:alice") as desk:
                contacts.decide(desk, made.peer.did, "approve")
            second = made.send("two").header.message_id
            await until(lambda: made.gateway.keys() == [first, second])
            assert _state(made) == "approved"

    play(tmp_path, scenario)


def test_a_broken_policy_is_a_blocker_of_the_bridge_until_it_is_mended_and_messages_go_on(
    tmp_path: Path,
) -> None:
    async def scenario(made: Rig) -> None:
        _write(made, "approve")
        made.send("one")
        async with made.bridge():
            await until(lambda: len(made.gateway.turns) == 1)
            (made.me.folder / "trust-policy.json").write_text("{")
            with made.store() as store:

                def blocker() -> str | None:
                    found = read_health(store, running=True, now=0.0).blocker
                    return found.code if found else None

                await until(lambda: blocker() == "trust.policy_invalid")
                made.send("two")
                await until(lambda: len(made.gateway.turns) == 2)
                _write(made, "approve")
                await until(lambda: blocker() is None)

    play(tmp_path, scenario)


@pytest.mark.parametrize("state", ["pending", "outbound"])
def test_a_busy_inbox_gets_in_whole_while_the_policy_is_looked_at_all_the_time(
    tmp_path: Path, state: str
) -> None:
    """Every message of a contact that no person decided about asks the policy, inside a transaction."""
    count = 400

    async def scenario(made: Rig) -> None:
        if state == "outbound":
            with made.store() as store:
                store.contacts.add(made.peer.did, "approved", "outbound", time.time(), by="outbound")
        settings = replace(
            made.settings,
            timing=replace(BRISK, poll=0.0),
            gate=GateLimits(per_contact=count, in_all=count),
        )
        async with made.bridge(settings):
            for number in range(count):
                made.send(f"m{number}")
                await asyncio.sleep(0)

            def taken() -> int:
                with made.store() as store:
                    return store.database.count("SELECT count(*) FROM message WHERE direction = 'in'")

            await until(lambda: taken() == count, "the whole inbox")
        assert not (made.me.folder / "trust-policy.json").exists()

    play(tmp_path, scenario)


def test_one_page_of_contacts_is_settled_at_a_time_and_others_get_the_store_in_between(
    tmp_path: Path,
) -> None:
    async def play_it() -> None:
        async with opened_aside(tmp_path / "store.db") as store:

            def meet() -> None:
                with store.write():
                    for number in range(450):
                        store.contacts.add(did(number), "pending", "inbound", NOW)

            await store.run(meet)
            order: list[str] = []

            def other() -> None:
                order.append("other")

            async def between() -> None:
                while len(order) < 20:
                    await store.run(other)

            book = TrustBook(tmp_path / "trust-policy.json", store)
            (tmp_path / "trust-policy.json").write_text('{"contact_policy": {"default_action": "block"}}')
            state = await store.run(book.current, NOW)
            busy = asyncio.create_task(between())
            after, pages = "", 0
            while pages == 0 or after:
                _, after = await store.run(settle_page, store, state, NOW, after)
                order.append("page")
                pages += 1
            await busy
            assert pages == 4
            assert "other" in order[order.index("page") : len(order) - order[::-1].index("page")]
            assert await store.run(store.trust.undecided) != []
            blocked = "SELECT count(*) FROM contact WHERE state = 'blocked'"
            assert await store.run(store.database.count, blocked) == 450

    asyncio.run(play_it())
