"""The activation report (pure): findings and the gateway's answer become one of two states, with cures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.problems import Problem
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.gateway.settings import RESTART, START
from openclaw_install.host.hooks.boot import BootVerdict
from openclaw_install.host.hooks.policy import HookPolicy, IngressNeeds
from openclaw_install.host.hooks.text import admits

ActivationState = Literal["ready_waiting_inbound", "blocked"]


@dataclass(frozen=True)
class PolicyThreeWays:
    """The hook policy on disk, in the running gateway (None when it was not asked), and at the next boot."""

    disk: HookPolicy | None
    running: LivePolicy | None
    next_boot: BootVerdict | None

    def to_json(self) -> dict[str, Any]:
        return {
            "disk": None if self.disk is None else self.disk.to_json(),
            "running": None if self.running is None else self.running.to_json(),
            "next_boot": None if self.next_boot is None else self.next_boot.to_json(),
        }


@dataclass(frozen=True)
class ActivationReport:
    """Whether the host is ready for inbound messages, and what is in the way.

    Attributes:
        blockers: what has to be mended first; empty exactly when the state is `ready_waiting_inbound`.
        warnings: what should be looked at.
        findings: everything that the checks said.
        policy: the hook policy told three ways.
        host: where the host lives.
        bundles: state of each shipped bundle.
        mcp_servers: state of each MCP server that the bundles want.
        runtime: the long-lived process as `runtime status` tells it; None where it was not looked at.
        agent: how other agents reach this one: identity, relay, transport; None where it was not looked at.
    """

    blockers: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    findings: tuple[Problem, ...]
    policy: PolicyThreeWays
    host: Mapping[str, Any]
    bundles: tuple[Mapping[str, Any], ...] = ()
    mcp_servers: tuple[Mapping[str, Any], ...] = ()
    runtime: Mapping[str, Any] | None = None
    agent: Mapping[str, Any] | None = None

    @property
    def activation_state(self) -> ActivationState:
        return "blocked" if self.blockers else "ready_waiting_inbound"

    @property
    def clean(self) -> bool:
        """Ready, and no critical finding is left that something can be done about."""
        left = any(finding.severity == "critical" and finding.next_step for finding in self.findings)
        return not self.blockers and not left

    def to_json(self) -> dict[str, Any]:
        """The `result` of `verify-runtime` (`schemas/activation-report.schema.json`)."""
        return {
            "activation_state": self.activation_state,
            "blockers": jsonable(self.blockers),
            "warnings": jsonable(self.warnings),
            "findings": jsonable(self.findings),
            "policy": self.policy.to_json(),
            "host": dict(self.host),
            "bundles": [dict(bundle) for bundle in self.bundles],
            "mcp_servers": [dict(server) for server in self.mcp_servers],
            "runtime": None if self.runtime is None else dict(self.runtime),
            "agent": None if self.agent is None else dict(self.agent),
        }


def live_findings(live: LivePolicy, disk: HookPolicy, needs: IngressNeeds) -> tuple[Problem, ...]:
    """What the running gateway's answer means for the ingress (pure).

    Args:
        live: its answer.
        disk: the policy on disk, which the running one should equal.
        needs: what the ingress wants.
    """
    if live.state == "enforced":
        return _enforced_findings(live, disk, needs)
    if live.state == "no_token" or (live.state == "hooks_off" and not disk.enabled):
        return ()  # what the file lacks is a finding of its own
    name, message, repair = _ANSWERS[live.state]
    return (_critical(name, live.port, message.format(port=live.port, detail=live.detail), repair),)


_ANSWERS: Mapping[str, tuple[str, str, str]] = {
    "unreachable": (
        "gateway.unreachable",
        "no gateway listens on 127.0.0.1:{port}",
        START,
    ),
    "timeout": (
        "gateway.timeout",
        "something listens on 127.0.0.1:{port} and does not answer ({detail})",
        RESTART,
    ),
    "not_openclaw": (
        "gateway.not_openclaw",
        "port {port} answers, but not as an OpenClaw gateway does ({detail})",
        "openclaw gateway status --deep",
    ),
    "token_rejected": (
        "gateway.token_differs",
        "the running gateway refuses the hook token that is on disk",
        RESTART,
    ),
    "token_unsendable": (
        "gateway.token_unsendable",
        "the hook token has characters that no HTTP header can carry, so nobody can use it",
        "replace hooks.token by 32 or more characters of printable ASCII",
    ),
    "hooks_off": (
        "gateway.hooks_off",
        "the running gateway has no hook ingress under the path that is on disk",
        RESTART,
    ),
    "starting": (
        "gateway.starting",
        "the gateway on port {port} is starting or going down, and takes no hooks yet",
        "openclaw-install verify-runtime",
    ),
    "throttled": (
        "gateway.throttled",
        "the running gateway refuses hook requests for a minute: too many bad tokens came lately",
        "sleep 60; openclaw-install verify-runtime",
    ),
    "agent_rule": (
        "gateway.agent_rule",
        "the running gateway refuses the ingress for its agent rule: {detail}",
        RESTART,
    ),
}


def _enforced_findings(live: LivePolicy, disk: HookPolicy, needs: IngressNeeds) -> tuple[Problem, ...]:
    # What the file lacks as well is a finding about the file: the running gateway only follows it.
    found = []
    if needs.required and not live.request_session_key and disk.allow_request_session_key:
        message = "the running gateway lets no caller choose the session key"
        found.append(_critical("gateway.request_keys_off", live.port, message, RESTART))
    listed = disk.prefixes is not None and live.prefixes is not None
    refused = [key for key in needs.prefixes if not admits(live.prefixes or (), key) and disk.admits(key)]
    if needs.required and listed and refused:
        message = f"the running gateway does not admit session keys that begin with {', '.join(refused)}"
        found.append(_critical("gateway.prefix_missing", live.port, message, RESTART))
    if live.outsider is not None:
        message = (
            f"the running gateway lets hooks reach the agent {live.outsider!r}, which the file keeps out"
        )
        found.append(_critical("gateway.agents_differ", live.port, message, RESTART))
    if live.prefixes is not None and set(live.prefixes) != set(disk.prefixes or ()) and not found:
        message = "the running gateway enforces other session-key prefixes than the file says"
        place = f"127.0.0.1:{live.port}"
        found.append(Problem("gateway.prefixes_differ", message, RESTART, severity="warn", path=place))
    return tuple(found)


def _critical(name: str, port: int, message: str, repair: str) -> Problem:
    return Problem(name, message, repair, path=f"127.0.0.1:{port}")


def blockers_from(findings: Iterable[Problem], invocation: str) -> tuple[Problem, ...]:
    """The findings that keep messages out, each with its one command.

    What only the audit calls critical, and a file that others can read, make the exit code 1,
    but they keep no message out.

    Args:
        findings: everything that the checks said.
        invocation: how this program is called for this host, with the options that name it.
    """
    blockers = [
        Problem(finding.code, finding.message, as_typed(finding.next_step, invocation))
        for finding in findings
        if finding.severity == "critical" and finding.code.startswith(_KEEPS_OUT)
    ]
    # What the file mends comes first: the running gateway follows it.
    return tuple(sorted(blockers, key=lambda blocker: blocker.code.startswith("gateway.")))


def as_typed(command: str, invocation: str) -> str:
    """A cure with the options that name this host, where it calls this program without them."""
    options = re.escape(invocation.removeprefix(PROGRAM))
    bare = rf"(?= |$)(?!{options}(?: |$))" if options else r"(?= |$)"
    # Where it stands as a word of another command (`pip install openclaw-install`), it is no call of it.
    return re.sub(rf"(^|; ){PROGRAM}{bare}", lambda found: found[1] + invocation, command)


PROGRAM = "openclaw-install"
_KEEPS_OUT = (
    *("hooks.boot.", "hooks.ingress.", "hooks.token_unresolved"),
    *("gateway.", "config.", "host.", "runtime.", "relay.", "identity.", "store.", "trust."),
)
