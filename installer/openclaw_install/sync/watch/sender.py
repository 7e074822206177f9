"""Sends what changed to one agent through the pipeline, one push at a time, and reports the outcomes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from openclaw_install.common.errors import FileError
from openclaw_install.sync.consent import agreed, allowed_secrets
from openclaw_install.sync.errors import NEXT_STEP_UNCONFIRMED, ForbiddenError, KeyRejectedError, SyncError
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.pipeline import CHANGED, Pipeline
from openclaw_install.sync.planner import UNCONFIRMED, Action, through_consent
from openclaw_install.sync.report import SkillResult
from openclaw_install.sync.service import Agent, SkillService
from openclaw_install.sync.watch.event import EventKind
from openclaw_install.sync.watch.ledger_thread import LedgerThread
from openclaw_install.sync.watch.timing import Clock
from openclaw_install.sync.watch.upload_queue import UploadQueue

# Between two pushes others may have the lock, and a newer save its turn.
_AT_ONCE = 50
_LAST_SECONDS = 1.0
_CORRECT = "correct the file and save it; what the agent has stays as it is"


class ConsentMissingError(SyncError):
    """What the operator agreed to does not cover what is to be kept in step."""

    code = "sync.consent_missing"


def consent_missing(endpoint: str) -> ConsentMissingError:
    """The error for a consent that was never given, or was taken back."""
    return ConsentMissingError(
        f"you have not agreed to sync to {endpoint}, or took that back; nothing is sent",
        next_step="openclaw-install sync --all --keep, which asks again",
    )


class Emit(Protocol):
    """Tells one event; time and counts are added."""

    def __call__(
        self,
        kind: EventKind,
        skill: str = "",
        agent: str = "",
        *,
        milliseconds: float | None = None,
        code: str = "",
        reason: str = "",
        next_step: str = "",
    ) -> None: ...


@dataclass
class SenderContext:
    """What the senders of one watcher share.

    Attributes:
        ledger: the ledger in its thread.
        endpoint: the key of the ledger's rows.
        clock: the clocks.
        service: gives the connection, once it is open.
        skills: gives the chosen skills as they are on disk now.
        emit: reports an event.
        changed: called with the path of a file that changed between its scan and the push.
        pipeline: the way of skills to the agents.
        reported_holds: the content and the reason for which a skill was reported as held back or as
            unconfirmed, by skill and agent.
    """

    ledger: LedgerThread
    endpoint: str
    clock: Clock
    service: asyncio.Future[SkillService]
    skills: Callable[[], Mapping[str, LocalSkill]]
    emit: Emit
    changed: Callable[[str], None]
    pipeline: Pipeline = field(init=False)
    reported_holds: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ledger = self.ledger
        self.pipeline = Pipeline(
            ledger.ledger, self.endpoint, self.clock.wall, ledger.aside, keeps_verdicts=False
        )

    def held(self, agent: str, skill: str, digest: str, code: str, reason: str) -> None:
        """Reports once for each content that a skill is held back."""
        if self._is_news(skill, agent, digest, code):
            step = "openclaw-install sync --all --keep, which asks" if code == "consent" else _CORRECT
            self.emit("held", skill, agent, code=code, reason=reason, next_step=step)

    def unconfirmed(self, agent: str, skill: str, digest: str, reason: str) -> None:
        """Reports once for each content that no answer of the service confirms it."""
        if self._is_news(skill, agent, digest, UNCONFIRMED):
            step = NEXT_STEP_UNCONFIRMED
            self.emit("unconfirmed", skill, agent, code=UNCONFIRMED, reason=reason, next_step=step)

    def _is_news(self, skill: str, agent: str, digest: str, code: str) -> bool:
        known = self.reported_holds.get((skill, agent))
        self.reported_holds[skill, agent] = digest, code
        return known != (digest, code)


class Sender:
    """Sends to one agent what its lane holds, until it is cancelled.

    Args:
        agent_id: the agent.
        shared: what it shares with the others.
    """

    def __init__(self, agent_id: str, shared: SenderContext) -> None:
        self.agent = Agent(agent_id)
        self.queue = UploadQueue()
        self._shared = shared
        self._wake = asyncio.Event()

    def notify(self) -> None:
        """Makes it look at its lane."""
        self._wake.set()

    async def run(self) -> None:
        """Sends, for as long as nobody cancels it; a push that is on its way then gets a second to end.

        Raises:
            KeyRejectedError: the key is of no use.
            ConsentMissingError: nothing may be sent any more.
        """
        while True:
            await self._rest()
            names = self.queue.take(self._now(), _AT_ONCE)
            if not names:
                continue
            work = asyncio.create_task(self._send(names))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait({work}, timeout=_LAST_SECONDS)
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                raise

    async def _rest(self) -> None:
        due = self.queue.next_at()
        if due is not None and due <= self._now():
            return
        # A pause is looked at again now and then, as the clock may stand still or be another one.
        pause = None if due is None else min(1.0, due - self._now())
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _send(self, names: Sequence[str]) -> None:
        left = set(names)
        try:
            service = await self._service()
            async with self._shared.ledger.hold(self._locked):
                await self._push(service, names, left)
        except FileError as error:
            # A full disk, or a ledger that is busy or damaged: it may pass, and nothing is lost meanwhile.
            pause = self.queue.down(self._now(), _chance())
            self._emit_waiting(pause, error.error_code, error.message, error.next_step)
        finally:
            self.queue.back(left)

    async def _service(self) -> SkillService:
        return await asyncio.shield(self._shared.service)

    async def _push(self, service: SkillService, names: Sequence[str], left: set[str]) -> None:
        shared = self._shared
        skills = [skill for name in names if (skill := shared.skills().get(name)) is not None]
        for name in set(names) - {skill.name for skill in skills}:
            self._leave(name, left)
        prepared = await shared.ledger.do(lambda ledger: self._prepared(ledger, skills))
        done = await shared.pipeline.deliver(service, self.agent, *prepared)
        if isinstance(done.stopped, KeyRejectedError):
            raise done.stopped
        if any(result.outcome == "acknowledged" for result in done.results) and self.queue.up():
            shared.emit("recovered", agent=self.agent.id)
        now = self._now()
        for result in done.results:
            left.discard(result.skill)
            self._settle(result, now, stopped=done.stopped is not None)
        if done.stopped is not None:
            pause = self.queue.down(now, _chance())
            stopped = done.stopped
            self._emit_waiting(pause, stopped.error_code, stopped.message, "it is tried again by itself")

    def _prepared(
        self, ledger: Ledger, skills: Sequence[LocalSkill]
    ) -> tuple[tuple[Action, ...], Mapping[str, str]]:
        """What is to be sent, by the ledger as it is now; in the ledger's thread.

        Raises:
            ConsentMissingError: nothing may be sent any more.
        """
        shared = self._shared
        consent = agreed(ledger, shared.endpoint)
        if not consent.connect:
            raise consent_missing(shared.endpoint)
        actions = shared.pipeline.plan(skills, [self.agent])
        actions = through_consent(actions, skills, consent.roots.get(self.agent.id, frozenset()))
        actions = shared.pipeline.gate(actions, allowed_secrets(ledger, shared.endpoint))
        return actions, shared.pipeline.read(actions)

    def _leave(self, name: str, left: set[str]) -> None:
        left.discard(name)
        self.queue.settled(name)

    def _settle(self, result: SkillResult, now: float, *, stopped: bool) -> None:
        """Takes a skill out of the queue, or puts it back, by what became of it, and reports that."""
        agent, shared = self.agent.id, self._shared
        name, outcome, code, reason = result.skill, result.outcome, result.code, result.reason
        if outcome == "acknowledged":
            saved_at = self.queue.settled(name)
            shared.reported_holds.pop((name, agent), None)
            took = None if saved_at is None else max(0.0, 1000 * (now - saved_at))
            shared.emit("acknowledged", name, agent, milliseconds=took)
        elif outcome in ("unchanged", "blocked", "unconfirmed"):
            self.queue.settled(name)
            if outcome == "unchanged":
                shared.emit("unchanged", name, agent)
            elif outcome == "blocked":
                shared.held(agent, name, result.sha256, code, reason)
            else:
                shared.unconfirmed(agent, name, result.sha256, reason)
        elif code == CHANGED:
            self.queue.settled(name)
            shared.changed(result.path)
        elif outcome == "refused" or code == ForbiddenError.code:
            self.queue.refused(name, now)
            shared.emit("refused", name, agent, code=code, reason=reason, next_step=result.next_step)
        elif stopped:
            self.queue.back([name])
        else:
            pause = self.queue.failed(name, now, _chance())
            self._emit_waiting(pause, code, reason, result.next_step, name)

    def _locked(self) -> None:
        self._emit_waiting(None, "conflict.sync_locked", "another sync to this endpoint is running", "")

    def _emit_waiting(self, pause: float | None, code: str, reason: str, step: str, skill: str = "") -> None:
        took = None if pause is None else 1000 * pause
        self._shared.emit(
            "waiting", skill, self.agent.id, milliseconds=took, code=code, reason=reason, next_step=step
        )

    def _now(self) -> float:
        return self._shared.clock.monotonic()


def _chance() -> float:
    return random.random()  # noqa: S311 - jitter
