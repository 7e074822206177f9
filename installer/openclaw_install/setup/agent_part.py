"""The message path in setup and report: connected after consent, a blocker where it lacks something."""

from __future__ import annotations

from dataclasses import replace

from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.common.findings import Finding
from openclaw_install.setup.message_path import AgentSeam, Consenting, Wish
from openclaw_install.setup.runtime_part import with_findings
from openclaw_install.setup.verify import RunResult


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
        finding = Finding(name, "critical", "", error.message, error.next_step)
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
    return replace(result, report=with_findings(report, blocking, warnings, invocation))
