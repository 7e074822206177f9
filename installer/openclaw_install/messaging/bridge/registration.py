"""Keeps the agent card at the relay in step with our keys, and rotates the keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from openclaw_install.common.files import read_if_exists
from openclaw_install.common.redaction import Secret
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.health import OWNER, OWNER_NEXT_STEP
from openclaw_install.messaging.relay.client import RelayError, RelayRefused
from openclaw_install.messaging.retirement import require_here
from openclaw_install.protocol.card import ENVELOPE_2, AgentCard, make_card
from openclaw_install.protocol.identity import (
    MAX_OWN_KEYS,
    ROTATE_ENCRYPTION_AFTER,
    Identity,
    prune_encryption,
    rotate_encryption,
)
from openclaw_install.protocol.profile import invite_of
from openclaw_install.protocol.profile_files import update_identity

CAPABILITIES = ("pingagent.text", "pingagent.task", "pingagent.result", ENVELOPE_2)
OTHER_IDENTITY = "store.other_identity"
INVITATION_NEXT_STEP = "ask its operator for a code, and: openclaw-install --relay-invite-file FILE"
_VERSION = "card.version"
_MOST_INVITE_BYTES = 4096
_CODE = re.compile(r"[\x21-\x7e]{1,512}")
_NOT_THERE = {401, 404}
_AHEAD_SECONDS = 120.0


async def register(context: BridgeContext) -> None:
    """Publishes our card unless the relay has it already.

    Raises:
        RelayError: it refuses the card, or cannot be asked.
    """
    known: AgentCard | None = None
    try:
        answer = await context.relay.card(context.identity.did)
        # Another agent's card under our name says nothing of ours, least of all which version it has.
        known = answer if answer.did == context.identity.did else None
    except RelayRefused as error:
        if error.status not in _NOT_THERE:
            raise
    card = await context.store.run(_next_card, context, known)
    if known is None or _differs(known, card):
        await _publish(context, card, new=known is None)
        await context.store.run(context.store.facts.set, _VERSION, card.version, context.now())
        context.event("card.published", version=card.version)


async def _publish(context: BridgeContext, card: AgentCard, *, new: bool) -> None:
    """Publishes a card; a new agent gives the invitation that the setup left, which then goes."""
    place = invite_of(context.settings.identity)
    kept = await asyncio.to_thread(read_if_exists, place, _MOST_INVITE_BYTES) if new else None
    code = None if kept is None else Secret(kept.decode("ascii", "replace").strip())
    try:
        await context.relay.put_card(
            card, code if code is not None and _CODE.fullmatch(code.reveal()) else None
        )
    except RelayRefused as error:
        if error.reason != "invitation_required":
            raise
        raise RelayRefused(
            error.status,
            error.reason,
            "the relay takes new agents by invitation, and has none of this agent that holds",
            next_step=INVITATION_NEXT_STEP,
        ) from error
    if kept is not None:
        await asyncio.to_thread(place.unlink, missing_ok=True)


async def freshen(context: BridgeContext) -> bool:
    """Takes over what changed on disk, rotates and forgets encryption keys; whether anything changed.

    Keys are dated by the relay's clock, so nothing is rotated before the relay was met, or between a step of
    our clock and the next time that it is held against the relay's. Nothing is forgotten right after one.

    Raises:
        RelayError: `store.other_identity`: another agent's identity lies there now; `identity.elsewhere`:
            it is used in another place now.
    """
    await asyncio.to_thread(require_here, context.settings.identity)
    current = await asyncio.to_thread(context.settings.load_identity)
    if current.did != context.identity.did:
        raise _other_identity(context, context.identity.did, current.did)
    now = context.relay_now()
    if context.met and not context.clock_was_set() and _needs_rotation(current, now):
        change = _rotated(now, min(now, context.now()) if context.is_settled() else 0.0)
        current = await asyncio.to_thread(update_identity, context.settings.identity, change)
        context.event("identity.encryption_rotated", epoch=current.current_encryption.epoch)
    changed = _public(current) != _public(context.identity)
    context.identity = current
    return changed


def identity_changed_hands(context: BridgeContext) -> RelayError | None:
    """The error for a store that belongs to another identity; None where it is ours."""
    owner = context.store.facts.set_once(OWNER, context.identity.did, context.now())
    if owner == context.identity.did:
        return None
    return _other_identity(context, owner, context.identity.did)


def _other_identity(context: BridgeContext, owner: str, did: str) -> RelayError:
    return RelayError(
        f"the store {context.store.path} belongs to {owner}, and the identity is {did}",
        next_step=OWNER_NEXT_STEP,
        code=OTHER_IDENTITY,
    )


def _needs_rotation(identity: Identity, now: float) -> bool:
    """Whether no key is of this week: the current one can be old, or dated by a clock that ran ahead.

    A clock that goes back again and again would make a key each time; half of the room for keys is kept from
    it, so that the weekly rotation always has some.
    """
    dates = [key.created_at for key in identity.encryption]
    if any(date <= now + _AHEAD_SECONDS and now < date + ROTATE_ENCRYPTION_AFTER for date in dates):
        return False
    return max(dates) <= now + _AHEAD_SECONDS or len(dates) < MAX_OWN_KEYS // 2


def _rotated(now: float, surely_past: float) -> Callable[[Identity], Identity]:
    """Makes a key at `now`, and forgets those that are over by the earlier clock: what is gone stays gone."""

    def change(identity: Identity) -> Identity:
        fresh = rotate_encryption(identity, now) if _needs_rotation(identity, now) else identity
        return prune_encryption(fresh, surely_past)

    return change


def _public(identity: Identity) -> tuple[object, ...]:
    kids = tuple(key.kid for key in identity.encryption)
    return (identity.did, identity.signing.kid, kids, identity.alias, identity.display_name)


def _next_card(context: BridgeContext, known: AgentCard | None) -> AgentCard:
    published = int(context.store.facts.get(_VERSION) or 0)
    version = max(published, known.version if known else 0) + 1
    return make_card(context.identity, version, context.relay_now(), capabilities=CAPABILITIES)


def _differs(known: AgentCard, card: AgentCard) -> bool:
    """Whether anything but the version and the date is another."""
    old, new = known.content(), card.content()
    for name in ("version", "issued_at"):
        old.pop(name)
        new.pop(name)
    return old != new
