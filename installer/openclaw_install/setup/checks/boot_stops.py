"""What outside `hooks` stops the next start of the gateway. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import Facts

IDS = (
    "boot.wrong_type",
    "boot.config_invalid",
    "boot.gateway_auth",
    "boot.gateway_exposed",
    "boot.newer_version",
    "gateway.mode_not_local",
)
CURE = ""


def look(facts: Facts) -> Iterable[Problem]:
    """The rules that are judged here, and what OpenClaw refuses."""
    return facts.start_problems
