"""Who else may read or write the state folder and the config. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.host.permissions import config_findings, state_dir_findings
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.survey import Survey

IDS = ("fs",)
CURE = ""


def look(facts: Facts) -> Iterable[Problem]:
    """Each mode that is too wide; what helps is the `chmod` of that path."""
    return mode_problems(facts.survey) if facts.survey else ()


def mode_problems(survey: Survey) -> tuple[Problem, ...]:
    """What the permissions of the two say."""
    return (
        *(state_dir_findings(survey.state_mode) if survey.state_mode else ()),
        *(config_findings(survey.config_mode) if survey.config_mode else ()),
    )
