"""Runs that died before their end. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("setup.interrupted",)
CURE = PROGRAM


def look(facts: Facts) -> Iterator[Problem]:
    """One problem for each of them."""
    for receipt in facts.records.interrupted:
        message = f"the run {receipt.id} ({receipt.command}) died before its end; the next run settles it"
        yield Problem("setup.interrupted", message, CURE, severity="warn")
