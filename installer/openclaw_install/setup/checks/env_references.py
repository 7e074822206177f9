"""References to environment variables in the config that have no value. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.host.config.paths import dotted
from openclaw_install.setup.facts import Facts

IDS = ("config.env_unresolved",)
CURE = "put {name} into the .env file of the state folder, or set it here and where the gateway starts"


def look(facts: Facts) -> Iterator[Problem]:
    """References outside `hooks`, where rules of their own speak of them."""
    for item in facts.survey.document.unresolved if facts.survey else ():
        if item.path[:1] != ("hooks",):
            reference = f"${{{item.name}}}"
            message = (
                f"{reference} has no value here; a gateway that starts without one takes the reference itself"
            )
            yield Problem(
                "config.env_unresolved",
                message,
                CURE.format(name=item.name),
                severity="warn",
                path=dotted(item.path),
            )
