"""How many files and connections this process may have open, and how many of them connections get."""

from __future__ import annotations

import contextlib
import sys

_WANTED = 8192
_KEPT = 160
"""For databases, skill files, and connections that were accepted and are about to be closed."""


def raise_descriptor_limit() -> None:
    """Raises this process's soft limit of open files as far as the hard one and our needs go."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems have a further limit of their own; then it stays as it is.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptor_limit() -> int | None:
    """How many files this process may have open; None for no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def connections_within(wanted: int, descriptors: int | None) -> int:
    """How many connections may be open (pure): what is wanted, as far as the descriptors go."""
    if descriptors is None:
        return wanted
    return max(1, min(wanted, descriptors - min(_KEPT, descriptors // 2)))
