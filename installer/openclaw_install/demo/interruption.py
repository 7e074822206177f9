"""How the demo is interrupted: once, and never between the start of a process and the note that it runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from openclaw_install.common.errors import InstallError

_SIGNALS: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoInterruptedError(InstallError):
    """The demo was interrupted, and has cleaned up after itself."""

    code = "interrupted"
    exit_code = 130


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """In the block the first SIGINT, SIGTERM or SIGHUP raises KeyboardInterrupt; later ones do nothing."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            # Not a handler that does nothing: what cleans up inherits this, and gets the same Ctrl-C.
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [signal.signal(number, interrupt) for number in _SIGNALS]
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Puts the three signals off to the end of the block; elsewhere than in the main thread none can come."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = [signal.signal(number, lambda number, _frame: came.append(number)) for number in _SIGNALS]
    try:
        yield
    finally:
        _restore(before)
        if came:
            signal.raise_signal(came[0])


def _restore(before: Sequence[signal._HANDLER]) -> None:
    for number, handler in zip(_SIGNALS, before, strict=True):
        signal.signal(number, handler)
