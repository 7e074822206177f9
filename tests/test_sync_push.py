"""Uploads to one agent: batches, halves, singles, the ledger before and after, and when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.errors import FileError
from openclaw_install.sync.errors import (
    AnswerError,
    BrokenOffError,
    ForbiddenError,
    KeyRejectedError,
    ServerFaultError,
    ServiceError,
    TimedOutError,
    TooLargeError,
    ToolError,
    UnconfirmedError,
    UnreachableError,
)
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.push import Push, batches, halves, json_bytes
from openclaw_install.sync.service import Agent, Outcome, RetryPolicy, Upload
from tests.support.memory_skill_service import MemorySkillService
from tests.sync_rig import upload

URL = "https://a.example/mcp"


def broken(kind: type[ServiceError]) -> ServiceError:
    return kind("it went wrong", next_step="try again")


@dataclass
class Moody(MemorySkillService):
    """A service that fails as told, and remembers which requests it got."""

    mood: Callable[[Sequence[Upload]], ServiceError | None] = lambda _uploads: None
    forgets: frozenset[str] = frozenset()
    requests: list[tuple[str, ...]] = field(default_factory=list)

    async def sync_skill(self, agent_id: str, upload: Upload) -> Outcome:
        self._meet([upload])
        return await super().sync_skill(agent_id, upload)

    async def sync_batch(self, agent_id: str, uploads: Sequence[Upload]) -> Mapping[str, Outcome]:
        self._meet(uploads)
        answer = await super().sync_batch(agent_id, uploads)
        return {name: outcome for name, outcome in answer.items() if name not in self.forgets}

    def _meet(self, uploads: Sequence[Upload]) -> None:
        self.requests.append(tuple(item.name for item in uploads))
        if error := self.mood(uploads):
            raise error


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "sync") as made:
        yield made


def pushed(service: Moody, ledger: Ledger, uploads: Sequence[Upload]) -> dict[str, Outcome]:
    settled: list[int] = []
    service.agents = [Agent("a", "main", running=True)]
    sent = asyncio.run(Push(service, ledger, URL, "a", settled.append, lambda: 1.0).run(uploads))
    assert sum(settled) == len(uploads)
    assert [item.skill for item in sent] == [item.name for item in uploads]
    return {item.skill: item for item in sent}


def fates(sent: dict[str, Outcome]) -> dict[str, str]:
    return {name: item.kind for name, item in sent.items()}


UPLOADS = [upload(f"skill-{n}") for n in range(8)]
BAD = "skill-5"


def test_a_batch_that_goes_well_is_one_request(ledger: Ledger) -> None:
    service = Moody()
    assert set(fates(pushed(service, ledger, UPLOADS)).values()) == {"acknowledged"}
    assert len(service.requests) == 1
    assert {record.in_doubt for record in ledger.records(URL).values()} == {False}


@pytest.mark.parametrize("kind", [ToolError, TooLargeError, ServerFaultError, AnswerError, BrokenOffError])
def test_a_batch_that_fails_is_halved_until_the_bad_skill_stands_alone(
    ledger: Ledger, kind: type[ServiceError]
) -> None:
    service = Moody(mood=lambda sent: broken(kind) if any(item.name == BAD for item in sent) else None)
    sent = pushed(service, ledger, UPLOADS)
    good = [name for name, fate in fates(sent).items() if fate == "acknowledged"]
    assert good == [item.name for item in UPLOADS if item.name != BAD]
    assert sent[BAD].kind == ("refused" if kind in (ToolError, TooLargeError) else "failed")
    assert sent[BAD].code == kind.code
    assert (BAD,) in service.requests
    assert len(service.requests) <= 8
    records = ledger.records(URL)
    assert records["a", BAD].in_doubt is kind.in_doubt
    assert records["a", BAD].error == "it went wrong"


def test_what_an_answer_does_not_name_is_sent_by_itself(ledger: Ledger) -> None:
    service = Moody(forgets=frozenset({"skill-2", "skill-6"}))
    assert set(fates(pushed(service, ledger, UPLOADS)).values()) == {"acknowledged"}
    assert service.requests[1:] == [("skill-2",), ("skill-6",)]


def test_a_skill_that_is_refused_does_not_stop_the_others(ledger: Ledger) -> None:
    service = Moody(refuses={BAD: "the name is taken"})
    sent = pushed(service, ledger, UPLOADS)
    assert [name for name, fate in fates(sent).items() if fate != "acknowledged"] == [BAD]
    assert (sent[BAD].detail, sent[BAD].live) == ("the name is taken", True)
    assert not ledger.records(URL)["a", BAD].in_doubt


@pytest.mark.parametrize("kind", [KeyRejectedError, UnreachableError])
def test_an_error_that_every_request_would_meet_stops_the_rest(
    ledger: Ledger, kind: type[ServiceError]
) -> None:
    service = Moody(mood=lambda _sent: broken(kind))
    push = Push(service, ledger, URL, "a")
    sent = asyncio.run(push.run(UPLOADS))
    assert {item.kind for item in sent} == {"not_sent"}
    assert isinstance(push.stopped, kind)
    assert len(service.requests) == 1
    assert not any(record.in_doubt for record in ledger.records(URL).values())


def test_a_service_that_only_fails_is_given_up_after_some_requests(ledger: Ledger) -> None:
    service = Moody(mood=lambda _sent: broken(ServerFaultError))
    many = [upload(f"skill-{n}") for n in range(64)]
    sent = pushed(service, ledger, many)
    assert len(service.requests) == 10
    assert set(fates(sent).values()) == {"failed", "not_sent"}


def test_a_service_that_is_silent_is_given_up_after_three_requests(ledger: Ledger) -> None:
    service = Moody(mood=lambda _sent: broken(TimedOutError))
    assert not {"acknowledged", "refused"} & set(fates(pushed(service, ledger, UPLOADS)).values())
    assert len(service.requests) == 3


def test_an_agent_that_is_not_ours_is_told_for_each_skill(ledger: Ledger) -> None:
    service = Moody(mood=lambda _sent: broken(ForbiddenError))
    sent = pushed(service, ledger, UPLOADS[:2])
    assert {(item.kind, item.code) for item in sent.values()} == {("not_sent", "sync.forbidden")}


def test_a_ledger_that_cannot_be_written_stops_before_anything_is_sent(ledger: Ledger) -> None:
    pages = ledger.query("PRAGMA page_count")[0][0]
    ledger.connection.execute(f"PRAGMA max_page_count = {pages}")
    service = Moody()
    service.agents = [Agent("a")]
    many = [upload(f"skill-{n}") for n in range(300)]
    with pytest.raises(FileError) as caught:
        asyncio.run(Push(service, ledger, URL, "a").run(many))
    assert caught.value.error_code == "file.enospc"
    assert service.skills == {}


def test_a_disk_that_fills_up_before_the_record_sends_again_and_loses_nothing(ledger: Ledger) -> None:
    def fill(_sent: Sequence[Upload]) -> None:
        ledger.connection.execute("PRAGMA query_only = 1")

    service = Moody(agents=[Agent("a")], mood=fill)
    with pytest.raises(FileError):
        asyncio.run(Push(service, ledger, URL, "a").run(UPLOADS))
    assert len(service.skills) == len(UPLOADS)
    ledger.connection.execute("PRAGMA query_only = 0")
    assert all(record.in_doubt and record.sha256 is None for record in ledger.records(URL).values())


@given(
    st.lists(st.integers(1, 400), max_size=40),
    st.integers(100, 1000),
    st.integers(1, 10),
)
def test_batches_keep_order_and_limits(sizes: list[int], max_bytes: int, max_skills: int) -> None:
    uploads = [upload(f"s{n}", "é" * size) for n, size in enumerate(sizes)]
    groups = list(batches(uploads, max_bytes=max_bytes, max_skills=max_skills))
    assert [item for group in groups for item in group] == uploads
    for group in groups:
        assert 0 < len(group) <= max_skills
        assert len(group) == 1 or sum(map(json_bytes, group)) <= max_bytes


def test_halves_of_a_batch_are_both_smaller() -> None:
    assert halves(UPLOADS[:3]) == (tuple(UPLOADS[:2]), (UPLOADS[2],))


@pytest.mark.parametrize(
    ("tried", "asked", "jitter", "pause"),
    [
        (1, None, 0.0, 0.3),
        (2, None, 0.0, 0.6),
        (3, None, 1.0, 0.6),
        (4, None, 0.5, None),
        (1, 2.0, 1.0, 2.1),
        (1, 31.0, 0.5, None),
        (1, 0.0, 0.0, 0.0),
    ],
)
def test_pauses_grow_within_bounds_and_respect_what_is_asked(
    tried: int, asked: float | None, jitter: float, pause: float | None
) -> None:
    found = RetryPolicy().pause(tried, asked, jitter)
    assert found == (None if pause is None else pytest.approx(pause))


def unclear() -> ServiceError:
    return UnconfirmedError("it says neither", next_step="look at the agent")


def test_an_unclear_answer_repeats_that_skill_alone_once_and_then_leaves_it_unconfirmed(
    ledger: Ledger,
) -> None:
    names = [item.name for item in UPLOADS]
    service = Moody(mood=lambda sent: unclear() if BAD in [item.name for item in sent] else None)
    sent = pushed(service, ledger, UPLOADS)
    assert service.requests.count((BAD,)) == 1
    assert fates(sent) == {**dict.fromkeys(names, "acknowledged"), BAD: "unconfirmed"}
    record = ledger.records(URL)["a", BAD]
    assert record.is_unconfirmed(sent_hash := UPLOADS[names.index(BAD)].sha256)
    assert (record.unclear_sha256, record.unclear_answers, record.in_doubt) == (sent_hash, 2, True)


def test_a_single_upload_with_an_unclear_answer_is_repeated_once(ledger: Ledger) -> None:
    service = Moody(mood=lambda _sent: unclear())
    assert fates(pushed(service, ledger, UPLOADS[:1])) == {"skill-0": "unconfirmed"}
    assert service.requests == [("skill-0",)] * 2


def test_what_met_an_unclear_answer_in_an_earlier_run_is_sent_once_more_alone(ledger: Ledger) -> None:
    ids = ledger.begin(URL, "a", UPLOADS[:1], 1.0)
    ledger.fail([(ids["skill-0"], "unclear", "sync.unconfirmed", "said nothing")], 1.0)
    service = Moody(agents=[Agent("a")], mood=lambda sent: unclear() if len(sent) == 1 else None)
    sent = asyncio.run(Push(service, ledger, URL, "a").run(UPLOADS, repeats={"skill-0"}))
    assert sorted(map(len, service.requests)) == [1, len(UPLOADS) - 1]
    assert [item.skill for item in sent if item.kind == "unconfirmed"] == ["skill-0"]
    assert ledger.records(URL)["a", "skill-0"].unclear_answers == 2


def test_a_service_that_only_gives_unclear_answers_is_asked_once_more_for_each_skill(ledger: Ledger) -> None:
    service = Moody(mood=lambda _sent: unclear())
    many = [upload(f"skill-{n}") for n in range(30)]
    assert set(fates(pushed(service, ledger, many)).values()) == {"unconfirmed"}
    assert len(service.requests) == 31
