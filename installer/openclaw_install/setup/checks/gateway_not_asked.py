"""The report is about the files only, because the running gateway was not asked. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("gateway.not_asked",)
CURE = f"{PROGRAM} verify-runtime"


def look(facts: Facts) -> Iterator[Problem]:
    """Where the files could be read and the gateway was left alone."""
    if facts.survey is not None and facts.live is None:
        message = "the running gateway was not asked (--offline): this is about the files only"
        yield Problem("gateway.not_asked", message, CURE, severity="warn")
