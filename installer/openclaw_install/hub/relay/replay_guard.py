"""Remembers the tokens of the last minutes, in bounded memory, also when somebody sets the clock."""

from __future__ import annotations

import heapq
import secrets

from openclaw_install.common.clock import STEP_SECONDS, Clock, Step
from openclaw_install.hub.relay.errors import refused
from openclaw_install.protocol.tokens import LEEWAY, LIFETIME

# What may have been signed, and taken by the process before this one, without being remembered here.
_BEFORE_START = LIFETIME + 2 * LEEWAY
_MOST_STRETCHES = 32


class ReplayGuard:
    """Which tokens were used.

    It forgets a token when it has expired, and never earlier: when it is full it refuses instead. What it
    forgets is not accepted again, because a token counts in one *run* only: from the start of the process to
    the first step of the wall clock, from there to the next one, and so on. Within a run the clock goes
    forward, so what has expired stays so. A token that names its run says that by itself. One that does not,
    as older clients sign them, is held against the times that the clock has shown in earlier runs: what
    is dated there may have been used there.

    Args:
        most: tokens that are remembered at once.
        clock: tells the time, and when it was set.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self._most, self._clock = most, clock
        known = clock.look()
        self._step: Step | None = known.step
        self._last = known.now.wall
        # Tokens have whole seconds. One that was signed in the second of the start may be from before it.
        self._from = int(self._last)
        self._earlier: list[tuple[float, float]] = []
        self._seen: set[str] = set()
        self._ends: list[tuple[float, str]] = []
        self.run = _new_run()

    def now(self) -> float:
        """Seconds since 1970; a step of the clock begins another run."""
        known = self._clock.look()
        if known.step is not self._step:
            first = not self._earlier
            self._earlier.append((self._from - (_BEFORE_START if first else 0), self._last + LEEWAY))
            if len(self._earlier) > _MOST_STRETCHES:
                (start, _), (_, end), *rest = self._earlier
                self._earlier = [(start, max(end, self._earlier[0][1])), *rest]
            self._step, self._from, self.run = known.step, int(known.now.wall), _new_run()
        self._last = known.now.wall
        return self._last

    def too_old(self, issued_at: int, run: str | None) -> bool:
        """Whether a token may have been used in an earlier run.

        Args:
            run: the one that it was signed for, as it says itself.
        """
        self.now()
        if run is not None:
            return run != self.run
        return issued_at < self._from or any(start <= issued_at <= end for start, end in self._earlier)

    def first_time(self, token_id: str, expires_at: float) -> bool:
        """Whether the token is new; it is remembered until `expires_at`.

        Raises:
            HttpRefusedError: 503 `busy`: there is no room to remember it.
        """
        # A step back that is too small to be noticed brings no token back.
        now = self.now() - STEP_SECONDS
        while self._ends and self._ends[0][0] <= now:
            self._seen.discard(heapq.heappop(self._ends)[1])
        if token_id in self._seen:
            return False
        if len(self._seen) >= self._most:
            raise refused("busy", retry_after=30)
        self._seen.add(token_id)
        heapq.heappush(self._ends, (expires_at, token_id))
        return True


def _new_run() -> str:
    return f"run_{secrets.token_hex(8)}"
