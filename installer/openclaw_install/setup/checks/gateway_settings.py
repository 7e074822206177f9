"""Settings beside `hooks.*` that keep a running gateway from taking a change over. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from openclaw_install.common.problems import Problem
from openclaw_install.host.gateway.settings import RESTART, settings_findings
from openclaw_install.setup.facts import Facts

IDS = ("gateway.reload_off", "agents.list_legacy")
CURE = RESTART


def look(facts: Facts) -> Iterable[Problem]:
    """What the config says of them."""
    return settings_findings(facts.survey.document.data) if facts.survey else ()
