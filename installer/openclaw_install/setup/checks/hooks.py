"""The hook policy on disk, by the rules of `host/hooks`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.findings import findings
from openclaw_install.host.workspace import ACTIVE_GROUP_FILE
from openclaw_install.setup.facts import Facts
from openclaw_install.setup.survey import Survey


def look(facts: Facts) -> Iterable[Problem]:
    """`hooks.*` (docs/hook-rules.md)."""
    return policy_problems(facts.survey) if facts.survey else ()


def policy_problems(survey: Survey) -> tuple[Problem, ...]:
    """What the rules say of the policy on disk."""
    return findings(survey.document.data, survey.needs, survey.facts, survey.policy)


def active_group(facts: Facts) -> Iterable[Problem]:
    """`hooks.ingress.active_group_missing`: the file that the route mode needs names no session key."""
    group = facts.survey.active_group if facts.survey else None
    if group is None or group.prefix is not None:
        return
    path = group.workspace / ACTIVE_GROUP_FILE
    what = "names no session key" if group.present else "is missing"
    yield Problem(
        "hooks.ingress.active_group_missing",
        f"map-active-group: {path} {what}, so inbound messages go to hook:im:* threads instead",
        f"write the session key of the working thread, such as feishu:default:oc_x, into {path}",
        severity="warn",
        path=str(path),
    )
