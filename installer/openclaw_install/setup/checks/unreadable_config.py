"""The config file, or the host around it, cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import Facts

IDS = ("config", "file", "host")
CURE = ""


def look(facts: Facts) -> Iterator[Problem]:
    """The error that kept us from reading it, under its own code and with its own next step."""
    if facts.error is not None:
        path = str(facts.location.config_path) if facts.location else ""
        yield replace(facts.error.problem, path=path)
