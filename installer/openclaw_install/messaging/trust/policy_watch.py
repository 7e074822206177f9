"""The trust policy inside the bridge: asked for each new sender, and looked at for contacts that wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.models import Contact
from openclaw_install.messaging.trust.gate import (
    contact_action,
    is_open_to_policy,
    settle_contact,
    settle_page,
)
from openclaw_install.messaging.trust.match import TrustPolicyError
from openclaw_install.messaging.trust.policy import ContactAction
from openclaw_install.messaging.trust.policy_file import PolicyState, TrustBook

_TROUBLE = "trust.policy"


class TrustWatch:
    """The policy file of one bridge.

    Args:
        path: the file; None means the one beside the store.
    """

    def __init__(self, context: BridgeContext, path: Path | None) -> None:
        self._context = context
        self._store = context.store
        self._book = TrustBook(path or context.store.path.with_name("trust-policy.json"), context.store)
        self._settled: str | None = None
        self._state: PolicyState | None = None
        self._looking = asyncio.Lock()

    async def refresh(self) -> PolicyState:
        """Looks at the file; what is asked afterwards is answered by the policy that is in force now."""
        # One at a time: an older look that is judged late would bring an older policy back.
        async with self._looking:
            look = await asyncio.to_thread(self._book.look)
            self._state = await self._store.run(self._book.judged, look, self._context.now())
            return self._state

    def first_contact(self, did: str, alias: str | None) -> ContactAction:
        """What the policy says of an agent that wrote for the first time."""
        return contact_action(self._in_force().policy, did, alias)

    def settled(self, contact: Contact, now: float) -> Contact:
        """A contact after the policy had its say, where nobody else has decided about it."""
        if not is_open_to_policy(contact):
            return contact
        return settle_contact(self._store, self._in_force(), contact, now)

    def _in_force(self) -> PolicyState:
        if self._state is None:
            raise AssertionError("the policy's file was not looked at yet")
        return self._state

    async def run(self) -> None:
        """Looks at the file now and then, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._context.settings.timing.poll)

    async def look(self) -> None:
        """Does what a changed policy says of contacts that wait; a file that cannot be used is a blocker."""
        state = await self.refresh()
        self._emit(state)
        if state.policy.version != self._settled:
            await self._settle(state)
            self._settled = state.policy.version
            self._context.signals.everything()

    async def _settle(self, state: PolicyState) -> None:
        """As `settle_all`; between two pages the others get their turn at the store."""
        _, after = await self._store.run(settle_page, self._store, state, self._context.now())
        while after:
            _, after = await self._store.run(settle_page, self._store, state, self._context.now(), after)

    def _emit(self, state: PolicyState) -> None:
        problem = state.problem
        if problem is None:
            self._context.health.clear(_TROUBLE)
        else:
            error = TrustPolicyError(problem.message, next_step=problem.next_step, code=problem.code)
            self._context.health.block(_TROUBLE, problem, error)
