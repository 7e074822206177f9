"""How the demo is interrupted: once, so that a second Ctrl-C cannot stop its cleaning up."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from types import FrameType


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """In the block the first SIGINT, SIGTERM or SIGHUP raises KeyboardInterrupt; later ones do nothing."""
    signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        _ignore(signals)
        raise KeyboardInterrupt

    before = [signal.signal(number, interrupt) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _ignore(signals: Sequence[signal.Signals]) -> None:
    for number in signals:
        # Not a handler that does nothing: the commands that clean up inherit this, and get the same Ctrl-C.
        signal.signal(number, signal.SIG_IGN)
