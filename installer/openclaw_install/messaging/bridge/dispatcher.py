"""Hands waiting messages to the gateway: in order within a thread, each exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace

from openclaw_install.common.errors import GatewayError, InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.dispatch import (
    Blocked,
    GatewayLife,
    HookIngress,
    HookTarget,
    HookTurn,
    Later,
    Outcome,
)
from openclaw_install.host.hooks.policy import INGRESS_PREFIX
from openclaw_install.messaging.bridge import delivery_state
from openclaw_install.messaging.bridge.agent_message import Shown, agent_text, mark_of, sender_facts
from openclaw_install.messaging.bridge.circuit_breaker import CircuitBreaker
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.bridge.loop_guard import HeldBack, hold_back, hold_below_ceiling
from openclaw_install.messaging.bridge.route_choice import RouteChoice
from openclaw_install.messaging.bridge.scheduler import Scheduler
from openclaw_install.messaging.inbound_guard import RESUME, ceilings_of, pause_of
from openclaw_install.messaging.models import Ingress, Message, Outgoing
from openclaw_install.messaging.outgoing import ContactError, enqueue
from openclaw_install.messaging.pacing import is_due
from openclaw_install.messaging.routing import Route, tell_route_mode
from openclaw_install.protocol.messages import RECEIPT, receipt_body

# Shorter than any gateway takes to start again.
_LIFE_SECONDS = 3.0
_GATEWAY_TROUBLES = ("gateway", "gateway.blocked")
_PACING = "pacing"
_FIX = "openclaw-install verify-runtime --fix-hooks"
_PATHS = {
    "hooks.token_rejected": "hooks.token",
    "hooks.no_token": "hooks.token",
    "hooks.off": "hooks.enabled",
    "hooks.policy": "hooks",
}


class Dispatcher:
    """The part of the bridge that talks to the gateway."""

    def __init__(self, context: BridgeContext, ingress: HookIngress, secret: bytes) -> None:
        self._context = context
        self._store = context.store
        self._ingress = ingress
        self._secret = secret
        self._breaker = CircuitBreaker(context.settings.timing.most_pause)
        self._scheduler = Scheduler(
            context, "dispatch", self, self._breaker, context.signals.dispatch, (*_GATEWAY_TROUBLES, _PACING)
        )
        self._life: GatewayLife | None = None
        self._life_at = 0.0
        self._target: HookTarget | None = None
        self._routes = RouteChoice(context)

    async def run(self) -> None:
        """Works until it is cancelled."""
        mode = self._context.settings.route_mode
        await self._store.run(tell_route_mode, self._store, mode, self._context.now())
        await self.refresh_life()
        await self._context.alone.wait()
        await self._scheduler.run()

    async def due_threads(self, now: float, *, after: str = "", limit: int) -> Sequence[str]:
        due, longest = self._store.ingress.due_threads, self._context.settings.pacing.window
        return await self._store.run(due, now, after=after, limit=limit, longest=longest)

    async def next_due(self, now: float) -> float | None:
        return await self._store.run(self._store.ingress.next_due, now)

    async def open_count(self) -> int:
        return await self._store.run(self._store.ingress.open_count)

    async def advance(self, thread: str, now: float) -> bool:
        """Makes one attempt with the oldest message of a thread, or settles one whose outcome is in doubt."""
        if await self._store.run(pause_of, self._store):
            return False
        row = await self._store.run(self._store.ingress.head, thread)
        if row is None or not is_due(row, now, self._context.settings.pacing):
            return False
        if delivery_state.is_in_doubt(row):
            resolved = await self._resolved(row)
            if resolved is None:
                return True
            row = resolved
        elif await self._held_back(row, now):
            return False
        await self._attempt(row)
        return True

    async def _held_back(self, row: Ingress, now: float) -> bool:
        """Whether the message waits for the pace of its thread or of the host; that is told once."""
        held = await self._store.run(hold_back, self._store, self._context.settings.pacing, row, now)
        if held is None and row.next_attempt_at:
            self._context.health.clear(_PACING)
        elif held is not None:
            self._tell_held(held, "agents answer each other without a pause")
        return held is not None

    def _tell_held(self, held: HeldBack, what: str) -> None:
        if held.by_host:
            self._context.health.trouble(_PACING, f"{what}: {held.reason}")
        if held.is_news:
            self._context.event("message.paced", message_id=held.message_id, detail=held.reason)

    async def _resolved(self, row: Ingress) -> Ingress | None:
        """The row, if it is to be sent (again); None where the evidence decided otherwise."""
        message = await self._store.run(self._store.messages.get, row.id)
        if message is None:
            return row
        life = await self.refresh_life()
        begun = row.doubt_at or row.attempted_at or self._context.now()
        mark = mark_of(self._secret, message.sender, message.message_id)
        sight = await asyncio.to_thread(self._context.settings.evidence.look, mark, begun)
        step = delivery_state.resolve(
            row, sight, self.same_gateway(row, life), self._context.now(), self._context.settings.inbound
        )
        fresh = await self._settled(row, message, step)
        self._wake_workers(step)
        return fresh if fresh.stage == "approved" and step.effect == "retry" else None

    async def _attempt(self, row: Ingress) -> None:
        message = await self._store.run(self._store.messages.get, row.id)
        if message is None:
            raise AssertionError("a ledger row without its message")
        # A mark of a process that is gone would make a turn look lost that is about to begin.
        if self._life is None or abs(self._context.now() - self._life_at) > _LIFE_SECONDS:
            await self.refresh_life()
        target = await asyncio.to_thread(self._context.settings.host.target)
        way = await self._routes.choose(message.thread_id)
        prepared = await self._store.run(self._begin, row, message, way, target)
        if isinstance(prepared, HeldBack):
            self._tell_held(prepared, "the ceiling of turns is reached")
            return
        if prepared is None:
            return
        row, turn = prepared
        outcome = await self._ingress.dispatch(target, turn)
        outcome = await self._other_route(row, outcome)
        step = delivery_state.settle(
            row, outcome, self._context.now(), self._context.jitter(), self._context.settings.inbound
        )
        await self._settled(row, message, step)
        await self._after_attempt(step, outcome)

    async def _other_route(self, row: Ingress, outcome: Outcome) -> Outcome:
        """A refused key of ACTIVE_GROUP.md or a binding is no blocker: the next try takes the stable one."""
        refused = isinstance(outcome, Blocked) and outcome.code == "hooks.policy"
        if not refused or (row.session_key or "").startswith(INGRESS_PREFIX):
            return outcome
        self._routes.refused()
        # Refused for certain, so the next request need not have the same key.
        await self._store.run(self._store.ingress.update, row.id, session_key=None)
        return Later(f"the gateway does not admit the session {row.session_key}", 0.0)

    async def _after_attempt(self, step: delivery_state.Step, outcome: Outcome) -> None:
        context, now = self._context, self._context.now()
        if step.effect == "gateway_later":
            self._breaker.trip(now, context.jitter(), step.wait)
            helps = outcome.next_step if isinstance(outcome, Later) else ""
            context.health.trouble("gateway", f"the gateway takes no messages: {step.detail}", helps)
            context.health.clear("gateway.blocked")
            self._life = None
        elif step.effect == "gateway_blocked" and isinstance(outcome, Blocked):
            self._breaker.trip(now, context.jitter(), 2.0)
            context.health.block("gateway.blocked", *_blocker(outcome))
        elif step.effect == "in_doubt":
            await self.refresh_life()
        else:
            self._breaker.close()
            context.health.clear(*_GATEWAY_TROUBLES)
        self._wake_workers(step)

    def _wake_workers(self, step: delivery_state.Step) -> None:
        """An acceptance is acknowledged to the relay and receipted to the sender at once."""
        if step.effect == "accepted":
            self._context.signals.acks.set()
            self._context.signals.outbox.set()

    def _begin(
        self, row: Ingress, message: Message, way: Route, target: HookTarget
    ) -> tuple[Ingress, HookTurn] | HeldBack | None:
        """Writes the attempt down, before it is made.

        Returns:
            None where the sender was blocked meanwhile, or all inbound was paused; `HeldBack` where its turn
            would be one too many.
        """
        store, now, settings = self._store, self._context.now(), self._context.settings
        with store.write():
            if pause_of(store):
                return None
            contact = store.contacts.get(message.peer)
            if contact is None or contact.state != "approved":
                state = contact.state if contact else "unknown"
                store.ingress.update(row.id, stage="refused", reason=f"the sender is {state}")
                store.messages.set_state(row.id, "refused", reason=state)
                return None
            ceilings = ceilings_of(store, settings.ceilings)
            if not row.attempts and (
                held := hold_below_ceiling(store, settings.pacing, ceilings, row, message, now)
            ):
                return held
            facts = sender_facts(row, contact)
            changes = delivery_state.begin(row, way, self._mark(target), now)
            changes["shown"] = json.dumps(facts)
            store.ingress.update(row.id, **changes)
            store.messages.set_state(row.id, "dispatching")
        row = replace(row, **changes)
        shown = Shown(
            message_id=message.message_id,
            thread_id=message.thread_id,
            sender=message.sender,
            alias=facts["alias"],
            trust=facts["trust"] or contact.state,
            schema=message.schema,
            body=message.body.carried(),
            sent_at=message.sent_at,
            mark=mark_of(self._secret, message.sender, message.message_id),
            place=message.place,
        )
        return row, HookTurn(agent_text(shown), row.session_key or way.session_key, message.message_id)

    async def _settled(self, row: Ingress, message: Message, step: delivery_state.Step) -> Ingress:
        """Writes down what became of an attempt, and tells it where a person may want to know."""
        fresh = await self._store.run(self._apply, row, message, step)
        if step.effect in {"parked", "in_doubt"}:
            self._context.event(f"message.{step.effect}", message_id=message.message_id, detail=step.detail)
        return fresh

    def _apply(self, row: Ingress, message: Message, step: delivery_state.Step) -> Ingress:
        store, now = self._store, self._context.now()
        with store.write():
            if step.changes:
                store.ingress.update(row.id, **step.changes)
                stage = step.changes.get("stage", row.stage)
                store.messages.set_state(row.id, stage, reason=step.changes.get("reason", ""))
            if step.effect == "accepted":
                self._accepted(row, message, now)
            elif kind := delivery_state.event_of(step, row.attempts):
                store.events.about(message, kind, now, detail=step.detail)
        return replace(row, **step.changes)

    def _accepted(self, row: Ingress, message: Message, now: float) -> None:
        """What belongs to the acceptance in one transaction: the thread, the event, the delivery receipt."""
        store = self._store
        if row.session_key:
            mode = self._context.settings.route_mode
            store.sessions.routed(row.thread_id, row.session_key, mode, row.degraded)
        degraded = {"degraded": row.degraded} if row.degraded else {}
        store.events.about(message, "message.accepted", now, attempts=row.attempts, **degraded)
        receipt = Outgoing(
            recipient=message.sender,
            schema=RECEIPT,
            body=receipt_body(message.message_id, "delivered", message.known_at),
            by="bridge",
            idempotency_key=f"receipt:{message.sender}:{message.message_id}",
        )
        with contextlib.suppress(ContactError):
            enqueue(store, self._context.identity.did, receipt, now)

    async def prepare(self) -> bool:
        """Retries at once when the gateway's token or port in the config changes; False during a pause."""
        try:
            target = await asyncio.to_thread(self._context.settings.host.target)
        except InstallError as error:
            self._breaker.trip(self._context.now(), self._context.jitter(), 1.0)
            finding = Problem("hooks.config", error.message, error.next_step, path="openclaw.json")
            self._context.health.block("gateway.config", finding, error)
            return False
        self._context.health.clear("gateway.config")
        if target != self._target:
            self._target = target
            self._routes.ask_again()
            self._breaker.try_now(self._context.now())
        pause = await self._store.run(pause_of, self._store)
        self._context.health.remark = f"{pause.words}; {RESUME}" if pause else ""
        return pause is None

    async def refresh_life(self) -> GatewayLife | None:
        """Asks the gateway which process it is."""
        with contextlib.suppress(InstallError):
            target = await asyncio.to_thread(self._context.settings.host.target)
            self._life = await self._ingress.life(target, self._context.now())
            self._life_at = self._context.now()
        return self._life

    def _mark(self, target: HookTarget) -> str | None:
        """Names the gateway's process and the token, both of which its replay cache depends on."""
        if self._life is None:
            return None
        token = target.token.reveal() if target.token else ""
        digest = hmac.new(self._secret, token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:16]
        return json.dumps({"started_at": self._life.started_at, "token": digest})

    def same_gateway(self, row: Ingress, life: GatewayLife | None) -> bool | None:
        """Whether the process that got the row's newest request still answers; None where nobody can tell."""
        if row.gateway is None or life is None or self._target is None:
            return None
        then = json.loads(row.gateway)
        if not life.is_same_as(GatewayLife(then["started_at"])):
            return False
        now = json.loads(self._mark(self._target) or "{}")
        return True if now.get("token") == then["token"] else None

    async def confirm(self, row: Ingress, life: GatewayLife | None) -> None:
        """Looks whether an accepted turn was really begun, and sends it again where it was lost."""
        message = await self._store.run(self._store.messages.get, row.id)
        if message is None:
            return
        mark = mark_of(self._secret, message.sender, message.message_id)
        since = row.attempted_at or row.accepted_at or 0.0
        sight = await asyncio.to_thread(self._context.settings.evidence.look, mark, since)
        step = delivery_state.confirm(
            row, sight, self.same_gateway(row, life), self._context.now(), self._context.settings.inbound
        )
        await self._settled(row, message, step)
        if step.effect == "retry":
            self._context.event("message.turn_lost", message_id=message.message_id)
            self._context.signals.dispatch.set()


def _blocker(outcome: Blocked) -> tuple[Problem, GatewayError]:
    """The blocker of the activation report, and the error for the runtime."""
    finding = Problem(outcome.code, outcome.detail, _FIX, path=_PATHS[outcome.code])
    error = GatewayError(
        f"the gateway refuses messages: {outcome.detail}; they wait", next_step=_FIX, code=outcome.code
    )
    return finding, error
