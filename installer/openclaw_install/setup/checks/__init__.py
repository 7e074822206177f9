"""The checks of a host: one file for each, and the table of all in the order of the report. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from openclaw_install.common.problems import Problem
from openclaw_install.setup.checks import (
    active_group,
    answering,
    boot_not_judged,
    boot_stops,
    bundles,
    connecting,
    damaged_receipts,
    env_references,
    gateway_answer,
    gateway_not_asked,
    gateway_settings,
    hook_policy,
    identity,
    interrupted_runs,
    mcp_servers,
    permissions,
    relay,
    reload_skipped,
    runtime,
    store,
    transport,
    unreadable_config,
    versions,
)
from openclaw_install.setup.facts import Facts


class Check(Protocol):
    """What a file of this folder has.

    Attributes:
        IDS: the codes of its problems, or what they begin with.
        CURE: the next step of its problems where none is nearer; empty where each problem brings its own.
    """

    @property
    def IDS(self) -> tuple[str, ...]: ...  # noqa: N802 # a constant of a module

    @property
    def CURE(self) -> str: ...  # noqa: N802 # a constant of a module

    def look(self, facts: Facts) -> Iterable[Problem]:
        """What is wrong, and what helps; nothing where the facts say nothing about it."""


CHECKS: tuple[Check, ...] = (
    gateway_not_asked,
    damaged_receipts,
    interrupted_runs,
    unreadable_config,
    hook_policy,
    boot_stops,
    boot_not_judged,
    gateway_settings,
    active_group,
    permissions,
    env_references,
    reload_skipped,
    gateway_answer,
    bundles,
    mcp_servers,
    answering,
    connecting,
    runtime,
    versions,
    relay,
    identity,
    store,
    transport,
)


def all_problems(facts: Facts) -> tuple[Problem, ...]:
    """What all checks say, in the order of the table; what two of them say alike is told once."""
    return tuple(dict.fromkeys(problem for check in CHECKS for problem in check.look(facts)))
