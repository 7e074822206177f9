"""The message path in setup and report: connected after consent, a blocker where it lacks something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.common.problems import Problem
from openclaw_install.setup.connection import AgentSeam, Consenting, Wish
from openclaw_install.setup.message_path import PROGRAM, MessagePath
from openclaw_install.setup.runtime_part import with_findings
from openclaw_install.setup.verify import RunResult

RESTART = f"{PROGRAM} runtime restart"


def with_connection(
    result: RunResult, agent: AgentSeam, wish: Wish, person: Consenting, invocation: str
) -> RunResult:
    """Connects the agent; what cannot be used there is a blocker, and the rest of the run stands.

    Raises:
        UsageError: nobody can be asked, or what was asked for cannot be.
    """
    try:
        connected = agent.connect(wish, person)
    except UsageError:
        raise
    except InstallError as error:
        name = "relay.connect" if error.error_code.startswith("relay.") else "identity.connect"
        finding = Problem(name, error.message, error.next_step)
        return replace(result, report=with_findings(result.report, (finding,), (), invocation))
    return result if connected is None else replace(result, connected=connected.to_json())


def with_agent(result: RunResult, agent: AgentSeam | None, invocation: str) -> RunResult:
    """The result with the agent's section in its report, and with what is wrong there as blockers.

    Raises:
        UsageError: a variable names no usable profile or path.
    """
    if agent is None:
        return result
    path = agent.look()
    report = replace(result.report, agent=path.to_json())
    blocking = [finding for finding in path.problems if finding.severity == "critical"]
    warnings = [finding for finding in path.problems if finding.severity != "critical"]
    if path.configured and not blocking and not any(_is_of_runtime(one.code) for one in report.blockers):
        blocking += transport_findings(path, elsewhere=_has_bridge(report.runtime))
    return replace(result, report=with_findings(report, blocking, warnings, invocation))


def transport_findings(path: MessagePath, *, elsewhere: bool) -> list[Problem]:
    """Why no message comes in although all is set up (pure): no bridge on the store, or it reaches nobody.

    Args:
        path: how the way stands.
        elsewhere: a runtime with a bridge runs; where the store has none it was started for other settings.
    """
    place, health = str(path.paths.store), path.health
    if health is None or health["connection"] == "stopped":
        cure = RESTART if elsewhere else PROGRAM
        message = f"no bridge takes messages from {path.relay}"
        return [Problem("relay.no_bridge", message, cure, path=place)]
    if path.served not in (None, path.relay):
        message = f"the bridge takes messages from {path.served}, and not from {path.relay}"
        return [Problem("relay.other_served", message, RESTART, path=place)]
    if health["connection"] in ("connected", "polling"):
        return []
    detail = f": {health['detail']}" if health["detail"] else ""
    message = f"the relay at {path.relay} is not reached{detail}"
    return [Problem("relay.not_reached", message, "pingagent doctor", path=place)]


def _has_bridge(runtime: Mapping[str, Any] | None) -> bool:
    """Whether a runtime runs, and its bridge is not off."""
    parts = () if runtime is None else runtime["components"]
    return any(part["name"] == "bridge" and part["phase"] != "off" for part in parts)


def _is_of_runtime(blocker: str) -> bool:
    return blocker.startswith("runtime.")
