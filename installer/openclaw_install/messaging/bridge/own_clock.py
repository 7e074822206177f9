"""Whether this machine's clock can be trusted for lasting decisions: key rotation and deletion."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from openclaw_install.common.clock import Clock
from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.profile_settings import server_url
from openclaw_install.messaging.relay.client import RelayMaker
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.protocol.errors import RotationError
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.profile import ProfilePaths
from openclaw_install.protocol.times import MAX_SKEW, iso

_ASK_SECONDS = 5.0


async def check_clock(
    env: Mapping[str, str],
    paths: ProfilePaths,
    identity: Identity,
    clock: Clock,
    make: RelayMaker = HttpRelay,
) -> None:
    """Refuses a clock that is known to be wrong.

    Where no relay answers, nobody can know; a rotation from the future is then refused by others.

    Raises:
        RotationError: `rotation.clock`: it was set a moment ago, or differs from the relay's.
    """
    offset = await relay_offset(env, paths, identity, clock.wall, make)
    known = clock.look()
    if known.step is not None:
        raise RotationError(
            f"the clock of this machine was set by {known.step.seconds:+.0f} s just now",
            next_step="see that it is right, then run it again",
            code="rotation.clock",
        )
    if offset is not None and abs(offset) > MAX_SKEW:
        raise RotationError(
            f"this machine's clock stands at {iso(known.now.wall)}, the relay's {offset:+.0f} s from there",
            next_step="set the clock that is wrong, then run it again",
            code="rotation.clock",
        )


async def relay_offset(
    env: Mapping[str, str],
    paths: ProfilePaths,
    identity: Identity,
    clock: Callable[[], float],
    make: RelayMaker = HttpRelay,
) -> float | None:
    """The relay's time minus ours; None where no relay says."""
    try:
        url = server_url(env, paths)
        if url is None:
            return None
        async with contextlib.aclosing(make(url, lambda: identity)) as relay, asyncio.timeout(_ASK_SECONDS):
            return (await relay.about()).time - clock()
    except (InstallError, TimeoutError):
        return None
