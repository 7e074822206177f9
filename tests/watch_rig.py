"""The rig of the watcher's tests: a watcher in a thread of its own, a hub, and events to wait for."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema

from openclaw_install.common.data_files import load_schema
from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.locate import locate
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.server import RunningHub, running_hub
from openclaw_install.hub.settings import HubSettings
from openclaw_install.sync.consent import Consents, StandingChoice, record_choice
from openclaw_install.sync.endpoint import endpoint_from
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.service import Agent
from openclaw_install.sync.watch.watcher import WatchEvent, WatchSettings, watch, watch_settings
from tests.support.waiting import PATIENCE, until
from tests.sync_rig import ReadyOperator, skill_text, write_skill

_BY_AN_AGENT = ("acknowledged", "unchanged", "refused", "unconfirmed")
_ABOUT_A_SKILL = (*_BY_AN_AGENT, "changed", "held", "deleted")
_WITH_A_REASON = ("refused", "unconfirmed", "held", "deleted", "waiting", "polling", "warning", "blocked")
_SCHEMA = jsonschema.Draft202012Validator(load_schema("watch-event"))
FREE = HubSettings(limits=Limits(requests_per_second=1e6, burst=1_000_000))


class Watched:
    """A running watcher and what it told."""

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="watched")
        self.events: list[WatchEvent] = []
        self.error: BaseException | None = None
        self.ended = False

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.ensure_future(watch(self._settings, self._sink))
            await asyncio.wait({self._task})

        asyncio.run(main())
        with self._changed:
            if self._task is not None and not self._task.cancelled():
                self.error = self._task.exception()
            self.ended = True
            self._changed.notify_all()

    def _sink(self, event: WatchEvent) -> None:
        _SCHEMA.validate(jsonable(event))
        assert event.skill or event.kind not in _ABOUT_A_SKILL
        assert event.agent or event.kind not in _BY_AN_AGENT
        assert event.reason or event.kind not in _WITH_A_REASON
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._loop is not None and self._task is not None and not self.ended:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def wait(self, kind: str, skill: str = "", after: int = 0, **facts: Any) -> WatchEvent:
        """The first event like this, from number `after` on."""

        def found() -> WatchEvent | None:
            return next(
                (event for event in self.events[after:] if self._fits(event, kind, skill, facts)), None
            )

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self.ended, PATIENCE)
            event = found()
        assert event is not None, (kind, skill, facts, self.error, self.events[-12:])
        return event

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition, which is looked at often and at every event."""
        with self._changed:
            until(condition, lambda: self.events[-12:], self._changed.wait)

    def wait_end(self) -> BaseException | None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.ended, PATIENCE), self.events[-12:]
        return self.error

    def kinds(self, skill: str) -> list[str]:
        return [event.kind for event in self.events if event.skill == skill]

    @staticmethod
    def _fits(event: WatchEvent, kind: str, skill: str, facts: dict[str, Any]) -> bool:
        said = {name: getattr(event, name) for name in facts}
        return event.kind == kind and skill in ("", event.skill) and said == facts


@dataclass
class Bench:
    """An operator's machine and a hub, with consent given and everything chosen."""

    home: Path
    hub: RunningHub
    key: str = field(repr=False)
    agents: dict[str, str] = field(default_factory=dict)

    @property
    def skills(self) -> Path:
        return self.home / ".openclaw" / "skills"

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.home),
            "MYSTA_MCP_URL": self.hub.url,
            "MYSTA_API_KEY": self.key,
        }

    @property
    def ledger_folder(self) -> Path:
        return self.home / "ledger"

    def save(self, name: str, body: str = "# Work\n") -> Path:
        return write_skill(self.skills, name, skill_text(name, body))

    def stored(self, name: str, agent: str = "main") -> str:
        path = self.hub.skills_folder(self.agents[agent]) / name / "SKILL.md"
        return path.read_text() if path.is_file() else ""

    def choose(self, names: tuple[str, ...] | None = None, roots: tuple[Path, ...] = ()) -> None:
        """Records the consent and the standing choice."""
        location = locate(self.env)
        url = endpoint_from(self.env).url
        texts = tuple(str(root) for root in roots)
        with Ledger(self.ledger_folder) as ledger:
            consents = Consents(ledger, ReadyOperator(agreed=True), 1.0)
            consents.connect(url)
            for name, agent in self.agents.items():
                consents.upload(url, Agent(agent, name), [str(self.skills), *texts], 1)
            agents = tuple(self.agents.values())
            record_choice(ledger, location, StandingChoice(url, names, agents, texts, 1.0))

    def settings(self, **changes: Any) -> WatchSettings:
        found = watch_settings(locate(self.env), self.env, self.ledger_folder)
        assert found is not None
        return replace(found, **changes)

    @contextmanager
    def watching(self, **changes: Any) -> Iterator[Watched]:
        """A watcher that has begun to watch."""
        watched = Watched(self.settings(**changes))
        watched.start()
        try:
            watched.wait("watching")
            yield watched
        finally:
            watched.stop()


@contextmanager
def bench_in(folder: Path, *agents: str, settings: HubSettings = FREE) -> Iterator[Bench]:
    """A machine with two skills, `alpha` and `beta`, and a hub with agents."""
    home = folder / "home"
    (home / ".openclaw").mkdir(parents=True)
    with running_hub(folder / "hub", settings=settings) as hub:
        made = Bench(home, hub, hub.create_key("owner").reveal())
        for name in agents or ("main",):
            made.agents[name] = hub.create_agent(name, "owner").id
        for skill in ("alpha", "beta"):
            made.save(skill)
        made.choose()
        yield made
