"""Builds the activation report from a survey and the gateway's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.gateway.settings import RESTART, START
from openclaw_install.host.hooks.audit import FIX
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.activation import (
    PROGRAM,
    ActivationReport,
    PolicyThreeWays,
    as_typed,
    blockers_from,
    live_findings,
)
from openclaw_install.setup.bundle_plan import BundleSurvey
from openclaw_install.setup.mcp_plan import McpState
from openclaw_install.setup.plan import fix_by_hand
from openclaw_install.setup.receipt import Receipt
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.survey import Survey


def build_report(
    survey: Survey,
    live: LivePolicy | None,
    *,
    invocation: str = PROGRAM,
    journal: Sequence[Problem] = (),
) -> ActivationReport:
    """The report on a host that could be read.

    Args:
        survey: what is on disk.
        live: what the running gateway said; None when it was not asked.
        invocation: how this program is called for this host.
        journal: what our own records say, as warnings.
    """
    from_gateway = live_findings(live, survey.policy, survey.needs) if live else ()
    instead = _instead(survey)
    findings = tuple(
        replace(finding, next_step=instead.get(finding.next_step, finding.next_step))
        for finding in (*survey.findings, *from_gateway)
    )
    warnings = [
        *([] if live else [_NOT_ASKED]),
        *journal,
        *(_from_finding(f) for f in findings if f.severity == "warn" and f.next_step),
        *(warning for bundle in survey.bundles if (warning := _bundle_warning(bundle))),
        *(
            Problem(
                _MCP_WARNINGS[server.state], f"MCP server {server.name}: {server.reason}", server.next_step
            )
            for server in survey.servers
            if server.reason
        ),
        *(_TO_REGISTER for server in survey.servers if server.state == "to_register" and not server.reason),
    ]
    return ActivationReport(
        blockers=blockers_from(findings, invocation),
        warnings=tuple(
            Problem(warning.code, warning.message, as_typed(warning.next_step, invocation))
            for warning in dict.fromkeys(warnings)
        ),
        findings=findings,
        policy=PolicyThreeWays(survey.policy, live, survey.next_boot),
        host=_host(survey.location, survey.address.port),
        bundles=tuple(_bundle(bundle, survey) for bundle in survey.bundles),
        mcp_servers=tuple(server.to_json() for server in survey.servers),
    )


def report_on_error(location: HostLocation | None, error: InstallError) -> ActivationReport:
    """The report on a host that cannot be read: blocked, with the error as its one blocker."""
    blocker = Problem(error.error_code, error.message, error.next_step)
    finding = Problem(error.error_code, error.message, error.next_step, path=_place(location))
    return ActivationReport(
        blockers=(blocker,),
        warnings=(),
        findings=(finding,),
        policy=PolicyThreeWays(None, None, None),
        host=_host(location, None) if location else dict.fromkeys(_HOST_KEYS),
    )


_HOST_KEYS = ("state_dir", "config_path", "profile", "port", "cli")
_NOT_ASKED = Problem(
    "gateway.not_asked",
    "the running gateway was not asked (--offline): this is about the files only",
    f"{PROGRAM} verify-runtime",
)
_TO_REGISTER = Problem("mcp.to_register", "an MCP server can be registered now", PROGRAM)
_MCP_WARNINGS: Mapping[McpState, str] = {
    "skipped": "mcp.skipped",
    "differs": "mcp.differs",
    "to_register": "mcp.environment",
    "registered": "mcp.environment",
}


def _place(location: HostLocation | None) -> str:
    return str(location.config_path) if location else ""


def _from_finding(finding: Problem) -> Problem:
    return Problem(finding.code, finding.message, finding.next_step)


def _instead(survey: Survey) -> Mapping[str, str]:
    """Cures to be replaced: a restart that would not come back, and a fix that cannot be made from here."""
    by_hand = fix_by_hand(survey)
    fix = {FIX: by_hand} if by_hand else {}
    repairs = {finding.code: finding.next_step for finding in survey.findings if finding.next_step}
    if survey.next_boot.rule is not None:
        cure = repairs.get(survey.next_boot.rule, FIX)
        cure = fix.get(cure, cure)
        return {**fix, START: cure, RESTART: cure}
    mode = repairs.get("gateway.mode_not_local")
    return {**fix, START: mode} if mode else fix


def journal_warnings(store: ReceiptStore) -> tuple[tuple[Receipt, ...], tuple[Problem, ...]]:
    """The receipts that stand, and what is odd about our records; damaged ones are reported, not raised."""
    try:
        standing, interrupted = store.in_force(), store.interrupted()
    except FileError as error:
        return (), (Problem("setup.journal", error.message, error.next_step),)
    return standing, tuple(map(_interrupted, interrupted))


def _interrupted(receipt: Receipt) -> Problem:
    cause = f"the run {receipt.id} ({receipt.command}) died before its end; the next run settles it"
    return Problem("setup.interrupted", cause, PROGRAM)


def _bundle_warning(survey: BundleSurvey) -> Problem | None:
    texts = {
        "absent": "is not installed",
        "incomplete": "lacks files",
        "outdated": "is of an earlier version",
        "edited": "was changed by hand; your version stays",
    }
    if survey.state not in texts:
        return None
    command = f"{PROGRAM} --overwrite-edited" if survey.state == "edited" else PROGRAM
    return Problem(f"bundle.{survey.state}", f"bundle {survey.bundle.name} {texts[survey.state]}", command)


def _bundle(bundle: BundleSurvey, survey: Survey) -> Mapping[str, Any]:
    found = survey.eligibility(bundle)
    return {
        "name": bundle.bundle.name,
        "version": bundle.bundle.manifest.version,
        "path": str(bundle.folder),
        "state": bundle.state,
        "eligible": found.eligible,
        "missing": found.missing.to_json(),
    }


def _host(location: HostLocation, port: int | None) -> Mapping[str, Any]:
    return {
        "state_dir": str(location.state_dir),
        "config_path": str(location.config_path),
        "profile": location.profile,
        "port": port,
        "cli": str(location.cli) if location.cli else None,
    }
