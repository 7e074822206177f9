"""Holds this machine's clock against the relay's: notes a difference, and refuses one that is too large."""

from __future__ import annotations

from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.bridge.entry_reader import MAX_SKEW
from openclaw_install.messaging.relay.client import About, RelayUnreachable

# Further than this a clock is worth a word.
_CLOCK_SECONDS = 120.0


async def hold_clocks(context: BridgeContext) -> About:
    """Asks the relay what it is and what time it has; either clock may have been set since the last time.

    Raises:
        RelayError: the relay does not answer, or its clock is too far off to live by.
    """
    begun = context.now()
    about = await context.relay.about()
    offset = about.time - (begun + context.now()) / 2
    _note(context, offset)
    context.clocks_held(offset)
    return about


def _note(context: BridgeContext, offset: float) -> None:
    context.health.set(clock_offset=round(offset, 1))
    if abs(offset) > _CLOCK_SECONDS:
        context.health.trouble(
            "clock",
            f"this machine's clock differs from the relay's by {offset:+.0f} s",
            "set this machine's clock",
        )
    else:
        context.health.clear("clock")
    if abs(offset) > MAX_SKEW:
        # Keys and replay rows live by this clock: no relay may move them by more than a day.
        raise RelayUnreachable(
            f"this machine's clock differs from the relay's by {offset / 3600:+.0f} hours",
            next_step="set the clock that is wrong; until then nothing is sent or taken in",
            code="relay.clock",
        )
