"""The checks of a host: one file for each subject, and the table of all in the order of the report. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.setup.checks import (
    agent,
    bundles,
    config,
    gateway,
    hooks,
    records,
    runtime,
)
from openclaw_install.setup.facts import Facts

Check = Callable[[Facts], Iterable[Problem]]

CHECKS: tuple[Check, ...] = (
    gateway.not_asked,
    records.look,
    config.unreadable,
    hooks.look,
    gateway.settings,
    hooks.active_group,
    config.permissions,
    config.references,
    gateway.answer,
    bundles.look,
    bundles.servers,
    agent.connecting,
    runtime.look,
    agent.look,
)


def all_problems(facts: Facts) -> tuple[Problem, ...]:
    """What all checks say, in the order of the table; what two of them say alike is told once."""
    return tuple(dict.fromkeys(problem for check in CHECKS for problem in check(facts)))
