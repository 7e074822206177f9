"""A gateway that runs on while it skips the file, because it would not start from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.host.boot.verdict import stops_reload
from openclaw_install.host.hooks.findings import NO_START
from openclaw_install.setup.facts import Facts

IDS = ("gateway.reload_skipped",)
CURE = ""


def look(facts: Facts) -> Iterable[Problem]:
    """What of the file it stumbles over; the cure is the file's."""
    if facts.survey is None or facts.live is None or not facts.live.reachable:
        return
    stop = next(filter(stops_reload, (*facts.survey.hook_stops, *facts.start_problems)), None)
    if stop is not None:
        why = stop.message.removeprefix(NO_START)
        message = f"the running gateway skips this file, takes no change over and goes on as it was: {why}"
        yield Problem("gateway.reload_skipped", message, stop.next_step, severity="warn", path=stop.path)
