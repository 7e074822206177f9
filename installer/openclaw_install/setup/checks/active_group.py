"""The file of the working session, which the route mode `map-active-group` needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.host.workspace import ACTIVE_GROUP_FILE
from openclaw_install.setup.facts import Facts

IDS = ("hooks.ingress.active_group_missing",)
CURE = "write the session key of the working thread, such as feishu:default:oc_x, into {path}"


def look(facts: Facts) -> Iterator[Problem]:
    """Where it is missing, or names no session key."""
    group = facts.survey.active_group if facts.survey else None
    if group is None or group.prefix is not None:
        return
    path = group.workspace / ACTIVE_GROUP_FILE
    what = "names no session key" if group.present else "is missing"
    message = f"map-active-group: {path} {what}, so inbound messages go to hook:im:* threads instead"
    yield Problem(
        "hooks.ingress.active_group_missing", message, CURE.format(path=path), severity="warn", path=str(path)
    )
