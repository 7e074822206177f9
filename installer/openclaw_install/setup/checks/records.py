"""Our own records of earlier runs: damaged ones, and runs that died before their end. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts


def look(facts: Facts) -> Iterator[Problem]:
    """`setup.journal` and `setup.interrupted`."""
    if facts.records.error is not None:
        yield replace(facts.records.error.problem, code="setup.journal", severity="warn")
    for receipt in facts.records.interrupted:
        message = f"the run {receipt.id} ({receipt.command}) died before its end; the next run settles it"
        yield Problem("setup.interrupted", message, PROGRAM, severity="warn")
