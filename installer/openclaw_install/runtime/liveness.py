"""Finds workers that have done nothing for too long: round trips count, not an event loop's beat. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# sysexits.h EX_TEMPFAIL: no supervisor takes it for a clean end, nor for something that another start leaves.
STALLED_EXIT = 75


@dataclass(frozen=True)
class Sign:
    """What one worker shows of itself.

    Attributes:
        component: whose worker it is.
        worker: its name.
        rounds: how many round trips it has made through what it depends on.
        within: seconds in which it has to make another.
    """

    component: str
    worker: str
    rounds: int
    within: float


@dataclass(frozen=True)
class Watched:
    """A worker, and for how long it has made no round trip.

    Attributes:
        waited: seconds, as far as they were watched.
    """

    sign: Sign
    waited: float = 0.0

    @property
    def is_stalled(self) -> bool:
        return self.waited > self.sign.within


Watch = Mapping[tuple[str, str], Watched]


def watched(before: Watch, signs: Iterable[Sign], elapsed: float, most: float) -> Watch:
    """The watch after another look.

    Args:
        before: after the look before.
        signs: of the workers that are at work now; others are not watched any more.
        elapsed: seconds since the look before.
        most: what one look can count. A machine that slept, or a process that was stopped, shows a long time
            in which nobody could work, the watcher as little as the workers: that is held against nobody.
    """
    passed = max(0.0, min(elapsed, most))
    after = {}
    for sign in signs:
        place = (sign.component, sign.worker)
        known = before.get(place)
        idle = known is not None and known.sign.rounds == sign.rounds
        after[place] = Watched(sign, known.waited + passed if known is not None and idle else 0.0)
    return after


def stalled(watch: Watch) -> tuple[Watched, ...]:
    """The workers that have made no round trip within their bounds."""
    return tuple(one for one in watch.values() if one.is_stalled)
