"""Receipts of earlier runs that cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import Facts

IDS = ("setup.journal",)
CURE = ""


def look(facts: Facts) -> Iterator[Problem]:
    """The error that says which, and what helps."""
    if facts.records.error is not None:
        yield replace(facts.records.error.problem, code="setup.journal", severity="warn")
