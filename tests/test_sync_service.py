"""One suite for every `SkillService`: in memory, the hub, and servers of each protocol version and form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openclaw_install.common.files import sha256
from openclaw_install.hub.server import running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.sync.service import Agent, SkillService, Upload
from tests.support.memory_skill_service import MemorySkillService
from tests.sync_rig import Manners, ScriptedServer, service_at, storing_tools, upload

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A service to test: how to open it, the id of its one agent, and what it holds under a name."""

    opened: Callable[[], AbstractAsyncContextManager[SkillService]]
    agent: str
    held: Callable[[str], str]

    def run(self, work: Callable[[SkillService], Awaitable[T]]) -> T:
        """Opens the service and does something with it."""

        async def session() -> T:
            async with self.opened() as service:
                return await work(service)

        return asyncio.run(session())


Maker = Callable[[Path], AbstractContextManager[Place]]


@contextmanager
def _memory(_folder: Path) -> Iterator[Place]:
    service = MemorySkillService([Agent("agt_1", "main", running=True)])

    @asynccontextmanager
    async def opened() -> AsyncIterator[SkillService]:
        yield service

    yield Place(opened, "agt_1", lambda name: service.skills["agt_1", name])


def _hub(settings: HubSettings) -> Maker:
    @contextmanager
    def place(folder: Path) -> Iterator[Place]:
        with running_hub(folder, settings=settings) as hub:
            key, agent = hub.create_key("owner"), hub.create_agent("main", "owner")
            skills = hub.skills_folder(agent.id)
            yield Place(
                lambda: service_at(hub.url, key=key),
                agent.id,
                lambda name: (skills / name / "SKILL.md").read_text(),
            )

    return place


def _scripted(version: str, session: str | None, *, sse: bool) -> Maker:
    @contextmanager
    def place(_folder: Path) -> Iterator[Place]:
        stored: dict[tuple[str, str], str] = {}
        tools = storing_tools(stored, [{"id": "agt_1", "name": "main", "podState": "running"}])
        with ScriptedServer(Manners(version, session, sse, tools)).serving() as server:
            yield Place(lambda: service_at(server.url), "agt_1", lambda name: stored["agt_1", name])

    return place


def _only_modern(app: ASGIApp) -> ASGIApp:
    """A hub that no longer knows the handshake, as later servers may not."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        body = await Request(scope, receive).body()

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        message = json.loads(body)
        if message["method"] == "initialize":
            data = {"supported": ["2026-07-28"], "requested": message["params"]["protocolVersion"]}
            error = {"code": -32022, "message": "unsupported protocol version", "data": data}
            refusal = JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error}, 400)
            await refusal(scope, receive, send)
        else:
            await app(scope, again, send)

    return wrapped


MAKERS: dict[str, Maker] = {
    "memory": _memory,
    "hub, JSON": _hub(HubSettings()),
    "hub, event streams": _hub(HubSettings(sse=True)),
    "hub, 2026-07-28 only": _hub(HubSettings(around=_only_modern)),
    "2025-03-26, JSON": _scripted("2025-03-26", "s-1", sse=False),
    "2025-03-26, event streams": _scripted("2025-03-26", "s-1", sse=True),
    "2025-06-18, no session": _scripted("2025-06-18", None, sse=False),
    "2025-11-25, no session, event streams": _scripted("2025-11-25", None, sse=True),
}


@pytest.fixture(params=list(MAKERS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with MAKERS[request.param](tmp_path / "hub") as made:
        yield made


def test_agents_are_listed_with_the_state_of_their_pods(place: Place) -> None:
    agents = place.run(lambda service: service.list_agents())
    assert agents == (Agent(place.agent, "main", running=True),)


def test_one_skill_is_acknowledged_stored_and_live(place: Place) -> None:
    outcome = place.run(lambda service: service.sync_skill(place.agent, upload("alpha")))
    assert (outcome.skill, outcome.kind, outcome.live) == ("alpha", "acknowledged", True)
    assert place.held("alpha") == upload("alpha").content


def test_many_skills_go_in_one_session_and_each_is_acknowledged(place: Place) -> None:
    uploads = [upload(f"skill-{n}") for n in range(5)]

    async def work(service: SkillService) -> None:
        answer = await service.sync_batch(place.agent, uploads)
        assert {name: outcome.kind for name, outcome in answer.items()} == {
            item.name: "acknowledged" for item in uploads
        }
        again = upload("skill-0", uploads[0].content + "more\n")
        assert (await service.sync_skill(place.agent, again)).kind == "acknowledged"

    place.run(work)
    assert place.held("skill-0").endswith("more\n")
    assert place.held("skill-4") == uploads[4].content


def test_content_arrives_to_the_letter(place: Place) -> None:
    text = '\ufeff---\r\nname: odd\r\ndescription: ünï \U0001f600\r\n---\r\n\ttab, \\ and " and \u2028\r\n'
    sent = Upload("odd", sha256(text.encode()), text)
    assert place.run(lambda service: service.sync_skill(place.agent, sent)).kind == "acknowledged"
    if place.opened is not None:
        held = place.held("odd")
        assert held in (text, text.replace("\r\n", "\n"))  # reading a file as text folds line ends


def test_calls_side_by_side_do_not_mix_their_answers(place: Place) -> None:
    async def work(service: SkillService) -> list[str]:
        calls = (service.sync_skill(place.agent, upload(f"side-{n}")) for n in range(8))
        return [outcome.skill for outcome in await asyncio.gather(*calls)]

    assert place.run(work) == [f"side-{n}" for n in range(8)]
