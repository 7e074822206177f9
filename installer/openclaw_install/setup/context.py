"""What one command of the setup works with: host, options, person, and its interfaces to the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from openclaw_install.common.clock import wall_time
from openclaw_install.common.redaction import Secret
from openclaw_install.host.boot.memory import MEMORY, Hear, Witness, begin_to_ask
from openclaw_install.host.gateway.probe import Asker, ask_gateway
from openclaw_install.host.hooks.policy import RouteMode
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.answering import AnsweringSeam
from openclaw_install.setup.facts import PROGRAM
from openclaw_install.setup.plan import PlanReport
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.runtime_control import RuntimeSeam
from openclaw_install.setup.survey import Survey
from openclaw_install.setup.undo import UndoPlan


class ReadInvite(Protocol):
    """Reads the invitation to a relay; asks for it only where the relay is new to the agent."""

    def __call__(self, *, is_new: bool) -> Secret | None: ...


def no_invite(*, is_new: bool) -> Secret | None:  # noqa: ARG001 - as the seam has it
    """For a relay that needs none."""
    return None


@dataclass(frozen=True)
class Options:
    """What the operator asked for; each command looks at its own.

    Attributes:
        route_mode: how inbound messages find their session.
        offline: ask neither the running gateway nor the installed OpenClaw.
        dry_run: show the plan and write nothing.
        overwrite_edited: replace files of bundles and registrations of MCP servers that the user changed.
        keep_changed: what the user changed again since stays, and the rest is undone; the run goes on
            standing for what stays.
        with_hub: the hub that ships with us is to be the relay, on this machine.
        hub_data: its folder; the user's own data folder unless given.
        invite: reads the code by which the agent may register at the relay, which is kept until then.
        invocation: how this program is called for this host, for the next steps in the report.
        take_over_seconds: how long the running gateway may take to enforce a new policy.
        settle_seconds: how long to watch a gateway after a change that cannot be seen from outside.
        starting_seconds: how long a gateway that is just starting may take until it answers.
    """

    route_mode: RouteMode = "stable-hook-session"
    offline: bool = False
    dry_run: bool = False
    overwrite_edited: bool = False
    keep_changed: bool = False
    with_hub: bool = False
    hub_data: Path | None = None
    invite: ReadInvite = no_invite
    invocation: str = PROGRAM
    take_over_seconds: float = 15.0
    settle_seconds: float = 3.0
    starting_seconds: float = 20.0

    @property
    def as_command(self) -> str:
        """The setup that these options ask for, as it is typed."""
        words = [self.invocation]
        words += ["--with-hub"] if self.with_hub else []
        words += ["--overwrite-edited"] if self.overwrite_edited else []
        words += [] if self.route_mode == "stable-hook-session" else ["--route-mode", self.route_mode]
        return " ".join(words)


class Operator(Protocol):
    """The seam to the person: the terminal in the CLI, where a script answers with `--yes`."""

    def show(self, text: str) -> None:
        """Shows lines that are no part of the final report, such as a plan or a diff."""

    def show_plan(self, plan: PlanReport) -> None:
        """Shows what a run would change, with the diff."""

    def show_undo(self, plan: UndoPlan) -> None:
        """Shows what taking runs back would change."""

    def progress(self, text: str) -> None:
        """Says what takes a while."""

    def confirm(self, question: str) -> bool:
        """Asks for consent.

        Raises:
            UsageError: there is no terminal to ask on, and no `--yes`.
        """


@dataclass(frozen=True)
class Context:
    """One command on one host.

    Attributes:
        location: where OpenClaw lives.
        options: what was asked for.
        operator: the person.
        store: our records of what was changed.
        runtime: our long-lived process; None leaves it, and our own folders, alone.
        env: the variables that name the agent and its relay; None leaves them alone.
        ask: asks the running gateway.
        witness: asks the installed OpenClaw about the config.
        answering: asks it for the tools to answer with; None leaves them alone.
        clock: seconds since the epoch.
    """

    location: HostLocation
    options: Options
    operator: Operator
    store: ReceiptStore
    runtime: RuntimeSeam | None = None
    env: Mapping[str, str] | None = field(default=None, repr=False)
    ask: Asker = ask_gateway
    witness: Witness = begin_to_ask
    answering: AnsweringSeam | None = None
    clock: Callable[[], float] = wall_time

    def begin_to_ask(self, survey: Survey) -> Hear:
        """Begins to ask the installed OpenClaw about the config; what is returned waits for its answer."""
        memory = self.store.folder / MEMORY
        return self.witness(survey.location, survey.document, memory, offline=self.options.offline)
