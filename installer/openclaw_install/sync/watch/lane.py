"""The way to one agent (pure): what wants to go up, what is on its way, and what waits for a pause to end."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from openclaw_install.sync.retry import RetryPolicy

PAUSES = RetryPolicy(tries=1_000_000, first_pause=1.0, longest_pause=60.0)
# A refusal seldom passes by itself, but a quota may be raised.
REFUSED_PAUSE = 600.0
_MOST_DOUBLINGS = 16


@dataclass
class _Wish:
    saved_at: float | None
    not_before: float = 0.0
    tried: int = 0


class Lane:
    """What is to be sent to one agent, by the skills' names. One push is on its way at a time.

    Whoever wants a skill that is on its way gets it sent again afterwards: only the newest content counts.
    """

    def __init__(self) -> None:
        self._wishes: dict[str, _Wish] = {}
        self._away: dict[str, _Wish] = {}
        self._down_until = 0.0
        self._down_tried = 0

    def want(self, name: str, saved_at: float | None = None) -> None:
        """Wants a skill to be sent now.

        Args:
            name: the skill.
            saved_at: when it was saved; the oldest save that was not sent counts. None if it is not known.
        """
        known = self._wishes.get(name)
        if known is None:
            self._wishes[name] = _Wish(saved_at)
        else:
            known.saved_at = saved_at if known.saved_at is None else known.saved_at
            known.not_before = 0.0

    def expect(self, names: Collection[str]) -> None:
        """Learns from a look at everything what is pending: more is wanted, and nothing else any more.

        What waits for the end of a pause keeps waiting.
        """
        for name in names:
            if name not in self._wishes and name not in self._away:
                self._wishes[name] = _Wish(None)
        self._wishes = {name: wish for name, wish in self._wishes.items() if name in names}

    def take(self, now: float, most: int) -> tuple[str, ...]:
        """The skills to be sent now, at most so many; none while others are on their way."""
        if self._away or now < self._down_until:
            return ()
        names = [name for name, wish in self._wishes.items() if wish.not_before <= now][:most]
        self._away = {name: self._wishes.pop(name) for name in names}
        return tuple(names)

    def next_at(self) -> float | None:
        """When `take` will have something; None if that needs a new wish or the end of what is on its way."""
        if self._away or not self._wishes:
            return None
        return max(self._down_until, min(wish.not_before for wish in self._wishes.values()))

    def settled(self, name: str) -> float | None:
        """The service has it, or it need not go: returns when it was saved, if that is known."""
        return self._away.pop(name).saved_at

    def failed(self, name: str, now: float, chance: float) -> float:
        """It has to be tried again: returns the seconds until then; a newer save does not wait."""
        wish = self._away.pop(name)
        wish.tried += 1
        return self._again(name, wish, now, _pause(wish.tried, chance))

    def refused(self, name: str, now: float) -> None:
        """The service refused this content: it is offered again much later, a newer one at once."""
        self._again(name, self._away.pop(name), now, REFUSED_PAUSE)

    def back(self, names: Iterable[str]) -> None:
        """These were not tried: they are wanted as before."""
        for name in names:
            self._again(name, self._away.pop(name), 0.0, 0.0)

    def down(self, now: float, chance: float) -> float:
        """Nothing gets through: returns the seconds until the next try."""
        self._down_tried += 1
        pause = _pause(self._down_tried, chance)
        self._down_until = now + pause
        return pause

    def up(self) -> bool:
        """Something got through; whether that ends a time when nothing did."""
        was_down = self._down_tried > 0
        self._down_tried, self._down_until = 0, 0.0
        return was_down

    def wake(self) -> None:
        """Ends all pauses, as after a suspend."""
        self._down_until = 0.0
        for wish in self._wishes.values():
            wish.not_before = 0.0

    @property
    def pending(self) -> int:
        """How many skills the agent has not acknowledged."""
        return len(self._wishes.keys() | self._away.keys())

    def waiting(self, now: float) -> int:
        """How many of them wait for the end of a pause."""
        if now < self._down_until:
            return len(self._wishes)
        return sum(wish.not_before > now for wish in self._wishes.values())

    def _again(self, name: str, wish: _Wish, now: float, pause: float) -> float:
        newer = self._wishes.get(name)
        if newer is None:
            wish.not_before = now + pause
            self._wishes[name] = wish
        else:
            newer.saved_at = newer.saved_at if wish.saved_at is None else wish.saved_at
            newer.tried = wish.tried
        return pause


def _pause(tried: int, chance: float) -> float:
    return PAUSES.pause(min(tried, _MOST_DOUBLINGS), None, chance) or 0.0
