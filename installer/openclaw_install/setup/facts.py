"""Everything that was observed about a host: the input of the checks and of the activation report."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import openclaw_install
from openclaw_install.common.errors import FileError, InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.boot.memory import Hear
from openclaw_install.host.boot.rules import secret_elsewhere
from openclaw_install.host.boot.verdict import BootVerdict, Validation, judge
from openclaw_install.host.bundles import BundleState
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.requirements import Missing
from openclaw_install.runtime.programs import RunningProgram
from openclaw_install.runtime.report import RuntimeReport
from openclaw_install.setup.answering import Answering
from openclaw_install.setup.message_path import MessagePath
from openclaw_install.setup.next_boot import stops_beside_hooks
from openclaw_install.setup.receipt import Receipt
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.survey import Survey

PROGRAM = "openclaw-install"


def not_asked() -> Validation:
    """The validation where nobody asked."""
    return Validation("not_asked", reason="OpenClaw was not asked")


@dataclass(frozen=True)
class Records:
    """Our own records of earlier runs.

    Attributes:
        standing: the receipts of runs whose changes stand.
        interrupted: those of runs that died before their end.
        error: why they cannot be read.
    """

    standing: tuple[Receipt, ...] = ()
    interrupted: tuple[Receipt, ...] = ()
    error: FileError | None = None


@dataclass(frozen=True)
class RuntimeFacts:
    """The long-lived process.

    Attributes:
        wanted: the components that are configured; with none of them it has no work here.
        status: what `runtime status` says; None where it could not be started or looked at.
        problem: why it could not.
    """

    wanted: tuple[str, ...] = ()
    status: RuntimeReport | None = None
    problem: Problem | None = None

    @property
    def has_bridge(self) -> bool:
        """Whether it runs with a bridge."""
        parts = () if self.status is None else self.status.components
        return any(part.name == "bridge" and part.phase != "off" for part in parts)


@dataclass(frozen=True)
class BundleFacts:
    """One shipped bundle on the host.

    Attributes:
        name: its name.
        version: the version that ships.
        path: where it is, or would be, installed.
        state: what is there.
        eligible: whether OpenClaw would offer the installed skill.
        missing: what the skill lacks here.
    """

    name: str
    version: str
    path: Path
    state: BundleState
    eligible: bool
    missing: Missing


@dataclass(frozen=True)
class Facts:
    """Everything that was looked at; a part is None where it was not, or could not be.

    Attributes:
        location: where the host lives; None where no host was found.
        invocation: how this program is called for this host, with the options that name it.
        survey: the host's files.
        error: why the host could not be read.
        live: what the running gateway answered; None where it was not asked.
        records: our own records.
        bundles: each shipped bundle.
        runtime: the long-lived process.
        agent: the way that messages of other agents take.
        answering: whether a turn finds the tools to answer with; None where nobody looked.
        not_connected: why this run could not connect the agent to its relay.
        programs: our servers that the gateway has started.
        version: of this program.
        hear: waits for what OpenClaw says of the config.
    """

    location: HostLocation | None
    invocation: str = PROGRAM
    survey: Survey | None = field(default=None, repr=False)
    error: InstallError | None = None
    live: LivePolicy | None = None
    records: Records = field(default_factory=Records)
    bundles: tuple[BundleFacts, ...] = ()
    runtime: RuntimeFacts | None = None
    agent: MessagePath | None = None
    answering: Answering | None = None
    not_connected: InstallError | None = None
    programs: tuple[RunningProgram, ...] = ()
    version: str = field(default_factory=lambda: openclaw_install.__version__)
    hear: Hear = field(default=not_asked, repr=False)

    @cached_property
    def validation(self) -> Validation:
        """What OpenClaw says of the config; it may have to be waited for."""
        return self.hear()

    @cached_property
    def start_problems(self) -> tuple[Problem, ...]:
        """What outside `hooks` stops a start: the rules that are judged here, and what OpenClaw refuses."""
        if self.survey is None:
            return ()
        survey = self.survey
        return stops_beside_hooks(survey.document, survey.facts, survey.location, self.validation)

    @cached_property
    def next_boot(self) -> BootVerdict | None:
        """Whether the gateway would start from this file; None where the file cannot be read."""
        if self.survey is None:
            return None
        survey = self.survey
        elsewhere = secret_elsewhere(survey.document.data, survey.facts.gateway_env)
        stops = (*survey.hook_stops, *self.start_problems)
        return judge(stops, self.validation, secret_elsewhere=elsewhere)


def facts_of(
    survey: Survey,
    live: LivePolicy | None,
    invocation: str = PROGRAM,
    records: Records | None = None,
    hear: Hear = not_asked,
) -> Facts:
    """The facts on a host whose files could be read.

    Raises:
        FileError: the SKILL.md of an installed bundle cannot be read.
    """
    bundles = []
    for bundle in survey.bundles:
        found = survey.eligibility(bundle)
        shipped = bundle.bundle
        bundles.append(
            BundleFacts(
                shipped.name,
                shipped.manifest.version,
                bundle.folder,
                bundle.state,
                found.eligible,
                found.missing,
            )
        )
    return Facts(
        survey.location,
        invocation,
        survey,
        live=live,
        records=records or Records(),
        bundles=tuple(bundles),
        hear=hear,
    )


def read_records(store: ReceiptStore) -> Records:
    """Our records; damaged ones are reported and stop nothing."""
    try:
        return Records(store.in_force(), store.interrupted())
    except FileError as error:
        return Records(error=error)
