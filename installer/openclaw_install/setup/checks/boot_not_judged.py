"""Whether the gateway would start from the whole file is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.host.boot.verdict import VALIDATE
from openclaw_install.setup.facts import Facts

IDS = ("boot.not_judged",)
CURE = VALIDATE


def look(facts: Facts) -> Iterable[Problem]:
    """Why it is not, where nothing that is judged here stops a start."""
    verdict = facts.next_boot
    if verdict is not None and verdict.state == "not_judged":
        yield Problem("boot.not_judged", verdict.message or "", CURE, severity="warn")
