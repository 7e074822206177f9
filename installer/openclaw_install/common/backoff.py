"""How long to wait before the next try: exponential back-off; the jitter is an argument. Pure."""

from __future__ import annotations


def pause(tries: int, jitter: float, *, base: float = 0.5, most: float = 60.0) -> float:
    """Seconds to wait before the next try: doubled with each failure, and between half and all of that.

    Args:
        tries: failed tries so far, 1 or more.
        jitter: from 0 up to 1, drawn afresh each time, so that many clients do not come back at once.
        base: seconds after the first failure, before the jitter takes off up to half.
        most: the longest pause.
    """
    doubled = base * 2.0 ** min(max(tries, 1) - 1, 30)
    return min(doubled, most) * (1.0 - jitter / 2.0)
