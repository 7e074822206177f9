"""Keeps what this process knows (keys, tokens, texts) out of core dumps and of other programs' sight."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """No core dump of this process, and on Linux no debugger of the same user either (prctl(2)).

    The limit passes on to the programs that we start; that nobody may look into them does not. Where the
    system refuses, things stay as they were: no reason to hold up a command.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A core that goes to a program (`kernel.core_pattern`) knows no limit, but heeds this.
        prctl = getattr(ctypes.CDLL(None), "prctl", None)
        if prctl is not None:
            prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
