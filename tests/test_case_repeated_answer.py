"""Case: a looping model answers one message again and again with the same text. It is sent once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openclaw_install.messaging.actions import messages as actions
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models.messages import SendResult
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.messages import ANSWERED, ANSWERS
from openclaw_install.surfaces.views import view
from tests.collab_rig import Rig, play, rig
from tests.support.async_waiting import until


def _texts_for_peer(made: Rig) -> int:
    """How many envelopes the relay has for the peer, receipts left out."""
    with made.store() as store:
        return store.database.count(
            "SELECT count(*) FROM message WHERE direction = 'out' AND schema LIKE '%text%'"
        )


def _answer(desk: App, made: Rig, text: str, in_reply_to: str | None, key: str | None = None) -> SendResult:
    return actions.openclaw_queue_reply(
        desk, message=text, session=made.peer.did, in_reply_to=in_reply_to, idempotency_key=key
    )


def test_case_a_looping_model_s_sixty_two_answers_to_one_message_are_one(tmp_path: Path) -> None:
    play(tmp_path, _loops)


async def _loops(made: Rig) -> None:
    made.know()
    sent = made.send("what time is it?")
    results: list[SendResult] = []

    def loop(body: dict[str, object]) -> None:
        with made.desk(caller="mcp:agent") as desk:
            results.extend(_answer(desk, made, "It is noon.", sent.header.message_id) for _ in range(62))

    made.gateway.always = loop
    async with made.bridge():
        await until(lambda: len(results) == 62, "the loop")
        texts = made.relay.inbox(made.peer.did).places
        await until(lambda: _committed(made) == 1, "the answer")
    assert len({one.message_id for one in results}) == 1
    assert [one.repeated for one in results] == [False] + [True] * 61
    assert _texts_for_peer(made) == 1
    assert len(texts) <= 2  # the answer, and the receipt of the question
    with made.store() as store:
        events = store.events.since(0, limit=1000)
    assert [one.kind for one in events].count("outbox.repeated") == 61


def _committed(made: Rig) -> int:
    with made.store() as store:
        return store.database.count(
            "SELECT count(*) FROM outbox WHERE schema LIKE '%text%' AND state IN ('committed', 'delivered')"
        )


@pytest.fixture
def made(tmp_path: Path) -> Rig:
    with rig(tmp_path) as found:
        found.know()
        return found


QUESTION = "msg_" + "0" * 26
OTHER = "msg_" + "1" * 26


def test_another_key_does_not_make_the_same_answer_a_new_one_and_the_text_says_so(made: Rig) -> None:
    with made.desk(caller="mcp:agent") as desk:
        asyncio.run(actions.chat(desk, to=made.peer.did, message="hello", wait_seconds=0.0))
        first = _answer(desk, made, "noon", QUESTION, key="one")
        second = _answer(desk, made, "noon", QUESTION, key="two")
        assert (second.message_id, second.idempotency_key) == (first.message_id, "one")
        assert (first.repeated, second.repeated) == (False, True)
        assert "say something else, or nothing" in str(view(second))
        by_chat = asyncio.run(
            actions.chat(desk, to=made.peer.did, message="noon", in_reply_to=QUESTION, wait_seconds=0.0)
        )
        assert (by_chat.message_id, by_chat.repeated) == (first.message_id, True)


def test_another_text_another_message_and_a_text_that_answers_none_are_sent(made: Rig) -> None:
    with made.desk(caller="mcp:agent") as desk:
        asyncio.run(actions.chat(desk, to=made.peer.did, message="noon", wait_seconds=0.0))
        sent = [
            _answer(desk, made, "noon", QUESTION),
            _answer(desk, made, "noon, I think", QUESTION),
            _answer(desk, made, "noon", OTHER),
            _answer(desk, made, "noon", None),
            _answer(desk, made, "noon", None),
        ]
    assert len({one.message_id for one in sent}) == 5
    assert not any(one.repeated for one in sent)
    assert [one.text for one in sent[1].answered_before] == ["noon"]
    assert [one.answered_before for one in sent[2:]] == [(), (), ()]


def test_an_answer_that_failed_may_be_sent_again(made: Rig) -> None:
    with made.desk(caller="mcp:agent") as desk:
        asyncio.run(actions.chat(desk, to=made.peer.did, message="hello", wait_seconds=0.0))
        first = _answer(desk, made, "noon", QUESTION)
        item = desk.store.outbox.by_message_id(first.message_id)
        assert item is not None
        desk.store.outbox.update(item.id, state="failed", reason="no usable key")
        again = _answer(desk, made, "noon", QUESTION)
    assert (again.message_id != first.message_id, again.repeated) == (True, False)


def test_the_look_for_an_earlier_answer_goes_by_its_index(made: Rig) -> None:
    with Store(made.me.store_path) as store:
        plans = store.database.rows(
            f"EXPLAIN QUERY PLAN SELECT id FROM message WHERE {ANSWERS} AND thread_id = ? AND {ANSWERED} = ?",  # noqa: S608
            *("c", "m"),
        )
    assert "message_answers" in " ".join(str(row["detail"]) for row in plans)
