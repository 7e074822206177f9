"""Bundles that are not installed as they ship. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_install.common.problems import Problem
from openclaw_install.setup.facts import PROGRAM, Facts

IDS = ("bundle",)
CURE = PROGRAM
_STATES = {
    "absent": "is not installed",
    "incomplete": "lacks files",
    "outdated": "is of an earlier version",
    "edited": "was changed by hand; your version stays",
}


def look(facts: Facts) -> Iterator[Problem]:
    """Each bundle that the setup would write, or leaves because the user changed it."""
    for bundle in facts.bundles:
        if bundle.state in _STATES:
            message = f"bundle {bundle.name} {_STATES[bundle.state]}"
            step = f"{CURE} --overwrite-edited" if bundle.state == "edited" else CURE
            yield Problem(f"bundle.{bundle.state}", message, step, severity="warn", path=str(bundle.path))
