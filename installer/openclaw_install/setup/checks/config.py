"""The config file: whether it can be read, references without a value, and who else may read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.host.config.paths import dotted
from openclaw_install.host.permissions import config_findings, state_dir_findings
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.survey import Survey


def unreadable(facts: Facts) -> Iterator[Problem]:
    """The error that kept us from reading the host, under its own code."""
    if facts.error is not None:
        path = str(facts.location.config_path) if facts.location else ""
        yield replace(facts.error.problem, path=path)


def references(facts: Facts) -> Iterator[Problem]:
    """`config.env_unresolved`: references outside `hooks`, where rules of their own speak of them."""
    for item in facts.survey.document.unresolved if facts.survey else ():
        if item.path[:1] != ("hooks",):
            yield Problem(
                "config.env_unresolved",
                f"${{{item.name}}} has no value here; the gateway would take the reference itself as the "
                "value",
                f"set {item.name} in the gateway's environment, or in the .env file of its state folder",
                severity="warn",
                path=dotted(item.path),
            )


def permissions(facts: Facts) -> Iterable[Problem]:
    """`fs.*`."""
    return mode_problems(facts.survey) if facts.survey else ()


def mode_problems(survey: Survey) -> tuple[Problem, ...]:
    """What the permissions of the two say."""
    return (
        *(state_dir_findings(survey.state_mode) if survey.state_mode else ()),
        *(config_findings(survey.config_mode) if survey.config_mode else ()),
    )
