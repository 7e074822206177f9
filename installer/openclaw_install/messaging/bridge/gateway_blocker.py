"""A gateway that refuses messages, as a blocker of the activation report and as an error. Pure."""

from __future__ import annotations

from openclaw_install.common.errors import GatewayError
from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.dispatch import Blocked

FIX = "openclaw-install verify-runtime --fix-hooks"
_PATHS = {
    "hooks.token_rejected": "hooks.token",
    "hooks.no_token": "hooks.token",
    "hooks.off": "hooks.enabled",
    "hooks.policy": "hooks",
}


def blocker(outcome: Blocked) -> tuple[Problem, GatewayError]:
    """The blocker of the activation report, and the error for the runtime."""
    finding = Problem(outcome.code, outcome.detail, FIX, path=_PATHS[outcome.code])
    error = GatewayError(
        f"the gateway refuses messages: {outcome.detail}; they wait", next_step=FIX, code=outcome.code
    )
    return finding, error
