"""The activation report: what the checks say of the facts becomes one of two states. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from openclaw_install.common.problems import Problem
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.gateway.settings import RESTART, START
from openclaw_install.host.hooks.findings import FIX
from openclaw_install.host.hooks.policy import HookPolicy
from openclaw_install.setup.activation import (
    ActivationReport,
    AgentFile,
    AgentReport,
    DiskPolicy,
    HostReport,
    MappingReport,
    McpServerReport,
    PolicyThreeWays,
    RunningPolicy,
    RuntimeSection,
)
from openclaw_install.setup.checks import all_problems
from openclaw_install.setup.facts import PROGRAM, Facts
from openclaw_install.setup.message_path import MessagePath
from openclaw_install.setup.plan import fix_by_hand
from openclaw_install.setup.survey import Survey


def make_report(facts: Facts) -> ActivationReport:
    """The report on what was looked at."""
    found = _with_working_steps(all_problems(facts), facts.survey)
    findings = tuple(replace(one, next_step=as_typed(one.next_step, facts.invocation)) for one in found)
    blockers = tuple(one for one in findings if keeps_out(one))
    return ActivationReport(
        activation_state="blocked" if blockers else "ready_waiting_inbound",
        blockers=blockers,
        warnings=tuple(one for one in findings if one.severity == "warn" and _is_worth_a_look(one)),
        findings=findings,
        policy=_policy(facts),
        host=_host(facts),
        bundles=facts.bundles,
        mcp_servers=tuple(
            McpServerReport(one.name, one.bundle, one.state, one.reason, one.next_step)
            for one in (facts.survey.servers if facts.survey else ())
        ),
        runtime=_runtime(facts),
        agent=None if facts.agent is None else _agent(facts.agent),
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


def as_typed(command: str, invocation: str) -> str:
    """A next step with the options that name this host, where it calls this program without them."""
    options = re.escape(invocation.removeprefix(PROGRAM))
    bare = rf"(?= |$)(?!{options}(?: |$))" if options else r"(?= |$)"
    # Where it stands as a word of another command (`pip install openclaw-install`), it is no call of it.
    return re.sub(rf"(^|; ){PROGRAM}{bare}", lambda found: found[1] + invocation, command)


def _with_working_steps(problems: Iterable[Problem], survey: Survey | None) -> tuple[Problem, ...]:
    """The problems with next steps that work on this host.

    A restart is none while the gateway would not come back, and the fix is none where the file cannot be
    edited from here.
    """
    found = tuple(problems)
    if survey is None:
        return found
    instead = _instead(found, survey)
    return tuple(replace(one, next_step=instead.get(one.next_step, one.next_step)) for one in found)


def _instead(problems: tuple[Problem, ...], survey: Survey) -> Mapping[str, str]:
    by_hand = fix_by_hand(survey)
    fix = {FIX: by_hand} if by_hand else {}
    steps = {problem.code: problem.next_step for problem in problems if problem.next_step}
    if survey.next_boot.rule is not None:
        step = steps.get(survey.next_boot.rule, FIX)
        step = fix.get(step, step)
        return {**fix, START: step, RESTART: step}
    mode = steps.get("gateway.mode_not_local")
    return {**fix, START: mode} if mode else fix


def _policy(facts: Facts) -> PolicyThreeWays:
    if facts.survey is None:
        return PolicyThreeWays(None, None, None)
    running = None if facts.live is None else _running(facts.live)
    return PolicyThreeWays(disk_policy(facts.survey.policy), running, facts.survey.next_boot)


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


def _running(live: LivePolicy) -> RunningPolicy:
    return RunningPolicy(
        state=live.state,
        reachable=live.reachable,
        port=live.port,
        allow_request_session_key=live.request_session_key,
        allowed_session_key_prefixes=live.prefixes,
        detail=live.detail,
        outsider=live.outsider,
    )


def _host(facts: Facts) -> HostReport:
    location = facts.location
    if location is None:
        return HostReport()
    port = None if facts.survey is None else facts.survey.address.port
    return HostReport(location.state_dir, location.config_path, location.profile, port, location.cli)


def _runtime(facts: Facts) -> RuntimeSection | None:
    if facts.runtime is None or facts.runtime.report is None:
        return None
    return RuntimeSection(facts.runtime.wanted, facts.runtime.report)


def _agent(path: MessagePath) -> AgentReport:
    return AgentReport(
        profile=path.paths.profile,
        did=path.did,
        relay=path.relay,
        embedded_hub=path.hub,
        identity=AgentFile(path.paths.identity, path.identity),
        store=AgentFile(path.paths.store, path.store),
        transport=path.health,
    )
