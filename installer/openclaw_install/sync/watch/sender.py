"""Sends what changed to one agent: plan, consent, gate and push, one at a time, and tells what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from openclaw_install.common.errors import FileError
from openclaw_install.sync import prepare
from openclaw_install.sync.consent import Agreed, agreed, allowed_secrets
from openclaw_install.sync.errors import KeyRejectedError, SyncError
from openclaw_install.sync.gate import SecretFinding
from openclaw_install.sync.inventory import LocalSkill
from openclaw_install.sync.ledger import Ledger, Record
from openclaw_install.sync.planner import Action, plan, through_gate
from openclaw_install.sync.push import Push, Sent
from openclaw_install.sync.service import Agent, SkillService
from openclaw_install.sync.watch.clock import Clock
from openclaw_install.sync.watch.event import EventKind
from openclaw_install.sync.watch.ledger_thread import LedgerThread
from openclaw_install.sync.watch.upload_queue import UploadQueue

# Between two pushes others may have the lock, and a newer save its turn.
_AT_ONCE = 50
_LAST_SECONDS = 1.0
_MEND = "mend the file and save it; what the agent has stays as it is"


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
class Shared:
    """What the senders of one watcher share.

    Attributes:
        desk: the ledger.
        endpoint: the key of the ledger's rows.
        clock: the clocks.
        service: gives the connection, once it is open.
        skills: gives the chosen skills as they are on disk now.
        say: tells an event.
        changed: called with the path of a file that changed between the look at it and the push.
        verdicts: the gate's, by content hash.
        holding: the reason for which a skill is held back and was told, by skill and agent.
    """

    ledger_thread: LedgerThread
    endpoint: str
    clock: Clock
    service: asyncio.Future[SkillService]
    skills: Callable[[], Mapping[str, LocalSkill]]
    emit: Emit
    changed: Callable[[str], None]
    verdicts: dict[str, tuple[SecretFinding, ...]] = field(default_factory=dict)
    reported_holds: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def held(self, agent: str, skill: str, digest: str, code: str, reason: str) -> None:
        """Tells once for each content that a skill is held back."""
        if self.reported_holds.get((skill, agent)) != (digest, code):
            self.reported_holds[skill, agent] = digest, code
            step = "openclaw-install sync --all --keep, which asks" if code == "consent" else _MEND
            self.emit("held", skill, agent, code=code, reason=reason, next_step=step)


class Sender:
    """Sends to one agent what its lane holds, until it is cancelled.

    Args:
        agent_id: the agent.
        shared: what it shares with the others.
    """

    def __init__(self, agent_id: str, shared: Shared) -> None:
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
            async with self._shared.ledger_thread.hold(self._locked):
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
        ground = await shared.ledger_thread.do(lambda ledger: _ground(ledger, shared.endpoint, names))
        if not ground.agreed.connect:
            raise consent_missing(shared.endpoint)
        actions = plan(skills, ground.records, [self.agent], force=False, now=shared.clock.wall())
        actions = _within_roots(actions, skills, ground.agreed.roots.get(self.agent.id, frozenset()))
        contents = await asyncio.to_thread(
            prepare.read_contents, [(action.path, action.sha256) for action in actions if action.sends]
        )
        await self._scan(contents.texts)
        actions = through_gate(actions, _for(shared.verdicts, contents.changed), ground.allowed)
        ready = []
        for action in actions:
            if action.sends and action.sha256 in contents.texts:
                ready.append(contents.upload(action))
                continue
            self._leave(action.skill, left)
            if action.sends:
                shared.changed(action.path)
            elif action.kind == "unchanged":
                shared.emit("unchanged", action.skill, self.agent.id)
            elif action.kind == "blocked":
                shared.held(self.agent.id, action.skill, action.sha256, action.code, action.reason)
        if ready:
            ledger_thread = shared.ledger_thread
            push = Push(
                service,
                ledger_thread.ledger,
                shared.endpoint,
                self.agent.id,
                clock=shared.clock.wall,
                aside=ledger_thread.aside,
            )
            self._settle(await push.run(ready), push, left)

    async def _scan(self, texts: Mapping[str, str]) -> None:
        new = {digest: text for digest, text in texts.items() if digest not in self._shared.verdicts}
        if new:
            self._shared.verdicts.update(await asyncio.to_thread(prepare.scan_all, new))

    def _leave(self, name: str, left: set[str]) -> None:
        left.discard(name)
        self.queue.settled(name)

    def _settle(self, results: Sequence[Sent], push: Push, left: set[str]) -> None:
        if isinstance(push.stopped, KeyRejectedError):
            raise push.stopped
        now = self._now()
        good = [sent for sent in results if sent.fate == "acknowledged"]
        if good and self.queue.up():
            self._shared.emit("recovered", agent=self.agent.id)
        for sent in results:
            left.discard(sent.skill)
            if sent.fate == "acknowledged":
                saved_at = self.queue.settled(sent.skill)
                self._shared.reported_holds.pop((sent.skill, self.agent.id), None)
                took = None if saved_at is None else max(0.0, 1000 * (now - saved_at))
                self._shared.emit("acknowledged", sent.skill, self.agent.id, milliseconds=took)
            elif sent.fate == "refused" or sent.code == "sync.forbidden":
                self.queue.refused(sent.skill, now)
                self._shared.emit(
                    "refused",
                    sent.skill,
                    self.agent.id,
                    code=sent.code,
                    reason=sent.detail,
                    next_step=sent.next_step,
                )
            elif push.stopped is None:
                pause = self.queue.failed(sent.skill, now, _chance())
                self._emit_waiting(pause, sent.code, sent.detail, sent.next_step, sent.skill)
            else:
                self.queue.back([sent.skill])
        if push.stopped is not None:
            pause = self.queue.down(now, _chance())
            stopped = push.stopped
            self._emit_waiting(pause, stopped.error_code, stopped.message, "it is tried again by itself")

    def _locked(self) -> None:
        self._emit_waiting(None, "conflict.sync_locked", "another sync to this endpoint is running", "")

    def _emit_waiting(self, pause: float | None, code: str, reason: str, step: str, skill: str = "") -> None:
        took = None if pause is None else 1000 * pause
        self._shared.emit(
            "waiting", skill, self.agent.id, milliseconds=took, code=code, reason=reason, next_step=step
        )

    def _now(self) -> float:
        return self._shared.clock.monotonic()


@dataclass(frozen=True)
class _Ground:
    records: Mapping[tuple[str, str], Record]
    agreed: Agreed
    allowed: set[tuple[str, str]]


def _ground(ledger: Ledger, endpoint: str, names: Sequence[str]) -> _Ground:
    return _Ground(ledger.records(endpoint, names), agreed(ledger, endpoint), allowed_secrets(ledger))


def _within_roots(
    actions: Sequence[Action], skills: Sequence[LocalSkill], roots: frozenset[str]
) -> tuple[Action, ...]:
    """The same actions, with those blocked whose folder the operator did not agree to."""
    root_of = {skill.name: skill.root for skill in skills}
    return tuple(
        replace(
            action,
            kind="blocked",
            code="consent",
            reason=f"you have not agreed to send skills from {root_of[action.skill]} to this agent",
        )
        if action.sends and root_of[action.skill] not in roots
        else action
        for action in actions
    )


def _for(
    verdicts: Mapping[str, tuple[SecretFinding, ...]], unread: frozenset[str]
) -> Mapping[str, tuple[SecretFinding, ...]]:
    """The verdicts, with none for contents that are no longer there and will not be sent."""
    return {**verdicts, **{digest: () for digest in unread if digest not in verdicts}}


def _chance() -> float:
    return random.random()  # noqa: S311 - jitter
