"""The bridge asks the trust policy about senders that no person has decided about, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openclaw_install.collab import contact_service
from openclaw_install.collab.health import read_health
from openclaw_install.collab.records import ContactState
from tests.collab_rig import Rig, play, until


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
                contact_service.decide(desk, made.peer.did, "approve")
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
                    return found.id if found else None

                await until(lambda: blocker() == "trust.policy_invalid")
                made.send("two")
                await until(lambda: len(made.gateway.turns) == 2)
                _write(made, "approve")
                await until(lambda: blocker() is None)

    play(tmp_path, scenario)
