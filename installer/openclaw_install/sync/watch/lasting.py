"""States of passage: what a save goes through is told only where it lasts. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

# An editor on a slow disk, or a checkout, leaves a file away or half written for this long at most.
LASTING_SECONDS = 1.0
# One after the other may go: after so many times that they are told together.
_MOST_TIMES = 5
_T = TypeVar("_T")


class Lasting(Generic[_T]):
    """Collects what is so at the moment, and hands it over together when nothing new has come for a while.

    Args:
        seconds: how long it has to last.
    """

    def __init__(self, seconds: float = LASTING_SECONDS) -> None:
        self._seconds = seconds
        self._since: dict[str, tuple[float, _T]] = {}

    def note(self, name: str, what: _T, now: float) -> None:
        """It is so now; what was known of the same name keeps its time."""
        self._since[name] = (self._since.get(name, (now, what))[0], what)

    def end(self, name: str) -> None:
        """It is so no longer."""
        self._since.pop(name, None)

    def due(self, now: float) -> dict[str, _T]:
        """What has lasted, by name; it counts as handed over."""
        at = self.next_at()
        if at is None or now < at:
            return {}
        # Where others keep coming, those that came last have not lasted yet: they are for the next time.
        found = {name: what for name, (since, what) in self._since.items() if since + self._seconds <= now}
        for name in found:
            del self._since[name]
        return found

    def next_at(self) -> float | None:
        """When `due` will have something; None while there is nothing."""
        if not self._since:
            return None
        times = [since for since, _ in self._since.values()]
        return min(max(times) + self._seconds, min(times) + _MOST_TIMES * self._seconds)
