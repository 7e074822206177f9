"""The operations on one host: set up, verify, fix, undo, uninstall."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openclaw_install.common.errors import InstallError, UsageError
from openclaw_install.host.gateway.probe import Asker, ask_gateway
from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.connection import AgentSeam, Consenting, Forgotten, ReadInvite, Wish, no_invite
from openclaw_install.setup.install import UndoOptions, UndoResult, run_setup, run_undo, run_uninstall
from openclaw_install.setup.operator import Operator
from openclaw_install.setup.private_state import own_places, remaining, remove_empty
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.runtime_control import RuntimeSeam, look_at_runtime
from openclaw_install.setup.verify import Options, RunResult, fix_hooks, verify_runtime

_DONE = ("applied", "unchanged")


@dataclass(frozen=True)
class HostSetup:
    """One host with all that belongs to it.

    Attributes:
        location: where OpenClaw lives.
        runtime: our long-lived process.
        agent: the message path; None leaves it alone.
        ask: asks the running gateway.
        store: our records of what was changed; those in our state folder unless given.
    """

    location: HostLocation
    runtime: RuntimeSeam
    agent: AgentSeam | None = None
    ask: Asker = ask_gateway
    store: ReceiptStore | None = None

    def set_up(
        self,
        options: Options,
        operator: Operator,
        *,
        with_hub: bool = False,
        invite: ReadInvite = no_invite,
    ) -> RunResult:
        """Sets the host up, connects its agent, and starts the runtime where it has work.

        A second run changes nothing.

        Args:
            with_hub: the hub that ships with us is to be the relay.
            invite: reads the code by which the agent may register at the relay.

        Raises:
            ConflictError, FileError, UsageError: as `run_setup`; UsageError also where nobody can be asked
                whether the agent may be connected.
        """
        result = run_setup(self.location, options, operator, ask=self.ask, store=self.store)
        done = result.applied is not None and result.applied.outcome in _DONE and result.error is None
        if self.agent is not None and (done or options.dry_run):
            wanted = Wish(with_hub=with_hub, dry_run=options.dry_run, invite=invite)
            result = _connected(result, self.agent, wanted, operator)
        return self._with_all(result, start=done and not options.dry_run)

    def verify(self, options: Options) -> RunResult:
        """Reports on the host, its gateway, its runtime and its agent; changes nothing, starts nothing."""
        result = verify_runtime(self.location, options, ask=self.ask, store=self.store)
        return self._with_all(result, start=False)

    def mend(self, options: Options, operator: Operator) -> RunResult:
        """Mends the hook policy, and reports as `verify` does.

        Raises:
            ConflictError, FileError, UsageError: as `fix_hooks`.
        """
        result = fix_hooks(self.location, options, operator, ask=self.ask, store=self.store)
        return self._with_all(result, start=False)

    def take_back(self, wanted: str | None, options: UndoOptions, operator: Operator) -> UndoResult:
        """Takes one run back.

        The runtime, and the consent to the relay, go when no run of the setup is left that stands.

        Raises:
            UsageError, ConflictError, FileError: as `run_undo`; ConflictError also where the runtime does not
                end.
        """
        store = self.store or ReceiptStore(self.location)
        result = run_undo(self.location, wanted, options, operator, store=store)
        standing = any(receipt.command == "setup" for receipt in store.in_force())
        taken = any(receipt.command == "setup" for receipt in result.plan.receipts)
        if result.outcome != "undone" or standing or not taken:
            return result
        return self._without_runtime(result, forget=False)

    def uninstall(self, options: UndoOptions, operator: Operator) -> UndoResult:
        """Removes all that we ever added to this host, the runtime with its service and state included.

        Raises:
            ConflictError, FileError, UsageError: as `run_uninstall`; ConflictError also where the runtime
                does not end.
        """
        result = run_uninstall(self.location, options, operator, store=self.store)
        if result.outcome not in ("undone", "unchanged") or options.dry_run:
            return result
        done = self._without_runtime(result, forget=True)
        remove_empty(own_places())
        left = (*done.stays, *map(str, remaining(own_places())))
        return replace(done, stays=tuple(dict.fromkeys(left)))

    def _with_all(self, result: RunResult, *, start: bool) -> RunResult:
        """The result with the runtime and the agent in its report."""
        runtime = look_at_runtime(self.runtime, start=start)
        agent = None if self.agent is None else self.agent.look()
        return replace(result, facts=replace(result.facts, runtime=runtime, agent=agent))

    def _without_runtime(self, result: UndoResult, *, forget: bool) -> UndoResult:
        """Removes what runs, and the consent to the relay; identity and threads stay.

        With `forget`, what was to be kept in step is forgotten too.
        """
        removed = self.runtime.remove(forget=forget)
        forgotten = Forgotten((), ()) if self.agent is None else self.agent.forget()
        return replace(result, removed=(*removed, *forgotten.removed), stays=forgotten.stays)


def _connected(result: RunResult, agent: AgentSeam, wanted: Wish, person: Consenting) -> RunResult:
    """Connects the agent; what cannot be used there is a blocker, and the rest of the run stands.

    Raises:
        UsageError: nobody can be asked, or what was asked for cannot be.
    """
    try:
        connected = agent.connect(wanted, person)
    except UsageError:
        raise
    except InstallError as error:
        return replace(result, facts=replace(result.facts, not_connected=error))
    return replace(result, connected=connected)
