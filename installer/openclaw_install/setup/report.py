"""The activation report: what the checks say of the facts becomes one of two states. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from openclaw_install.common.problems import Problem
from openclaw_install.host.boot.rules import SET_MODE
from openclaw_install.host.boot.verdict import VALIDATE, BootVerdict, makes_invalid
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.gateway.settings import RESTART, START
from openclaw_install.host.hooks.findings import FIX
from openclaw_install.host.hooks.policy import HookPolicy
from openclaw_install.host.locate import openclaw_for
from openclaw_install.setup.answering import Answering
from openclaw_install.setup.checks import all_problems
from openclaw_install.setup.connection import Connected
from openclaw_install.setup.facts import PROGRAM, BundleFacts, Facts, RuntimeFacts
from openclaw_install.setup.mcp_plan import McpSurvey
from openclaw_install.setup.message_path import MessagePath
from openclaw_install.setup.plan import PlanReport, fix_by_hand
from openclaw_install.setup.transaction import Recovery

ActivationState = Literal["ready_waiting_inbound", "blocked"]


@dataclass(frozen=True)
class MappingReport:
    """A mapping of `hooks.mappings` or a preset; its key template is not shown."""

    id: str
    path: str | None
    templated_key: bool


@dataclass(frozen=True)
class DiskPolicy:
    """The hook policy in the file, with the token's length in its place.

    Attributes:
        allowed_session_key_prefixes: None where keys are not restricted.
        allowed_agent_ids: None where every agent may be reached.
    """

    enabled: bool
    path: str
    token_set: bool
    token_length: int
    allow_request_session_key: bool
    allowed_session_key_prefixes: tuple[str, ...] | None
    default_session_key: str | None
    allowed_agent_ids: tuple[str, ...] | None
    mappings: tuple[MappingReport, ...]
    agents: tuple[str, ...]
    default_agent: str | None


@dataclass(frozen=True)
class PolicyThreeWays:
    """The hook policy on disk, in the running gateway (None when it was not asked), and at the next boot."""

    disk: DiskPolicy | None
    running: LivePolicy | None
    next_boot: BootVerdict | None


@dataclass(frozen=True)
class HostReport:
    """Where the host lives; all None where none was found.

    Attributes:
        port: the gateway's; None where the config cannot be read.
        cli: the `openclaw` program; None where none is on PATH.
    """

    state_dir: Path | None = None
    config_path: Path | None = None
    profile: str | None = None
    port: int | None = None
    cli: Path | None = None


@dataclass(frozen=True)
class Applied:
    """What became of a plan.

    Attributes:
        plan: what was, or would be, changed.
        outcome: `unchanged` (nothing to do), `planned` (dry run), `declined`, or `applied`.
        receipt: id of the receipt, which `undo` takes; None when nothing was changed.
        backup: the folder with the images of everything that was changed.
        live: whether the running gateway enforces the policy on disk, waited for where the run changed it;
            None when it was not asked or none answers.
        recovered: what was done about earlier runs that had died.
        would_be: of a dry run, the state that the changes would lead to, as far as that can be told here.
        left: of a dry run, what would be in the way after them, or critical.
        next_step: the command that makes the changes; empty where there are none, or they are made.
    """

    plan: PlanReport
    outcome: Literal["unchanged", "planned", "declined", "applied"]
    receipt: str | None = None
    backup: Path | None = None
    live: bool | None = None
    recovered: tuple[Recovery, ...] = ()
    would_be: ActivationState | None = None
    left: tuple[Problem, ...] = ()
    next_step: str = ""


@dataclass(frozen=True)
class ActivationReport:
    """Whether the host is ready for inbound messages, and what is in the way.

    Attributes:
        activation_state: `blocked` exactly where there are blockers.
        blockers: what keeps messages out, each with its next step.
        warnings: what should be looked at.
        findings: everything that the checks said.
        policy: the hook policy three ways.
        host: where the host lives.
        bundles: each shipped bundle.
        mcp_servers: each MCP server that the bundles want.
        runtime: the long-lived process; None where it was not looked at.
        agent: how other agents reach this one; None where it was not looked at.
        answering: whether a turn finds the tools to answer with; None where nobody looked.
        applied: what the run changed on the host; None for a command that only looks.
        connected: what the run did about the relay; None where none was named.
    """

    activation_state: ActivationState
    blockers: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    findings: tuple[Problem, ...]
    policy: PolicyThreeWays
    host: HostReport
    bundles: tuple[BundleFacts, ...]
    mcp_servers: tuple[McpSurvey, ...]
    runtime: RuntimeFacts | None
    agent: MessagePath | None
    answering: Answering | None
    applied: Applied | None
    connected: Connected | None

    @property
    def clean(self) -> bool:
        """Ready, and no critical finding is left that something can be done about."""
        left = any(finding.severity == "critical" and finding.next_step for finding in self.findings)
        return not self.blockers and not left


def make_report(
    facts: Facts, applied: Applied | None = None, connected: Connected | None = None
) -> ActivationReport:
    """The report on what was looked at."""
    found = _with_working_steps(all_problems(facts), facts)
    findings = tuple(replace(one, next_step=for_this_host(one.next_step, facts)) for one in found)
    blockers = tuple(one for one in findings if keeps_out(one))
    return ActivationReport(
        activation_state="blocked" if blockers else "ready_waiting_inbound",
        blockers=blockers,
        warnings=tuple(one for one in findings if one.severity == "warn" and _is_worth_a_look(one)),
        findings=findings,
        policy=_policy(facts),
        host=_host(facts),
        bundles=facts.bundles,
        mcp_servers=facts.survey.servers if facts.survey else (),
        runtime=facts.runtime,
        agent=facts.agent,
        answering=facts.answering,
        applied=applied,
        connected=connected,
    )


_HARDENING = ("hooks.", "fs.")
_INGRESS = ("hooks.boot.", "hooks.ingress.", "hooks.token_unresolved")


def keeps_out(problem: Problem) -> bool:
    """Whether a problem keeps messages out.

    What only the audit calls critical, and a file that others can read, make the exit code 1 and keep no
    message out.
    """
    is_hardening = problem.code.startswith(_HARDENING) and not problem.code.startswith(_INGRESS)
    return problem.severity == "critical" and not is_hardening


def _is_worth_a_look(warning: Problem) -> bool:
    """A rule of the audit that a working ingress breaks by its nature is a finding and no warning."""
    return bool(warning.next_step) or not warning.code.startswith(_HARDENING)


def for_this_host(step: str, facts: Facts) -> str:
    """A next step whose commands are about this host, where options named it."""
    step = as_typed(step, facts.invocation)
    if facts.location is None or facts.invocation == PROGRAM:
        return step
    named = openclaw_for(facts.location)
    return re.sub(r"(^|; |&& |: )openclaw (?!--profile )", lambda found: f"{found[1]}{named} ", step)


def as_typed(command: str, invocation: str) -> str:
    """A next step with the options that name this host, where it calls this program without them."""
    options = re.escape(invocation.removeprefix(PROGRAM))
    bare = rf"(?= |$)(?!{options}(?: |$))" if options else r"(?= |$)"
    # Where it stands as a word of another command (`pip install openclaw-install`), it is no call of it.
    return re.sub(rf"(^|; ){PROGRAM}{bare}", lambda found: found[1] + invocation, command)


def _with_working_steps(problems: Iterable[Problem], facts: Facts) -> tuple[Problem, ...]:
    """The problems with next steps that work on this host.

    The fix is none where the file cannot be edited from here. A start or a restart is none while the gateway
    would not come back, and OpenClaw's own commands write nothing into a file that they refuse: first the
    file.
    """
    found = tuple(problems)
    if facts.survey is None or facts.next_boot is None:
        return found
    by_hand = fix_by_hand(facts.survey)
    found = tuple(
        replace(one, next_step=by_hand) if by_hand and one.next_step == FIX else one for one in found
    )
    verdict, invalid = facts.next_boot, next(filter(makes_invalid, found), None)
    return tuple(_first_the_file(one, verdict, invalid, found) for one in found)


def _first_the_file(
    problem: Problem, verdict: BootVerdict, invalid: Problem | None, found: tuple[Problem, ...]
) -> Problem:
    step = problem.next_step
    if step == SET_MODE and invalid is not None:
        return replace(problem, next_step=f"first mend {invalid.path} ({invalid.code}), then: {SET_MODE}")
    # One that ends with a start begins with ending the gateway.
    if verdict.state == "would_start" or not step.endswith((START, RESTART)):
        return problem
    if verdict.state == "not_judged":
        is_command = step.startswith("openclaw")
        words = (
            f"{VALIDATE} && {step.replace('; ', ' && ')}" if is_command else f"{VALIDATE}; if valid, {step}"
        )
        return replace(problem, next_step=words)
    cure = next((one.next_step for one in found if one.code == verdict.rule), verdict.next_step or FIX)
    if cure == SET_MODE and invalid is not None:
        cure = invalid.next_step
    is_own = not problem.code.startswith("gateway.")
    words = f"first mend {verdict.path} ({verdict.rule}), then: {step}"
    return replace(problem, next_step=words if is_own else cure)


def _verdict(facts: Facts) -> BootVerdict | None:
    """The verdict with a cure that is typed for this host."""
    verdict = facts.next_boot
    if verdict is None or verdict.next_step is None:
        return verdict
    return replace(verdict, next_step=for_this_host(verdict.next_step, facts))


def _policy(facts: Facts) -> PolicyThreeWays:
    if facts.survey is None:
        return PolicyThreeWays(None, None, None)
    return PolicyThreeWays(disk_policy(facts.survey.policy), facts.live, _verdict(facts))


def disk_policy(policy: HookPolicy) -> DiskPolicy:
    """The policy as the report shows it: without the token and without key templates of mappings."""
    return DiskPolicy(
        enabled=policy.enabled,
        path=policy.path,
        token_set=policy.token is not None,
        token_length=policy.token_length,
        allow_request_session_key=policy.allow_request_session_key,
        allowed_session_key_prefixes=policy.prefixes,
        default_session_key=policy.default_session_key,
        allowed_agent_ids=policy.allowed_agent_ids,
        mappings=tuple(MappingReport(one.id, one.match_path, one.templated) for one in policy.mappings),
        agents=policy.agents,
        default_agent=policy.default_agent,
    )


def _host(facts: Facts) -> HostReport:
    location = facts.location
    if location is None:
        return HostReport()
    port = None if facts.survey is None else facts.survey.address.port
    return HostReport(location.state_dir, location.config_path, location.profile, port, location.cli)
